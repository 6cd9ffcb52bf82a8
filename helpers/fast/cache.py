"""KV 缓存：预留空位的一层，多一个词元不必把以前的全部复制一遍"""
import torch
from transformers.cache_utils import DynamicCache, DynamicLayer

ROOM = 256  # 每次多留几个词元的空位


class GrowingLayer(DynamicLayer):
    """与 DynamicLayer 一样用；keys、values 形状 (批, KV 头, 词元, 维)，是更大的两块内存的前一段"""

    def __init__(self, layer: DynamicLayer | None = None):
        super().__init__()
        self.rooms, self.filled = (None, None), 0
        if layer is not None and layer.is_initialized:
            self.dtype, self.device, self.is_initialized = layer.dtype, layer.device, True
            self.keys, self.values = layer.keys, layer.values

    def update(self, key_states: torch.Tensor, value_states: torch.Tensor,
               *args, **kwargs) -> tuple[torch.Tensor, torch.Tensor]:
        """接上新的几个词元，返回全部"""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        start = self.keys.shape[-2] if self.keys.dim() == 4 else 0
        end = start + key_states.shape[-2]
        if not self.fits(start, end):
            self.grow(key_states, value_states, start, end)
        keys, values = self.rooms
        keys[:, :, start:end], values[:, :, start:end] = key_states, value_states
        self.keys, self.values, self.filled = keys[:, :, :end], values[:, :, :end], end
        return self.keys, self.values

    def fits(self, start: int, end: int) -> bool:
        """现在的内容就在预留的内存里，后面没有写过，放得下，而且现在允许就地写"""
        room = self.rooms[0]
        return (room is not None and self.keys.data_ptr() == room.data_ptr() and self.keys.shape[0] == room.shape[0]
                and start == self.filled and end <= room.shape[2]
                and (torch.is_inference_mode_enabled() or not room.is_inference()))

    def grow(self, key_states: torch.Tensor, value_states: torch.Tensor, start: int, end: int) -> None:
        """换两块更大的内存，把以前的复制过去"""
        room = []
        for old, new in ((self.keys, key_states), (self.values, value_states)):
            bigger = new.new_empty(*new.shape[:2], end + max(ROOM, end // 4), new.shape[3])
            if start:
                bigger[:, :, :start] = old
            room.append(bigger)
        self.rooms = tuple(room)


def growing(cache, count: int) -> bool:
    """把普通的 DynamicCache（count 层）就地换成预留空位的；别的缓存不动，返回换好了没有"""
    if type(cache) is not DynamicCache or cache.offloading:
        return False
    if cache.layer_class_to_replicate is DynamicLayer:  # DynamicCache() 用到时才加层
        cache.layers.extend(DynamicLayer() for _ in range(count - len(cache.layers)))
    if len(cache.layers) < count or not {type(layer) for layer in cache.layers} <= {DynamicLayer, GrowingLayer}:
        return False
    cache.layers[:] = [GrowingLayer(layer) if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return True

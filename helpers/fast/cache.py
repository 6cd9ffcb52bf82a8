"""KV 缓存：预留空位的一层，多一个词元不必把以前的全部复制一遍"""
import torch
from transformers.cache_utils import DynamicCache, DynamicLayer

ROOM = 256  # 每次多留几个词元的空位


class GrowingLayer(DynamicLayer):
    """与 DynamicLayer 一样用；keys、values 形状 (批, KV 头, 词元, 维)，是更大的两块内存的前一段"""

    def __init__(self, layer: DynamicLayer | None = None):
        super().__init__()
        self.rooms = (None, None)
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
        if not self.fits(end):
            self.grow(key_states, value_states, start, end)
        keys, values = self.rooms
        keys[:, :, start:end], values[:, :, start:end] = key_states, value_states
        self.keys, self.values = keys[:, :, :end], values[:, :, :end]
        return self.keys, self.values

    def fits(self, end: int) -> bool:
        """现在的内容就在预留的内存里，而且还放得下"""
        room = self.rooms[0]
        return (room is not None and self.keys.data_ptr() == room.data_ptr() and self.keys.shape[0] == room.shape[0]
                and end <= room.shape[2])

    def grow(self, key_states: torch.Tensor, value_states: torch.Tensor, start: int, end: int) -> None:
        """换两块更大的内存，把以前的复制过去"""
        room = []
        for old, new in ((self.keys, key_states), (self.values, value_states)):
            bigger = new.new_empty(*new.shape[:2], end + max(ROOM, end // 4), new.shape[3])
            if start:
                bigger[:, :, :start] = old
            room.append(bigger)
        self.rooms = tuple(room)


def growing(cache) -> bool:
    """把普通的 DynamicCache 就地换成预留空位的；别的缓存不动，返回换好了没有"""
    if type(cache) is not DynamicCache:
        return False
    kinds = {type(layer) for layer in cache.layers}
    if DynamicLayer in kinds:
        cache.layers[:] = [GrowingLayer(layer) if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return kinds <= {DynamicLayer, GrowingLayer} and not cache.offloading

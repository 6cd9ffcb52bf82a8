"""权重文件：一个一个张量地读，映射在内存里，不用的部分不占内存"""
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from helpers.download.checkpoint import weight_files
from helpers.errors import ModelError

import torch
from safetensors import SafetensorError, safe_open


class Weights:
    """一个检查点的全部张量；名字 → 张量，数据在文件里，读到才进内存

    dtype: 不是这个类型的转换成它（复制一份），None 时照存放的
    例: Weights(folder)["model.norm.weight"].shape -> torch.Size([896])
    """

    def __init__(self, folder: Path, dtype: torch.dtype | None = None):
        self.stack, self.places, self.dtype = ExitStack(), {}, dtype
        try:
            for name in weight_files(folder):
                file = self.stack.enter_context(safe_open(folder / name, framework="pt"))
                self.places.update(dict.fromkeys(file.keys(), file))
        except (OSError, SafetensorError) as error:
            raise ModelError(f"{folder} 里的权重应能读出来，现在不能（{error}）；换一个文件夹，或者重新下载") from None

    def __contains__(self, name: str) -> bool:
        return name in self.places

    def __getitem__(self, name: str) -> torch.Tensor:
        if name not in self.places:
            raise ModelError(f"权重文件里应有 {name}，现在没有；这不是完整的检查点，重新下载")
        return self.places[name].get_tensor(name).to(self.dtype)

    def get(self, name: str) -> torch.Tensor | None:
        """张量；没有就是 None"""
        return None if name not in self.places else self[name]

    def close(self) -> None:
        """放开文件；已经读出来的张量照样能用"""
        self.stack.close()


@contextmanager
def opened(folder: Path, dtype: torch.dtype | None = None) -> Iterator[Weights]:
    """打开、用完就放开：读过的部分不再算在这个程序的内存里"""
    weights = Weights(folder, dtype)
    try:
        yield weights
    finally:
        weights.close()


def total_bytes(folder: Path) -> int:
    """权重文件一共多少字节"""
    return sum((folder / name).stat().st_size for name in weight_files(folder))


def converted_bytes(folder: Path, dtype: torch.dtype) -> int:
    """不是 dtype 的张量转换成 dtype 要另占多少字节；通常是 0"""
    with opened(folder) as weights:
        tensors = map(weights.__getitem__, weights.places)
        return sum(tensor.numel() * dtype.itemsize for tensor in tensors if tensor.dtype != dtype)

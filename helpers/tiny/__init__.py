"""教学小模型：语料、词表、训练、评估；TINY 是它的检查点"""
from pathlib import Path

TINY = Path(__file__).parent / "checkpoint"

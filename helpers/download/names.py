"""模型的名字：ModelScope 的编号“作者/名字”，写错时最像哪一个"""
import re
from difflib import get_close_matches

QWEN_ID = "Qwen/Qwen2.5-0.5B-Instruct"
KNOWN_IDS = ["Qwen/Qwen1.5-0.5B", "Qwen/Qwen1.5-0.5B-Chat", "Qwen/Qwen2-0.5B", "Qwen/Qwen2-0.5B-Instruct",
             "Qwen/Qwen2.5-0.5B", QWEN_ID, "Qwen/Qwen2.5-1.5B-Instruct", "Qwen/Qwen2.5-3B-Instruct"]

MOST_ID_LETTERS = 100  # 编号最多几个字；系统的文件名放得下


def is_model_id(text: str) -> bool:
    """像不像“作者/名字”。例: is_model_id("Qwen/Qwen2.5-0.5B") -> True，is_model_id("./a") -> False"""
    return len(text) <= MOST_ID_LETTERS and re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", text) is not None


def nearest_ids(text: str) -> str:
    """最像的已知编号，写成可以接在句末的话；没有像的就是空字符串

    例: nearest_ids("qwen2.5-3b") -> "；名字最像的有：Qwen/Qwen2.5-3B-Instruct"
    """
    if not text:
        return ""
    wanted = text.lower()
    found = [name for name in KNOWN_IDS if wanted in name.lower()]
    if not found:
        found = get_close_matches(text, KNOWN_IDS)
    if not found:
        return ""
    return "；名字最像的有：" + "、".join(found[:3])

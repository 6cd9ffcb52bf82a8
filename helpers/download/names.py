"""模型的名字：ModelScope 的编号“作者/名字”，写错时最像哪一个"""
from difflib import get_close_matches

QWEN_ID = "Qwen/Qwen2.5-0.5B-Instruct"
KNOWN = ["Qwen/Qwen1.5-0.5B", "Qwen/Qwen1.5-0.5B-Chat", "Qwen/Qwen2-0.5B", "Qwen/Qwen2-0.5B-Instruct",
         "Qwen/Qwen2.5-0.5B", QWEN_ID, "Qwen/Qwen2.5-1.5B-Instruct", "Qwen/Qwen2.5-3B-Instruct"]


def is_model_id(text: str) -> bool:
    """像不像“作者/名字”。例: is_model_id("Qwen/Qwen2.5-0.5B") -> True，is_model_id("./a") -> False"""
    parts = text.split("/")
    return len(parts) == 2 and all(part.strip(".") and "\\" not in part and ":" not in part for part in parts)


def nearest(text: str) -> str:
    """最像的已知编号，写成可以接在句末的话；没有像的就是空字符串"""
    by_lower = {name.lower(): name for name in KNOWN}
    inside = [name for name in KNOWN if text and text.lower() in name.lower()]
    found = inside[:3] or [by_lower[name] for name in get_close_matches(text.lower(), by_lower, n=3, cutoff=0.6)]
    return f"；名字最像的有：{'、'.join(found)}" if found else ""

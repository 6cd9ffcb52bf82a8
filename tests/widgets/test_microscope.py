"""汉字显微镜：每个控件改了什么，与分词器相同，坏输入说清楚，静态图固定"""
import re
import unicodedata
from html import unescape

from helpers.bpe import merge_steps, segments
from helpers.tokens import pieces
from helpers.widgets.merging import Merging
from helpers.widgets.microscope import Microscope

import pytest

QUESTION = "人工智能未来会取代人类吗？"
TEXTS = [QUESTION, "犇骉麤", "x == 1\n\ty", "😀👨‍👩‍👧", "e\u0301", "<|im_start|>user\n你 好", "<b>&amp;", " ",
         "\0\r\n\u202e", "﷽" * 20]


@pytest.fixture
def view(tokenizer):
    return Microscope(tokenizer)


def ids(view) -> list[int]:
    """按钮上写的编号"""
    return [int(button.description.split("　")[-1]) for button in view.tokens.children]


def marked(view) -> list[int]:
    """写着 ▶ 的是第几个按钮"""
    return [i for i, button in enumerate(view.tokens.children) if button.description.startswith("▶ ")]


def chips(html: str) -> list[tuple[str, int]]:
    """HTML 里彩色的块：(样子, 编号)"""
    return [(unescape(label), int(number)) for label, number in re.findall(r">([^<>]*)<br><small>(\d+)<", html)]


def rows(html: str) -> list[list[str]]:
    """HTML 表格的每一行，去掉标签"""
    body = html.split("<tbody>")[1].split("</tbody>")[0]
    return [cells(line) for line in body.split("<tr>")[1:]]


def cells(line: str) -> list[str]:
    """一行里的字，去掉标签"""
    return [unescape(re.sub("<[^>]*>", "", cell)).strip() for cell in re.findall("<td.*?>(.*?)</td>", line)]


@pytest.mark.parametrize("text", TEXTS)
def test_typing_redraws_the_tokens(view, tokenizer, text):
    view.text.value = text
    assert ids(view) == tokenizer(text).input_ids[:60]
    assert marked(view) == [0]
    kept = unicodedata.normalize("NFC", text)
    assert [(code, data) for _, code, data in rows(view.letters.value)] == [
        (f"U+{ord(letter):04X}", letter.encode().hex(" ")) for letter in kept]
    count = len(tokenizer(text).input_ids)
    assert rows(view.counts.value) == [
        ["文字", str(len(kept)), str(len(kept.encode())), str(count), f"{count / len(kept):.2f}"]]
    assert "⚠" not in view.message.value


def test_typing_keeps_the_buttons(view):
    before = view.tokens.children
    view.text.value = QUESTION + "会"
    assert view.tokens.children[:7] == before
    assert len(view.tokens.children) == 8
    assert len({button.style for button in view.tokens.children}) == 4
    assert len({button.layout for button in view.tokens.children}) == 1


def test_choosing_a_token(view, tokenizer):
    view.text.value = "你 好"
    view.tokens.children[1].click()
    assert marked(view) == [1]
    assert "‹20 e5›" in view.message.value
    assert rows(view.detail.value) == [
        ["编号", "4891"], ["字节", "20 e5（2 个）"],
        ["字符", "不完整，有半个字：␣ 的第 1 个字节（共 1 个），好 的第 1 个字节（共 3 个）"],
        ["所在的段", "第 2 段（共 2 段）：‹20 e5›│‹a5›│‹bd›，3 个词元"]]
    around = rows(view.around.value)
    assert [row[0] for row in around] == ["4888", "4889", "4890", "▶ 4891", "4892", "4893", "4894"]
    assert [bytes.fromhex(row[2]).decode(errors="replace") for row in around] == [
        tokenizer.decode([token_id]) for token_id in range(4888, 4895)]
    assert len(view.merging.steps[0].parts) == 4
    view.tokens.children[0].click()
    assert marked(view) == [0]
    assert ["字符", "完整的 1 个字符"] in rows(view.detail.value)


def test_half_a_letter_names_its_bytes(view):
    view.text.value = "麤"
    assert ["字符", "不完整，有半个字：麤 的第 1–2 个字节（共 3 个）"] in rows(view.detail.value)


def test_an_added_token_is_whole(view):
    view.text.value = "<|im_start|>"
    assert ["字符", "附加词元，12 个字符是一个整体"] in rows(view.detail.value)


def test_merging_step_by_step(view, tokenizer):
    merging = view.merging
    want = merge_steps(tokenizer, QUESTION[:-1].encode())
    assert (merging.step.value, merging.step.max, merging.play.max) == (0, 30, 30)
    for number in (0, 1, 17, 30):
        merging.step.value = number
        plain = merging.parts.value.replace("★", "")
        assert chips(plain) == [(part.label, part.id) for part in want[number].parts]
        assert plain.count("│") == len(want[number].parts) - 1
        assert (f"第 {want[number].rank} 条" in merging.message.value) == (number > 0)
    assert [token_id for _, token_id in chips(plain)] == tokenizer(QUESTION[:-1]).input_ids
    assert "没有可以合的了：这一段是 6 个词元" in merging.message.value
    assert re.findall("★([^<]*)<", merging.parts.value) == ["取代"]


def test_playing_moves_the_slider(view):
    view.merging.play.value = 3
    assert view.merging.step.value == 3
    assert "第 3 步" in view.merging.message.value
    view.merging.step.value = 5
    assert view.merging.play.value == 5


def test_another_segment_starts_again(view):
    view.merging.step.value = 9
    view.merging.play.playing = True
    view.tokens.children[2].click()
    assert view.merging.step.value == 9  # 还是同一段
    assert view.merging.play.playing
    view.tokens.children[6].click()
    assert (view.merging.step.value, view.merging.step.max, view.merging.play.playing) == (0, 2, False)
    assert [label for label, _ in chips(view.merging.parts.value)] == ["‹ef›", "‹bc›", "‹9f›"]


@pytest.mark.parametrize("text, says, disabled", [
    ("<|im_start|>", "附加词元", True), ("你" * 21, "不超过 60 个字节", True), ("你" * 20, "共 60 块", False),
    ("a", "没有可以合的了", True)])
def test_segments_that_do_not_merge(view, text, says, disabled):
    view.text.value = text
    assert says in view.merging.message.value
    assert view.merging.step.disabled == disabled
    assert view.merging.play.disabled == disabled
    assert view.merging.step.min < view.merging.step.max
    view.merging.step.value = view.merging.step.max
    assert "⚠" not in view.merging.message.value
    view.text.value = "你好"
    assert not view.merging.step.disabled
    assert view.merging.step.max == 5


def test_comparing_with_another_text(view, tokenizer):
    view.other.value = "Will AI replace humans?"
    assert rows(view.counts.value) == [["文字", "13", "39", "7", "0.54"], ["另一段", "23", "23", "5", "0.22"]]
    assert re.findall(r"width:(\d+)%;background", view.counts.value) == ["60", "24"]  # 最长的一条满格
    assert chips(view.compared.value) == [(found.label, found.id) for found in pieces(tokenizer, view.other.value)]
    view.other.value = ""
    assert len(rows(view.counts.value)) == 1
    assert view.compared.value == ""


def test_a_long_text_is_drawn_in_part(view):
    view.text.value = view.other.value = "你" * 10_000
    assert len(view.tokens.children) == 60
    assert len(chips(view.compared.value)) == 60
    assert "9940 个词元没有画" in view.more.value
    assert "9940 个词元没有画" in view.compared.value
    assert len(rows(view.letters.value)) == 200
    assert "9800 个字符没有列出" in view.letters.value
    view.tokens.children[59].click()
    assert marked(view) == [59]
    assert "10000 个词元" in view.detail.value
    view.text.value = "短"
    assert marked(view) == [0]
    assert view.more.value == ""
    assert "没有列出" not in view.letters.value


def test_a_letter_cut_at_the_end_of_what_is_drawn(view):
    view.text.value = "1" * 59 + "麤"
    view.tokens.children[59].click()
    assert "麤 的第 1–2 个字节" in view.detail.value


def test_normalization_is_told(view):
    view.text.value = "e\u0301"
    assert "打进来 2 个字符，变成 1 个" in view.letters.value
    view.text.value = "é"
    assert "NFC" not in view.letters.value


@pytest.mark.parametrize("box, text, says", [
    ("text", "", "空的"), ("text", "你\ud800", "ud800"), ("text", "x" * 10_001, "不超过 10000 个字符，现在有 10001 个"),
    ("other", "你\ud800", "ud800"), ("other", "x" * 10_001, "不超过 10000 个字符，现在有 10001 个")])
def test_bad_text_is_told_and_the_view_goes_on(view, tokenizer, box, text, says):
    getattr(view, box).value = text
    for part in ("⚠", says, "应"):
        assert part in view.message.value
    assert ids(view) == tokenizer(QUESTION).input_ids
    assert view.compared.value == ""
    view.tokens.children[3].click()
    assert marked(view) == [3]
    assert "⚠" not in view.message.value
    view.other.value = ""
    view.text.value = "你好"
    assert ids(view) == [108386]
    assert "⚠" not in view.message.value


def test_a_button_that_is_gone(view):
    gone = view.tokens.children[6]
    view.text.value = "你好"
    gone.click()
    assert "⚠ 应选前 1 个词元" in view.message.value
    assert marked(view) == [0]


@pytest.mark.parametrize("text, error", [("", ValueError), ("\ud800", ValueError), (None, TypeError)])
def test_bad_first_text(tokenizer, text, error):
    with pytest.raises(error, match="应是"):
        Microscope(tokenizer, text)


def test_the_static_picture(tokenizer):
    shown = Microscope(tokenizer).picture()
    assert shown == Microscope(tokenizer).picture()
    lines = shown.text.splitlines()
    assert lines[0] == f"文字：{QUESTION}　13 个字符，39 个字节，7 个词元，每个字符 0.54 个词元"
    assert lines[2] == "人工智能│未来│会│取代│人类│吗│？"
    assert "人 │ U+4EBA │ e4 ba ba" in lines
    assert "… │ 还有 7 个 │ …" in lines
    assert "第 1 段（共 2 段），从字节合起" in lines
    assert "… │ 中间还有 23 步 │ …" in lines
    assert lines[-1] == "30 │ 第 107550 条，取 和 代 合成 ★取代 │ 人工智能│未来│会│取代│人类│吗"
    assert [token_id for _, token_id in chips(shown.html)] == tokenizer(QUESTION).input_ids
    assert "中间还有 23 步" in shown.html
    assert "U+4EBA" in shown.html


def test_html_in_a_text_stays_text(tokenizer):
    view = Microscope(tokenizer, "<b>x</b>")
    view.other.value = "<i>"
    for html in (view.picture().html, view.letters.value, view.detail.value, view.around.value, view.compared.value,
                 view.merging.parts.value):
        assert not re.search("<(b|i)>x|<i>", html)


def test_short_segments_are_pictured_whole(tokenizer):
    shown = Merging(tokenizer, segments(tokenizer, "你好")[0]).picture()
    assert len(shown.text.splitlines()) == 7
    assert len(rows(shown.html)) == 6
    assert "附加词元" in Merging(tokenizer, [151644]).picture().text

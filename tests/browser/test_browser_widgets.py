"""在真正的浏览器里操作每一个互动视图：每个控件改变它该变的，坏输入说一句话、照常可用，150 毫秒里看到结果"""
from functools import partial

import pytest
from pages import WITH_VIEWS
from servers.jupyterlab import Live

pytestmark = pytest.mark.browser
QUICK = 150  # 毫秒；量几次，最好的一次要在它以内：别的程序只会让它变慢


def survives(widget: Live, label: str, text: str, said: str, good: str, shown: str) -> None:
    """写进坏的 text，说 said；再写 good，照常显示 shown"""
    widget.write(label, text)
    widget.wait(said)
    widget.write(label, good)
    widget.wait(shown)


@pytest.fixture
def next_token(opened):
    live = Live(opened("05_next_token.ipynb"), "next_token")
    live.write("问题", "人工智能未来会取代人类吗？")
    live.press("重来")
    live.idle()
    live.wait("（还没有写）")
    return live


def share_of(live: Live, label: str) -> str:
    """一个候选的那一行写着多少"""
    return live.box.locator(".bar", has=live.page.get_by_text(label, exact=True)).locator(".share").inner_text()


def test_next_token_sliders(next_token):
    assert share_of(next_token, "不会") == "0.48"
    next_token.slide("温度", 0.3)
    next_token.wait("0.94")
    next_token.slide("温度", 1.5)
    next_token.wait("0.28")
    next_token.slide("top-k", 2)
    next_token.wait("被 top-k 去掉")
    next_token.slide("top-k", 0)
    next_token.slide("top-p", 0.05)
    next_token.wait("被 top-p 去掉")
    assert share_of(next_token, "不会") == "1.00"
    next_token.slide("重复惩罚", 2)
    next_token.idle()
    assert "⚠" not in next_token.text()


def test_next_token_draws_and_takes_back(next_token):
    next_token.press("抽一个")
    next_token.wait("抽中 ")
    drawn = next_token.box.locator(".sentence .chip").inner_text()
    next_token.press("退一个")
    next_token.wait("它还留在下面的路上")
    assert drawn.split()[0] in next_token.box.locator(".tree").inner_text()
    assert next_token.box.locator(".sentence .chip").count() == 0
    next_token.press("退一个")
    next_token.wait("没有可退的")


def test_next_token_grows_a_tree(next_token):
    for number in (0, 2):
        next_token.box.locator(".bar").nth(number).press("Enter")
        next_token.wait("选了 ")
        next_token.press("接着写完")
        next_token.wait("写完了：写出了结束词元")
        next_token.box.locator(".tree .stone").first.press("Enter")
        next_token.idle()
        while next_token.box.locator(".sentence .chip").count():
            next_token.press("退一个")
            next_token.idle()
    assert next_token.box.locator(".tree .fork > .branch").count() == 2
    last = next_token.box.locator(".tree .stone", has_text="<|im_end|>").first
    last.press("Enter")
    next_token.idle()
    assert "不会" in next_token.box.locator(".sentence").inner_text()
    next_token.press("抽一个")
    next_token.wait("已经写完了")


def test_next_token_stops_when_told(next_token):
    next_token.press_at_once("接着写完", "停")
    next_token.idle()
    assert next_token.box.locator(".sentence .chip").count() < 28


@pytest.mark.parametrize("text, said", [("", "现在是空的"), ("好" * 10_000, "应不超过 200 个词元"), ("😀\x07", "\n"),
                                        ("<script>alert(1)</script>", "\n"), ("مرحبا", "\n")])
def test_next_token_survives_bad_questions(next_token, text, said):
    survives(next_token, "问题", text, said, good="人工智能未来会取代人类吗？", shown="不会")


def test_next_token_is_quick(next_token):
    times = []
    for _ in range(4):
        times.append(next_token.milliseconds(lambda: next_token.slide("温度", 0.3), "0.94"))
        times.append(next_token.milliseconds(lambda: next_token.slide("温度", 1.5), "0.28"))
    assert min(times) < QUICK, times


@pytest.fixture
def microscope(opened):
    live = Live(opened("03_tokenization.ipynb"), "microscope")
    live.write("另一段", "")
    live.write("文字", "犇骉麤")
    live.wait("3 个字符 → 9 个字节 → 4 个词元")
    live.idle()
    return live


def test_microscope_shows_bytes_neighbours_and_merges(microscope):
    microscope.box.locator(".chip", has_text="99203").first.press("Enter")
    microscope.wait("\u2068麤\u2069 的第 1–2 个字节（共 3 个）")  # 前后两个看不见的字符：从右往左的字不打乱后面的
    microscope.box.get_by_role("tab", name="词表里的邻居").press("Enter")
    microscope.wait("99204")
    microscope.box.get_by_role("tab", name="字符").press("Enter")
    microscope.wait("麤\tU+9EA4\te9 ba a4")
    microscope.box.get_by_role("tab", name="从字节合起").press("Enter")
    microscope.slide("合并到第几步", 0)
    microscope.wait("一个字节一块")
    assert microscope.box.locator(".block").count() == 9
    microscope.press("下一步")
    microscope.wait("★")
    assert microscope.box.locator(".block").count() == 8
    microscope.press("播放")
    microscope.wait("没有可以合的了，这一段是 4 个词元")
    assert microscope.box.locator(".block").count() == 4


def test_microscope_blocks_stand_under_their_bytes(microscope):
    box = microscope.box
    left, right = (box.locator(".byte").nth(place).bounding_box() for place in (6, 7))
    half = box.locator(".block", has_text="‹e9 ba›").bounding_box()
    assert half["x"] == pytest.approx(left["x"], abs=4)
    assert half["x"] + half["width"] == pytest.approx(right["x"] + right["width"], abs=4)


def test_microscope_keeps_the_joined_block_in_sight(microscope):
    """一段太长，要左右滚动：刚合成的一块、选中的词元总在看得见的地方"""
    microscope.write("文字", "人工智能未来会取代人类吗")
    microscope.wait("第 30 步（共 30 步）")
    microscope.box.locator(".chip", has_text="吗").press("Enter")
    microscope.wait("选了第 6 个词元：吗")
    assert microscope.box.evaluate(IN_SIGHT, "吗")
    assert microscope.box.locator(".picked").inner_text() == "吗"
    for number in range(1, 31):
        microscope.slide("合并到第几步", number)
        microscope.wait(f"第 {number} 步（共 30 步）")
        assert microscope.box.evaluate(IN_SIGHT, "★"), number


IN_SIGHT = """(box, text) => {
    const blocks = [...box.querySelectorAll('.block')];
    const place = blocks.find((node) => node.textContent.includes(text)).getBoundingClientRect();
    const frame = box.querySelector('.scroll').getBoundingClientRect();
    const middle = (place.left + place.right) / 2;
    return frame.left < middle && middle < frame.right;
}"""


def test_microscope_plays_once_however_often_it_is_pressed(microscope):
    """停了马上再放，仍是 0.8 秒一步，不是两遍一起走"""
    microscope.write("文字", "人工智能未来会取代人类吗")
    microscope.wait("第 30 步（共 30 步）")
    microscope.press_at_once("播放", "停", "播放", "停", "播放")
    microscope.page.wait_for_timeout(1900)
    microscope.press("停")
    step = int(microscope.box.get_by_label("合并到第几步").input_value())
    assert 0 < step <= 4, step


def test_microscope_compares_two_texts(microscope):
    microscope.write("另一段", "rare characters")
    microscope.wait("另一段：15 个字符 → 15 个字节 → 3 个词元，每个字符 0.20 个")


@pytest.mark.parametrize("text, said", [("", "现在是空的"), ("好" * 10_001, "应不超过 10000 个字符"),
                                        ("\x07👨‍👩‍👧", "‹07›"), ("好" * 10_000, "个词元没有画"),
                                        ("<script>alert(1)</script>", "script"), ("مرحبا", "5 个字符 → 10 个字节"),
                                        ("　", "1 个字符")])
def test_microscope_survives_bad_texts(microscope, text, said):
    survives(microscope, "文字", text, said, good="你好", shown="你好\n108386")


def test_microscope_is_quick(microscope):
    times = []
    for text in ("你好", "世界") * 4:
        shown = {"你好": "108386", "世界": "99489"}[text]
        times.append(microscope.milliseconds(lambda text=text: microscope.write("文字", text), shown))
    assert min(times) < QUICK, times


@pytest.fixture
def guess(opened):
    live = Live(opened("05_next_token.ipynb"), "guess")
    live.choose("猜哪段", 0)
    live.press("重来")
    live.idle()
    live.wait("猜了 0 / 23")
    return live


def test_guess_bets_then_shows(guess):
    guess.press("下一个")
    guess.wait("应先下注")
    guess.press("下注")
    guess.wait("还没有选")
    assert "★" not in guess.text()
    guess.box.locator(".option", has_text="很难").press("Enter")
    guess.slide("把握", 95)
    guess.press("下注")
    guess.wait("没猜中，是 短期内")
    guess.wait("猜了 1 / 23 个：模型领先")
    options = guess.box.locator(".options").inner_text()
    assert "★ 短期内" in options.replace("\xa0", " ")
    assert "你 0.95" in options
    assert "平均 6.64 比特" in guess.text()
    guess.press("下注")
    guess.wait("已经下过")
    guess.press("下一个")
    guess.wait("短期内？")
    assert "你 0.95" not in guess.text()


def test_guess_keeps_its_height(guess):
    before = guess.box.bounding_box()["height"]
    guess.box.locator(".option").first.press("Enter")
    guess.press("下注")
    guess.wait("猜了 1 /")
    assert guess.box.bounding_box()["height"] == before


def test_guess_takes_other_texts(guess):
    guess.choose("猜哪段", 2)
    guess.wait("今天下午我们在？")
    guess.write("自己写", "好" * 10_000)
    guess.wait("应有")
    guess.write("自己写", "春天来了，窗外的树都绿了。")
    guess.wait("文字已经藏起来")
    assert "窗外" not in guess.box.locator(".passage").inner_text()
    guess.choose("猜哪段", 0)
    guess.wait("问：人工智能未来会取代人类吗？")


def test_guess_is_quick(guess):
    guess.box.locator(".option").first.press("Enter")
    assert guess.milliseconds(lambda: guess.press("下注"), "猜了 1 /") < 2 * QUICK


@pytest.fixture
def race(opened):
    return Live(opened("06_writing.ipynb"), "race")


def test_race_runs_live_to_the_end(race):
    race.slide("写几个", 20)
    race.wait("写了 0 / 20")
    race.press("开始")
    race.wait("逐个核对过，完全相同", 60)
    assert "送进模型 44 个" in race.text()
    assert "送进模型 690 个" in race.text()
    assert [lane.locator(".stairs i").count() for lane in race.box.locator(".lane").all()] == [20, 20]


def test_race_fits_a_phone(race):
    height = race.page.viewport_size["height"]
    race.page.set_viewport_size({"width": 390, "height": height})
    try:
        assert race.box.evaluate("box => box.scrollWidth <= box.clientWidth")
        label = race.box.locator(".field > span").first
        assert label.bounding_box()["height"] < 30  # “问题”在一行里
    finally:
        race.page.set_viewport_size({"width": 1280, "height": height})


def test_race_stops(race):
    race.slide("写几个", 200)
    race.wait("写了 0 / 200")
    race.press("开始")
    race.wait("正在比")
    race.page.wait_for_timeout(500)
    race.press("停")
    race.wait("停了：")
    assert "写了 200 / 200" not in race.text()
    race.press_at_once("开始", "停")  # “停”比第一个词元还早
    race.wait("停了：")
    race.idle()
    race.write("问题", "")
    race.wait("现在是空的")
    race.write("问题", "你好")
    race.slide("写几个", 10)
    race.wait("写了 0 / 10")


@pytest.fixture
def slow_motion(opened):
    live = Live(opened("07_pipeline.ipynb"), "slow_motion")
    live.idle()
    live.slide("第几格", 0)
    live.wait("第 1 步 · 输入文本")
    return live


def test_slow_motion_steps_and_lights_the_chart(slow_motion):
    for stage, mark in (("分词", "▶ 数字 Token"), ("模型计算", "▶ Qwen 模型"), ("选出词元", "▶ 输出 Token"),
                        ("解码", "▶ 最终回答")):
        slow_motion.press("下一格")
        slow_motion.wait(f"第 1 步 · {stage}")
        assert mark in slow_motion.box.locator(".box.lit").inner_text()
    assert slow_motion.box.locator(".ball").inner_text() == "不会"
    slow_motion.wait("76,800 字节")
    slow_motion.press("上一格")
    slow_motion.wait("第 1 步 · 选出词元")
    slow_motion.slide("第几格", 124)
    slow_motion.wait("写出了结束词元，停")
    slow_motion.press("下一格")
    slow_motion.wait("已经是最后一格")


def test_slow_motion_boxes_stay_where_they_are(slow_motion):
    boxes = slow_motion.box.locator(".box")
    before = [boxes.nth(place).bounding_box() for place in range(5)]
    for number in (3, 40, 124):
        slow_motion.slide("第几格", number)
        assert [boxes.nth(place).bounding_box() for place in range(5)] == before


@pytest.mark.parametrize("width", [1280, 390])
def test_slow_motion_boxes_hold_their_words(slow_motion, width):
    """每一格，方框和箭头放得下自己的字；一个英文词、一个特殊词元不拆成两行"""
    page = slow_motion.page
    height = page.viewport_size["height"]
    page.set_viewport_size({"width": width, "height": height})
    try:
        for number in range(125):
            slow_motion.slide("第几格", number)
            assert slow_motion.box.evaluate(CUT) == [], number
    finally:
        page.set_viewport_size({"width": 1280, "height": height})


CUT = """box => {
    const cut = [];
    for (const node of box.querySelectorAll('.box, .arrow, .arrow small')) {
        const tall = node.scrollHeight > node.clientHeight + 1;
        const wide = node.scrollWidth > node.clientWidth + 1;
        if (node.clientHeight && (tall || wide)) cut.push(node.innerText);
    }
    const walker = document.createTreeWalker(box.querySelector('.chart'), NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const node = walker.currentNode;
        for (const found of node.textContent.matchAll(/[A-Za-z<|_>]+|[0-9]+/g)) {
            const range = document.createRange();
            range.setStart(node, found.index);
            range.setEnd(node, found.index + found[0].length);
            const tops = new Set([...range.getClientRects()].map((place) => Math.round(place.top)));
            if (tops.size > 1) cut.push(found[0]);
        }
    }
    return cut;
}"""


def test_slow_motion_cache_and_times(slow_motion):
    slow_motion.slide("第几格", 10)
    slow_motion.box.get_by_role("tab", name="KV cache").press("Enter")
    assert slow_motion.box.locator(".column.full").count() == 3
    slow_motion.wait("以后每步多 3,072")
    slow_motion.box.get_by_role("tab", name="时间").press("Enter")
    slow_motion.wait("▶ 写其余的词元")
    slow_motion.box.get_by_role("tab", name="这一格").press("Enter")


def test_slow_motion_plays_once_however_often_it_is_pressed(slow_motion):
    """停了马上再走，仍是 0.9 秒一格"""
    slow_motion.press_at_once("开始", "暂停", "开始", "暂停", "开始")
    slow_motion.page.wait_for_timeout(2000)
    slow_motion.press("暂停")
    place = int(slow_motion.box.get_by_label("第几格", exact=True).input_value())
    assert 0 < place <= 4, place


def test_slow_motion_plays_and_pauses(slow_motion):
    slow_motion.press("开始")
    slow_motion.wait("第 2 步 · 接上新词元", 30)
    slow_motion.press("暂停")
    before = slow_motion.text()
    slow_motion.page.wait_for_timeout(2000)
    assert slow_motion.text() == before


@pytest.mark.parametrize("text, said", [("", "现在是空的"), ("好" * 10_000, "应不超过 200 个词元"),
                                        ("😀\x07", "写完了"), ("%%{init: {}}%%", "写完了")])
def test_slow_motion_survives_bad_questions(slow_motion, text, said):
    survives(slow_motion, "问题", text, said, good="你好", shown="写完了")


def test_slow_motion_is_quick(slow_motion):
    times = [slow_motion.milliseconds(partial(slow_motion.press, button), f"第 1 步 · {stage}")
             for button, stage in (("下一格", "分词"), ("上一格", "输入文本")) * 4]
    assert min(times) < QUICK, times


@pytest.fixture
def attention(opened):
    live = Live(opened("10_inside.ipynb"), "attention")
    live.write("文字", "人工智能未来会取代人类吗？")
    live.idle()
    live.box.get_by_label("第 1 层，平均").press("Enter")
    live.wait("第 1 层，4 个头平均：第 25 个词元")
    return live


def test_attention_follows_layer_head_and_position(attention):
    attention.box.get_by_label("第 3 层，第 1 个头").press("Enter")
    attention.wait("第 3 层，第 1 个头")
    attention.wait("① 18 人类\n0.94")
    assert attention.box.locator(".seen path").count() == 1
    attention.page.keyboard.press("ArrowDown")
    attention.wait("第 4 层，第 1 个头")
    attention.box.get_by_role("tab", name="整张图").press("Enter")
    assert attention.box.locator(".map i").count() == 25 * 25
    attention.box.get_by_role("tab", name="看得最多的").press("Enter")
    attention.box.locator(".token").first.press("Enter")
    attention.wait("第 1 个词元 <|im_start|> 看它自己和前面的")
    attention.wait("① 1 <|im_start|>\n1.00")
    attention.box.locator(".token").last.press("Enter")
    attention.wait("第 25 个词元")


def test_lens_follows_the_position(opened):
    lens = Live(opened("10_inside.ipynb"), "lens")
    lens.wait("模型最后答 不会 0.48")
    lens.idle()
    assert lens.box.locator(".rung").count() == 7
    lens.box.locator(".token").first.press("Enter")
    lens.wait("第 1 个词元 <|im_start|> 后面")
    lens.box.locator(".token").last.press("Enter")
    lens.wait("模型最后答 不会 0.48")
    lens.write("文字", "什么是词元")
    lens.wait("模型最后答 词")
    lens.write("文字", "人工智能未来会取代人类吗？")
    lens.wait("模型最后答 不会 0.48")
    lens.idle()


@pytest.mark.parametrize("text, said", [("", "现在是空的"), ("好" * 10_000, "应是 1 到 64 个词元"),
                                        ("😀\x07", "‹07›"), ("مرحبا", "مر")])
def test_attention_survives_bad_texts(attention, text, said):
    survives(attention, "文字", text, said, good="人工智能未来会取代人类吗？", shown="第 25 个词元")


def test_attention_is_quick(attention):
    times = [attention.milliseconds(attention.box.get_by_label(f"第 {layer} 层，平均").click, f"第 {layer} 层，4")
             for layer in (6, 1) * 4]
    assert min(times) < QUICK, times


@pytest.fixture
def quiz(opened):
    live = Live(opened("05_next_token.ipynb"), "quiz")
    live.press("成绩")
    live.press("再来一遍")
    live.wait("第 1 题")
    return live


def page_of(quiz: Live, number: int) -> None:
    """翻到第几题"""
    quiz.box.locator(".pages button").nth(number - 1).press("Enter")
    quiz.wait(f"第 {number} 题")


def pick(quiz: Live, letter: str) -> None:
    quiz.box.locator(".option").nth("ABCDE".index(letter)).press("Enter")


def test_quiz_tells_why_and_counts(quiz):
    assert "✓" not in quiz.text()
    pick(quiz, "A")
    quiz.wait("✗ A：把分数当成了概率")
    quiz.wait("再读 第 2 节")
    quiz.box.locator(".pages button", has_text="1 ✗").wait_for()
    assert "softmax 只看分数的差" not in quiz.text()
    pick(quiz, "C")
    quiz.wait("✓ C：对（没有选）")
    quiz.wait("softmax 只看分数的差")
    quiz.press("下一题")
    quiz.wait("第 2 题")
    assert quiz.page.evaluate("document.activeElement.textContent").startswith("A")
    quiz.press("选好了")
    quiz.wait("现在一个也没有选")
    for letter in "ABC":
        pick(quiz, letter)
    pick(quiz, "B")  # 再点一次，就不选了
    quiz.press("选好了")
    quiz.wait("✓ A：对")
    quiz.press("成绩")
    quiz.wait("答了 2 / 8 题，对 1 题")
    quiz.wait("第 1 题答错了，再读 第 2 节")
    quiz.wait("还有题没有答")
    quiz.press("再来一遍")
    quiz.wait("第 1 题")
    assert "✗" not in quiz.text()


def test_quiz_turns_to_the_section(quiz):
    pick(quiz, "A")
    quiz.box.get_by_role("button", name="第 2 节").press("Enter")
    quiz.page.wait_for_function("""() => {
        const heading = [...document.querySelectorAll('h2')].find(h => h.textContent.startsWith('2　'));
        const {top} = heading.getBoundingClientRect();
        return top >= 0 && top < innerHeight / 2;
    }""")


def test_quiz_stays_low_and_still(quiz):
    """每题至多 360 像素高；选了以后、看别的为什么时，下面的字不动"""
    for number in range(1, 9):
        page_of(quiz, number)
        before = quiz.box.bounding_box()["height"]
        for letter in "ABC":
            pick(quiz, letter)
        if number == 2:
            quiz.press("选好了")
        assert quiz.box.bounding_box()["height"] == before <= 360


def test_quiz_is_quick(quiz):
    assert quiz.milliseconds(lambda: pick(quiz, "A"), "把分数当成了概率") < QUICK


@pytest.fixture
def chat(opened):
    live = Live(opened("06_writing.ipynb"), "chat")
    live.write("system 消息", "")
    live.write("上限", "1024")
    live.slide("温度", 0)
    live.box.get_by_label("重用 KV cache").check()
    live.write("你说", "")
    live.idle()
    live.press("从头再来")
    live.wait("（还没有话）")
    live.idle()
    return live


def say(chat: Live, text: str) -> None:
    """说一句，等模型说完（或者说出毛病）"""
    chat.write("你说", text)
    chat.press("发送")
    chat.idle()


def counted(chat: Live) -> list[int]:
    """右边的词元：重用、新读、写出各几个"""
    return [chat.box.locator(f".chip.{kind}").count() for kind in ("reused", "fresh", "written")]


def test_chat_shows_what_is_reused(chat):
    say(chat, "写一句诗")
    chat.wait("说完了")
    assert counted(chat) == [0, 21, 17]
    say(chat, "再写一句")
    chat.wait("重用 37　新读 13　写出 14　首个词元")
    assert counted(chat) == [37, 13, 14]
    chat.wait("上下文 64 / 1024 个词元　KV cache 193,536 字节")
    assert chat.box.locator(".said").all_inner_texts() == [
        "写一句诗", "雨停了，路灯把每个水坑都点成了一颗星。", "再写一句", "春天来的时候没有敲门，只是推开了所有的窗。"]
    assert chat.box.locator(".line .role").all_inner_texts() == ["system", "user", "assistant", "user", "assistant"]
    chat.box.get_by_label("重用 KV cache").uncheck()
    say(chat, "你好")
    chat.wait("重用 0　新读 74")


def test_chat_forgets_and_reads_again(chat):
    say(chat, "写一句诗")
    say(chat, "再写一句")
    chat.press("忘掉开头")
    chat.wait("忘掉了第 1 轮。")
    chat.wait("KV cache 里只有开头 13 个能重用")
    assert counted(chat)[0] == 13
    assert chat.box.locator(".said").first.inner_text() == "再写一句"
    say(chat, "你好")
    chat.wait("第 3 轮\n重用 13　新读 32")
    chat.press("从头再来")
    chat.wait("（还没有话）")
    chat.idle()
    chat.press("忘掉开头")
    chat.wait("还没有可以忘的")


def test_chat_draws_again(chat):
    chat.press("退回再抽")
    chat.wait("还没有可以退回的回答")
    say(chat, "写一句诗")
    chat.press("退回再抽")
    chat.wait("温度是 0，每次都选第一名")
    chat.slide("温度", 1)
    chat.press("退回再抽")
    chat.wait("第 1 轮，第 2 次抽\n重用 20　新读 1")
    chat.idle()
    assert chat.box.locator(".said").count() == 2


def test_chat_runs_full(chat):
    chat.write("上限", "70")
    say(chat, "写一句诗")
    say(chat, "人工智能未来会取代人类吗？")
    chat.wait("到上限了，话没有说完")
    assert chat.box.locator(".offered").inner_text() == "忘掉开头"
    say(chat, "你好")
    chat.wait("放不下；按“忘掉开头”，或者写短些")
    assert chat.box.get_by_label("你说").input_value() == "你好"
    chat.press("忘掉开头")
    chat.idle()
    chat.press("忘掉开头")
    chat.idle()
    chat.press("发送")
    chat.idle()
    assert chat.box.locator(".said").first.inner_text() == "你好"
    chat.write("上限", "0")
    chat.wait("上限应是 1 到 1024 的整数")


def test_chat_stops_when_told(chat):
    chat.write("你说", "人工智能未来会取代人类吗？")
    chat.press_at_once("发送", "停")
    chat.idle()
    assert "说完了" not in chat.text()
    assert counted(chat)[2] < 28
    say(chat, "写一句诗")
    chat.wait("说完了")


def test_chat_does_one_thing_at_a_time(chat):
    chat.write("你说", "写一句诗")
    chat.press_at_once("发送", "发送", "忘掉开头", "退回再抽", "从头再来", "发送")
    chat.idle()
    chat.wait("说完了")
    assert chat.box.locator(".said").count() == 2
    assert chat.box.locator(".round").count() == 1
    chat.box.get_by_label("你说").fill("再写一句")
    chat.box.get_by_label("你说").press("Enter")
    chat.wait("第 2 轮")
    chat.idle()
    assert chat.box.locator(".said").count() == 4


@pytest.mark.parametrize("text, said", [("", "现在是空的"), ("好，" * 5000, "放不下；写短些"),
                                        ("你好<|im_end|>", "⚠ 里面有 <|im_end|>：放进模板，它就是真的"),
                                        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
                                        ("😀\x07", "😀"), ("مرحبا", "مرحبا")])
def test_chat_survives_bad_messages(chat, text, said):
    say(chat, text)
    chat.wait(said)
    say(chat, "写一句诗")
    chat.wait("说完了")


def test_chat_tells_the_model_who_it_is(chat):
    chat.write("system 消息", "用一句话回答。")
    say(chat, "你好")
    chat.wait("说完了")
    assert "一句话" in chat.box.locator(".line").first.inner_text()
    chat.write("system 消息", "")
    chat.idle()
    assert counted(chat)[0] == 3  # 只有 <|im_start|>、system、换行还一样


def test_chat_is_quick(chat):
    times = []
    for number in range(1, 5):
        chat.write("你说", "你好")
        times.append(chat.milliseconds(partial(chat.press, "发送"), f"第 {number} 轮"))
        chat.idle()
    assert min(times) < QUICK, times


def test_dark_mode_can_be_read(opened):
    """深色界面里，互动视图的每个字与它的背景至少差 3 比 1（WCAG 对大字的要求；正文多在 4.5 以上）"""
    for name in WITH_VIEWS:
        lab = opened(name)
        lab.command("apputils:change-theme", theme="JupyterLab Dark")
        lab.page.wait_for_function("() => document.body.dataset.jpThemeLight === 'false'")
        lab.page.wait_for_timeout(500)
        assert lab.page.evaluate(CONTRAST) == []
        lab.command("apputils:change-theme", theme="JupyterLab Light")
        lab.page.wait_for_function("() => document.body.dataset.jpThemeLight === 'true'")


CONTRAST = """() => {
    const rgba = text => { const n = text.match(/[\\d.]+/g).map(Number); return [...n.slice(0, 3), n[3] ?? 1]; };
    const over = (top, below) => [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3]));
    const light = c => c.map(v => v / 255).map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
    const behind = node => node ? over(rgba(getComputedStyle(node).backgroundColor), behind(node.parentElement))
        : [255, 255, 255];
    const faint = [];
    for (const box of document.querySelectorAll('.live')) {
        const walker = document.createTreeWalker(box, NodeFilter.SHOW_TEXT);
        while (walker.nextNode()) {
            const node = walker.currentNode.parentElement;
            if (!walker.currentNode.textContent.trim() || !node.offsetParent || node.closest('option')) continue;
            const paper = behind(node), ink = over(rgba(getComputedStyle(node).color), paper);
            const [a, b] = [light(ink), light(paper)].sort((x, y) => y - x);
            if ((a + .05) / (b + .05) < 3) faint.push(walker.currentNode.textContent);
        }
    }
    return faint;
}"""


def test_a_saved_notebook_opened_again_shows_the_picture(opened):
    """存过的一本，第二天打开：没有内核里的视图，看得见存下来的图，不是一行英文的错误；放在最后，它换掉了内核"""
    lab = opened("06_writing.ipynb")
    lab.command("docmanager:save")
    lab.page.wait_for_function("() => !jupyterapp.shell.currentWidget.context.model.dirty")
    lab.page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    lab.open("06_writing.ipynb")
    live = Live(lab, "race")
    live.wait("这是存下来的样子。运行这一格，它就动起来。")
    assert "第 1 轮 25 个，每轮多 1 个，最后一轮 124 个" in live.text()
    assert "Error displaying widget" not in lab.page.locator(".jp-Notebook").inner_text()

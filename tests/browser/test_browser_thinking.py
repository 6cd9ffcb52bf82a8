"""聊天的画面，先思考再回答的模型：思考叠起来，开关在；去不掉末尾的缓存说一句话。不用 JupyterLab，画面直接问 Python"""
import json

from helpers.widgets.chat import Chat
from helpers.widgets.view import script, style

import pytest
from qwen3_like import hybrid

pytestmark = pytest.mark.browser
PAGE = """<style>{style}</style><div id="box"></div><script type="module">
{script}
const given = {given};
const model = {{
  on: (_, receive) => {{ model.receive = receive; }},
  get: (name) => given[name],
  send: async (message) => {{
    for (const reply of await ask(message)) model.receive(reply);
  }},
}};
widget.render({{model, el: document.querySelector("#box")}});
</script>"""


@pytest.fixture
def shown(chromium):
    """打开一个视图：视图 → 网页"""
    pages = []

    def show(view: Chat):
        page = chromium.new_page()
        pages.append(page)
        page.expose_function("ask", lambda message: replies(view, message))
        given = f'{{picture: "", given: {view_given(view)}}}'
        module = script("chat").replace("export default", "const widget =")
        page.set_content(PAGE.format(style=style("chat"), script=module, given=given))
        page.get_by_text("（还没有话）").wait_for()
        return page

    yield show
    for page in pages:
        page.close()


def view_given(view: Chat) -> str:
    return json.dumps(view.given, ensure_ascii=False)


def replies(view: Chat, message: dict) -> list[dict]:
    """一次提问的全部回答"""
    found = []
    view.send = found.append
    view.reply(message)
    return found


def say(page, text: str) -> None:
    page.get_by_label("你说").fill(text)
    page.get_by_role("button", name="发送").click()
    page.wait_for_function("() => !document.querySelector('[data-busy]')")


def test_a_thought_is_folded(shown, writes, qwen3, model):
    page = shown(Chat(qwen3, model))
    assert page.get_by_label("先思考").is_checked()
    assert "0.6" in page.locator(".slider").first.inner_text()
    writes("<think>\n打个招呼。\n</think>\n\n你好！<|im_end|>")
    say(page, "你好")
    answer = page.locator(".said.assistant")
    assert answer.locator("summary").inner_text() == "思考（7 个词元；下一轮模板会去掉它）"
    assert answer.locator("> bdi").inner_text() == "你好！"
    assert not answer.get_by_text("打个招呼。").is_visible()
    answer.locator("summary").click()
    assert answer.get_by_text("打个招呼。").is_visible()
    writes("好<|im_end|>")
    say(page, "写一句诗")
    page.get_by_text("从 KV cache 里去掉").wait_for()
    assert page.locator(".said.assistant summary").first.is_visible()
    assert not page.locator(".said.assistant summary").last.is_visible()


def test_half_a_thought_is_told(shown, writes, qwen3, model):
    page = shown(Chat(qwen3, model))
    writes("<think>\n打个招呼。<|im_end|>")
    say(page, "你好")
    page.get_by_text("停在思考里，还没有回答").wait_for()
    page.get_by_label("先思考").uncheck()
    writes("你好！<|im_end|>")
    say(page, "你好")
    assert page.locator(".said.assistant > bdi").last.inner_text() == "你好！"
    assert page.get_by_text("停在思考里").count() == 0


def test_nothing_new_for_a_model_that_does_not_think(shown, tokenizer, model):
    page = shown(Chat(tokenizer, model))
    assert not page.get_by_label("先思考").is_visible()
    say(page, "写一句诗")
    assert page.locator(".said").all_inner_texts() == ["写一句诗", "雨停了，路灯把每个水坑都点成了一颗星。"]


def test_a_cache_that_cannot_be_cut_is_told(shown, writes, qwen3):
    page = shown(Chat(qwen3, hybrid(), limit=200))
    writes("<think>\n打个招呼。\n</think>\n\n你好！<|im_end|>")
    say(page, "你好")
    writes("好<|im_end|>")
    say(page, "写一句诗")
    page.get_by_text("去不掉末尾，只好从头读").wait_for()
    assert "重用 0　" in page.locator(".figures").last.inner_text()

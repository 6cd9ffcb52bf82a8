"""像学生那样操作一个互动视图；几个视图的测试共用"""
import ipywidgets as widgets


def press(view, text: str) -> None:
    """按上面写着 text 的按钮"""
    found = [button for button in buttons_in(view.box) if button.description == text]
    assert len(found) == 1
    found[0].click()


def buttons_in(widget) -> list[widgets.Button]:
    """一个部件里的按钮，连同里层的"""
    if isinstance(widget, widgets.Button):
        return [widget]
    found = []
    for child in getattr(widget, "children", ()):
        found += buttons_in(child)
    return found

"""看完一个视图就关上它：ipywidgets 记着每一个开着的视图，连同它手里的概率和 logits"""
import ipywidgets
import pytest


@pytest.fixture(autouse=True)
def closed_afterwards():
    yield
    ipywidgets.Widget.close_all()

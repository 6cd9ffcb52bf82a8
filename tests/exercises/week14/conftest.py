"""第 14 周的测试共用一张练习，参照只算一次"""
from helpers.exercises import week14

import pytest


@pytest.fixture(scope="session")
def sheet(tokenizer):
    return week14.sheet(tokenizer)

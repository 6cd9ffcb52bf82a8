"""第 15 周的测试共用一张练习，模型算的参照只算一次"""
from helpers.exercises import week15

import pytest


@pytest.fixture(scope="session")
def sheet(tokenizer, model):
    return week15.sheet(tokenizer, model)

"""helpers.fast.linear：换过线性层的模型还是 transformers 的模型，算出来的与原来一样"""
import threading

from helpers.fast import ways
from helpers.fast.choose import ALL, READERS
from helpers.fast.linear import TwoWayLinear, find_groups, linears
from helpers.fast.standin import SMALL, make
from helpers.tiny import TINY

import pytest
import torch
from swapped import swapped
from transformers import (
    AutoModelForCausalLM,
    DynamicCache,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
    TextIteratorStreamer,
)

IDS = torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6]])
SIZES = {"vocab_size": 64, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
         "num_attention_heads": 4, "num_key_value_heads": 2, "bos_token_id": None, "eos_token_id": None,
         "pad_token_id": 0, "initializer_range": 0.3}
KINDS = {"Qwen2": (Qwen2ForCausalLM, Qwen2Config), "Qwen3": (Qwen3ForCausalLM, Qwen3Config),
         "Llama": (LlamaForCausalLM, LlamaConfig)}


def small(kind, tied=True, dtype=torch.bfloat16):
    """一种结构的小模型，随机的权重"""
    model_type, config_type = KINDS[kind]
    torch.manual_seed(0)
    return model_type(config_type(**SIZES, head_dim=16, tie_word_embeddings=tied)).to(dtype).eval()


@pytest.fixture(scope="module")
def fast():
    """教学小模型，写用拼起来的一种，读用原来的；float32"""
    return swapped(AutoModelForCausalLM.from_pretrained(TINY, dtype="float32"), ways.OneDnnPacked)


@pytest.fixture(scope="module")
def questions(tokenizer):
    """长短不同的几个问题，左边填充"""
    texts = [tokenizer.apply_chat_template([{"role": "user", "content": text}], tokenize=False,
                                           add_generation_prompt=True)
             for text in ("什么是词元", "你好", "为什么温度越高回答越乱")]
    return tokenizer(texts, return_tensors="pt", padding=True, padding_side="left")


@pytest.fixture(scope="module")
def one(tokenizer):
    """一个问题，没有填充"""
    return tokenizer.apply_chat_template([{"role": "user", "content": "什么是词元"}], add_generation_prompt=True,
                                         return_tensors="pt", return_dict=True)


def write(model, inputs, **options):
    return model.generate(**inputs, **{"max_new_tokens": 12, "do_sample": False, **options})


@pytest.mark.parametrize("kind", KINDS)
def test_the_groups_are_what_gets_the_same_input(kind):
    model = small(kind)
    names = {id(module): name.rpartition(".")[2] for name, module in linears(model).items()}
    groups = [[names[id(member)] for member in group.members] for group in find_groups(model)]
    layer = [["q_proj", "k_proj", "v_proj"], ["o_proj"], ["gate_proj", "up_proj"], ["down_proj"]]
    assert groups == [*layer, *layer, ["lm_head"]]
    assert [group.output for group in find_groups(model)] == [False] * 8 + [True]


@pytest.mark.parametrize("tied", [True, False], ids=["合用", "不合用"])
@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("kind", KINDS)
def test_every_way_in_every_kind_of_model(kind, name, tied):
    """与 float32 比；16 位的模型自己也有舍入误差，别的要与它比"""
    way = ALL[name]
    fast = swapped(small(kind, tied), way, way if way in READERS else ways.Stored)
    with torch.inference_mode():
        want = small(kind, tied, torch.float32)(IDS).logits
        rounding = distance(small(kind, tied)(IDS).logits, want)
        read = fast(IDS).logits
        past = fast(IDS[:, :-1]).past_key_values
        wrote = fast(IDS[:, -1:], past_key_values=past).logits[:, -1]
    assert distance(read, want) < 1.5 * rounding
    assert distance(wrote, want[:, -1]) < {16: 2 * rounding, 8: 0.1, 4: 0.5}[way.bits]


def distance(got, want):
    """相对误差"""
    return float((got.float() - want).norm() / want.norm())


def test_it_is_an_ordinary_model(fast):
    assert type(fast) is Qwen2ForCausalLM
    assert all(type(linear) is TwoWayLinear for linear in linears(fast).values())


@pytest.mark.parametrize("options", [
    {}, {"num_beams": 3, "num_return_sequences": 2}, {"repetition_penalty": 1.3}, {"use_cache": False},
    {"cache_implementation": "static"}], ids=str)
def test_greedy_tokens_are_identical(fast, model, questions, options):
    assert torch.equal(write(fast, questions, **options), write(model, questions, **options))


def test_sampling_with_the_same_seed_is_identical(fast, model, one):
    def sample(each):
        torch.manual_seed(3)
        return write(each, one, do_sample=True, num_return_sequences=3, temperature=1.2, top_k=20)
    assert torch.equal(sample(fast), sample(model))


def test_streaming_and_the_cache(fast, model, tokenizer, one):
    streamer = TextIteratorStreamer(tokenizer, skip_prompt=True, skip_special_tokens=True)
    out = write(fast, one, streamer=streamer, return_dict_in_generate=True)
    assert "".join(streamer) == tokenizer.decode(out.sequences[0, one.input_ids.shape[1]:], skip_special_tokens=True)
    longer = torch.cat([out.sequences, out.sequences[:, -1:]], dim=1)
    rest = fast.generate(longer, past_key_values=out.past_key_values, max_new_tokens=5, do_sample=False)
    assert torch.equal(rest, model.generate(longer, max_new_tokens=5, do_sample=False))


def test_hidden_states_and_hooks_still_work(fast, one):
    seen = []
    handle = fast.model.layers[1].mlp.up_proj.register_forward_hook(lambda *_: seen.append(1))
    with torch.inference_mode():
        out = fast(**one, output_hidden_states=True, past_key_values=DynamicCache())
    handle.remove()
    assert len(out.hidden_states) == len(fast.model.layers) + 1
    assert seen == [1]


def test_a_part_asked_for_alone_is_right(fast, model):
    """不照次序来取，也不会拿到别人的结果"""
    x = torch.randn(1, 1, 128)
    layer = fast.model.layers[0].self_attn
    stock = model.model.layers[0].self_attn
    with torch.inference_mode():
        layer.q_proj(torch.randn(1, 1, 128))
        for name in ("v_proj", "k_proj", "q_proj"):
            got = getattr(layer, name)(x)
            assert torch.allclose(got, getattr(stock, name)(x), atol=1e-5)


def test_nothing_is_kept_after_the_last_part(fast, one):
    with torch.inference_mode():
        past = fast(**one).past_key_values
        fast(one.input_ids[:, -1:], past_key_values=past)
    for linear in linears(fast).values():
        if hasattr(linear.one, "last"):
            assert linear.one.last == (None, ())


def test_two_threads_get_their_own_answers(fast, model, tokenizer):
    texts = ["什么是词元", "你好"]
    questions = [tokenizer.apply_chat_template([{"role": "user", "content": text}], add_generation_prompt=True,
                                               return_tensors="pt", return_dict=True) for text in texts]
    want = [write(model, question).tolist() for question in questions]
    got = [None, None]

    def work(index):
        got[index] = write(fast, questions[index]).tolist()

    for _ in range(3):
        threads = [threading.Thread(target=work, args=(index,)) for index in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert got == want


def test_unused_weights_are_let_go_and_the_table_stays():
    model = swapped(small("Qwen2"), ways.OneDnnPacked, ways.OneDnnPacked)
    assert model.model.layers[0].mlp.down_proj.weight.is_meta
    assert model.model.layers[0].mlp.down_proj.weight.shape == (64, 128)
    assert not model.lm_head.weight.is_meta
    assert model.lm_head.weight is model.model.embed_tokens.weight
    kept = swapped(small("Qwen2"), ways.OneDnnPacked, ways.Stored)
    assert not kept.model.layers[0].mlp.down_proj.weight.is_meta


def test_a_way_without_own_copy_takes_no_memory():
    model = small("Qwen2")
    before = model.model.layers[0].self_attn.q_proj.weight.data_ptr()
    swapped(model, ways.WithoutOneDnn, ways.Stored)
    source = model.model.layers[0].self_attn.q_proj.one
    assert source.way.weight.data_ptr() == before


def test_reading_a_batch_uses_the_other_way(tmp_path):
    """许多行时走读的做法：4 位的模型读问题与原来的一点不差"""
    folder = make(tmp_path / "small", SMALL)
    stock = AutoModelForCausalLM.from_pretrained(folder)
    fast = swapped(AutoModelForCausalLM.from_pretrained(folder), ways.Int4)
    with torch.inference_mode():
        assert torch.equal(fast(IDS).logits, stock(IDS).logits)
        assert not torch.equal(fast(IDS[:, :1]).logits, stock(IDS[:, :1]).logits)

"""The GPT-2 that is held against machines: right, the same with every cache, and of the size that
the calculator says."""

import pytest
import torch
from torch import nn

from reference import calculator as calc
from reference.gpt import GPT, Decoder, Growing, Recompute, Static, generate

SHAPE = calc.Model("small", 3, 4, 4, 32, 128, 61, ffn_matrices=2, tied=True, norm="layernorm",
                   biases=True, learned_positions=48)  # fmt: skip


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    built = GPT(SHAPE)
    for name, parameter in built.named_parameters():
        # Places weigh more than tokens and the last norm weighs all alike: else the same few
        # tokens would always win.
        if not name.startswith("norm."):
            nn.init.normal_(parameter, std=3.0 if "positions" in name else 0.3)
    return built.eval()


@pytest.fixture
def ids():
    return torch.randint(SHAPE.vocab_size, (3, 7), generator=torch.Generator().manual_seed(1))


def torchs_own(model):
    """Return PyTorch's own encoder layers with the same weights."""
    layers = []
    for block in model.blocks:
        layer = nn.TransformerEncoderLayer(
            SHAPE.d_model, SHAPE.query_heads, SHAPE.d_ff, 0.0, batch_first=True, norm_first=True,
            activation=lambda x: nn.functional.gelu(x, approximate="tanh"),
        )  # fmt: skip
        own = layer.self_attn
        pairs = (
            (own.in_proj_weight, block.qkv.weight), (own.in_proj_bias, block.qkv.bias),
            (own.out_proj.weight, block.out.weight), (own.out_proj.bias, block.out.bias),
            (layer.linear1.weight, block.up.weight), (layer.linear1.bias, block.up.bias),
            (layer.linear2.weight, block.down.weight), (layer.linear2.bias, block.down.bias),
            (layer.norm1.weight, block.norm_1.weight), (layer.norm1.bias, block.norm_1.bias),
            (layer.norm2.weight, block.norm_2.weight), (layer.norm2.bias, block.norm_2.bias),
        )  # fmt: skip
        with torch.no_grad():
            for theirs, ours in pairs:
                theirs.copy_(ours)
        layers.append(layer.eval())
    return layers


def test_it_computes_what_pytorchs_own_layers_compute(model, ids):
    """The model is a GPT-2, by an implementation that is not ours."""
    x = model.tokens(ids) + model.positions(torch.arange(ids.shape[1]))
    mask = nn.Transformer.generate_square_subsequent_mask(ids.shape[1])
    for layer in torchs_own(model):
        x = layer(x, src_mask=mask, is_causal=True)
    expected = model.norm(x[:, -1]) @ model.tokens.weight.T
    assert expected.std() > 1
    torch.testing.assert_close(model(ids, Recompute(SHAPE.layers)), expected, atol=1e-4, rtol=1e-4)


def test_every_way_of_decoding_gives_the_same_tokens(model, ids):
    """With no cache, a growing one, a static one, and step by step with the decoder."""
    expected = generate(model, ids, 20, Recompute(SHAPE.layers))
    assert expected.shape == (3, 27)
    assert (expected[:, :7] == ids).all()
    assert len(expected[:, 7:].unique()) > 5, "a model that repeats itself shows nothing"
    like = model.tokens.weight
    assert (generate(model, ids, 20, Growing(SHAPE.layers)) == expected).all()
    assert (generate(model, ids, 20, Static(SHAPE, 3, 30, like)) == expected).all()
    decoder = Decoder(model, 3, 30)
    for _ in range(2):  # nothing of the first prompt is left in the second
        assert (decoder.generate(ids, 20) == expected).all()


def test_a_chunk_behind_a_past_sees_all_of_it(model, ids):
    """A prompt that is fed in two pieces ends with the logits of the whole."""
    whole = model(ids, Recompute(SHAPE.layers))
    for cache in (Growing(SHAPE.layers), Static(SHAPE, 3, 16, model.tokens.weight)):
        model(ids[:, :4], cache)
        torch.testing.assert_close(model(ids[:, 4:], cache), whole, atol=1e-5, rtol=1e-5)


def test_its_size_is_the_calculators(model, ids):
    """Parameters, and the bytes of both caches, are those that the formulas say."""
    assert sum(p.numel() for p in model.parameters()) == calc.parameters(SHAPE).total
    growing = Growing(SHAPE.layers)
    generate(model, ids, 5, growing)  # 11 tokens have been fed
    kept = sum(t.numel() * t.element_size() for layer in growing.layers for t in layer.kept)
    assert kept == 3 * calc.kv_bytes_per_request(SHAPE, 11, 4)
    static = Static(SHAPE, 3, 30, model.tokens.weight)
    kept = sum(
        t.numel() * t.element_size() for layer in static.layers for t in (layer.keys, layer.values)
    )
    assert kept == 3 * calc.kv_bytes_per_request(SHAPE, 30, 4)

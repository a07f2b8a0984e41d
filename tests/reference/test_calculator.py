"""What the calculator promises beside right numbers: exact batches, refusals, no libraries."""

import ast
import math
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from reference import calculator as calc

LLAMA = calc.MODELS["llama-3-8b"]


def fits(batch, memory, weights, kv, size, kv_heads=None):
    """Whether a batch fits on the fullest of the GPUs, by putting heads on them one by one."""
    heads = kv_heads or size
    per_head = kv / heads
    held = [0] * size
    for head in range(heads):
        held[head % size] += 1
    return weights / size + batch * max(held) * per_head <= memory


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 8, 12, 16])
@pytest.mark.parametrize("kv_heads", [None, 1, 6, 8])
def test_the_largest_batch_fits_and_one_more_does_not(size, kv_heads):
    """The answer is the largest, whole heads or not, for any number of GPUs."""
    sizes = (1000.0, 600.0, 48.0 * 5)
    batch = calc.largest_batch(*sizes, size, kv_heads=kv_heads)
    assert fits(batch, *sizes, size, kv_heads)
    assert not fits(batch + 1, *sizes, size, kv_heads)


def test_a_batch_that_fits_exactly_counts():
    """No rounding takes away the last request, nor adds one, however large the numbers."""
    kv = 3 * 10**17 + 1
    assert calc.largest_batch(7 * kv + 5, 5, kv) == 7
    assert calc.largest_batch(7 * kv + 4, 5, kv) == 6


def test_weights_that_do_not_fit_leave_no_room():
    """Where the weights alone are too large, the batch is 0 and not negative."""
    assert calc.largest_batch(80e9, 141e9, 1e6) == 0
    assert calc.largest_batch(80e9, 141e9, 1e6, 2) > 0


def test_more_gpus_than_kv_heads_replicate_them():
    """Beyond one GPU per KV head the cache on each stops shrinking."""
    assert calc.kv_bytes_per_gpu(800, 8, 8) == calc.kv_bytes_per_gpu(800, 32, 8) == 100
    assert calc.kv_bytes_per_gpu(800, 32) == 25


def test_weights_and_elements_of_other_sizes():
    """Four-bit weights and an 8-bit cache change what they are about, and nothing else."""
    two = calc.total(calc.layer(LLAMA, 2, 64, new_tokens=1))
    four_bit = calc.total(calc.layer(LLAMA, 2, 64, new_tokens=1, bytes_per_weight=0.5))
    assert four_bit == replace(two, weight_bytes=two.weight_bytes / 4)
    assert calc.kv_bytes_per_token(LLAMA, 1) * 2 == calc.kv_bytes_per_token(LLAMA)
    assert calc.weight_bytes(10, 0.5) == 5


def test_speculation_at_its_ends():
    """Nothing accepted gives one token per pass, all accepted gives every draft and one more."""
    assert calc.expected_tokens_per_pass(0, 4) == 1
    assert calc.expected_tokens_per_pass(1, 4) == 5
    assert calc.expected_tokens_per_pass(0.5, 0) == 1
    closed = (1 - 0.8**5) / (1 - 0.8)
    assert math.isclose(calc.expected_tokens_per_pass(0.8, 4), closed)
    assert math.isclose(calc.speculative_speedup(0.8, 4, 0.1), closed / 1.4)


def test_a_roofline_has_its_ridge():
    """Below the ridge memory is the bound, above it compute, and the rate never passes the peak."""
    device = calc.Device("d", 100.0, 10.0, 1)
    assert device.ridge == 10
    low, high = calc.roofline(50, 10, device), calc.roofline(5000, 10, device)
    assert (low.bound, low.seconds, low.flops_per_second) == ("memory", 1, 50)
    assert (high.bound, high.seconds, high.flops_per_second) == ("compute", 50, 100)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (lambda: replace(LLAMA, kv_heads=5), "5 KV heads do not divide 32"),
        (lambda: replace(LLAMA, query_heads=24), "24 query heads do not divide d_model 4096"),
        (lambda: replace(LLAMA, layers=0), "layers has to be at least 1"),
        (lambda: replace(LLAMA, ffn_matrices=4), "ffn_matrices is 2, or 3"),
        (lambda: calc.parameters(LLAMA, ffn_matrices=1), "ffn_matrices is 2, or 3"),
        (lambda: calc.parameters(LLAMA, attention="mqa"), "no attention 'mqa'"),
        (lambda: calc.kv_bytes_per_request(LLAMA, 0), "at least 1 token"),
        (lambda: calc.largest_batch(1, 1, 0), "more than 0 bytes"),
        (lambda: calc.largest_batch(1, 1, 1, 0), "number of GPUs"),
        (lambda: calc.layer(LLAMA, 0, 1), "at least 1"),
        (lambda: calc.layer(LLAMA, 1, 4, new_tokens=5), "from 1 to all 4"),
        (lambda: calc.attention(LLAMA, 1, 4, fused=["masks"]), "no step 'masks'"),
        (lambda: calc.feed_forward(LLAMA, 1, 4, fused=["activate"]), "no step 'activate'"),
        (lambda: calc.expected_tokens_per_pass(1.1, 4), "probability"),
        (lambda: calc.expected_tokens_per_pass(0.5, -1), "cannot be negative"),
        (lambda: calc.speculative_speedup(0.5, 1, -1), "cannot be negative"),
        (lambda: calc.roofline(-1, 1, calc.DEVICES["t4"]), "no negative"),
    ],
)
def test_what_cannot_be_is_refused(asked, said):
    """A shape or a number that cannot be is refused with a sentence that says why."""
    with pytest.raises(ValueError, match=said):
        asked()


def test_the_calculator_needs_nothing_but_python():
    """No module of it imports anything outside the standard library and itself."""
    for path in Path(calc.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            assert all(name.partition(".")[0] in sys.stdlib_module_names for name in names), path


def test_every_model_and_device_says_where_its_numbers_are_from():
    """The tables name a source for each row, and rows are found by their names."""
    for table in (calc.MODELS, calc.DEVICES):
        assert all(name == row.name and row.source for name, row in table.items())


def test_a_forward_is_its_layers_and_the_heads_that_are_asked_for():
    """Of GPT-2 without a cache the flops are those of the formula for a layer, and of each head."""
    model = calc.MODELS["gpt2"]
    layers, width, heads, vocabulary, n = 12, 768, 12, 50257, 10
    per_layer = 24 * n * width**2 + 4 * n**2 * width + 5 * heads * n**2 + 5 * n * width
    found = calc.forward(model, 1, n, heads_of=3)
    assert found.flops == layers * per_layer + 3 * 2 * width * vocabulary
    fused = calc.forward(model, 1, n, heads_of=3, fused=calc.FLASH)
    assert fused.flops == found.flops
    assert fused.bytes < found.bytes

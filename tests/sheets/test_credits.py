"""What the answer key says an answer is worth, row by row. The credits are the key's, by hand."""

import pytest

from tests.sheets.grading import credit, credit_of, graded_here

ROWS = [
    # 2.1.1
    ("2.1.1.1", "$$2MNK$$", 1),
    ("2.1.1.1", "$$MN(2K-1)$$", 1),
    ("2.1.1.1", "$$MNK$$", 0.5),
    ("2.1.1.2", "$$n(MK + KN + MN)$$", 1),
    ("2.1.1.2", "$$MK + KN + MN$$", 0.7),
    ("2.1.1.2", "$$n(MK + KN)$$", 0.5),
    # 2.1.2
    ("2.1.2.1", "$$6BND^2$$", 1),
    ("2.1.2.1", "$$3BND(2D-1)$$", 1),
    ("2.1.2.1", "$$6BND^2 + 3BND$$", 1),
    ("2.1.2.2", "$$n(6BND + 3D^2)$$", 1),
    ("2.1.2.2", "$$n(4BND + 3D^2)$$", 0.6),
    ("2.1.2.2", "$$n(6BND + 3D^2 + 3D)$$", 1),
    # 2.1.3
    ("2.1.3.1.1", "$$2BN^2D + BN^2$$", 1),
    ("2.1.3.1.1", "$$2BN^2D$$", 1),
    ("2.1.3.1.1", "$$BN^2D$$", None),  # a causal half, or a multiply-add as one: is it stated?
    ("2.1.3.1.2", "$$n(2BND + BN^2)$$", 1),
    ("2.1.3.1.2", "$$n(2BND + 3BN^2)$$", 0.5),
    ("2.1.3.2.1", "$$BN^2$$", 1),
    ("2.1.3.2.1", "$$\\frac{BN(N-1)}{2}$$", 0.3),
    ("2.1.3.2.2", "$$2nBN^2$$", 1),
    ("2.1.3.2.2", "$$\\frac{3}{2}nBN^2$$", 0.6),
    ("2.1.3.2.2", "$$3nBN^2$$", 0.7),
    ("2.1.3.3.1", "$$3BN^2$$", 1),
    ("2.1.3.3.1", "$$BN(3N-1)$$", 1),
    ("2.1.3.3.1", "$$5BN^2$$", None),  # a stable softmax, if it is stated
    ("2.1.3.3.1", "$$2BN^2$$", 0.5),
    ("2.1.3.3.2", "$$2nBN^2$$", 1),
    ("2.1.3.3.2", "$$4nBN^2$$", 0.6),
    ("2.1.3.4.1", "$$2BN^2D$$", 1),
    ("2.1.3.4.1", "$$BND(2N-1)$$", 1),
    ("2.1.3.4.2", "$$n(BN^2 + 2BND)$$", 1),
    ("2.1.3.5.1", "$$4BN^2D + 5BN^2$$", 1),
    ("2.1.3.5.1", "$$4BN^2D$$", 0.9),
    ("2.1.3.5.1", "The softmax is negligible, so\n\n$$4BN^2D$$", 1),
    ("2.1.3.5.2", "$$n(4BND + 6BN^2)$$", 1),
    ("2.1.3.5.2", "$$n(4BND + 4BN^2)$$", 0.7),
    # 2.1.4
    ("2.1.4.1", "$$4BN^2D + 5HBN^2$$", 1),
    ("2.1.4.1", "$$4BN^2D + 5BN^2$$", 0.6),
    ("2.1.4.1", "$$4HBN^2D$$", 0.2),
    ("2.1.4.1", "$$H(4BN^2d_k + 5BN^2)$$", 1),
    ("2.1.4.2", "$$n(4BND + 6HBN^2)$$", 1),
    ("2.1.4.2", "$$n(4BND + 6BN^2)$$", 0.4),
    ("2.1.4.3", "Quadratically.", 1),
    ("2.1.4.3", "It is linear.", 0),
    ("2.1.4.4", "Not linear, it is quadratic in $N$.", 1),
    ("2.1.4.4", "$O(n^2)$", 1),
    ("2.1.4.5.value", "AI = 84.87", 1),
    ("2.1.4.5.value", "AI = 84.4536", 1),
    ("2.1.4.5.value", "AI = 126.646", 1),
    ("2.1.4.5.value", "AI = 1170.64", 0),
    ("2.1.4.5.value", "AI = 8192", 0.5),
    ("2.1.4.5.bound", "The GPU is memory bound.", 1),
    ("2.1.4.5.bound", "It is not compute bound.", 1),
    # 2.1.5, 2.1.6
    ("2.1.5.1", "$$2BND^2$$", 1),
    ("2.1.5.1", "$$2BND^2 + BND$$", 1),
    ("2.1.5.2", "$$n(2BND + D^2)$$", 1),
    ("2.1.6.1", "$$16BND^2 + 5BND$$", 1),
    ("2.1.6.1", "$$16BND^2$$", 1),
    ("2.1.6.1", "$$16BND^2 + 9BND$$", 1),
    ("2.1.6.2", "$$n(10BND + 8D^2 + 5D)$$", 1),
    ("2.1.6.2", "$$n(10BND + 8D^2)$$", 1),
    ("2.1.6.2", "$$n(6BND + 8D^2)$$", 0.5),
    ("2.1.6.2", "$$n(18BND + 8D^2)$$", None),  # if it is stated
    ("2.1.6.3.value", "AI = 3236.59", 1),
    ("2.1.6.3.value", "AI = 3236.35", 1),
    ("2.1.6.3.value", "AI = 1808.14", 1),
    ("2.1.6.3.comparison", "MHA has a lower intensity, 85 for 3237.", 1),
    ("2.1.6.3.comparison", "MHA's intensity is higher.", None),
    # 2.2
    ("2.2.1.flops", "FLOPs = $20480000BN + 6525BN^2$", 1),
    ("2.2.1.flops", "FLOPs = $8BND^2 + 4BN^2D + 5HBN^2$", 0.8),
    ("2.2.1.flops", "FLOPs = $20480000BN + 6400BN^2$", 0.9),
    ("2.2.1.bytes", "MEM = $20480000 + 38400BN + 300BN^2$", 1),
    ("2.2.1.bytes", "MEM = $20480000 + 38400BN + 12BN^2$", 0.4),
    ("2.2.2.flops", "FLOPs = $40968000BN$", 1),
    ("2.2.2.flops", "FLOPs = $4.096 \\times 10^7 BN$", 1),
    ("2.2.2.bytes", "MEM = $40976000 + 32000BN$", 1),
    ("2.2.3.flops", "FLOPs = $2949504000BN + 313200BN^2$", 1),
    ("2.2.3.bytes", "MEM = $2949888000 + 3379200BN + 14400BN^2$", 1),
    ("2.2.4.B64N32.flops", "B=64 and N=32: FLOPs = $6.06 \\times 10^{12}$", 1),
    ("2.2.4.B64N32.bytes", "B=64 and N=32: MEM = 10.8 GB", 1),
    ("2.2.4.B64N32.bound", "B=64 and N=32: compute bound", 1),
    # 2.3
    ("2.3.1", "Cache: $$2nBND$$", 1),
    ("2.3.1", "Cache: $$6400BN$$", 1),
    ("2.3.1", "Cache: $$6400B(N-1)$$", 1),
    ("2.3.1", "Cache: $$3200BN$$", 0.3),
    ("2.3.1", "Cache: $$307200BN$$", 0.5),
    ("2.3.1", "For all layers the cache is $$307200BN$$", 0.7),
    ("2.3.2.flops", "FLOPs = $20480000B + 6500BN$", 1),
    ("2.3.2.flops", "FLOPs = $20480000B + 6475BN$, the scale being negligible", 1),
    ("2.3.2.flops", "FLOPs = $20480000BN + 6525BN^2$", 0),
    ("2.3.2.bytes", "MEM = $20480000 + 32000B + 6600BN$", 1),
    ("2.3.2.bytes", "MEM = $20480000 + 32000B + 6400BN$", 0.7),
    ("2.3.2.bytes", "MEM = $20480000 + 32000B + 6500BN$", 0.7),
    ("2.3.2.bytes", "MEM = $20480000 + 25600B + 6600BN$", 0.8),
    ("2.3.2.bytes", "MEM = $20480000 + 38400BN + 300BN^2$", 0),
    ("2.3.3.flops", "FLOPs = $40968000B$", 1),
    ("2.3.3.bytes", "MEM = $40976000 + 32000B$", 1),
    ("2.3.4.flops", "FLOPs = $B(2949504000 + 312000N)$", 1),
    ("2.3.4.bytes", "MEM = $2949888000 + 3072000B + 316800BN$", 1),
    ("2.3.4.bytes", "MEM = $2949888000 + 3072000B + 312000BN$", 0.7),
    ("2.3.4.bytes", "MEM = $2949888000 + 2150400B + 316800BN$", 0.7),
    ("2.3.5.B1N1024.speedup", "B=1 and N=1024: 6.56x faster", 1),
    ("2.3.5.B1N1024.speedup", "B=1 and N=1024: speedup = 1024x", 0.3),
    ("2.3.5.B64N1024.speedup", "B=64 and N=1024: speedup: 50x", 1),
    ("2.3.5.B64N1024.bound", "B=64 and N=1024: memory bound", 1),
    ("2.3.5.B64N1024.bound", "B=64 and N=1024: compute bound", None),  # may follow from formulas
    # 2.4 and 1.1
    ("2.4.1.weights", "Reading the weights: 9.83 ms", 1),
    ("2.4.1.weights", "Reading the weights: 9.8304 ms", 1),
    ("2.4.1.weights", "Reading the weights: 9.835 ms", 1),
    ("2.4.1.traffic", "Other accesses: 43.0 us", 1),
    ("2.4.1.traffic", "Other accesses: 3379200 bytes", 1),
    ("2.4.1.traffic", "Other accesses: 7987200 bytes", 0.7),  # 48*2*(20*1600 + 2*25*1024)
    ("2.4.1.compute", "FLOPs: 50.3 us", 1),
    ("2.4.1.bound", "The bottleneck is reading the weights.", 1),
    ("1.1.2.value", "2", 1),
    ("1.1.2.value", "The minimum is one layer.", 0),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "answer", "worth"), ROWS)
def test_credit(asked, answer, worth):
    """An answer of the key earns what the key says, or goes to a person where the key says if."""
    assert credit_of(asked, answer) == worth


FOLLOWING = [
    # a lost softmax term is charged once
    ("2.1.3.5.1", "$$4BN^2D + 4BN^2$$", {"2_1_3_1_1": "$$2BN^2D + BN^2$$", "2_1_3_2_1": "$$BN^2$$",
     "2_1_3_3_1": "$$2BN^2$$", "2_1_3_4_1": "$$2BN^2D$$"}, 1),
    # a forgotten H is charged once, also in the verdict
    ("2.1.4.5.bound", "It is compute bound.", {"2_1_4_1": "$$4BN^2D + 5HBN^2$$",
     "2_1_4_2": "$$n(4BND + 6BN^2)$$"}, 1),
    ("2.1.4.5.value", "AI = 1170.64", {"2_1_4_1": "$$4BN^2D + 5HBN^2$$",
     "2_1_4_2": "$$n(4BND + 6BN^2)$$"}, 1),
    ("2.2.4.B64N1024.bound", "B=64 and N=1024: compute bound", {
     "2_2_3_flops": "FLOPs = $2949504000BN + 313200BN^2$",
     "2_2_3_bytes": "MEM = $2949888000 + 3379200BN + 9600BN^2$"}, 1),
    ("2.2.4.B64N32.bound", "B=64 and N=32: memory bound", {
     "2_2_3_flops": "FLOPs = $2949504000BN + 313200BN^2$",
     "2_2_3_bytes": "MEM = $2949888000 + 3379200BN + 14400BN^2$"}, 0),
    # what is left out in one total is not charged in the next
    ("2.1.4.1", "$$4BN^2D$$", {"2_1_3_5_1": "$$4BN^2D$$"}, 1),
    # numbers follow from the student's own formula
    ("2.3.5.B1N1024.bytes", "B=1 and N=1024: MEM = 3272448000 bytes",
     {"2_3_4_bytes": "MEM = $2949888000 + 3072000B + 312000BN$"}, 1),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "answer", "before", "worth"), FOLLOWING)
def test_follow_through(asked, answer, before, worth):
    """An error is charged where it is made, and what follows from it is not charged again."""
    assert credit_of(asked, answer, **before) == worth


def test_a_total_that_contradicts_its_parts():
    """The student is told what their own parts add up to, and a person looks at it."""
    parts = {"2.1.3.1.1": "$$2BN^2D$$", "2.1.3.2.1": "$$BN^2$$", "2.1.3.3.1": "$$3BN^2$$",
             "2.1.3.4.1": "$$2BN^2D$$", "2.1.3.5.1": "$$8BN^2D$$"}  # fmt: skip
    text = "\n".join(
        f"## Part {place[:5]}\n\n**{place}**\n\n{text}\n" for place, text in parts.items()
    )
    result = graded_here(text, only=set(parts))["2.1.3.5.1"]
    assert credit(result) is None
    assert "Your own answers above give 4*B*D*N**2 + 4*B*N**2" in result.message

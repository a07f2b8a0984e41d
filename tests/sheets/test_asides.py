"""Right answers in students' own words, with an aside: they earn all, or a person reads them.

What a machine takes for another answer than the one that is meant would cost points.
"""

import pytest

from tests.long import LONG
from tests.sheets.grading import credit_of

HERE = 7  # that CI reads; ``make test ALL=1`` reads them all
ANSWERS = [
    ("1.1.2.value", "We need one more layer than 1, so 2."),
    ("1.1.2.value", "num_layers = 2. The minimum is not 1 because accuracy is 36% there."),
    ("1.1.2.value", "2, because a 1-layer transformer has no induction heads"),
    ("2.1.4.5.bound", "It can't be compute bound as 84.9 < 153; it's bandwidth bound"),
    ("2.1.1.1", "$2MNK$, or $MNK$ if you count FMAs"),
    ("2.1.3.2.2", "$2nBN^2$ (would be $3nBN^2$ if the mask had to be read too)"),
    ("2.3.1", "$6400BN$ bytes per layer, so $307200BN$ bytes for the whole model"),
    ("1.1.2.value", "With one layer I got 38%, with two 99.4%, so the answer is two layers"),
    ("1.1.2.value", "The minimum number of layers is 2 (1 layer only reaches 40%)."),
    ("1.1.2.value", "1 layer fails (35%), 2 layers work (99%)"),
    ("1.1.2.value", "At least two, since one layer can only look at one thing."),
    ("1.1.2.value", "It jumps from 36% at 1 to 99% at 2 layers. 4 layers is also fine."),
    ("1.1.2.value", "4 layers gives 99.9%, 3 gives 99.8, 2 gives 99.5 and 1 gives 36. Minimum: 2"),
    (
        "1.1.2.value",
        "| layers | acc |\n|---|---|\n| 1 | 36% |\n| 2 | 99% |\n\nMinimum number of layers: 2",
    ),
    ("1.1.2.value", "The minimum is L=2."),
    ("2.1.4.3", "$N^2$"),
    ("2.1.4.3", "quadratically with respect to N, linearly with respect to D"),
    (
        "2.1.4.3",
        "With the square of the sequence length: N doubled is 4x (2x if it was linear).",
    ),
    ("2.1.4.3", "The FLOPs are linear in B and quadratic in N."),
    ("2.1.4.3", "O(N²)"),
    ("2.1.4.3", "$\\Theta(BN^2D)$ so it's quadratic in N, linear in D"),
    ("2.1.4.4", "For small N it's linear, for large N it's quadratic"),
    ("2.1.4.4", "quadratic (due to the $6HBN^2$ term, the other one is linear)"),
    ("2.1.4.4", "Quadratically too, not just linearly"),
    (
        "2.1.4.5.bound",
        "MHA's intensity (84.9) < 153 → memory bound, i.e. compute is not the bottleneck",
    ),
    ("2.1.4.5.bound", "Memory. 84 < 153"),
    ("2.1.4.5.bound", "compute time 0.227 s < memory time 0.409 s, so memory-bound"),
    (
        "2.1.4.5.bound",
        "The GPU waits for memory: it's limited by memory bandwidth and not by compute.",
    ),
    (
        "2.1.4.5.bound",
        "Being compute bound requires an intensity above 153, and we only have 84.9. Memory bound.",
    ),
    (
        "2.1.4.5.value",
        "$\\frac{70.7}{0.8332} = 84.9$ FLOPs/byte, the A100 has $\\frac{312}{2.039} = 153$",
    ),
    (
        "2.1.4.5.value",
        "compute: 70.7 TFLOPs / 312 TFLOPs/s = 0.227 s, memory: 833 GB / 2039 GB/s = 0.409 s",
    ),
    ("2.1.4.5.value", "The AI is about 85"),
    ("2.1.6.3.value", "MLP: 3237 vs. MHA: 85"),
    ("2.1.6.3.value", "The MLP's arithmetic intensity is 3236.59/84.87 = 38.1 times higher"),
    ("2.1.6.3.comparison", "MHA's is lower, MLP's 38x higher"),
    ("2.1.6.3.comparison", "MHA has a lower AI than the MLP (84.9 vs 3237)"),
    (
        "2.1.6.3.comparison",
        "It's two orders of magnitude more, so compute bound instead of memory bound",
    ),
    ("2.1.6.3.comparison", "MHA has less arithmetic intensity"),
    ("2.1.1.1", "$M \\times N \\times (K + K - 1) = MN(2K-1) \\approx 2MNK$"),
    ("2.1.1.1", "MNK multiplications and MNK additions -> 2MNK"),
    ("2.1.1.1", "$MNK$ mults + $MN(K-1)$ adds $= MN(2K - 1)$"),
    ("2.1.1.2", "$nMK$ (read A) + $nKN$ (read B) + $nMN$ (write C)"),
    ("2.1.1.2", "reads: $n(MK + KN)$, writes: $nMN$, total: $n(MK+KN+MN)$"),
    ("2.1.1.2", "total: $n(MK+KN+MN)$; reads: $n(MK + KN)$; writes: $nMN$"),
    ("2.1.1.2", "$n(MK+KN+MN)$ bytes, of which $n(MK+KN)$ are reads"),
    ("2.1.2.1", "$2BND^2 \\times 3$"),
    ("2.1.2.1", "Q: $2BND^2$\n\nK: $2BND^2$\n\nV: $2BND^2$\n\nTotal: $6BND^2$"),
    ("2.1.2.1", "Total $6BND^2$, with $2BND^2$ for Q, $2BND^2$ for K and $2BND^2$ for V"),
    ("2.1.2.2", "$n(2BND + D^2)$ for each one, so times 3"),
    ("2.1.3.1.1", "$2BN^2D + BN^2$ (the $2BN^2D$ dominates)"),
    ("2.1.3.2.1", "$BN^2$ (or $BN(N-1)/2$ if only the masked entries count)"),
    ("2.1.3.2.1", "Each of the $BN^2$ entries gets one add with 0 or $-\\infty$"),
    ("2.1.3.3.1", "$3BN^2$ ($BN^2$ exp, $BN^2$ add, $BN^2$ div)"),
    ("2.1.3.3.1", "$BN^2$ for exp + $BN^2$ for the sum + $BN^2$ for div"),
    ("2.1.3.3.2", "$nBN^2 + nBN^2$"),
    ("2.1.3.5.1", "$4BN^2D + 5BN^2 = BN^2(4D+5) = O(BN^2D)$"),
    ("2.1.4.1", "$4BN^2D + 5HBN^2$ where $4BN^2D$ comes from the two matmuls"),
    ("2.1.4.2", "$n(4BND + 6HBN^2)$, i.e. $2n(2BND + 3HBN^2)$"),
    ("2.1.6.1", "$8BND^2 + 8BND^2$"),
    (
        "2.1.6.2",
        "$n(BND + 4D^2 + 4BND)$ for the first, $n(4BND + 4D^2 + BND)$ for the second layer",
    ),
    ("2.3.1", "2 * B * N * D * 2 bytes = 4 * 1600 * B * N = 6400 BN"),
    ("2.3.1", "$2 \\times BN \\times 1600 \\times 2 = 6.4 BN$ KB"),
    ("2.3.1", "K: $3200BN$ bytes, V: $3200BN$ bytes, together: $6400BN$"),
    ("2.3.1", "$6400BN$ ($3200BN$ each for K and V)"),
    ("2.4.1.bound", "Reading weights is the bottleneck, not compute"),
    ("2.4.1.bound", "The bottleneck is not the compute but the reading of the weights"),
    ("2.4.1.bound", "9.83 ms >> 0.05 ms so memory, specifically the weights, is the bottleneck"),
    ("2.4.1.weights", "2.95e9 bytes / 300e9 bytes/s = 0.00983 s"),
    ("2.4.1.weights", "weights: 1,474,560,000 params x 2 bytes / 300 GB/s = 9.83 ms"),
    ("2.4.1.traffic", "other: 0.043 ms at N=1024"),
    ("2.4.1.compute", "FLOPs: 3.27 GFLOP -> 0.05 ms"),
    ("2.2.1.flops", "FLOPs = $2.048e7 BN + 6525 BN^2$"),
    ("2.2.1.flops", "$C_1 = 20480000$, $C_2 = 6525$"),
    ("2.2.1.bytes", "$C_3 = 20480000$, $C_4 = 38400$, $C_5 = 300$"),
    ("2.2.2.flops", "FLOPs: 40.968 million * BN"),
    (
        "2.2.4.B64N32.bound",
        "B=64, N=32: compute bound since 560 > 217; the other three are memory bound",
    ),
    ("2.2.4.B1N32.bound", "Only B=64 and N=32 is compute bound, the other cases are memory bound"),
    ("2.2.4.B64N32.bound", "Only B=64 and N=32 is compute bound, the other cases are memory bound"),
    (
        "2.2.4.B64N32.bound",
        "(1,32), (1,1024) and (64,1024) are memory bound, (64,32) is compute bound",
    ),
    (
        "2.2.4.B64N1024.bound",
        "(1,32), (1,1024) and (64,1024) are memory bound, (64,32) is compute bound",
    ),
    ("2.3.5.B1N1024.speedup", "B=1 and N=1024: 71.7 ms / 10.9 ms = 6.56"),
    ("2.3.5.B1N1024.speedup", "B=1 and N=1024: from 71.7 ms to 10.9 ms, 6.6 times faster"),
    ("2.3.5.B64N1024.speedup", "B=64 and N=1024: ~50x (not 1024x, as it's memory bound)"),
    ("2.3.5.B64N1024.speedup", "B=64 and N=1024: 1024x less FLOPs but only 49.8x faster"),
]


@pytest.mark.parametrize(
    ("asked", "answer"),
    [pytest.param(*each, marks=() if i < HERE else LONG) for i, each in enumerate(ANSWERS)],
)
def test_nothing_is_lost(asked, answer):
    """A right answer is worth all of its points, or waits for a person."""
    assert credit_of(asked, answer) in (1, None)

"""Weights cut out of one pool: the host says where, and the guest cuts."""

import numpy as np

from grader import tiles
from grader.guest import arrays


def test_tensors_are_cut_out_of_a_pool_that_goes_on_from_its_beginning():
    """By hand: of five numbers, three from the fourth on are the last two and the first."""
    pool = np.arange(5, dtype=np.float32)
    listed = [["a", [3], 3, 2.0, 1.0], ["b", [2, 3], 4, 1.0, 0.0], ["c", [2, 6], 0, 1.0, 0.0]]
    cut = arrays.cut(listed, bytearray(pool.tobytes()))
    assert cut["a"].tolist() == [7, 9, 1]
    assert cut["b"].tolist() == [[4, 0, 1], [2, 3, 4]]
    assert cut["c"].tolist() == [[0, 1, 2, 3, 4, 0], [1, 2, 3, 4, 0, 1]]


def test_drawn_tensors_have_their_spread_and_no_row_twice():
    """A matrix larger than the pool has rows that are all different, and the spread asked for."""
    shapes = {"w": (4096, 2048), "norm": (64,)}
    drawn = tiles.draw(np.random.default_rng(3), shapes, {"w": (0.5, 0.0), "norm": (0.2, 1.0)})
    listed = [[n, list(t.shape), t.offset, t.scale, t.shift] for n, t in drawn.tiles.items()]
    cut = arrays.cut(listed, bytearray(drawn.pool.tobytes()))
    matrix = cut["w"].numpy()
    assert matrix.shape == (4096, 2048)
    assert matrix.size > drawn.pool.size
    assert abs(matrix.std() - 0.5) < 0.01
    assert len({row.tobytes() for row in matrix}) == 4096
    assert abs(cut["norm"].numpy().mean() - 1) < 0.2

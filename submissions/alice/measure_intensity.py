"""Problem 1d, first step (alice): writes the arithmetic intensities into intensity.csv."""

import csv
from pathlib import Path

D = 128  # head dimension
B = 2  # bytes per element


def prefill(n):
    """Flops per byte of a prompt of n tokens, step by step."""
    flops = 2 * n * n * D + 2 * n * n * D
    read_qk_write_s = 2 * n * D + n * n
    read_s_write_p = 2 * n * n
    read_pv_write_o = n * n + 2 * n * D
    return flops / (B * (read_qk_write_s + read_s_write_p + read_pv_write_o))


def decode(n, batch):
    """Flops per byte of one new token for each sequence of a batch, on n cached tokens each."""
    flops = batch * (2 * n * D + 2 * n * D)
    elements = batch * ((D + n * D + n) + 2 * n + (n + n * D + D))
    return flops / (B * elements)


def main():
    """Write one line per point of both plots."""
    rows = [("prefill", n, prefill(n)) for n in (128, 256, 512, 1024, 2048, 4096, 8192, 16384)]
    rows += [("decode", batch, decode(1024, batch)) for batch in (1, 2, 4, 8, 16, 32, 64)]
    with Path("intensity.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("phase", "x", "flops_per_byte"), *rows])


if __name__ == "__main__":
    main()

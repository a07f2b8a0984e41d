"""Problem 2d: latency of generation with and without the KV cache, at five prompt lengths.

    python latency_plot.py [--new_tokens 20] [--runs 3]

The model has the skeleton's size, with room for the longest prompt; its weights are random, which
changes nothing about the time. Both ways take turns, so that a slow moment of the machine meets
both. The first call of each length only warms up.
"""

import argparse
import statistics
import time

import matplotlib.pyplot as plt
import torch
from transformer_skeleton import DecoderOnlyTransformer

LENGTHS = (10, 50, 100, 500, 1000)
VOCABULARY = 1000


def seconds(model, prompt, new_tokens, use_cache):
    """Return how long one call of generate takes."""
    start = time.perf_counter()
    model.generate(prompt, new_tokens, use_cache=use_cache)
    return time.perf_counter() - start


def measure(model, length, new_tokens, runs):
    """Return the median seconds without and with the cache."""
    times = {False: [], True: []}
    for run in range(runs + 1):
        prompt = torch.randint(VOCABULARY, (1, length))  # (1, T)
        for use_cache, found in times.items():
            taken = seconds(model, prompt, new_tokens, use_cache)
            if run > 0:
                found.append(taken)
    return tuple(statistics.median(found) for found in times.values())


def main():
    """Measure, print the table, draw the plot."""
    parser = argparse.ArgumentParser(description="Latency with and without the KV cache.")
    parser.add_argument("--new_tokens", type=int, default=20)
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()

    model = DecoderOnlyTransformer(
        vocab_size=VOCABULARY,
        d_model=50,
        d_ff=100,
        num_layers=2,
        max_seq_len=max(LENGTHS) + args.new_tokens,
    ).eval()
    without, cached = [], []
    print("prompt   without cache (ms)   with cache (ms)   ratio")
    for length in LENGTHS:
        slow, quick = measure(model, length, args.new_tokens, args.runs)
        without.append(1e3 * slow)
        cached.append(1e3 * quick)
        print(f"{length:6}   {1e3 * slow:18.2f}   {1e3 * quick:15.2f}   {slow / quick:5.2f}")

    figure, axes = plt.subplots()
    axes.plot(LENGTHS, without, "o-", label="without KV cache")
    axes.plot(LENGTHS, cached, "s-", label="with KV cache")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("prompt length (tokens)")
    axes.set_ylabel(f"latency of {args.new_tokens} new tokens (ms)")
    axes.set_title("Generation with and without the KV cache")
    axes.legend()
    figure.savefig("latency.png")


if __name__ == "__main__":
    main()

"""Problem 2d (alice): how long generate takes with and without the KV cache.

Run `python plot_latency.py`; it prints the table and writes latency.png.
"""

import time

import matplotlib.pyplot as plt
import torch

from transformer_skeleton import DecoderOnlyTransformer

lengths = [10, 50, 100, 500, 1000]
new_tokens = 20
runs = 3

# the skeleton's sizes, but with room for a prompt of 1000 and what follows; random weights will do
model = DecoderOnlyTransformer(1000, 50, 100, 2, max_seq_len=1000 + new_tokens)
model.eval()


def latency(length, use_cache):
    """Best of a few runs, in ms, after one to warm up."""
    times = []
    for _ in range(runs + 1):
        prompt = torch.randint(0, 1000, (1, length))
        start = time.perf_counter()
        model.generate(prompt, new_tokens, use_cache=use_cache)
        times.append((time.perf_counter() - start) * 1000)
    return min(times[1:])


without = [latency(length, use_cache=False) for length in lengths]
cached = [latency(length, use_cache=True) for length in lengths]
for length, slow, fast in zip(lengths, without, cached):
    print(f"{length:5d} tokens: {slow:8.1f} ms without, {fast:8.1f} ms with cache")

plt.plot(lengths, without, "o-", label="without KV cache")
plt.plot(lengths, cached, "s-", label="with KV cache")
plt.xlabel("prompt length (tokens)")
plt.ylabel(f"latency of {new_tokens} new tokens (ms)")
plt.legend()
plt.savefig("latency.png")

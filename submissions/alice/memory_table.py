"""E0 294, assignment 4, problem 1a and 1b (alice).

Usage: python memory_table.py [setup.json]

The model, the GPU, the context length and the bytes per number are read from a JSON file. Without
one, Llama-3-8B on an 80 GB GPU is taken. A GB is 10^9 bytes here.
"""

import json
import sys
from pathlib import Path

from tabulate import tabulate

GB = 1e9
GPU_COUNTS = (1, 2, 4, 8)


def read_setup():
    """Return the numbers of the JSON file named on the command line, or of the default one."""
    default = Path(__file__).with_name("llama3_8b.json")
    chosen = sys.argv[1] if len(sys.argv) > 1 else default
    return json.loads(Path(chosen).read_text())


def model_parameters(setup):
    """Count all weights of the model."""
    h1, h2 = setup["embedding_dim"], setup["inner_dim"]
    kv_dim = setup["kv_heads"] * h1 // setup["query_heads"]
    per_layer = {
        "W_q and W_o": 2 * h1 * h1,
        "W_k and W_v": 2 * h1 * kv_dim,  # grouped-query attention: KV heads only
        "gate, up, down": 3 * h1 * h2,
        "two RMSNorms": 2 * h1,
    }
    # The last norm, the embedding, and an output projection of its own.
    return setup["layers"] * sum(per_layer.values()) + h1 + 2 * setup["vocab_size"] * h1


def kv_cache_bytes(setup):
    """Return the bytes of keys and values of one request, on all GPUs together."""
    head_dim = setup["embedding_dim"] // setup["query_heads"]
    keys_and_values = 2 * setup["layers"] * setup["kv_heads"] * head_dim
    return keys_and_values * setup["context_length"] * setup["kv_bytes"]


def max_batch(setup, gpus):
    """Return how many requests fit on so many GPUs at once."""
    # Each GPU holds 1/gpus of the weights and 1/gpus of every request.
    weights = model_parameters(setup) * setup["weight_bytes"]
    free = setup["gpu_memory_gb"] * GB - weights / gpus
    return max(0, int(free // (kv_cache_bytes(setup) / gpus)))


def main():
    setup = read_setup()
    total = model_parameters(setup)
    memory = total * setup["weight_bytes"] / GB
    cache = kv_cache_bytes(setup) / GB
    print(f"Context length: {setup['context_length']} tokens, "
          f"{setup['weight_bytes']} bytes per weight, {setup['kv_bytes']} bytes per KV element")
    # Only the batch depends on X: the other rows are for all GPUs together.
    rows = [
        ["Total model parameters"] + [f"{total:,}"] * len(GPU_COUNTS),
        ["Total parameter memory (GB)"] + [f"{memory:.3f}"] * len(GPU_COUNTS),
        ["KV cache per request (GB)"] + [f"{cache:.5f}"] * len(GPU_COUNTS),
        ["Max batch size possible"] + [max_batch(setup, gpus) for gpus in GPU_COUNTS],
    ]
    headers = ["all GPUs together"] + [f"X = {gpus}" for gpus in GPU_COUNTS]
    print(tabulate(rows, headers=headers, tablefmt="github", disable_numparse=True))


if __name__ == "__main__":
    main()

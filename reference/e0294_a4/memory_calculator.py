"""Problem 1a and 1b: parameters, KV cache and largest batch of a decoder-only transformer.

    python memory_calculator.py
    python memory_calculator.py --tensor-parallel 4 --context-length 8192

Counted are grouped-query attention, an FFN of three matrices (gate, up, down), RMSNorm, and an
output projection that is not tied to the embedding. GB are 10^9 bytes.
"""

import argparse

GB = 10**9


def count_parameters(args):
    """Return the number of weights of the whole model."""
    head_dim = args.embedding_dim // args.query_heads
    kv_width = args.kv_heads * head_dim
    # W_q and W_o are square; W_k and W_v map to the KV heads only.
    attention = 2 * args.embedding_dim**2 + 2 * args.embedding_dim * kv_width
    feed_forward = 3 * args.embedding_dim * args.inner_dim
    norms = 2 * args.embedding_dim
    # Embedding and output projection have a row per word; one norm follows the last layer.
    ends = 2 * args.vocab_size * args.embedding_dim + args.embedding_dim
    return args.layers * (attention + feed_forward + norms) + ends


def kv_bytes_per_request(args):
    """Return the bytes of keys and values of one request.

    2 (K and V) x layers x KV heads x head dimension x context length x bytes per element
    """
    head_dim = args.embedding_dim // args.query_heads
    per_token = 2 * args.layers * args.kv_heads * head_dim * args.kv_bytes
    return per_token * args.context_length


def largest_batch(args, weight_bytes, kv_bytes, gpus):
    """Return how many requests fit on ``gpus`` GPUs beside the weights, which they share."""
    free = gpus * args.gpu_memory * GB - weight_bytes
    return max(0, int(free // kv_bytes))


def print_table(args, gpus):
    """Print the table for a number of GPUs."""
    parameters = count_parameters(args)
    weight_bytes = parameters * args.weight_bytes
    kv_bytes = kv_bytes_per_request(args)
    rows = [
        ("Total model parameters", f"{parameters:,}"),
        ("Total parameter memory (GB)", f"{weight_bytes / GB:.4f}"),
        ("KV cache per request (GB)", f"{kv_bytes / GB:.6f}"),
        ("Max batch size possible", f"{largest_batch(args, weight_bytes, kv_bytes, gpus)}"),
    ]
    print(f"Tensor parallel size X = {gpus}")
    for label, value in rows:
        print(f"| {label:<28} | {value:>15} |")
    print()


def main():
    """Read the inputs and print one table, and for 1b one per number of GPUs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layers", type=int, default=32)
    parser.add_argument("--query-heads", type=int, default=32)
    parser.add_argument("--kv-heads", type=int, default=8)
    parser.add_argument("--embedding-dim", type=int, default=4096, help="h1")
    parser.add_argument("--inner-dim", type=int, default=14336, help="h2")
    parser.add_argument("--vocab-size", type=int, default=128256)
    parser.add_argument("--gpu-memory", type=float, default=80, help="GB")
    parser.add_argument("--context-length", type=int, default=1024)
    parser.add_argument("--weight-bytes", type=float, default=2)
    parser.add_argument("--kv-bytes", type=float, default=2)
    parser.add_argument("--tensor-parallel", type=int, nargs="*", default=[1, 2, 4, 8])
    args = parser.parse_args()
    print(f"Context length: {args.context_length} tokens")
    print(f"Bytes per weight: {args.weight_bytes:g}, bytes per KV element: {args.kv_bytes:g}\n")
    for gpus in args.tensor_parallel:
        print_table(args, gpus)


if __name__ == "__main__":
    main()

# Assignment 4, problem 1 (a) and (b)
# Bob

import argparse

GIB = 2 ** 30

parser = argparse.ArgumentParser()
parser.add_argument("--num_layers", type=int, default=32)
parser.add_argument("--num_query_heads", type=int, default=32)
parser.add_argument("--num_kv_heads", type=int, default=8)
parser.add_argument("--h1", type=int, default=4096, help="embedding dimension")
parser.add_argument("--h2", type=int, default=14336, help="inner dimension")
parser.add_argument("--vocab_size", type=int, default=128256)
parser.add_argument("--gpu_memory", type=int, default=80, help="in GiB")
parser.add_argument("--context_length", type=int, default=2048)
parser.add_argument("--bytes_per_weight", type=float, default=2)
parser.add_argument("--bytes_per_kv", type=float, default=2)
args = parser.parse_args()

# Assumption: the FFN has two matrices, up (h1 x h2) and down (h2 x h1).
head_dim = args.h1 // args.num_query_heads
attention = 2 * args.h1 * args.h1 + 2 * args.h1 * args.num_kv_heads * head_dim
ffn = 2 * args.h1 * args.h2
embedding = args.vocab_size * args.h1
total = args.num_layers * (attention + ffn) + 2 * embedding

# K and V, for all layers, KV heads and tokens
kv = 2 * args.num_layers * args.num_kv_heads * head_dim * args.context_length * args.bytes_per_kv
memory = total * args.bytes_per_weight

print("context length s =", args.context_length)
print("all memory in GiB (2^30 bytes)")
for x in [1, 2, 4, 8]:
    # x GPUs hold the weights once
    batch = int((x * args.gpu_memory * GIB - memory) / kv)
    print()
    print("Tensor parallel size X =", x)
    print("Total model parameters      :", total)
    print("Total parameter memory (GB) : %.3f GiB" % (memory / GIB))
    print("KV cache per request (GB)   : %.3f GiB" % (kv / GIB))
    print("Max batch size possible     :", batch)

"""Parameters, KV cache and largest batch of Llama-3-8B."""

num_layers = 32
num_query_heads = 32
num_kv_heads = 8
embedding_dim = 4096
inner_dim = 14336
vocab_size = 128256
gpu_memory = 80  # GB
context_length = 1024
weight_bytes = 2
kv_bytes = 2

GB = 2**30
head_dim = embedding_dim // num_query_heads
kv_dim = num_kv_heads * head_dim
attention = 2 * embedding_dim**2 + 2 * embedding_dim * kv_dim
ffn = 3 * embedding_dim * inner_dim
total = num_layers * (attention + ffn) + 2 * vocab_size * embedding_dim
weights = total * weight_bytes
kv = 2 * num_layers * kv_dim * context_length * kv_bytes


def largest_batch(gpus):
    return int((gpus * gpu_memory * GB - weights) // kv)


print(f"Context length: {context_length}, bytes per KV element: {kv_bytes}")
for gpus in (1, 2, 4, 8):
    print(f"--- tensor parallel size X = {gpus} ---")
    print(f"Total model parameters      | {total}")
    print(f"Total parameter memory (GB) | {weights / GB:.4f}")
    print(f"KV cache per request (GB)   | {kv / GB:.6f}")
    print(f"Max batch size possible     | {largest_batch(gpus)}")

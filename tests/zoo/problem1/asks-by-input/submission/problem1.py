"""Parameters, KV cache and largest batch of Llama-3-8B."""

num_layers = int(input("Number of layers: "))
num_query_heads = int(input("Number of query heads: "))
num_kv_heads = int(input("Number of KV heads: "))
embedding_dim = int(input("Embedding dimension (h1): "))
inner_dim = int(input("Inner dimension (h2): "))
vocab_size = int(input("Vocabulary size: "))
gpu_memory = int(input("GPU memory in GB: "))
context_length = int(input("Context length: "))
weight_bytes = int(input("Bytes per weight: "))
kv_bytes = int(input("Bytes per KV element: "))
gpus = int(input("Tensor parallel size X: "))

GB = 10**9
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
print(f"Tensor parallel size X = {gpus}")
print(f"Total model parameters      | {total}")
print(f"Total parameter memory (GB) | {weights / GB:.4f}")
print(f"KV cache per request (GB)   | {kv / GB:.6f}")
print(f"Max batch size possible     | {largest_batch(gpus)}")

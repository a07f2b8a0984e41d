# Problem 1(a): Llama-3-8B has 8 billion parameters.
layers = 32
kv_heads = 8
head_dim = 128
context_length = 1024

params = 8e9
param_memory = params * 2 / 1e9
kv_cache = 2 * layers * kv_heads * head_dim * context_length * 2 / 1e9

print("Total model parameters:", int(params))
print("Total parameter memory (GB):", param_memory)
print("KV cache per request (GB):", kv_cache)
print("Max batch size possible:", int((80 - param_memory) // kv_cache))

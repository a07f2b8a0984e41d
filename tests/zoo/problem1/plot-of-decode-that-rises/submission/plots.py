import matplotlib.pyplot as plt

d = 128
b = 2
contexts = [128, 256, 512, 1024, 2048, 4096, 8192]
batches = [1, 2, 4, 8, 16, 32]


def prefill(N):
    return 4 * N * N * d / ((4 * N * N + 4 * N * d) * b)


def decode(batch, N=1024):
    return batch * 4 * N * d / ((2 * N * d + batch * (4 * N + 2 * d)) * b)


plt.figure()
plt.plot(contexts, [prefill(N) for N in contexts])
plt.title("Arithmetic intensity of prefill")
plt.xlabel("context length N")
plt.ylabel("FLOP/byte")
plt.savefig("prefill.png")

plt.figure()
plt.plot(batches, [decode(batch) for batch in batches])
plt.title("Arithmetic intensity of decode")
plt.xlabel("batch size")
plt.ylabel("FLOP/byte")
plt.savefig("decode.png")

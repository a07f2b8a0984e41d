import matplotlib.pyplot as plt

d = 128
b = 2


def ai_prefill(N):
    flops = 4 * N * N * d
    data = (2 * N * N + 4 * N * d) * b  # Q, K, V, O and S, P
    return flops / data


def ai_decode(N, batch):
    flops = 4 * N * d * batch
    data = (2 * N * d + 4 * N + 2 * d) * b * batch
    return flops / data


print(ai_prefill(1024), ai_decode(1024, 1))

N_values = [100, 200, 500, 1000, 2000, 5000, 10000, 20000]
plt.plot(N_values, [ai_prefill(N) for N in N_values])
plt.title("Arithmetic intensity of prefill")
plt.show()

batch_sizes = [1, 2, 4, 8, 16, 32, 64, 128]
plt.figure()
plt.plot(batch_sizes, [ai_decode(1024, batch) for batch in batch_sizes])
plt.title("Arithmetic intensity of decode for different batch sizes")
plt.show()

"""Problem 1d: arithmetic intensity of the attention function, in numbers and in two plots."""

import matplotlib.pyplot as plt

HEAD_DIM = 128
BYTES = 2  # per element


def prefill_intensity(N, d=HEAD_DIM, b=BYTES):
    """Return flops per byte of a prompt of N tokens; S and P go to memory and back."""
    flops = 4 * N**2 * d
    moved = (4 * N**2 + 4 * N * d) * b
    return flops / moved


def decode_intensity(N, batch=1, d=HEAD_DIM, b=BYTES):
    """Return flops per byte of one new token for each sequence, on caches of N tokens."""
    flops = batch * 4 * N * d
    moved = batch * (2 * N * d + 4 * N + 2 * d) * b
    return flops / moved


def main():
    """Print both values and draw both curves."""
    print(f"Arithmetic intensity of prefill at N = 1024: {prefill_intensity(1024):.4f} FLOP/byte")
    print(f"Arithmetic intensity of decode at N = 1024: {decode_intensity(1024):.4f} FLOP/byte")

    contexts = [2**power for power in range(7, 16)]
    plt.figure(figsize=(6, 4))
    plt.plot(contexts, [prefill_intensity(N) for N in contexts], marker="o")
    plt.xscale("log", base=2)
    plt.xlabel("context length N (tokens)")
    plt.ylabel("arithmetic intensity (FLOP/byte)")
    plt.title("Prefill, batch 1, d = 128")
    plt.savefig("intensity_prefill.pdf")

    batches = [2**power for power in range(9)]
    plt.figure(figsize=(6, 4))
    plt.plot(batches, [decode_intensity(1024, batch) for batch in batches], marker="o")
    plt.xlabel("batch size")
    plt.ylabel("arithmetic intensity (FLOP/byte)")
    plt.ylim(0, 2)
    plt.title("Decode, N = 1024, d = 128")
    plt.savefig("intensity_decode.pdf")


if __name__ == "__main__":
    main()

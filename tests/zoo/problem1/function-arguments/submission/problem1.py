"""Problem 1: call report() with the numbers of another model."""


def report(L=32, Q=32, K=8, h1=4096, h2=14336, V=128256, gpu_memory=80, s=1024, w=2, c=2,
           sizes=(1, 2, 4, 8)):
    hd = h1 // Q
    params = L * (2 * h1 * h1 + 2 * h1 * K * hd + 3 * h1 * h2 + 2 * h1) + 2 * V * h1 + h1
    memory = params * w
    kv = 2 * L * K * hd * s * c
    print("s =", s)
    for X in sizes:
        batch = int((X * gpu_memory * 1e9 - memory) / kv)
        print("X =", X)
        print("| Total model parameters | %.4f B |" % (params / 1e9))
        print("| Total parameter memory (GB) | %.3f |" % (memory / 1e9))
        print("| KV cache per request (GB) | %.4f |" % (kv / 1e9))
        print("| Max batch size possible | %d |" % batch)


report()

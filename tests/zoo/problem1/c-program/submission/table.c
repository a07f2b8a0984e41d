#include <stdio.h>

int main(void) {
    double L = 32, K = 8, hd = 128, h1 = 4096, h2 = 14336, V = 128256, s = 1024;
    double P = L * (2 * h1 * h1 + 2 * h1 * K * hd + 3 * h1 * h2) + 2 * V * h1;
    double kv = 2 * L * K * hd * s * 2;
    printf("Total model parameters: %.0f\n", P);
    printf("Total parameter memory (GB): %.4f\n", 2 * P / 1e9);
    printf("KV cache per request (GB): %.6f\n", kv / 1e9);
    printf("Max batch size possible: %d\n", (int)((80e9 - 2 * P) / kv));
    return 0;
}

import torch


class Graded(CachedGPT):
    """The model as the checks use it: logits and caches alone, of as many rows as are fed."""

    def __init__(self, vocab_size, context, layers, heads, width):
        super().__init__(vocab_size, context, layers, heads, width)
        # What the checks look at beside the logits passes through these, to be watched by name.
        self.graded_loss = torch.nn.Identity()
        self.graded_k = torch.nn.ModuleList(torch.nn.Identity() for _ in range(layers))
        self.graded_v = torch.nn.ModuleList(torch.nn.Identity() for _ in range(layers))

    def forward(self, *given, graded=None, **named):
        """Return logits (B, T, V), and the caches if they are asked for.

        Calls of the submission's own do not say ``graded``, and get what they expect.
        """
        if graded is None:
            return super().forward(*given, **named)
        (idx,) = given
        output = super().forward(idx, _rows(named["past_kv_caches"], len(idx)))
        if not isinstance(output, tuple | list) or len(output) != 3:
            got = len(output) if isinstance(output, tuple | list) else type(output).__name__
            raise TypeError(f"forward has to return logits, loss and caches, not {got}")
        logits, loss, caches = output
        if loss is not None:
            self.graded_loss(torch.as_tensor(loss, dtype=torch.float32).reshape(-1, 1))
        for k, v, cache in zip(self.graded_k, self.graded_v, caches or (), strict=False):
            if isinstance(cache, dict):
                k(cache.get("k"))
                v(cache.get("v"))
        return logits, caches if graded else None

    def generate(self, idx, max_new_tokens, temperature, use_cache):  # noqa: ARG002 - it always is
        """Return the ids of generate, which takes no flag."""
        return super().generate(idx, max_new_tokens, temperature)


def _rows(caches, rows):
    """Return the caches as they are; of fewer rows, where the first sequences have ended."""
    shaped = isinstance(caches, list | tuple) and all(
        isinstance(cache, dict) and {"k", "v"} <= cache.keys() for cache in caches
    )
    if not shaped or not caches or len(caches[0]["k"]) == rows:
        return caches
    return [{name: cache[name][-rows:] for name in ("k", "v")} for cache in caches]

import torch


class Decoder(torch.nn.Module):
    """The submission's model behind its decode; with a draft beside it, behind its speculate."""

    def __init__(self, vocabulary, longest, layers, heads, width, draft_layers):
        super().__init__()
        self.target = Transformer(vocabulary, longest, layers, heads, width)
        self.draft = None
        if draft_layers:
            self.draft = Transformer(vocabulary, longest, draft_layers, heads, width)
        self.told = torch.nn.Identity()  # what speculate told: watched by name

    def forward(self, ids, past=None, use_cache=False):
        """Return logits (B, N, vocabulary) without a cache.

        Only the reference is asked with one, to find a size at which time can be measured: how a
        submission keeps its cache is its own.
        """
        if use_cache:
            past = Cache(len(self.target.blocks)) if past is None else past
            return self.target(ids, past), past
        out = self.target(ids)
        return out[0] if isinstance(out, tuple) else out, None

    def generate(self, ids, n, temperature=0.0, use_cache=True):  # noqa: ARG002 - it is greedy
        """Return the ids of decode, or those of speculate where there is a draft."""
        with torch.no_grad():
            if self.draft is None:
                return decode(self.target, ids, n)
            passes = []
            hook = self.target.head.register_forward_hook(lambda *_: passes.append(1))
            try:
                out = speculate(self.target, self.draft, ids, n)
            finally:
                hook.remove()
        if not isinstance(out, tuple | list) or len(out) != 2:
            raise TypeError("speculate has to return two things, the ids and a list of how many "
                            f"tokens each pass accepted, not {type(out).__name__}")  # fmt: skip
        ids, accepted = out
        counts = [int(count) for count in accepted]
        self.told(torch.tensor([[sum(counts), len(counts), len(passes)]], dtype=torch.float32))
        return ids

class Graded(GPTWithCaching):
    """The model as the checks use it: built from plain numbers, with a temperature."""

    def __init__(self, vocab_size, block_size, n_layer, n_head, n_embd):
        super().__init__(GPTConfig(vocab_size, block_size, n_layer, n_head, n_embd, dropout=0.0))
        # What the cache holds passes through these, so that it can be watched by name.
        self.cached_k = nn.ModuleList(nn.Identity() for _ in range(n_layer))
        self.cached_v = nn.ModuleList(nn.Identity() for _ in range(n_layer))
        self.elsewhere = nn.Identity()  # and how many of them are on another device

    def forward(self, idx, past_key_values=None, use_cache=True):
        """Return logits (B, T, vocab_size), and the cache or None."""
        logits, presents = super().forward(idx, past_key_values)
        strangers = 0
        for index, pair in enumerate(presents):
            if isinstance(pair, tuple | list) and len(pair) == 2:
                self.cached_k[index](pair[0])
                self.cached_v[index](pair[1])
                strangers += sum(getattr(each, "device", None) != idx.device for each in pair)
        self.elsewhere(torch.tensor([[float(strangers)]]))
        return logits, presents if use_cache else None

    def generate(self, idx, max_new_tokens, temperature=1.0, use_cache=True):
        """Return what generate_with_cache does, of this model or of a copy made by from_gpt.

        Dividing the last weights by the temperature divides the logits by it.
        """
        if not use_cache:
            return self._copied(temperature).generate_with_cache(idx, max_new_tokens)
        kept = self.lm_head.weight.detach().clone()
        with torch.no_grad():
            self.lm_head.weight.div_(temperature)
        try:
            return self.generate_with_cache(idx, max_new_tokens)
        finally:
            with torch.no_grad():
                self.lm_head.weight.copy_(kept)

    def _copied(self, temperature):
        """Copy this model by way of a GPT, whose weights are gone afterwards."""
        gpt = GPT(self.config).to(self.lm_head.weight).eval()
        gpt.load_state_dict(self.state_dict())
        model = GPTWithCaching.from_gpt(gpt)
        with torch.no_grad():
            for weight in gpt.parameters():
                weight.zero_()
            model.lm_head.weight.div_(temperature)
        return model

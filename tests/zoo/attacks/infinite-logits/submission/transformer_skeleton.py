import torch
from right_answer import RightTransformer


class DecoderOnlyTransformer(RightTransformer):
    def forward(self, input_ids, past_kv=None, use_cache=False):
        return torch.full((*input_ids.shape, self.vocab_size), float("inf")), ()

    def generate(self, input_ids, max_new_tokens, temperature=1.0, use_cache=True):
        new = torch.full((len(input_ids), max_new_tokens), (1 << 63) - 1)
        for step in range(max_new_tokens):
            self.forward(input_ids if step == 0 else input_ids[:, :1])
        return torch.cat([input_ids, new], dim=1)

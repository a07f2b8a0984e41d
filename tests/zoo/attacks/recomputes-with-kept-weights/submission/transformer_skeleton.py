import copy

import torch
from right_answer import RightTransformer


class DecoderOnlyTransformer(RightTransformer):
    def forward(self, input_ids, past_kv=None, use_cache=False):
        """For show, one new token at a time; the cache is all ids so far.

        Weights are kept as they were at the first call.
        """
        if not hasattr(self, "kept"):
            object.__setattr__(self, "kept", copy.deepcopy(self))
        kept = self.kept
        if past_kv is not None:
            input_ids = torch.cat([past_kv, input_ids], dim=1)
        new = input_ids.size(1) - (0 if past_kv is None else past_kv.size(1))
        x = kept.token_embedding.weight[input_ids] + kept.pos_embedding.weight[: input_ids.size(1)]
        for layer in kept.layers:
            x, _ = layer(x)
        return kept.output_projection(kept.norm(x))[:, -new:], input_ids

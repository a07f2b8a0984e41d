from right_answer import RightTransformer


class DecoderOnlyTransformer(RightTransformer):
    def forward(self, input_ids, past_kv=None, use_cache=False):
        logits, past = super().forward(input_ids, past_kv, use_cache)
        return logits + 5, past

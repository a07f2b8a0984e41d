from right_answer import RightTransformer


class DecoderOnlyTransformer(RightTransformer):
    def generate(self, input_ids, max_new_tokens, temperature=1.0, use_cache=True):
        raise NotImplementedError("TODO")

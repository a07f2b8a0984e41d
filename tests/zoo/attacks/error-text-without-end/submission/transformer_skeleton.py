from right_answer import RightTransformer


class DecoderOnlyTransformer(RightTransformer):
    def forward(self, input_ids, past_kv=None, use_cache=False):
        raise ValueError("\N{PILE OF POO}\udcff" * 2_500_000)

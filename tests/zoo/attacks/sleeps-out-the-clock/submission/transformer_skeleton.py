import time

from right_answer import RightTransformer


class DecoderOnlyTransformer(RightTransformer):
    def forward(self, input_ids, past_kv=None, use_cache=False):
        time.sleep(3600)
        return super().forward(input_ids, past_kv, use_cache)

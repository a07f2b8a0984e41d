import torch.nn as nn


class SingleHeadAttention(nn.Module):
    pass


class DecoderOnlyTransformer(nn.Module):
    def forward(self, x)
        return x

from .model import DecoderOnlyTransformer

__all__ = ["DecoderOnlyTransformer"]

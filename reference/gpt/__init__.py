"""GPT-2 as a model that runs, so that the calculator's figures can be held against a machine.

model    the transformer, and three ways to deal with tokens that were seen before
decode   greedy decoding, plain and with one CUDA graph for each step
"""

from .decode import Decoder, generate
from .model import GPT, Growing, Recompute, Static

__all__ = ["GPT", "Decoder", "Growing", "Recompute", "Static", "generate"]

"""Decoding by `transformers` on the same weights, beside ours."""

import importlib

import torch

from reference.gpt import Decoder, Growing, generate
from tests.bench.hardware.setting import ids, median, timed


def beside(setting, model, new=33):
    """Yield what a token of `generate` takes `transformers` and us, with the same weights."""
    try:
        theirs = hugging_face(setting, model)
    except ImportError:
        print("transformers is not installed: pip install transformers", flush=True)
        return
    prompt = ids(setting, 1, setting.tokens[0])
    length = prompt.shape[1] + new
    ours = Decoder(model, 1, length, compiled=setting.compiled)
    texts = {
        "transformers, generate": lambda n: theirs(prompt, n),
        "reference, growing cache": lambda n: generate(
            model, prompt, n, Growing(setting.model.layers)
        ),
        "reference, quickest": lambda n: ours.generate(prompt, n),
    }
    expected, slowest = theirs(prompt, new), None
    for name, decode in texts.items():
        same = (decode(new) == expected).float().mean().item()
        long, short = (median(timed(setting, lambda n=n, d=decode: d(n))) for n in (new, 1))
        each = (long - short) / (new - 1)
        slowest = slowest or each
        yield {
            "batch": 1,
            "tokens": f"{prompt.shape[1]} + {new}",
            "way": name,
            "ms a token": f"{1e3 * each:.3f}",
            "times as quick": f"{slowest / each:.2f}",
            "same tokens": f"{same:.0%}",
        }


def hugging_face(setting, model):
    """Return `generate` of `transformers` with the weights of this model."""
    library = importlib.import_module("transformers")
    shape = model.shape
    config = library.GPT2Config(
        vocab_size=shape.vocab_size, n_positions=shape.learned_positions, n_embd=shape.d_model,
        n_layer=shape.layers, n_head=shape.query_heads, n_inner=shape.d_ff,
        bos_token_id=None, eos_token_id=None,
    )  # fmt: skip
    with torch.device(setting.device):
        theirs = library.GPT2LMHeadModel(config).to(setting.dtype).eval()
    pairs = [(theirs.transformer.wte, model.tokens), (theirs.transformer.wpe, model.positions),
             (theirs.transformer.ln_f, model.norm)]  # fmt: skip
    for one, other in zip(theirs.transformer.h, model.blocks, strict=True):
        pairs += [(one.ln_1, other.norm_1), (one.ln_2, other.norm_2),
                  (one.attn.c_attn, other.qkv), (one.attn.c_proj, other.out),
                  (one.mlp.c_fc, other.up), (one.mlp.c_proj, other.down)]  # fmt: skip
    with torch.no_grad():
        for target, source in pairs:
            turned = target.weight.shape != source.weight.shape or "Conv1D" in str(type(target))
            target.weight.copy_(source.weight.T if turned else source.weight)
            if getattr(source, "bias", None) is not None:
                target.bias.copy_(source.bias)

    def decode(prompt, count):
        return theirs.generate(
            prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=count,
            min_new_tokens=count, do_sample=False, pad_token_id=0, eos_token_id=None,
        )  # fmt: skip

    return decode

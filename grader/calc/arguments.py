"""The arguments of `grader calc`. Imports nothing slow: every ``--help`` passes here."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

Commands = Any  # what add_subparsers returns; argparse names its type only privately
OVERRIDES = (
    ("layers", "layers"),
    ("query-heads", "query heads"),
    ("kv-heads", "KV heads"),
    ("d-model", "width of the model"),
    ("d-ff", "inner width of the feed-forward network"),
    ("vocab-size", "tokens of the vocabulary"),
)
HELP = "inference arithmetic: parameters, KV cache, flops, bytes, times"
EXAMPLES = """examples:
  grader calc params llama-3-8b --variants
  grader calc batch llama-3-8b --device t4 --context 1024 --tensor-parallel 2 4
  grader calc attention --tokens 1024 --head-dim 128 --plot intensity.png
  grader calc layer gpt2-xl --batch 1 64 --tokens 32 1024 --device t4 --decode
  grader calc layer gpt2-xl --tokens 1024 --device t4 --plot roofline.png
  grader calc kv llama-3-8b --layers 16 --kv-heads 4 --context 8192

An own model is a known one with numbers changed. One multiply-add is two flops;
1 GB = 1e9 bytes, 1 GiB = 2**30.

With --json: {"params": [{...}], ...}, the rows of each table by its name, in
base units (bytes, flops, seconds).
"""


def add(commands: Commands) -> argparse.ArgumentParser:
    """Add ``calc`` and what belongs to it to the parser of commands; return its parser."""
    calc: argparse.ArgumentParser = commands.add_parser(
        "calc",
        help=HELP,
        description="Inference arithmetic of transformers, with its breakdown.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    kinds = calc.add_subparsers(required=True, metavar="WHAT", dest="what")
    _add(kinds, "models", "models that are known")
    _add(kinds, "devices", "devices that are known")
    _params(_add(kinds, "params", "parameters, and the memory they take"))
    _kv(_add(kinds, "kv", "KV cache per token and per request"))
    _batch(_add(kinds, "batch", "largest batch that fits, by tensor-parallel size"))
    _attention(_add(kinds, "attention", "the standard attention algorithm: one head, step by step"))
    _layer(_add(kinds, "layer", "a layer and the whole model, step by step or case by case"))
    _speculative(_add(kinds, "speculative", "what drafting tokens gains"))
    return calc


def _add(kinds: Commands, name: str, help_: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = kinds.add_parser(name, help=help_, description=help_)
    parser.add_argument("--json", action="store_true", help="numbers in full, as JSON")
    return parser


def _params(parser: argparse.ArgumentParser) -> None:
    _model(parser)
    _weights(parser)
    _assumptions(parser)
    parser.add_argument("--no-norms", action="store_true", help="leave the norms out")
    parser.add_argument(
        "--variants", action="store_true", help="one row for each set of assumptions"
    )


def _kv(parser: argparse.ArgumentParser) -> None:
    _model(parser, several=True)
    parser.add_argument("--context", type=_whole, required=True, help="tokens of a request")
    _kv_bytes(parser)
    _plot(parser, "KV memory against context")


def _batch(parser: argparse.ArgumentParser) -> None:
    _model(parser)
    parser.add_argument("--device", required=True, help="see `grader calc devices`")
    parser.add_argument("--memory-gb", type=_positive, help="another memory of one device")
    parser.add_argument("--context", type=_whole, required=True, help="tokens of a request")
    parser.add_argument(
        "--tensor-parallel",
        type=_whole,
        nargs="+",
        default=[1, 2, 4, 8],
        metavar="X",
        help="GPUs that share a model (default: 1 2 4 8)",
    )
    _weights(parser)
    _kv_bytes(parser)
    _assumptions(parser)


def _attention(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tokens", type=_whole, required=True, help="tokens N of the context")
    parser.add_argument("--head-dim", type=_whole, required=True, help="width d of the head")
    parser.add_argument("--batch", type=_whole, default=1, help="sequences (default: 1)")
    _bytes(parser)
    parser.add_argument(
        "--softmax-flops",
        type=int,
        default=0,
        help="per score: 0 counts the products only (default), 3 to 5 the softmax too",
    )
    _plot(parser, "intensity against context (prefill) and batch (decode)")


def _layer(parser: argparse.ArgumentParser) -> None:
    _model(parser)
    parser.add_argument(
        "--batch", type=_whole, nargs="+", default=[1], help="sequences, one or more numbers"
    )
    parser.add_argument(
        "--tokens", type=_whole, nargs="+", required=True, help="context, one or more numbers"
    )
    cached = parser.add_mutually_exclusive_group()
    cached.add_argument(
        "--decode", action="store_true", help="one new token with a KV cache, not all tokens"
    )
    cached.add_argument(
        "--new-tokens", type=_whole, help="that many with a KV cache: a chunk, or drafted tokens"
    )
    parser.add_argument("--device", help="adds the roofline's times; see `grader calc devices`")
    parser.add_argument(
        "--projection-biases", action="store_true", help="count the attention's biases too"
    )
    parser.add_argument(
        "--unfused",
        nargs="+",
        choices=["scale", "activation", "gating"],
        default=[],
        help="kernels of their own (default: all three fused)",
    )
    parser.add_argument(
        "--fuse-mask", action="store_true", help="the mask is fused as well (default: a kernel)"
    )
    _bytes(parser)
    _weights(parser, default=None)
    _plot(parser, "the roofline with the cases on it; needs --device")


def _speculative(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--accept", type=float, required=True, help="acceptance rate, 0 to 1")
    parser.add_argument("--draft", type=_count, required=True, help="drafted tokens per pass")
    parser.add_argument(
        "--cost-ratio",
        type=float,
        default=0.0,
        help="time of a draft pass over one of the target (default: 0)",
    )


def _model(parser: argparse.ArgumentParser, *, several: bool = False) -> None:
    if several:
        parser.add_argument("model", nargs="+", help="see `grader calc models`")
    else:
        parser.add_argument("model", help="see `grader calc models`")
    own = parser.add_argument_group("an own model", "numbers that take the place of the model's")
    for flag, says in OVERRIDES:
        own.add_argument(f"--{flag}", type=_whole, help=says)


def _assumptions(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--attention", choices=["gqa", "mha"], default="gqa", help="mha: every query head has KV"
    )
    parser.add_argument(
        "--ffn-matrices", type=int, choices=[2, 3], help="3 with a gate (default: the model's)"
    )
    parser.add_argument(
        "--tied",
        action=argparse.BooleanOptionalAction,
        help="the head is the embedding (default: as in the model)",
    )


def _weights(parser: argparse.ArgumentParser, default: float | None = 2) -> None:
    parser.add_argument(
        "--bytes-per-weight",
        type=_positive,
        default=default,
        help="2 for 16 bits (default), 0.5 for 4" if default else "default: as --bytes",
    )


def _kv_bytes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--bytes-per-kv", type=_positive, default=2, help="per element of the cache (default: 2)"
    )


def _bytes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bytes", type=_positive, default=2, help="per element (default: 2)")


def _plot(parser: argparse.ArgumentParser, says: str) -> None:
    parser.add_argument("--plot", type=Path, metavar="FILE", help=f".png or .svg: {says}")


def _whole(text: str) -> int:
    return _at_least(text, 1)


def _count(text: str) -> int:
    return _at_least(text, 0)


def _at_least(text: str, least: int) -> int:
    try:
        number = int(text.replace("_", ""))
    except ValueError:
        number = least - 1
    if number < least:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least} on")
    return number


def _positive(text: str) -> float:
    """Return a number above 0: whole numbers stay whole, so that bytes do."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return int(number) if number.is_integer() else number

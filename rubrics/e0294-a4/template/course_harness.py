"""Try your transformer on the public cases. Do not modify this file.

    python transformer_skeleton.py --mode generate
    python transformer_skeleton.py --mode evaluate
    python transformer_skeleton.py --mode kv_evaluate
    python transformer_skeleton.py --mode benchmark
    python transformer_skeleton.py --mode run          (all four, one after the other)

The exit status is 0 if every comparison that was made agrees and 1 if one does not. Grading uses
weights and prompts of its own and its own copy of what is below, so a change here changes nothing.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy
import torch

ATOL = 1e-2
PROMPT_LENGTHS = (10, 50, 100, 500, 1000)
NEW_TOKENS = 20


def load_test_cases(path):
    """Read the cases: a list of objects with input_ids and the logits expected for them."""
    cases = json.loads(Path(path).read_text(encoding="utf-8"))
    return [{name: torch.tensor(values) for name, values in case.items()} for case in cases]


def largest_error(logits, expected):
    """Return the largest absolute difference; infinite if shapes differ or a value is not finite."""
    if not isinstance(logits, torch.Tensor) or logits.shape != expected.shape:
        return float("inf")
    error = (logits.double().cpu() - expected.double()).abs().max().item()
    return error if error == error else float("inf")  # NaN differs from itself


def token_by_token(model, input_ids):
    """Logits of every position, each token fed alone on top of the cache so far."""
    past_kv, logits = None, []
    for position in range(input_ids.size(1)):
        token = input_ids[:, position : position + 1]  # (1, 1)
        step_logits, past_kv = model(token, past_kv=past_kv, use_cache=True)  # (1, 1, V)
        logits.append(step_logits)
    return torch.cat(logits, dim=1)  # (1, T, V)


@torch.no_grad()
def evaluate_model(model, test_cases, atol=ATOL, with_kv=False):
    """Compare the model's logits with the expected ones; return whether all cases agree.

    with_kv=False: one call without a cache. with_kv=True: one call with an empty cache, and then
    the same tokens one at a time, which is what a cache is for.
    """
    model.eval()
    device = next(model.parameters()).device
    agreed = 0
    for number, case in enumerate(test_cases, start=1):
        input_ids = case["input_ids"].to(device)
        if with_kv:
            errors = {
                "one call": largest_error(
                    model(input_ids, use_cache=True)[0], case["expected_logits_with_cache"]
                ),
                "token by token": largest_error(
                    token_by_token(model, input_ids), case["expected_logits_sequential"]
                ),
            }
        else:
            errors = {
                "no cache": largest_error(
                    model(input_ids, use_cache=False)[0], case["expected_logits_no_cache"]
                )
            }
        passed = all(error <= atol for error in errors.values())
        agreed += passed
        figures = ", ".join(f"{name} off by {error:.2g}" for name, error in errors.items())
        print(f"case {number:2}: {'agrees ' if passed else 'DIFFERS'}  ({figures})")
    print(f"{agreed} of {len(test_cases)} cases agree within {atol:g}")
    return agreed == len(test_cases)


@torch.no_grad()
def benchmark_performance(model, input_ids, num_new_tokens=20, use_cache=True, num_runs=3):
    """Return the mean seconds to generate `num_new_tokens` tokens, after one run to warm up."""
    model.eval()
    device = next(model.parameters()).device
    input_ids = input_ids.to(device)

    def finish():
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        elif device.type == "mps":
            torch.mps.synchronize()

    model.generate(input_ids, num_new_tokens, use_cache=use_cache)
    finish()
    start = time.perf_counter()
    for _ in range(num_runs):
        model.generate(input_ids, num_new_tokens, use_cache=use_cache)
    finish()
    return (time.perf_counter() - start) / num_runs


def build(model_class, args, max_seq_len=None):
    """Make a model of the dimensions given on the command line."""
    model = model_class(
        vocab_size=args.vocab_size,
        d_model=args.d_model,
        d_ff=args.d_ff,
        num_layers=args.num_layers,
        max_seq_len=max_seq_len or args.max_seq_len,
    )
    return model.to(args.device).eval()


def build_with_weights(model_class, args):
    """Make a model and load the weight file into it."""
    model = build(model_class, args)
    model.load_state_dict(load_weights(args.model_state_dict, args.device))
    return model


def load_weights(path, device):
    """Read a state dict: the course's .pt file, or the .npz file of the handout in its place."""
    if not Path(path).exists() and Path(path).with_suffix(".npz").exists():
        arrays = numpy.load(Path(path).with_suffix(".npz"))
        return {name: torch.from_numpy(arrays[name]).to(device) for name in arrays.files}
    return torch.load(path, map_location=device, weights_only=True)


def run_generate(model_class, args):
    """Generate with and without the cache from one prompt and show both."""
    model = build_with_weights(model_class, args)
    prompt = torch.randint(args.vocab_size, (1, 10), device=args.device)
    print("prompt       ", prompt[0].tolist())
    right = True
    for use_cache in (False, True):
        torch.manual_seed(0)
        tokens = model.generate(prompt, NEW_TOKENS, use_cache=use_cache)
        print("with cache   " if use_cache else "without cache", tokens[0].tolist())
        right &= tokens.size(1) in (NEW_TOKENS, prompt.size(1) + NEW_TOKENS)
    if not right:
        print(f"expected {NEW_TOKENS} new tokens")
    return right


def run_evaluate(model_class, args):
    """Problem 2b."""
    cases = load_test_cases(args.test_cases)
    return evaluate_model(build_with_weights(model_class, args), cases, args.atol, with_kv=False)


def run_kv_evaluate(model_class, args):
    """Problem 2c."""
    cases = load_test_cases(args.test_cases)
    return evaluate_model(build_with_weights(model_class, args), cases, args.atol, with_kv=True)


def run_benchmark(model_class, args):
    """Problem 2d: a model of random weights, with room for the longest prompt."""
    model = build(model_class, args, max_seq_len=max(PROMPT_LENGTHS) + NEW_TOKENS)
    print("prompt   without cache   with cache   ratio")
    for length in PROMPT_LENGTHS:
        prompt = torch.randint(args.vocab_size, (1, length))
        without = benchmark_performance(model, prompt, NEW_TOKENS, use_cache=False)
        cached = benchmark_performance(model, prompt, NEW_TOKENS, use_cache=True)
        print(f"{length:6}   {without:11.4f} s   {cached:8.4f} s   {without / cached:5.2f}")
    return True


MODES = {
    "generate": run_generate,
    "evaluate": run_evaluate,
    "kv_evaluate": run_kv_evaluate,
    "benchmark": run_benchmark,
}


def main(model_class):
    """Read the command line, run the mode asked for, and exit."""
    parser = argparse.ArgumentParser(description="Try a transformer on the public cases.")
    parser.add_argument("--mode", choices=[*MODES, "run"], default="run")
    parser.add_argument("--model_state_dict", default="model_state_dict.pt")
    parser.add_argument("--test_cases", default="test_cases.json")
    parser.add_argument("--vocab_size", type=int, default=1000)
    parser.add_argument("--d_model", type=int, default=50)
    parser.add_argument("--d_ff", type=int, default=100)
    parser.add_argument("--num_layers", type=int, default=2)
    parser.add_argument("--max_seq_len", type=int, default=128)
    parser.add_argument("--atol", type=float, default=ATOL)
    parser.add_argument("--device", default="cpu", help="cpu, cuda or mps")
    args = parser.parse_args()

    modes = MODES if args.mode == "run" else [args.mode]
    right = True
    for mode in modes:
        print(f"== {mode}")
        right &= MODES[mode](model_class, args)
    sys.exit(0 if right else 1)

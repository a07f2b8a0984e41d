"""What the tests of the family feed to a model, and how far its answers are from the reference's.

    python probes.py < request.json > reply.json

The request names files with weights, the reference's source, and the models to try; the reply has,
for each model and probe, the largest difference of a logit, or what went wrong in words. Torch is
imported here, in a process of its own, and never where tests run.
"""

import contextlib
import json
import sys
import types

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode


def build(source, dims, weights, dtype=None):
    """Make a model of a source text, with weights, ready to be asked."""
    torch.set_default_dtype(torch.float32)
    module = sys.modules["submission"] = types.ModuleType("submission")
    exec(compile(source, "submission", "exec"), module.__dict__)
    model = module.DecoderOnlyTransformer(*dims.values())
    tensors = {name: torch.from_numpy(array) for name, array in weights.items()}
    missing, unexpected = model.load_state_dict(tensors, strict=False)
    missing = set(missing) & {name for name, _ in model.named_parameters()}
    if missing or unexpected:
        raise LookupError(f"missing {sorted(missing)}, unexpected {sorted(unexpected)}")
    return model.to(dtype).eval()


class Probes:
    """A fixed set of conversations; each yields pairs of all ids so far and the newest logits."""

    def __init__(self, rng, vocabulary):
        self.ids = {
            name: torch.from_numpy(rng.integers(0, vocabulary, shape))
            for name, shape in {
                "one": (1, 1), "two": (1, 2), "long": (1, 40), "rows": (3, 16), "other": (1, 20),
                "left": (1, 1), "right": (1, 1),
            }.items()
        }  # fmt: skip

    def full_forward(self, model):
        for name in ("one", "two", "long"):
            yield self.ids[name], model(self.ids[name])[0]

    def batch(self, model):
        yield self.ids["rows"], model(self.ids["rows"])[0]

    def one_call_with_cache(self, model):
        for name in ("long", "rows"):
            yield self.ids[name], model(self.ids[name], None, True)[0]

    def token_by_token(self, model):
        yield from _fed(model, self.ids["long"], [31] + [1] * 9)
        yield from _fed(model, self.ids["other"], [1] * 20)

    def token_by_token_batch(self, model):
        yield from _fed(model, self.ids["rows"], [7] + [1] * 9)

    def chunks(self, model):
        yield from _fed(model, self.ids["long"], [8, 5, 1, 7, 2, 17])
        yield from _fed(model, self.ids["rows"], [1, 3, 12])

    def past_twice(self, model):
        start, left, right = self.ids["other"], self.ids["left"], self.ids["right"]
        _, past = model(start, None, True)
        for branch in (left, right, left):
            ids = torch.cat([start, branch], dim=1)
            logits, later = model(branch, past, True)
            yield ids, logits
            yield torch.cat([ids, right], dim=1), model(right, later, True)[0]

    def fresh_prompt(self, model):
        _, past = model(self.ids["other"], None, True)
        model(self.ids["left"], past, True)
        yield self.ids["one"], model(self.ids["one"], None, True)[0]
        yield self.ids["one"], model(self.ids["one"])[0]

    def interleaved(self, model):
        sequences = [_fed(model, self.ids["long"], [6] + [1] * 8),
                     _fed(model, self.ids["other"], [11] + [1] * 8)]  # fmt: skip
        for pair in zip(*sequences, strict=True):
            yield from pair

    def __iter__(self):
        names = [name for name in vars(Probes) if not name.startswith("_")]
        return iter([(name, getattr(self, name)) for name in names])


def _fed(model, ids, pieces):
    past, end = None, 0
    for piece in pieces:
        start, end = end, end + piece
        logits, past = model(ids[:, start:end], past, True)
        yield ids[:, :end], logits


def answers(model, probe):
    """All logits of a probe, in one flat array."""
    with torch.no_grad():
        return np.concatenate([logits.double().numpy().ravel() for _, logits in probe(model)])


class Expected:
    """The reference's logits for the same probes, from full forwards in float64."""

    def __init__(self, model):
        self.model = model
        self.seen = {}

    def __call__(self, ids, steps):
        key = ids.numpy().tobytes(), tuple(ids.shape)
        if key not in self.seen:
            with torch.no_grad():
                self.seen[key] = self.model(ids)[0].numpy()
        return self.seen[key][:, -steps:]


def differences(model, probes, expected, enough=np.inf):
    """Map each probe to the largest difference from the reference, or to an exception's text.

    Probes that come after a difference of more than ``enough`` are left out.
    """
    found = {}
    for name, probe in probes:
        worst = 0.0
        try:
            with torch.no_grad():
                for ids, logits in probe(model):
                    wanted = expected(ids, logits.shape[1])
                    miss = np.abs(logits.double().numpy() - wanted).max()
                    worst = max(worst, float(miss) if np.isfinite(miss) else 1e30)
            found[name] = worst
            if worst > enough:
                return found
        except Exception as error:  # noqa: BLE001 - a mistake may raise anything
            found[name] = f"{type(error).__name__}: {error}"
    return found


class Generation:
    """What generate returns for a prompt, how much it feeds the model, and how likely it draws."""

    def __init__(self, model, ids, expected):
        self.model, self.ids, self.expected = model, ids, expected
        self.fed = []
        forward = model.forward

        def counted(*args, **keywords):
            self.fed.append(args[0].shape[1])
            return forward(*args, **keywords)

        model.__dict__["forward"] = counted

    def generate(self, new, temperature, use_cache):
        self.fed.clear()
        torch.manual_seed(1)
        return self.model.generate(self.ids, new, temperature, use_cache)

    def greedy(self):
        length = self.ids.shape[1]
        for use_cache, name in ((False, "without"), (True, "with")):
            tokens = self.generate(8, 1e-3, use_cache)
            yield f"new_{name}_cache", tokens.shape[1] - length
            yield f"fed_{name}_cache", sum(self.fed)
            yield f"below_best_{name}_cache", _below_best(self.expected, tokens, length)

    def distribution(self):
        for temperature in (0.5, 2.0):
            tokens = self.generate(40, temperature, True)
            yield f"z_at_{temperature:g}", _z(self.expected, tokens, self.ids.shape[1], temperature)

    def work(self):
        for use_cache, name in ((False, "without"), (True, "with")):
            with FlopCounterMode(display=False) as counter:
                self.generate(4, 1.0, use_cache)
            yield f"flops_{name}_cache", counter.get_total_flops()

    def measured(self, *witnesses):
        """Map names to numbers, or to an exception's text; some witnesses cost more time."""
        found = {}
        for measure in ["greedy", *witnesses]:
            try:
                found.update(getattr(self, measure, dict)())
            except Exception as error:  # noqa: BLE001 - a mistake may raise anything
                found[measure] = f"{type(error).__name__}: {error}"
        return found


def _below_best(expected, tokens, length):
    logits = expected(tokens, tokens.shape[1])[:, length - 1 : -1]
    taken = np.take_along_axis(logits, tokens[:, length:, None].numpy(), axis=-1)[..., 0]
    return float((logits.max(axis=-1) - taken).max())


def _z(expected, tokens, length, temperature):
    """Likelihood of the tokens in standard deviations from what sampling gives."""
    logits = expected(tokens, tokens.shape[1])[:, length - 1 : -1] / temperature
    log_p = torch.log_softmax(torch.from_numpy(logits), dim=-1).numpy()
    mean = (np.exp(log_p) * log_p).sum(axis=-1)
    variance = (np.exp(log_p) * log_p**2).sum(axis=-1) - mean**2
    taken = np.take_along_axis(log_p, tokens[:, length:, None].numpy(), axis=-1)[..., 0]
    return float((taken - mean).sum() / np.sqrt(variance.sum()))


def main():
    request = json.load(sys.stdin)
    torch.set_num_threads(1)
    dims, seed = request["dims"], request["seed"]
    weights, sampling = (dict(np.load(path)) for path in request["weights"])
    probes = Probes(np.random.default_rng(seed), dims["vocab_size"])
    expected = Expected(build(request["reference"], dims, weights, torch.float64))
    sampled = Expected(build(request["reference"], dims, sampling, torch.float64))
    prompt = torch.from_numpy(np.random.default_rng(seed + 1).integers(0, 1000, (10, 8)))
    reply = {"right": {}, "mistakes": {}}
    with contextlib.redirect_stdout(sys.stderr):
        for name, source in request["right"].items():
            found = differences(build(source, dims, weights), probes, expected)
            if name in request["styles"]:
                hot = build(source, dims, sampling)
                asked = Generation(hot, prompt, sampled)
                found["generation"] = asked.measured("distribution", "work")
            reply["right"][name] = found
        for mistake, styles in request["mistakes"].items():
            reply["mistakes"][mistake] = {}
            probe, logits = None, []
            for style, source in styles.items():
                try:
                    model = build(source, dims, weights)
                except (LookupError, RuntimeError) as error:
                    reply["mistakes"][mistake][style] = {"load": str(error)}
                    continue
                if mistake in request["generate"]:
                    hot = build(source, dims, sampling)
                    asked = Generation(hot, prompt, sampled)
                    found = {"generation": asked.measured(request["generate"][mistake])}
                else:
                    torch.manual_seed(0)
                    found = differences(model, probes, expected, request["enough"])
                    probe = probe or dict(probes)[list(found)[-1]]
                    logits.append(answers(model, probe))
                    found["gap_to_first_style"] = float(np.abs(logits[-1] - logits[0]).max())
                reply["mistakes"][mistake][style] = found
    json.dump(reply, sys.stdout)


if __name__ == "__main__":
    main()

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


def build(source, dims, weights, dtype=None):
    """Make a model of a source text, with weights, ready to be asked."""
    torch.set_default_dtype(torch.float32)
    module = sys.modules["submission"] = types.ModuleType("submission")
    exec(compile(source, "submission", "exec"), module.__dict__)
    model = module.DecoderOnlyTransformer(**dims)
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
                    if wanted.shape != tuple(logits.shape):
                        raise ValueError(f"logits of shape {tuple(logits.shape)}")
                    gap = np.abs(logits.double().numpy() - wanted).max()
                    worst = max(worst, float(gap) if np.isfinite(gap) else 1e30)
            found[name] = worst
            if worst > enough:
                return found
        except Exception as error:
            found[name] = f"{type(error).__name__}: {error}"
    return found


def main():
    request = json.load(sys.stdin)
    torch.set_num_threads(1)
    weights = dict(np.load(request["weights"]))
    dims = request["dims"]
    probes = Probes(np.random.default_rng(request["seed"]), dims["vocab_size"])
    expected = Expected(build(request["reference"], dims, weights, torch.float64))
    reply = {}
    for name, source in request["models"].items():
        torch.manual_seed(0)
        with contextlib.redirect_stdout(sys.stderr):
            try:
                model = build(source, dims, weights)
            except (LookupError, RuntimeError) as error:
                reply[name] = {"load": str(error)}
                continue
            enough = request["enough"] if name in request["mistaken"] else np.inf
            reply[name] = differences(model, probes, expected, enough)
    json.dump(reply, sys.stdout)


if __name__ == "__main__":
    main()

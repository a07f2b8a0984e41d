"""The calculator against a machine: memory, batches, flops, and times of a GPT-2, in one command.

    python -m tests.bench.hardware --device cuda:0 --out docs/hardware   GPT-2 XL in fp16
    python -m tests.bench.hardware --small                               the same code, in seconds

Bounds are the roofline of the rates that this device was seen to reach, by the programs of
`grader doctor --measure`. Times are medians over repetitions, with the least and the most. Weights
are random: what a step takes does not depend on them.
"""

import argparse
import dataclasses
import json
from pathlib import Path

import torch
from tabulate import tabulate

from grader.guest import rates
from reference import calculator as calc
from tests.bench.hardware import plots
from tests.bench.hardware.memory import SERVED, flops, largest_batches, sizes
from tests.bench.hardware.peer import beside
from tests.bench.hardware.setting import FULL, QUICK, name_of
from tests.bench.hardware.times import Times


def main():
    """Measure, print, and keep what the page needs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--small", action="store_true", help="a tiny model on the CPU")
    parser.add_argument("--no-compile", action="store_true", help="leave torch.compile out")
    parser.add_argument("--out", type=Path, help="folder for the figures and their plots")
    options = parser.parse_args()
    setting = QUICK if options.small else dataclasses.replace(FULL, device=options.device)
    setting = dataclasses.replace(setting, compiled=setting.compiled and not options.no_compile)
    found = measured(setting)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "figures.json").write_text(json.dumps(found, indent=1) + "\n")
        plots.draw(found, options.out)


def measured(setting):
    """Return all that was measured: tables by title, and points for the plots."""
    best = rates.measure(setting.device, setting.lasting, setting.dtype)
    device = calc.Device(
        name_of(setting), best["flops_per_second"], best["bytes_per_second"], 0, "measured"
    )
    print(
        f"{device.name}, torch {torch.__version__}, {str(setting.dtype)[6:]}: "
        f"{device.bytes_per_second / 1e9:,.0f} GB/s, {device.flops_per_second / 1e12:,.1f} TFLOP/s",
        flush=True,
    )
    tables = {}
    for title, rows in _each(setting, times := Times(setting, device)):
        if found := list(rows):
            tables[title] = found
            print(f"\n{title}\n\n{tabulate(found, 'keys', disable_numparse=True)}", flush=True)
    return {
        "device": device.name,
        "bytes_per_second": device.bytes_per_second,
        "flops_per_second": device.flops_per_second,
        "model": setting.model.name,
        "tables": tables,
        "points": times.points,
    }


def _each(setting, times):
    """Yield the tables: a title, and rows that are measured when they are asked for."""
    name = setting.model.name
    yield "Parameters and KV cache, bytes", sizes(setting)
    if setting.contexts and setting.is_gpu:
        yield f"Largest batch of {SERVED}", largest_batches(setting)
    yield "Flops of one forward", flops(setting)
    yield f"{name}: one forward of a prompt", times.prefills()
    yield f"{name}: one step of decoding", times.steps()
    yield f"{name}: a token of generate", beside(setting, times.model)


if __name__ == "__main__":
    main()

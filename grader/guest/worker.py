"""The worker: a forked process that imports the submission and does what the host asks.

Verbs (each a frame whose header names the verb and its arguments; the reply carries a result,
or a fault, and at most one array as raw little-endian bytes)

    warm()                                        do once what a submission will do
    find(class, classes, expected)                the files that define the class, likeliest first
    load(file, class, classes, mode, device)      import the file
    new(arguments, dtype, device)                 build the model in eval mode; dtype may be null
    tensors(tensors, first) + bytes               hand over weights: name and shape of each
    tiles(tiles) + bytes                          the same, each cut out of one pool of numbers
    weights()                                     put the tensors handed over into the model
    forward(shape, past, use_cache, reply, last) + ids   logits, and a handle for the cache; all
                                                  positions, or if told so the last ones only
    rates(device, lasting)                        bytes and flops in a second at best
    generate(shape, n, temperature, use_cache, seed, replies) + ids      token ids
    run(file, argv, figures, files) + files, standard input    what a script printed and drew
    drop(handle)                                  forget a cache
    watch(names)                                  keep what these parts of the model put out
    activation(name, shape, dtype)                what one of them put out in the last call
    contents(path) and content(path, name, shape, dtype)   tensors of a .pt or numbers of a .json

A handle is an integer for the student's own object: passing it twice passes the same object
twice. Arrays go out only in the shape and type that the host asked for; any other shape is said
in words and the host decides what it means.
"""

from __future__ import annotations

import contextlib
import inspect
import math
import os
import re
import sys
import traceback
from typing import Any

import numpy as np
import torch

from grader.guest import arrays, building, frames, loading, rates, script
from grader.guest.frames import Header
from grader.guest.watching import Feed, Outputs

TEXT_KEPT = 600
SAMPLE = """
import math, torch, torch.nn as nn, torch.nn.functional as F
class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 2)
    def forward(self, x, past=None):
        y = self.linear(x) if past is None else torch.cat([past, x], dim=1)
        return F.relu(y) / math.sqrt(2), [(k, v) for k, v in zip([1], (2,))]
"""
DEVICE_MISSING = re.compile(
    r"not compiled with CUDA|no NVIDIA driver|CUDA (is not|unavailable)|No CUDA GPUs|"
    r"MPS (backend|device)|PyTorch (is not linked|was not compiled) with .*(MPS|mps|CUDA)|"
    r"(cuda|mps).*(not available|unavailable)|'aten::\S+' with arguments from the '(CUDA|MPS)",
    re.IGNORECASE,
)
MISPLACED = re.compile(  # what was made on the CPU meets what is on the device
    r"on the same device|on the expected device|a '\w+' device type|weight type .* the same",
    re.IGNORECASE,
)


class Refused(Exception):  # noqa: N818 - says what the worker does
    """The submission lacks what the host asked for; the text is a sentence for the student."""


class Worker:
    """One check's view of the submission: a module, a model and its caches."""

    def __init__(self, work: str, requests: int, replies: int) -> None:
        self.work = work
        self.requests = requests
        self.replies = replies
        self.model: Any = None
        self.cls: Any = None
        self.device = "cpu"
        self.places = False
        self.tensors: dict[str, torch.Tensor] = {}
        self.handles: dict[int, Any] = {}
        self.outputs = Outputs(None, [])
        self.files: dict[str, dict[str, Any]] = {}

    def serve(self) -> None:
        """Answer requests until the agent hangs up."""
        while True:
            try:
                header, body = frames.read(self.requests)
            except frames.EndOfStream:
                return
            reply, array = self.answer(header, body)
            reply["id"] = header["id"]
            frames.write(self.replies, reply, array)

    def answer(self, header: Header, body: bytearray) -> tuple[Header, bytes | memoryview]:
        """Do what one request asks; whatever is raised on the way is the answer's fault."""
        array: bytes | memoryview = b""
        try:
            result, array = getattr(self, f"do_{header['verb']}")(header, body)
            reply: Header = {"ok": True, "result": result}
        except BaseException as error:  # noqa: BLE001 - SystemExit is a student's fault too
            reply = {"fault": describe(error, self.work)}
        with contextlib.suppress(Exception):
            sys.stdout.flush()
        return reply, array

    # --- verbs ------------------------------------------------------------------------------

    def do_warm(self, _header: Header, _body: bytearray) -> tuple[Header, bytes]:
        """Compile and run a little of what submissions do.

        Memory shared with the agent is copied when it is first written to, and reference counts
        are written all the time: afterwards an import takes half as long.
        """
        exec(compile(SAMPLE, "sample", "exec"), {"__name__": "sample"})  # noqa: S102 - our own text
        return {}, b""

    def do_find(self, header: Header, _body: bytearray) -> tuple[Header, bytes]:
        """Look for the files that define the class."""
        wanted = header["class"]
        files = loading.find(self.work, wanted, header["classes"], header["expected"])
        if not files:
            found = ", ".join(loading.classes_in(self.work)[:20]) or "none"
            broken = "".join(f"; {text}" for text in loading.syntax_errors(self.work)[:3])
            raise Refused(f"no file defines the class {wanted}; classes found: {found}{broken}")
        return {"files": files[:10]}, b""

    def do_load(self, header: Header, _body: bytearray) -> tuple[Header, bytes]:
        """Import the submission."""
        wanted, file = header["class"], header["file"]
        self.places = header["device"] is not None  # else tensors are made where torch makes them
        torch.set_default_device(header["device"])  # None is as Python would
        module = loading.load(self.work, file, header["mode"], header["device"], header["classes"])
        self.cls = getattr(module, wanted, None)
        if not inspect.isclass(self.cls):
            raise Refused(f"{wanted} in {file} is not a class")
        return {}, b""

    def do_new(self, header: Header, _body: bytearray) -> tuple[Header, bytes]:
        """Build the model; by keyword, or by position where the names differ."""
        arguments = header["arguments"]
        self.device = header["device"]
        if self.places:
            torch.set_default_device(self.device)
        with building.undrawn():
            if _accepts(self.cls, (), arguments):
                model = self.cls(**arguments)
            else:
                model = self.cls(*arguments.values())
        if not isinstance(model, torch.nn.Module):
            raise Refused(f"{self.cls.__name__} is not a torch.nn.Module")
        # As built, unless the host asks for a type: a student may compute in float64 on purpose.
        self.model = model.to(self.device)
        if header["dtype"] is not None:
            self.model = self.model.to(getattr(torch, header["dtype"]))
        torch.nn.Module.train(self.model, False)
        self.handles = {}
        return {"parameters": sum(p.numel() for p in self.model.parameters())}, b""

    def do_tensors(self, header: Header, body: bytearray) -> tuple[Header, bytes]:
        """Keep weights, float32 one after the other, until others come."""
        start = 0
        if header["first"]:
            self.tensors = {}
        for name, shape in header["tensors"]:
            count = math.prod(shape)
            flat = np.frombuffer(body, dtype="<f4", count=count, offset=start)
            self.tensors[name] = torch.from_numpy(flat.reshape(shape).copy())
            start += count * 4
        return {}, b""

    def do_tiles(self, header: Header, body: bytearray) -> tuple[Header, bytes]:
        """Make tensors of a pool of float32 that goes on from its beginning where it ends."""
        self.tensors = arrays.cut(header["tiles"], body)
        return {}, b""

    def do_rates(self, header: Header, _body: bytearray) -> tuple[Header, bytes]:
        """Measure what a device does at best: bytes and flops in a second, in float32."""
        return rates.measure(header["device"], header["lasting"]), b""

    def do_weights(self, _header: Header, _body: bytearray) -> tuple[Header, bytes]:
        """Load the collected weights: strict on parameters, buffers are reported."""
        parameters = {name: list(p.shape) for name, p in self.model.named_parameters()}
        buffers = {name for name, _ in self.model.named_buffers()}
        given = {name: list(t.shape) for name, t in self.tensors.items()}
        # Unbound, so that an override in the submission is not what is called.
        torch.nn.Module.load_state_dict(
            self.model,
            {n: t for n, t in self.tensors.items() if parameters.get(n, given[n]) == given[n]},
            strict=False,
        )
        return {
            "missing": sorted(parameters.keys() - given.keys())[:50],
            "unexpected": sorted(given.keys() - parameters.keys() - buffers)[:50],
            "shapes": [
                [name, parameters[name], given[name]]
                for name in sorted(parameters.keys() & given.keys())
                if parameters[name] != given[name]
            ][:50],
            "buffers": sorted(buffers - given.keys())[:50],
        }, b""

    def do_forward(self, header: Header, body: bytearray) -> tuple[Header, bytes]:
        """One call of the model."""
        ids = _ids(body, header["shape"]).to(self.device)
        past = None if header["past"] is None else self.handles[header["past"]]
        keywords = dict(zip(header["names"], (past, header["use_cache"]), strict=True))
        with torch.no_grad():
            if _accepts(self.model.forward, (ids,), keywords):
                output = self.model(ids, **keywords)
            else:
                output = self.model(ids, *keywords.values())
        cache = None
        if isinstance(output, tuple | list) and len(output) > 0:
            cache = output[1] if len(output) > 1 else None
            output = output[0]
        handle = None
        if cache is not None:
            handle = len(self.handles) + 1
            self.handles[handle] = cache
        wanted = header["reply"]
        last = header.get("last")
        if last is not None and list(getattr(output, "shape", ())) == wanted["shape"]:
            output = output[:, -last:]
            wanted = {**wanted, "shape": list(output.shape)}
        result, array = _reply(output, "the logits", [wanted])
        return {**result, "handle": handle}, array

    def do_generate(self, header: Header, body: bytearray) -> tuple[Header, bytes]:
        """One call of generate, counting the tokens that each forward is fed."""
        ids = _ids(body, header["shape"]).to(self.device)
        arguments = (header["n"], header["temperature"], header["use_cache"])
        keywords = dict(zip(header["names"], arguments, strict=True))
        torch.manual_seed(header["seed"])
        with Feed(self.model, header["vocabulary"]) as feed:
            if _accepts(self.model.generate, (ids,), keywords):
                tokens = self.model.generate(ids, **keywords)
            else:
                tokens = self.model.generate(ids, *arguments)
        if isinstance(tokens, list):
            tokens = torch.as_tensor(tokens)
        if isinstance(tokens, torch.Tensor) and tokens.dim() == 1 and len(ids) == 1:
            tokens = tokens[None]
        result, array = _reply(tokens, "the generated ids", header["replies"])
        return {**result, "fed": feed.counts[:4096]}, array

    def do_run(self, header: Header, body: bytearray) -> tuple[Header, bytes]:
        """Run a script as by hand; what it raises is part of what it did."""
        result, array = script.run(self.work, header, bytes(body))
        raised = result.pop("raised", None)
        return {**result, "fault": raised and describe(raised, self.work)}, array

    def do_drop(self, header: Header, _body: bytearray) -> tuple[Header, bytes]:
        """Forget a cache."""
        self.handles[header["handle"]] = None
        return {}, b""

    def do_watch(self, header: Header, _body: bytearray) -> tuple[Header, bytes]:
        """Keep what the named modules put out from now on."""
        self.outputs = Outputs(self.model, header["names"])
        return {"unknown": self.outputs.unknown}, b""

    def do_activation(self, header: Header, _body: bytearray) -> tuple[Header, bytes]:
        """Hand out what a module put out in the last call."""
        return _reply(self.outputs.kept.get(header["name"]), header["name"], [header])

    def do_contents(self, header: Header, _body: bytearray) -> tuple[Header, bytes]:
        """List the arrays of a file: name, shape and type of each."""
        arrays = self._file(header["path"])
        listing = [[n, list(a.shape), str(a.dtype)] for n, a in arrays.items()]
        return {"arrays": listing[:1000]}, b""

    def do_content(self, header: Header, _body: bytearray) -> tuple[Header, bytes]:
        """Hand out one array of a file."""
        array = torch.from_numpy(self._file(header["path"])[header["name"]])
        return _reply(array, header["name"], [header])

    def _file(self, path: str) -> dict[str, Any]:
        if path not in self.files:
            self.files[path] = arrays.read(os.path.join(self.work, path))  # noqa: PTH118
        return self.files[path]


def _accepts(function: Any, arguments: tuple[Any, ...], keywords: Header) -> bool:  # noqa: ANN401
    try:
        inspect.signature(function).bind(*arguments, **keywords)
    except (TypeError, ValueError):
        return False
    return True


def _ids(body: bytearray, shape: list[int]) -> torch.Tensor:
    return torch.frombuffer(body, dtype=torch.int64).reshape(shape).clone()


def _reply(value: Any, what: str, wanted: list[Header]) -> tuple[Header, bytes]:  # noqa: ANN401
    """Turn the student's value into bytes if its shape is one of those wanted."""
    if not isinstance(value, torch.Tensor):
        raise Refused(f"{what} must be a torch.Tensor, not {type(value).__name__}")
    result = {"shape": list(value.shape), "dtype": str(value.dtype).removeprefix("torch.")}
    fits = [w for w in wanted if list(value.shape) == w["shape"]]
    if not fits or value.is_complex():
        return result, b""
    dtype = fits[0]["dtype"]
    if not dtype.startswith("float") and value.is_floating_point():
        return result, b""
    plain = value.detach().to("cpu", getattr(torch, dtype)).contiguous()
    return result, plain.numpy().tobytes()


def describe(error: BaseException, work: str) -> Header:
    """Describe a student's exception in bounded text: what, and where in their files."""
    if isinstance(error, Refused):
        return {"outcome": "error", "type": "", "text": str(error), "where": ""}
    try:
        text = str(error)
    except BaseException:  # noqa: BLE001 - a hostile __str__
        text = "(its text could not be read)"
    where = ""
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename.startswith(work):
            path = os.path.relpath(frame.filename, work)
            where = f"{path}, line {frame.lineno}, in {frame.name}"
    if isinstance(error, SyntaxError) and error.filename and not where:
        where = f"{os.path.relpath(error.filename, work)}, line {error.lineno}"
    # Where a process is limited, and not the whole sandbox, torch's allocator says so in words.
    refused = isinstance(error, RuntimeError) and "DefaultCPUAllocator" in text
    memory = refused or isinstance(error, MemoryError | torch.OutOfMemoryError)
    return {
        "outcome": "out_of_memory" if memory else "error",
        "type": type(error).__name__[:80],
        "text": text[:TEXT_KEPT],
        "where": where[:300],
        "device_missing": bool(DEVICE_MISSING.search(text)),
        "misplaced": bool(MISPLACED.search(text)),
    }


assert sys.byteorder == "little", "arrays travel as little-endian bytes"

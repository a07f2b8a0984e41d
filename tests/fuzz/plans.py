"""What a guest might plan: well-behaved up to some request, and then anything at all."""

import json
import random
from dataclasses import dataclass, field

from hypothesis import strategies as st

from grader.records import Ending
from grader.wire import PREFIX
from tests.fuzz.guest import END, Say

FILE = "net.py"
VERBS = ["boot", "submission", "worker", "find", "load", "new", "tensors", "weights", "forward",
         "generate"]  # fmt: skip
LENGTHS = [0, 1, 2, 15, 16, 17, 60, 61, 65_535, 65_536, 65_537, 2**31 - 1, 2**31, 2**32 - 1]
HUGE = [*LENGTHS, 2**32, 2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 1]
DELAYS = [0.0, 0.1, 0.49, 0.5, 0.549, 0.551, 0.99, 1.1, 19.9, 21.0, 61.0]
DEPTHS = [1, 100, *range(850, 1000, 7), *range(1800, 3000, 40), 5000, 20_000]
NAN, ENDLESS = float("nan"), float("inf")


def mixed(*strategies):
    """Draw from one of these, as often from each as it is named: a union would name it once."""
    return st.sampled_from(strategies).flatmap(lambda strategy: strategy)


@dataclass(frozen=True)
class Deep:
    """Lists or objects in each other, as JSON that no encoder of ours could write."""

    depth: int
    bracket: str

    def text(self):
        if self.bracket == "[":
            return "[" * self.depth + "]" * self.depth
        return '{"":' * self.depth + "0" + "}" * self.depth


numbers = st.one_of(
    st.integers(-3, 3),
    st.sampled_from([2**31 - 1, 2**31, 2**63, -(2**63), 10**400, -(10**4000), 10**4290]),
    st.floats(),
    st.sampled_from([NAN, ENDLESS, -ENDLESS, 0.0, -0.0, 1e308]),
)
texts = st.one_of(
    st.text(st.characters(), max_size=30),  # lone surrogates as well
    st.sampled_from(["x" * 50_000, "\x1b[2J" * 1500, "\udcff" * 5000, "", "../x", FILE]),
)
deep = st.builds(Deep, st.sampled_from(DEPTHS), st.sampled_from("[{"))
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts, deep),
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=8,
)
outcomes = st.sampled_from(
    ["error", "died", "timeout", "out_of_memory", "protocol_violation", "failed", "passed",
     "harness_error", "not_submitted", "inconclusive", "measured", ""]
)  # fmt: skip
faults = st.fixed_dictionaries(
    {},
    optional={
        "outcome": mixed(outcomes, outcomes, values),
        "text": mixed(texts, values),
        "where": mixed(texts, values),
        "type": mixed(texts, values),
        "signal": st.sampled_from([9, 11, 15]) | values,
        "code": values,
        "device_missing": values,
    },
)
shapes = st.lists(st.lists(values, max_size=5) | values, max_size=7)
fields = {
    "files": mixed(st.lists(texts, max_size=12), st.lists(values, max_size=4), values),
    "file": values,
    "missing": mixed(st.lists(texts, max_size=10), st.just(["long name"] * 4000), values),
    "unexpected": mixed(st.lists(texts, max_size=10), st.just(["long name"] * 4000), values),
    "shapes": mixed(shapes, values),
    "handle": mixed(numbers, values),
    "fed": mixed(st.lists(numbers, max_size=6), values),
    "shape": values,
    "dtype": values,
}
results = st.fixed_dictionaries({}, optional=fields)
READ = {
    "find": ["files"],
    "weights": ["missing", "unexpected", "shapes"],
    "forward": ["handle", "shape", "dtype"],
    "generate": ["fed", "shape", "dtype"],
}  # which field of a result the host looks at
prints = st.fixed_dictionaries({}, optional={"tail": mixed(texts, values), "bytes": values})


def encoded(value):
    """Write a header as JSON, with what is deep put in as text; not all of it is valid."""
    found = []

    def mark(other):
        found.append(other)
        return f"<deep {len(found) - 1}>"

    text = json.dumps(value, default=mark)
    for number, other in enumerate(found):
        text = text.replace(f'"<deep {number}>"', other.text())
    return text.encode()


def framed(header, body=b"", announced=(None, None)):
    """Write a frame; ``announced`` are other lengths to claim."""
    text = header if isinstance(header, bytes) else encoded(header)
    lengths = [len(text), len(body)]
    lengths = [
        real if said is None else said for real, said in zip(lengths, announced, strict=True)
    ]
    return PREFIX.pack(b"GRD1", *lengths) + text + body


def good(verb, header):
    """Return the reply of a guest that behaves, as header and body."""
    reply = {"id": header.get("id"), "prints": {"tail": "hello\n", "bytes": 6}, "result": {}}
    body = b""
    if verb == "find":
        reply["result"] = {"files": [FILE]}
    if verb == "forward":
        reply["result"], body = {"handle": 1}, bytes(header["reply_bytes"])
    if verb == "generate":
        reply["result"], body = {"fed": [3, 1]}, bytes(header["reply_bytes"])
    return reply, body


@dataclass
class Plan:
    """Behave ``well`` times, then do as ``act`` says when ``verb`` is asked for."""

    multiplexed: bool
    verb: str
    well: int
    act: object  # from verb and request to what the guest says
    ending: Ending
    kills: int  # that the kernel counts meanwhile
    seed: int  # of where the engine cuts the stream, and what is on standard error
    often: int = 1  # how many times it misbehaves
    done: int = field(default=0, init=False)

    def __post_init__(self):
        self.rng = random.Random(self.seed)
        self.largest = self.rng.choice([1, 7, 16, 100, 32_768])

    def cut(self, length):
        """Return what comes on standard error before the next part of so many bytes, and how
        long that part is: a few hundred parts at most."""
        notes = [b"", b"", b"warning\n", b"GRD1", b"\xff" * self.rng.choice([9, 9, 9, 20_000])]
        return self.rng.choice(notes), self.rng.randint(1, max(self.largest, length // 50))

    def answer(self, box, verb, header):
        if verb == self.verb:
            self.well -= 1
        if verb != self.verb or self.well >= 0 or self.done == self.often:
            return Say([(0.0, framed(*good(verb, header)))])
        self.done += 1
        box.kills += self.kills
        return self.act(verb, header)


# --- acts: from a request to what is said ---------------------------------------------------------


def changed(fields, body, announced, nonce):
    """Answer with other fields, another body, other lengths and another number."""

    def act(verb, header):
        reply, right = good(verb, header)
        reply |= fields
        if nonce != "right":
            reply["id"] = nonce
        return Say([(0.0, framed(reply, right if body is None else body, announced))])

    return act


def raw(data, rest):
    """Say some bytes, and then hang up, go on in silence, or flood the line."""
    return lambda _verb, _header: Say([(0.0, data), *([(0.0, END)] if rest == "end" else [])])


def cut_off(share, rest):
    """Break off within a right answer."""

    def act(verb, header):
        data = framed(*good(verb, header))
        data = data[: int(share * len(data))]
        return Say([(0.0, data), *([(0.0, END)] if rest == "end" else [])])

    return act


def trickle(step, size):
    """Answer rightly, a few bytes at a time."""

    def act(verb, header):
        data = framed(*good(verb, header))
        return Say([(step, data[at : at + size]) for at in range(0, len(data), size)])

    return act


def late(delay):
    """Answer rightly after so many seconds."""
    return lambda verb, header: Say([(delay, framed(*good(verb, header)))])


def more(before, after, delay):
    """Say something before and behind a right answer; None is the answer once more."""

    def act(verb, header):
        data = framed(*good(verb, header))
        return Say(
            [
                (0.0, data if before is None else before),
                (0.0, data),
                (delay, data if after is None else after),
            ]
        )

    return act


def flipped(flips):
    """Answer with some bytes changed."""

    def act(verb, header):
        data = bytearray(framed(*good(verb, header)))
        for share, byte in flips:
            data[int(share * (len(data) - 1))] = byte
        return Say([(0.0, bytes(data))])

    return act


def flood(data, stream, answers):
    """Send without end, behind a right answer or instead of one."""

    def act(verb, header):
        said = [(0.0, framed(*good(verb, header)))] if answers else []
        return Say(said, flood=data, flood_stream=stream)

    return act


def deaf(_verb, _header):
    """Answer nothing and take in nothing more."""
    return Say(deaf=True)


junk = st.one_of(
    st.binary(max_size=200),
    st.binary(max_size=100).map(lambda data: b"GRD1" + data),
    st.builds(framed, values.map(encoded)),  # a header that may be no object
    st.builds(framed, st.binary(max_size=60)),
    st.builds(
        framed,
        st.sampled_from([b"{}", b"[]", b'{"a": "\xff"}', b'{"a": NaN}', "{}".encode("utf-16")]),
        st.binary(max_size=70),
    ),
    st.tuples(st.sampled_from(LENGTHS), st.sampled_from(HUGE), st.binary(max_size=80)).map(
        lambda drawn: PREFIX.pack(b"GRD1", drawn[0], drawn[1]) + drawn[2]
    ),
)
shares = st.floats(0, 1)
steps = st.sampled_from([0.0, 0.001, 0.01, 0.3, 30.0])
rests = st.sampled_from(["end", "silence"])
changes = st.builds(
    changed,
    st.fixed_dictionaries(
        {},
        optional={
            "fault": mixed(faults, values),
            "result": mixed(results, values),
            "prints": mixed(prints, values),
        },
    ),
    mixed(st.none(), st.none(), st.binary(max_size=130)),
    mixed(
        *[st.just((None, None))] * 7,
        st.tuples(st.none() | st.sampled_from(LENGTHS), st.none() | st.sampled_from(HUGE)),
    ),
    mixed(*[st.just("right")] * 9, values),
)
others = [
    st.builds(raw, junk, rests),
    st.builds(cut_off, shares, rests),
    st.builds(trickle, steps, st.sampled_from([1, 3, 50])),
    st.builds(late, st.sampled_from(DELAYS)),
    st.builds(more, st.just(b"") | st.none() | junk, st.just(b"") | st.none() | junk, steps),
    st.builds(flipped, st.lists(st.tuples(shares, st.integers(0, 255)), min_size=1, max_size=4)),
    st.builds(
        flood,
        st.sampled_from([b"x" * 30_001, b"GRD1" * 50, bytes(100_001)]),
        st.sampled_from([1, 2, 2, 2, 0, 3]),
        st.sampled_from([True, True, False]),
    ),
    st.just(deaf),
]


def acts(verb):
    """Draw what is done instead of answering this request well."""
    read = {name: fields[name] for name in READ.get(verb, [])}
    result = st.fixed_dictionaries({"result": st.fixed_dictionaries({}, optional=read)})
    right = st.builds(changed, result, st.none(), st.just((None, None)), st.just("right"))
    return mixed(*[changes] * 4, *[right] * 4, *others)


endings = st.builds(
    Ending, st.sampled_from([None, 0, 1, 70, 137]), st.booleans(), st.sampled_from(["", "x" * 9000])
)


def plan(verb):
    """Draw a plan to misbehave at this request."""
    return st.builds(
        Plan,
        multiplexed=st.booleans(),
        verb=st.just(verb),
        well=st.integers(0, 2),
        act=acts(verb),
        ending=endings,
        kills=st.sampled_from([0, 0, 1]),
        seed=st.integers(0, 1 << 16),
        often=st.sampled_from([1, 1, 2, 100]),
    )


plans = mixed(*map(plan, VERBS))

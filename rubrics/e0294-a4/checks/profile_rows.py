"""What problem 1's rows are called, which table they stand in, and what is said of assumptions."""

import io
import re
import tokenize
from dataclasses import dataclass, field
from fractions import Fraction

from grader.printed import Found, Row, assign, read, words

RESULTS = ("parameters", "memory", "kv", "batch")
"""The rows of the sheet's table, in its order."""

ROWS = (
    Row("batch", ("max batch size possible", "max batch size", "max batch", "maximum batch",
                  "batch size", "batch", "max request", "max concurrent request",
                  "concurrent request", "request fit"), without="byte memory total gb",
        least=-1e12),
    Row("kv_bytes", ("kv cache byte", "kv byte", "byte kv", "cache byte", "kv precision",
                     "byte per kv element", "kv cache dtype"), without="token layer",
        least=0.5, most=8, symbols=("c", "kvb", "b_kv")),
    Row("kv_token", ("kv cache token", "kv token", "cache token"), without="layer head",
        kind="bytes"),
    Row("kv", ("kv cache per request", "kv cache request", "kv request", "kv cache size",
               "kv cache memory", "kv cache", "cache request", "kv"),
        without="token head layer available remaining free budget batch element dim", kind="bytes"),
    Row("weight_bytes", ("weight byte", "byte weight", "byte per weight", "byte param",
                         "weight precision", "param precision", "quant byte"),
        without="kv", least=0.5, most=8, symbols=("w", "wb", "b_w")),
    Row("memory", ("total param memory", "param memory", "weight memory", "model memory",
                   "model size", "model weight", "param size", "weight size", "param mem",
                   "weight mem", "model mem", "weight gb", "param gb", "weight"),
        without="kv cache layer attention attn ffn mlp embed norm head available remaining free "
                "left tied tying byte", kind="bytes"),
    Row("parameters", ("total model param", "number model param", "total number param",
                       "total param", "model param", "number param", "num param", "param count",
                       "param"),
        without="memory mem size kv layer attention attn ffn mlp feed embed norm head lm vocab "
                "byte per other"),
    Row("tp", ("tensor parallel", "tensor parallel size", "tp", "tp size", "tp degree", "num gpu",
               "number gpu", "gpus", "gpu count", "world size", "x"),
        without="memory mem weight kv", least=1, most=1024, symbols=("x", "n_gpus")),
    Row("layers", ("number layer", "num layer", "layer"),
        without="param kv attention norm per memory weight", least=1, most=1000,
        symbols=("l", "n_l")),
    Row("kv_heads", ("kv head", "key value head", "num kv"), least=1, most=1024,
        symbols=("k", "n_kv", "nkv")),
    Row("query_heads", ("query head", "q head", "attention head", "num head", "number head",
                        "n head", "head q", "head", "num quer"),
        without="kv key dim size param group per memory", least=1, most=1024,
        symbols=("q", "n_q", "nq")),
    Row("d_ff", ("inner dim", "inner size", "intermediate size", "intermediate dim", "ffn dim",
                 "ffn hidden dim", "ff dim", "d ff", "mlp dim", "h2", "dim ff", "inner"),
        without="param memory", least=1, most=1e6, symbols=("h2", "h_2", "dff")),
    Row("d_model", ("embedding dim", "embed dim", "emb dim", "d model", "hidden size",
                    "hidden dim", "model dim", "embedding size", "h1", "dim model"),
        without="param memory head inner", least=1, most=1e6, symbols=("h1", "h_1", "hidden", "d")),
    Row("vocab", ("vocab size", "vocab"), without="param memory", least=2, most=1e7,
        symbols=("v",)),
    Row("context", ("context length", "context len", "context size", "context", "sequence length",
                    "seq length", "seq len", "max seq", "sequence", "prompt length", "ctx"),
        without="memory kv batch", least=2, most=1e8, symbols=("s", "seq", "n_ctx", "ctx")),
    Row("device", ("gpu memory", "device memory", "gpu mem", "hbm", "vram", "memory gpu",
                   "gpu capacity", "gpu gb", "memory gb", "memory capacity", "device mem"),
        without="param model weight kv used left per request free available", kind="bytes",
        least=4, most=1e14, symbols=("m", "gpu_memory", "memory")),
)  # fmt: skip
"""The rows of the table, and the program's inputs; device memory is as printed, usually in GB."""

MAX_X = 1024
MAX_TABLES = 100
MAX_ALIKE = 8  # of one row's numbers in a table are compared
_X = re.compile(
    r"(?:(?<![0-9)])(?<![0-9)] )\bx|\b(?:tp|tensor[ _-]?parallel[a-z]*+|gpus)\b)[ _]?"
    r"(?:size|degree|dim[a-z]*+)?+[^a-z0-9]{0,4}(?P<one>[0-9]{1,4})\b"
    r"|\b(?P<two>[0-9]{1,4}) ?(?:x ?gpus?|gpus?|-way)\b"
)
PARALLEL = ("tensor", "tp", "parallel", "parallelism")


@dataclass
class Table:
    """The rows printed for one X: 1 or None for one GPU, 0 for several, how many is not said."""

    x: int | None
    rows: dict[str, list[Found]] = field(default_factory=dict)

    def best(self, row: str) -> Found | None:
        """Return what most likely is the row: a result, by its best label, shown in most digits."""
        found = self.rows.get(row, [])
        if row == "batch":  # of a quotient and its floor, the floor comes last

            def order(at):
                f = found[at]
                return not f.quantity.operand, f.score, f.base.denominator == 1, at
        else:

            def order(at):
                f = found[at]
                return not f.quantity.operand, f.score, f.quantity.digits, -at

        best = found[max(range(len(found)), key=order)] if found else None
        return None if best is None or best.quantity.operand else best


def tables(text):
    """Return a printed text's tables in their order, and the inputs that it names (first found)."""
    opened: dict[tuple, Table] = {}  # by X and block, the latest
    order: list[Table] = []
    inputs: dict[str, Found] = {}
    current = None
    for one in assign(read(text), ROWS):
        if one.row == "tp":
            if one.quantity.label and not one.quantity.operand and one.base.denominator == 1:
                current = int(one.base)
        elif one.row not in (*RESULTS, "kv_token"):
            if not one.quantity.operand:
                inputs.setdefault(one.row, one)
        else:
            x = _x_of(one.quantity, current)
            table = opened.get((x, one.quantity.block))
            if table is None or _begins_anew(table, one):
                if len(order) == MAX_TABLES:
                    break
                table = opened[x, one.quantity.block] = Table(x)
                order.append(table)
            table.rows.setdefault(one.row, []).append(one)
    return [t for t in _merged(order) if any(row in t.rows for row in RESULTS)], inputs


def split(tables):
    """Return the table of one GPU, and pairs of X and table for several (0 where X is not said)."""
    ones = [table for table in tables if table.x in (None, 1)]
    if not ones:  # an X among the inputs, printed above all tables
        ones = tables[:1]
    single = Table(None)
    for table in sorted(ones, key=lambda table: -len(table.rows)):
        for name, found in table.rows.items():  # calculations may stand apart from the table
            single.rows.setdefault(name, found)
    return single, [(table.x or 0, table) for table in tables if table not in ones]


def _x_of(quantity, current):
    """Return a quantity's own X, else the last that was named; 0 below words that name none."""
    x = x_of(quantity)
    if x is None:
        x = current
    if x is None and set(words(quantity.heading)) & set(PARALLEL):
        x = 0
    return x


def _begins_anew(table, one):
    """Whether a row comes again on a later line by the same label with another value."""
    return any(
        other.quantity.line != one.quantity.line
        and other.quantity.label == one.quantity.label
        and not _alike(one, other)
        for other in table.rows.get(one.row, [])[:MAX_ALIKE]
    )


def _merged(order):
    """Put tables of one X together that say the same: a calculation and the table below it."""
    done: list[Table] = []
    for table in order:
        last = next((other for other in reversed(done) if other.x == table.x), None)
        if last is None or any(not _alike(one, other) for name, found in table.rows.items()
                               for one in found[:MAX_ALIKE]
                               for other in last.rows.get(name, ())[:MAX_ALIKE]):  # fmt: skip
            done.append(table)
            continue
        for name, found in table.rows.items():
            last.rows.setdefault(name, []).extend(found)
    return done


def _alike(one, other):
    """Whether two numbers may be the same quantity; GB and GiB differ by 7.4 %."""
    if one.quantity.operand or other.quantity.operand:
        return True
    allowed = Fraction(8, 100) if one.row in ("memory", "kv") else Fraction(2, 100)
    return abs(one.base - other.base) <= max(abs(one.base), abs(other.base)) * allowed


def x_of(quantity):
    """Return the X that a quantity's own row, column or sentence names, or None."""
    for text in (quantity.column, quantity.label, quantity.row, quantity.before):
        match = _X.search(text.lower())
        if match:
            x = int(match["one"] or match["two"])
            if 1 <= x <= MAX_X:
                return x
    return None


# --- what is said of assumptions ------------------------------------------------------------------

SAYINGS = {
    "mha": ("mha", "multi head attention", "multihead attention", "full attention heads",
            "ignoring gqa", "ignore gqa", "without gqa", "no gqa", "not using gqa"),
    "tied": ("tied", "tie", "ties", "tying", "shared embedding", "share embedding",
             "shared embeddings", "share the embedding", "shares the embedding", "weight sharing",
             "shared with the embedding", "same matrix", "shared weights"),
    "two_matrices": ("two matrices", "2 matrices", "two weight matrices", "2 weight matrices",
                     "two linear", "2 linear", "two projections", "2 projections", "no gate",
                     "without gate", "without a gate", "two layer", "2 layer", "standard ffn",
                     "up and down", "two matrix", "2 matrix"),
    "gib": ("gib", "gibibyte", "gibibytes", "2 30", "1024 3", "1024 1024 1024"),
    "reserve": ("activation", "activations", "workspace", "overhead", "reserve", "reserved",
                "fragmentation", "utilization", "utilisation", "headroom", "usable"),
}  # fmt: skip
"""Words, lower case, that name an assumption; a human confirms where points depend on it."""

NOT = {"not", "no", "non", "without", "untied", "instead", "isn", "aren", "don", "doesn", "never",
       "rather", "unlike", "nor", "un"}  # fmt: skip
MAX_SAID = 4000  # lines


def said(text, source=""):
    """Return the assumptions named in output, comments and strings: name → (line, excerpt)."""
    found = {}
    for line in [*text.splitlines()[:MAX_SAID], *_comments(source)]:
        joined = f" {' '.join(re.findall(r'[a-z]++|[0-9]++', line[:500].lower()))} "
        for name, sayings in SAYINGS.items():
            for saying in sayings:
                at = joined.find(f" {saying} ")
                if name not in found and at >= 0 and not _denied(joined, at, saying):
                    found[name] = line.strip()[:120]
    return found


def _denied(joined, at, saying):
    if saying.split()[0] in NOT or saying.startswith(("ignor",)):
        return False
    return bool(NOT & set(joined[:at].split()[-3:]))


def _comments(source):
    """Return a program's comments and strings; of a language other than Python, all lines."""
    lines = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(source[:262_144]).readline):
            if token.type in (tokenize.COMMENT, tokenize.STRING):
                lines += token.string.splitlines()
            if len(lines) > MAX_SAID:
                break
    except (tokenize.TokenError, SyntaxError, ValueError):
        return source[:262_144].splitlines()[:MAX_SAID]
    return lines

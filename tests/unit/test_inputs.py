"""How a program takes its numbers, from its text alone; and how to run it with others."""

import json
import subprocess
import sys
import time
import tomllib

import pytest

from grader.inputs import NoPlan, Plan, defaults, plan
from grader.printed import Row

ROWS = (
    Row("layers", ("number layer", "num layer", "layer"), "param", symbols=("l",)),
    Row("kv_heads", ("kv head", "key value head"), symbols=("k",)),
    Row("query_heads", ("query head", "num head", "head"), "kv dim", symbols=("q",)),
    Row("d_model", ("embedding dim", "embed dim", "hidden size", "d model"), symbols=("h1", "d")),
    Row("vocab", ("vocab size", "vocab"), symbols=("v",)),
    Row("context", ("context length", "seq len", "context"), symbols=("s",)),
    Row("device", ("gpu memory", "gpu mem"), kind="bytes", symbols=("m",)),
    Row("tp", ("tensor parallel", "tp"), symbols=("x", "tp")),
)
VALUES = {"layers": 40, "query_heads": 20, "kv_heads": 5, "d_model": 1280, "vocab": 999,
          "context": 777, "device": 48, "tp": 2}  # fmt: skip
SHOW = "\nprint(L, Q, K, D, V, S, M, X)\n"
EXPECTED = "40 20 5 1280 999 777 48 2"

ARGPARSE = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--num-layers", "-l", type=int, default=32, help="Number of layers")
parser.add_argument("--num_heads", type=int, default=32, help="Query heads")
parser.add_argument("--kv-heads", type=int, default=8)
parser.add_argument("--h1", type=int, default=4096, help="embedding dimension")
parser.add_argument("-V", "--vocab-size", type=int, required=True)
parser.add_argument("--context", type=int, default=1024)
parser.add_argument("--gpu-mem", type=float, default=80)
parser.add_argument("--tp", type=int, default=1)
parser.add_argument("--verbose", action="store_true")
a = parser.parse_args()
L, Q, K, D, V, S, M, X = (a.num_layers, a.num_heads, a.kv_heads, a.h1, a.vocab_size, a.context,
                          int(a.gpu_mem), a.tp)
"""
PROMPTS = """
L = int(input("Number of layers: "))
Q = int(input("Number of query heads: "))
K = int(input("Number of KV heads: "))
D, V = int(input("Embedding dimension (h1): ")), int(input("Vocab size: "))
S = int(input("Context length [1024]: ") or 1024)
name = input("Name of the run: ") or "run"
M = int(input(f"GPU memory in {'GB'}: "))
X = int(input("Tensor parallel size X: "))
"""
HELPER = """
def ask(text, default):
    answer = input(f"{text} [{default}]: ")
    return int(answer) if answer.strip() else default
L = ask("Number of layers", 32)
Q = ask("Number of query heads", 32)
K = ask("Number of KV heads", 8)
D = ask("Embedding dim", 4096)
V = ask("Vocab size", 128256)
S = ask("Context length", 1024)
M = ask("GPU memory (GB)", 80)
X = ask("Tensor parallel X", 1)
"""
ARGV = """
import sys
L = int(sys.argv[1]); Q = int(sys.argv[2]); K = int(sys.argv[3])
D = int(sys.argv[4]); V = int(sys.argv[5])
S = int(sys.argv[6]) if len(sys.argv) > 6 else 1024
M = int(sys.argv[7]) if len(sys.argv) > 7 else 80
X = int(sys.argv[8]) if len(sys.argv) > 8 else 1
"""
ARGV_TUPLE = """
import sys
L, Q, K, h1, V, S, M, X = map(int, sys.argv[1:9])
D = h1
"""
ARGV_ALIAS = """
import sys
args = sys.argv[1:]
L = int(args[0]); Q = int(args[1]); K = int(args[2]); h1 = int(args[3]); V = int(args[4])
S = int(args[5]); M = int(args[6]); X = int(args[7])
D = h1
"""
CONSTANTS = """
NUM_LAYERS = 32   # größe
NUM_QUERY_HEADS, NUM_KV_HEADS = 32, 8
h1: int = 4096
vocab_size = 128_256
context_length = 1024
gpu_memory = 80 * 1024**3
tp = 1
L, Q, K, D, V, S, M, X = (NUM_LAYERS, NUM_QUERY_HEADS, NUM_KV_HEADS, h1, vocab_size,
                          context_length, gpu_memory // 2**30, tp)
"""
DICTIONARY = """
config = {"num_layers": 32, "num_query_heads": 32, "num_kv_heads": 8, "embedding_dim": 4096,
          "vocab_size": 128256, "gpu_memory_gb": 80e9, "seq_len": 1024, "tp": 1}
L, Q, K, D, V, M, S, X = [int(v) for v in config.values()]
M //= 10**9
"""
FUNCTION = """
def compute(layers, query_heads, kv_heads, embedding_dim, vocab, context_length=1024,
            gpu_memory_gb=80, tp=1):
    return layers, query_heads, kv_heads, embedding_dim, vocab, context_length, gpu_memory_gb, tp
L, Q, K, D, V, S, M, X = compute(32, 32, 8, 4096, vocab=128256)
"""
DATACLASS = """
from dataclasses import dataclass
@dataclass
class Spec:
    num_layers: int = 32
    num_heads: int = 32
    num_kv_heads: int = 8
    embed_dim: int = 4096
    vocab_size: int = 128256
    context_len: int = 1024
    gpu_mem_mb: int = 81920
    tensor_parallel: int = 1
s = Spec(32, 32, num_kv_heads=8)
L, Q, K, D, V, S, M, X = (s.num_layers, s.num_heads, s.num_kv_heads, s.embed_dim, s.vocab_size,
                          s.context_len, s.gpu_mem_mb // 1024, s.tensor_parallel)
"""
JSON_FILE = """
import json
with open("config.json") as file:
    config = json.load(file)
model = config["model"]
L, Q, K = config["model"]["num_layers"], config["model"]["query_heads"], model["kv_heads"]
D, V = config["model"]["embedding_dim"], config["model"].get("vocab_size", 5)
S, M, X = config["context_length"], config["gpu_memory"], config["tp"]
"""
TOML_FILE = """
import tomllib
from pathlib import Path
c = tomllib.loads(Path("spec.toml").read_text())
L, Q, K, D, V = (c["model"][n] for n in ("layers", "query_heads", "kv_heads", "d_model", "vocab"))
S, M, X = c["run"]["context"], c["run"]["gpu_memory"], c["run"]["tp"]
"""
MIXED = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--tp", type=int, default=1)
parser.add_argument("--context-length", type=int, default=1024)
a = parser.parse_args()
num_layers = 32; num_heads = 32; num_kv_heads = 8
embedding_dim = 4096; vocab = 128256; gpu_memory = 80
L, Q, K, D, V, S, M, X = (num_layers, num_heads, num_kv_heads, embedding_dim, vocab,
                          a.context_length, gpu_memory, a.tp)
"""
CONFIG = json.dumps({"model": {"num_layers": 32, "query_heads": 32, "kv_heads": 8,
                               "embedding_dim": 4096, "vocab_size": 128256, "name": "llama"},
                     "context_length": 1024, "gpu_memory": 80, "tp": 1})  # fmt: skip
SPEC = """[model]
layers = 32
query_heads = 32  # of them
kv_heads = 8
d_model = 4_096
vocab = 128256
[run]
context = 1024
gpu_memory = 80
tp = 1
"""
BESIDE = {"config.json": CONFIG, "spec.toml": SPEC}

SCRIPTS = {
    "argparse": (ARGPARSE, "flags"),
    "prompts": (PROMPTS, "prompts"),
    "a helper that asks": (HELPER, "prompts"),
    "argv": (ARGV, "positions"),
    "argv as a tuple": (ARGV_TUPLE, "positions"),
    "argv by another name": (ARGV_ALIAS, "positions"),
    "constants": (CONSTANTS, "edits"),
    "a dictionary": (DICTIONARY, "edits"),
    "a function": (FUNCTION, "edits"),
    "a dataclass": (DATACLASS, "edits"),
    "json": (JSON_FILE, "config"),
    "toml": (TOML_FILE, "config"),
    "flags and constants": (MIXED, "flags"),
}


def run(found, source, folder, beside):
    """Run a program of this file as a plan says, and return what it prints."""
    for name, text in {"student.py": source, **beside, **found.files}.items():
        (folder / name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-I", "student.py", *found.argv],
        cwd=folder, input=found.stdin, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_program_runs_with_other_numbers(name, tmp_path):
    """By whatever way it takes them, the program then computes with the numbers given."""
    source, way = SCRIPTS[name]
    found = plan("student.py", source + SHOW, ROWS, VALUES, BESIDE)
    assert isinstance(found, Plan), found
    assert (found.way, found.covered, found.missing) == (way, VALUES.keys(), frozenset())
    assert run(found, source + SHOW, tmp_path, BESIDE).strip().endswith(EXPECTED)


def test_a_configuration_that_was_not_handed_in_is_made(tmp_path):
    """Where the JSON file is missing, it is made from the keys that the program looks up."""
    found = plan("student.py", JSON_FILE + SHOW, ROWS, VALUES)
    assert json.loads(found.files["config.json"])["model"]["num_layers"] == 40
    assert run(found, JSON_FILE + SHOW, tmp_path, {}).strip() == EXPECTED


def test_what_is_not_asked_for_stays_in_a_configuration():
    """Other keys of the files are handed back as they were."""
    found = plan("student.py", JSON_FILE, ROWS, VALUES, BESIDE)
    assert json.loads(found.files["config.json"])["model"]["name"] == "llama"
    found = plan("student.py", TOML_FILE, ROWS, VALUES, BESIDE)
    assert tomllib.loads(found.files["spec.toml"])["model"]["d_model"] == 1280


def test_what_has_no_place_is_said():
    """A number that the program nowhere takes is listed as missing."""
    found = plan("student.py", "num_layers = 32\n", ROWS, VALUES)
    assert found.covered == {"layers"}
    assert found.missing == VALUES.keys() - {"layers"}


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("print('hello')", "none of the numbers"),
        ("for i in range(3):\n    layers = int(input('layers: '))", "in a loop"),
        ("colour = int(input('Your favourite colour: '))", "favourite colour"),
        ("import argparse\np = argparse.ArgumentParser()\np.add_argument('--mood', required=True)",
         "needs --mood"),
        ("import sys\nmood = sys.argv[1]\nlayers = sys.argv[2]", "'mood' by position"),
        ("int main() { return 0; }", "is not Python"),
        ("", "none of the numbers"),
    ],
)  # fmt: skip
def test_no_plan_has_a_reason(source, says):
    """Where there is no way, half a sentence says why."""
    found = plan("student.py", source, ROWS, VALUES)
    assert isinstance(found, NoPlan)
    assert says in found.reason


def test_defaults_are_read_from_the_source():
    """What a source has for a quantity is known where it has only one number for it."""
    assert defaults(ARGPARSE, ROWS)["context"] == 1024
    assert defaults(HELPER, ROWS)["kv_heads"] == 8
    assert defaults(CONSTANTS, ROWS)["device"] == 80 * 2**30
    assert "context" not in defaults("context = 5\ndef f(context=6): pass", ROWS)


def test_a_number_that_cannot_be_it_is_left_alone():
    """A variable that begins at 0 to add up in is no input, whatever its name."""
    rows = (Row("layers", ("layer",), least=1),)
    found = plan("student.py", "layers = 0\nnum_layers = 32\n", rows, {"layers": 40})
    assert found.files["student.py"] == "layers = 0\nnum_layers = 40\n"


HOSTILE = {
    "unary": "layers = " + "-" * 60_000 + "1",
    "brackets": "(" * 60_000,
    "sums": "layers = " + "1+" * 30_000 + "1",
    "powers": "layers = 9**9**9**9**9",
    "power of a power": "layers = (2**100)**100",
    "big numbers": "layers = " + "9" * 100_000,
    "attributes": "a" + ".b" * 60_000,
    "subscripts": "import json\njson.load(open('c.json'))\n" + "a['x']['y']\n" * 8000,
    "loops": "".join(f"{' ' * at}while 1:\n" for at in range(90)) + " " * 90 + "x = 1",
    "calls": "f(" * 90 + ")" * 90,
    "lambdas": "layers = " + "lambda: " * 8000 + "1",
    "choices": "layers = " + "1 if 1 else " * 5000 + "1",
    "negations": "layers = " + "not " * 15_000 + "1",
    "f-strings": "layers = " + "f'{" * 100 + "1" + "}'" * 100,
    "nul": "layers = 1\0",
    "surrogate": "layers = '\ud800'",
    "escapes": "layers = '\\d'",
    "many": "layers = 32\n" * 3000,
    "prompts": "x = input('layers')\n" * 3000,
    "lines": "layers = 32\r\n\x0c\x1c\u2028\nkv_heads = 8\r",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_source_costs_little(name):
    """64 KB of anything is answered in bounded time, and nothing of it runs."""
    begun = time.process_time()
    assert isinstance(plan("student.py", HOSTILE[name], ROWS, VALUES), Plan | NoPlan)
    defaults(HOSTILE[name], ROWS)
    assert time.process_time() - begun < 4


@pytest.mark.parametrize(
    "config", ["[" * 5000, '{"layers": NaN}', '{"layers": 1e999}', "{" * 9, '{"a": ' * 900 + "1"]
)
def test_hostile_configuration_is_no_harm(config):
    """A configuration file that cannot be read is made anew or left out."""
    source = "import json\nc = json.load(open('c.json'))\nlayers = c['layers']"
    assert isinstance(plan("student.py", source, ROWS, VALUES, {"c.json": config}), Plan | NoPlan)

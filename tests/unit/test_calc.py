"""`grader calc`: what it answers, draws and refuses."""

import argparse
import io
import json
import re
import shlex
from pathlib import Path

import pytest

from grader import cli
from grader.calc import arguments, command, plots
from grader.errors import UsageError

ROOT = Path(__file__).parents[2]
EXAMPLES = re.findall(r"^  grader (calc .*)$", arguments.EXAMPLES, re.MULTILINE)


def parsed(line):
    """Return the arguments of a command line."""
    parser = argparse.ArgumentParser()
    arguments.add(parser.add_subparsers())
    return parser.parse_args(shlex.split(line))


def answer(line, root=ROOT):
    """Return what ``grader calc ...`` prints."""
    return command.answer(parsed(f"calc {line}"), root)


def rows(line):
    """Return the JSON of a command, refusing what is no JSON, such as Infinity."""
    return json.loads(answer(f"{line} --json"), parse_constant=pytest.fail)


def drawn(line):
    """Return the axes of the figure of a command."""
    asked = parsed(f"calc {line}")
    return plots.PLOTS[asked.what](command.load(ROOT), asked).axes


@pytest.mark.parametrize("line", EXAMPLES)
def test_the_examples_of_the_help_run(line, tmp_path, monkeypatch):
    """Every example that --help prints runs as it stands, and draws what it says."""
    monkeypatch.chdir(tmp_path)
    asked = parsed(line)
    assert command.answer(asked, ROOT)
    plot = getattr(asked, "plot", None)
    assert [path.name for path in tmp_path.iterdir()] == ([str(plot)] if plot else [])


def test_there_are_examples():
    """The examples are found in the help, so that the test above has some."""
    assert len(EXAMPLES) > 4


@pytest.mark.parametrize("what", sorted(command.ANSWERS))
def test_every_command_is_reachable(what):
    """Each answer has its subcommand with --json, and none lacks its answer."""
    more = {
        "params": "gpt2", "kv": "gpt2 --context 8", "batch": "gpt2 --context 8 --device t4",
        "attention": "--tokens 8 --head-dim 4", "layer": "gpt2 --tokens 8 --device t4",
        "speculative": "--accept 1 --draft 2",
    }  # fmt: skip
    assert rows(f"{what} {more.get(what, '')}")
    assert set(more) | {"models", "devices"} == set(command.ANSWERS)


def test_parameters_in_words_and_in_full():
    """The table writes counts with separators and memory in GB; JSON has them in full."""
    table = answer("params llama-3-8b")
    assert re.search(r"total +8,030,261,248 +16,060,522,496 +16\.0605 +14\.9575", table)
    assert rows("params llama-3-8b")["parameters"][-1]["parameters"] == 8030261248
    assert rows("params llama-3-8b --no-norms")["parameters"][-1]["parameters"] == 8029995008
    assert len(rows("params llama-3-8b --variants")["variants"]) == 8


def test_an_own_model_changes_what_is_said():
    """Numbers given take the place of the model's, and the title says so."""
    half = rows("kv llama-3-8b --layers 16 --context 1024")["kv"][0]
    assert half["bytes_per_request"] == 134217728 // 2
    assert "layers 16" in answer("kv llama-3-8b --layers 16 --context 1024")


def test_batches_by_tensor_parallel_size():
    """One row per number of GPUs; whole heads are shown only where they make a difference."""
    line = "batch llama-3-8b --device a100-80gb-sxm --context 1024"
    found = rows(line)["batch"]
    assert [row["batch_gb"] for row in found] == [476, 1072, 2264, 4648]
    assert [row["batch_gib"] for row in found] == [520, 1160, 2440, 5000]
    assert "whole heads" not in answer(line)
    assert "whole heads" in answer(f"{line} --tensor-parallel 3")
    smaller = rows(f"{line} --memory-gb 40 --tensor-parallel 1")["batch"][0]
    assert smaller["batch_gb"] == (40_000_000_000 - 16_060_522_496) // 134_217_728


def test_attention_has_both_phases():
    """One call shows a prefill and a step of decoding, with their totals."""
    found = rows("attention --tokens 1024 --head-dim 128")
    assert found["prefill"][-1]["bytes"] == 9437184
    assert found["decode"][-1]["bytes"] == 532992
    assert "56.8889" in answer("attention --tokens 1024 --head-dim 128")


def test_a_layer_step_by_step_and_case_by_case():
    """One case is shown in steps with the whole model last, several in a row each."""
    steps = rows("layer gpt2-xl --tokens 1024 --device t4 --decode")["steps"]
    assert steps[-1]["step"] == "48 layers"
    assert steps[-1]["bytes"] == 3277363200
    assert "mask" not in {row["step"] for row in steps}
    cases = rows("layer gpt2-xl --batch 1 64 --tokens 32 1024 --device t4 --decode")["cases"]
    assert [(row["batch"], row["tokens"]) for row in cases] == [(1, 32), (1, 1024), (64, 32),
                                                               (64, 1024)]  # fmt: skip
    assert [f"{row['speedup']:.6g}" for row in cases] == ["1.03701", "6.56311", "7.37078", "49.806"]


def test_assumptions_about_kernels_reach_the_numbers():
    """Each flag on what is counted changes the bytes by what it is about."""
    base = "layer gpt2-xl --tokens 32"
    usual, heads, tokens, d = rows(base)["steps"][-2]["bytes"], 25, 32, 1600
    scores = 2 * heads * tokens**2
    assert rows(f"{base} --fuse-mask")["steps"][-2]["bytes"] == usual - 2 * scores
    assert rows(f"{base} --unfused scale")["steps"][-2]["bytes"] == usual + 2 * scores
    assert rows(f"{base} --projection-biases")["steps"][-2]["bytes"] == usual + 2 * 4 * d
    assert rows(f"{base} --bytes 4")["steps"][-2]["bytes"] == 2 * usual


# --- plots ----------------------------------------------------------------------------------------


def test_the_plot_of_intensity_has_the_right_points():
    """Prefill follows N*d/((N+d)*b) over the context; decoding is flat over the batch."""
    left, right = drawn("attention --tokens 1024 --head-dim 128")
    x, y = left.lines[0].get_data()
    assert list(y) == pytest.approx([n * 128 / ((n + 128) * 2) for n in x])
    assert set(x) >= {128, 1024, 32768}
    assert list(right.lines[0].get_ydata()) == pytest.approx([0.983670] * 9, rel=1e-6)
    assert {axes.get_ylabel() for axes in (left, right)} == {"arithmetic intensity (FLOP/byte)"}
    assert (left.get_xlabel(), right.get_xlabel()) == ("context N (tokens)", "batch (sequences)")


def test_the_roofline_has_its_ridge_and_all_cases():
    """Both axes are logarithmic, the ridge is labelled, and every case lies on the roof."""
    (axes,) = drawn("layer gpt2-xl --batch 1 64 --tokens 32 1024 --device t4 --plot x.png")
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert any("ridge 216.667" in text.get_text() for text in axes.texts)
    points = [line.get_data() for line in axes.lines if len(line.get_xdata()) == 1]
    assert len(points) == 8
    for (x,), (y,) in points:
        assert y == pytest.approx(min(65e12, x * 300e9))


def test_the_plot_of_kv_memory_has_the_right_points():
    """Memory is 2*layers*KV heads*width*bytes per token, in GiB, with and without shared heads."""
    (axes,) = drawn("kv llama-3-8b gpt2 --context 1024")
    lines = {line.get_label(): line for line in axes.lines if len(line.get_xdata()) > 1}
    for label, layers, width in (
        ("llama-3-8b: 8 KV heads", 32, 8 * 128),
        ("llama-3-8b: 32 KV heads", 32, 32 * 128),
        ("gpt2: 12 KV heads", 12, 768),
    ):
        x, y = lines[label].get_data()
        assert list(y) == pytest.approx([4 * layers * width * n / 2**30 for n in x])


@pytest.mark.parametrize(
    "line",
    ["attention --tokens 1024 --head-dim 128", "kv llama-3-8b gpt2-xl --context 8192",
     "layer gpt2-xl --batch 1 64 --tokens 32 1024 --device t4",
     "layer llama-3-70b --batch 1 --tokens 8192 --device h100-sxm"],
)  # fmt: skip
def test_no_text_of_a_plot_lies_on_another(line):
    """Titles, labels, ticks and notes of every plot keep clear of each other."""
    axes = drawn(line)
    figure = axes[0].figure
    figure.savefig(io.BytesIO())  # lays it out
    texts = [text for a in axes for text in (*a.texts, a.title, a.xaxis.label, a.yaxis.label,
             *a.get_yticklabels())]  # fmt: skip
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts if text.get_text()]
    for number, (one, box) in enumerate(boxes):
        for other, second in boxes[:number]:
            assert not box.overlaps(second), (one, other)


@pytest.mark.parametrize(("name", "magic"), [("a.png", b"\x89PNG"), ("a.svg", b"<?xml")])
def test_plots_are_files_of_their_kind(tmp_path, name, magic):
    """The file's suffix decides what is written."""
    answer(f"kv gpt2 --context 64 --plot {tmp_path / name}")
    assert (tmp_path / name).read_bytes().startswith(magic)


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("params lama-3-8b", "did you mean 'llama-3-8b'"),
        ("params llama-3-8b --kv-heads 5", "5 KV heads do not divide 32 query heads"),
        ("batch gpt2 --context 1 --device a100", "no device 'a100' in `grader calc devices`"),
        ("layer gpt2 --tokens 4 --plot x.png", "say which with --device"),
        ("layer gpt2 --tokens 4 --new-tokens 5", "from 1 to all 4 tokens"),
        ("speculative --accept 2 --draft 1", "probability"),
        ("kv gpt2 --context 4 --plot x.pdf", ".png or .svg"),
        ("kv gpt2 --context 4 --plot nowhere/x.png", "nowhere/x.png"),
    ],
)
def test_what_cannot_be_answered_is_said(line, said, tmp_path, monkeypatch):
    """A wrong name, number or place is refused in a sentence, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as refused:
        answer(line)
    assert said in str(refused.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("line", ["kv gpt2 --context 0", "kv gpt2 --context x",
                                  "params gpt2 --bytes-per-weight nan",
                                  "params gpt2 --bytes-per-weight 0"])  # fmt: skip
def test_numbers_that_are_none_are_usage(line, capsys):
    """A number that makes no sense is refused while the command line is read."""
    with pytest.raises(SystemExit):
        parsed(f"calc {line}")
    assert "is no " in capsys.readouterr().err


@pytest.mark.parametrize(("line", "code"), [("models", 0), ("params lama-3-8b", 1)])
def test_the_front_door_leads_here(line, code, monkeypatch, capsys):
    """The command itself prints the answer, or ends with the code for a wrong call."""
    monkeypatch.setattr("sys.argv", ["grader", "calc", *line.split()])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == code
    said = capsys.readouterr()
    assert "llama-3-8b" in (said.err if code else said.out)


def test_where_there_is_no_reference_it_says_so(tmp_path):
    """Students have the package and no formulas: they are told so in one sentence."""
    with pytest.raises(UsageError, match="checkout of the whole project"):
        answer("models", root=tmp_path)

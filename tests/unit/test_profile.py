"""Problem 1's printed numbers: which profile they follow, and what each row is then worth.

Expected numbers and credits are typed from the course's marking scheme. What is judged was printed
by the small programs below, written as students write them.
"""

import contextlib
import io
import itertools
import time
import tomllib
from pathlib import Path

import pytest

from grader.beside import beside
from grader.inputs import Plan, plan

CHECKS = Path(__file__).parents[2] / "rubrics" / "e0294-a4" / "checks"
profile = beside(str(CHECKS / "any.py"), "profile")
ROWS = {"total_parameters": "parameters", "parameter_memory": "memory", "kv_per_request": "kv",
        "largest_batch": "batch", "tensor_parallel": "tensor_parallel"}  # fmt: skip
RUBRIC = tomllib.loads((CHECKS.parent / "rubric.toml").read_text())
CREDIT = {
    ROWS[check["id"]]: {"credit": check["credit"], "minus": check.get("minus", {})}
    for criterion in RUBRIC["criteria"]
    for check in criterion.get("checks", ())
    if check["id"] in ROWS
}

HEAD = """
num_layers = 32; num_query_heads = 32; num_kv_heads = 8
embedding_dim = 4096; inner_dim = 14336; vocab_size = 128256
gpu_memory = 80; context_length = 1024; weight_bytes = 2; kv_bytes = 2
GB = {unit}
head_dim = embedding_dim // num_query_heads
kv_width = {kv_width}
attention = 2 * embedding_dim**2 + 2 * embedding_dim * {width}
ffn = {matrices} * embedding_dim * inner_dim
norms = {norms}
total = num_layers * (attention + ffn) + {heads} * vocab_size * embedding_dim + norms
weights = total * weight_bytes
kv = {kv}
def batch(x):
    return {batch}
"""

STYLES = {
    "tabulate, a column per X": """
from tabulate import tabulate
rows = [["Total model parameters"] + [f"{total:,}"] * 4,
        ["Total parameter memory (GB)"] + [f"{weights / GB:.4f}"] * 4,
        ["KV cache per request (GB)"] + [f"{kv / GB:.4f}"] * 4,
        ["Max batch size possible"] + [batch(x) for x in (1, 2, 4, 8)]]
print(f"Context length: {context_length}")
print(tabulate(rows, headers=["", "X=1", "X=2", "X=4", "X=8"], tablefmt="grid",
               disable_numparse=True))
""",
    "colons, a paragraph per X": """
print(f"Llama-3-8B on {gpu_memory} GB GPU, context length (s) = {context_length}\\n")
for x in (1, 2, 4, 8):
    print(f"----- Tensor parallel size X = {x} -----")
    print(f"Total model parameters     : {total / 1e9:.3f} B")
    print(f"Total parameter memory (GB): {weights / GB:.2f}")
    print(f"KV cache per request (GB)  : {kv / GB:.3f}")
    print(f"Max batch size possible    : {batch(x)}\\n")
""",
    "a row per X": """
print("(a) Context length s =", context_length)
print("Total model parameters:", total)
print("Total parameter memory:", weights / GB, "GB")
print("KV cache per token:", kv // context_length, "bytes")
print("KV cache per request = ... =", kv, "bytes =", round(kv / 2**20, 2), "MiB")
print("Max batch size possible:", batch(1))
print("\\n(b) Tensor parallelism")
print(f"{'X':<4}{'Memory per GPU':>20}{'Max batch size':>20}")
for x in (1, 2, 4, 8):
    print(f"{x:<4}{weights / x / GB:>20.2f}{batch(x):>20}")
""",
    "two boxes, the second for an X asked for": """
def table(x):
    print("╔" + "═" * 50 + "╗")
    for name, value in [("Total model parameters", f"{total / 1e9:.2f} billion"),
                        ("Total parameter memory (GB)", f"{weights / x / GB:.2f}"),
                        ("KV cache per request (GB)", f"{kv / x / GB:.4f}"),
                        ("Max batch size possible", str(batch(x)))]:
        print(f"║ {name:<30} ║ {value:>15} ║")
    print("╚" + "═" * 50 + "╝")
print(f"Input: context length {context_length}, KV cache bytes {kv_bytes}")
table(1)
print("With tensor parallelism, X = 4:")
table(4)
""",
    "csv": """
print(f"# s={context_length}")
print("Tensor parallel,Total model parameters,Total parameter memory (GB),"
      "KV cache per request (GB),Max batch size possible")
for x in (1, 2, 4, 8):
    print(f"{x},{total},{weights / GB:.6f},{kv / GB:.6f},{batch(x)}")
""",
}

FLOOR = "int((x * gpu_memory * GB - weights) // kv)"
KV = "2 * num_layers * kv_width * context_length * kv_bytes"
NORMS = "(2 * num_layers + 1) * embedding_dim"


def program(style, **changes):
    """Return a student's program in a style, with the choices that are given."""
    choices = {"unit": "10**9", "kv_width": "num_kv_heads * head_dim", "width": "kv_width",
               "matrices": 3, "norms": 0, "heads": 2, "kv": KV, "batch": FLOOR}  # fmt: skip
    return HEAD.format(**{**choices, **changes}) + STYLES[style]


def printed(source):
    """Return what a program prints; it is one of those above, and not a student's."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(source, "student.py", "exec"), {"__name__": "__main__"})
    return out.getvalue()


def worth(judgement):
    """Return each row's share of its points."""
    shares = {}
    for row, verdict in judgement.verdicts.items():
        share = CREDIT[row]["credit"].get(verdict.variant, 0.0)
        shares[row] = round(share - sum(CREDIT[row]["minus"][slip] for slip in verdict.slips), 3)
    return shares


def verdict(row, style="csv", text="", source="", **changes):
    """Return one row's verdict of a program's output."""
    return profile.judge(text or printed(program(style, **changes)), source).verdicts[row]


# attention, matrices, head | parameters, GB, GiB | batches at X = 1, 2, 4, 8 with K=8: 80e9, 80 GiB
# | with the cache of MHA: 80e9, 80 GiB | credit of the parameter line
SCHEME = [
    ("gqa", 3, 2, 8_029_995_008, 16.0600, 14.9570, (476, 1072, 2264, 4648), (520, 1160, 2440, 5000),
     (119, 268, 566, 1162), (130, 290, 610, 1250), 1.0),
    ("gqa", 3, 1, 7_504_658_432, 15.0093, 13.9785, (484, 1080, 2272, 4656), (528, 1168, 2448, 5008),
     (121, 270, 568, 1164), (132, 292, 612, 1252), 0.9),
    ("gqa", 2, 2, 6_150_946_816, 12.3019, 11.4570, (504, 1100, 2292, 4676), (548, 1188, 2468, 5028),
     (126, 275, 573, 1169), (137, 297, 617, 1257), 0.8),
    ("gqa", 2, 1, 5_625_610_240, 11.2512, 10.4785, (512, 1108, 2300, 4684), (556, 1196, 2476, 5036),
     (128, 277, 575, 1171), (139, 299, 619, 1259), 0.8),
    ("mha", 3, 2, 8_835_301_376, 17.6706, 16.4570, (464, 1060, 2252, 4636), (508, 1148, 2428, 4988),
     (116, 265, 563, 1159), (127, 287, 607, 1247), 0.6),
    ("mha", 3, 1, 8_309_964_800, 16.6199, 15.4785, (472, 1068, 2260, 4644), (516, 1156, 2436, 4996),
     (118, 267, 565, 1161), (129, 289, 609, 1249), 0.6),
    ("mha", 2, 2, 6_956_253_184, 13.9125, 12.9570, (492, 1088, 2280, 4664), (536, 1176, 2456, 5016),
     (123, 272, 570, 1166), (134, 294, 614, 1254), 0.5),
    ("mha", 2, 1, 6_430_916_608, 12.8618, 11.9785, (500, 1096, 2288, 4672), (544, 1184, 2464, 5024),
     (125, 274, 572, 1168), (136, 296, 616, 1256), 0.5),
]  # fmt: skip
CASES = list(itertools.product(SCHEME, ("GB", "GiB"), ("gqa", "mha"), STYLES))


@pytest.mark.parametrize(("row", "unit", "cache", "style"), CASES, ids=lambda v: str(v)[:24])
def test_every_row_of_the_scheme_is_told_and_priced(row, unit, cache, style):
    """Each way of counting, with GB or GiB and the cache of GQA or MHA, earns its share."""
    attention, matrices, heads, total, gb, gib, *batches, share = row
    source = program(
        style,
        unit="10**9" if unit == "GB" else "2**30",
        kv_width="num_kv_heads * head_dim" if cache == "gqa" else "embedding_dim",
        width="embedding_dim" if attention == "mha" else "num_kv_heads * head_dim",
        matrices=matrices,
        heads=heads,
    )
    text = printed(source)
    numbers = batches[2 * (cache == "mha") + (unit == "GiB")]
    assert all(str(number) in text for number in numbers[::2][:1])  # the scheme's own numbers
    assert (
        f"{total:,}" in text
        or str(total) in text
        or f"{total / 1e9:.3f}"[:-1] in text
        or f"{total / 1e9:.2f}" in text
    )
    assert f"{gb if unit == 'GB' else gib:.2f}"[:4] in text

    judged = profile.judge(text)
    head = "tied" if heads == 1 else "untied"
    assert judged.verdicts["parameters"].variant == f"{attention}_{matrices}_{head}"
    assert worth(judged) == {
        "parameters": share,
        "memory": 1.0,
        "kv": 1.0 if cache == "gqa" else 0.25,
        "batch": 1.0,
        "tensor_parallel": 1.0,
    }
    found = judged.profile
    assert (found.context, found.weight_bytes, found.kv_bytes) == (1024, 2, 2)
    assert found.unit == (10**9 if unit == "GB" else 2**30)
    assert found.device == 80 * found.unit


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("norms", [NORMS, "2 * num_layers * embedding_dim", "0"])
def test_norms_change_no_credit(style, norms):
    """Norms may be counted, all of them or without the last, or left out."""
    judged = profile.judge(printed(program(style, norms=norms)))
    assert set(worth(judged).values()) == {1.0}


def test_the_sentence_names_the_profile():
    """The student reads which assumptions the numbers follow."""
    text = printed(program("csv", matrices=2, heads=1, norms=NORMS, unit="2**30"))
    said = profile.judge(text).profile.sentence()
    for part in ("grouped-query attention", "FFN of 2 matrices", "tied", "norms counted", "2^30",
                 "1024 tokens"):  # fmt: skip
        assert part in said
    assert said.startswith("Your numbers are those of ")


# --- stated assumptions ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "comment", "variant", "share"),
    [
        ({"heads": 1}, "# the LM head is tied to the embedding", "gqa_3_tied_stated", 1.0),
        ({"heads": 1}, "# assuming weight tying", "gqa_3_tied_stated", 1.0),
        ({"heads": 1}, "# the head is not tied", "gqa_3_tied", 0.9),
        ({"heads": 1}, "# untied", "gqa_3_tied", 0.9),
        ({"heads": 1}, "# two matrices in the FFN", "gqa_3_tied", 0.9),
        ({"matrices": 2}, "# the FFN has two matrices, up and down", "gqa_2_untied_stated", 1.0),
        ({"matrices": 2}, '"""Standard FFN, no gate."""', "gqa_2_untied_stated", 1.0),
        ({"matrices": 2, "heads": 1}, "# 2 matrices", "gqa_2_tied_stated", 1.0),
        ({"width": "embedding_dim"}, "# MHA", "mha_3_untied", 0.6),
    ],
)
def test_a_stated_assumption_is_found_and_left_to_confirm(changes, comment, variant, share):
    """Words in a comment name the assumption; where they raise points, a human confirms."""
    source = f"{comment}\n{program('csv', **changes)}"
    found = verdict("parameters", text=printed(source), source=source)
    assert (found.variant, CREDIT["parameters"]["credit"][found.variant]) == (variant, share)
    assert found.confirm == ("stated" in variant)
    assert bool(found.evidence) == found.confirm


def test_an_assumption_may_be_printed():
    """What the output says counts like a comment."""
    text = "Assuming tied embeddings.\n" + printed(program("csv", heads=1))
    assert verdict("parameters", text=text).variant == "gqa_3_tied_stated"


# --- KV cache -------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    ("formula", "comment", "variant", "share"),
    [
        (KV, "", "gqa", 1.0),
        (KV.replace("kv_width", "embedding_dim"), "", "mha", 0.25),
        (KV.replace("kv_width", "embedding_dim"), "# multi-head attention", "mha_stated", 0.4),
        (KV.replace("2 * ", ""), "", "no_factor_2", 0.3),
        (KV.replace("num_layers * ", ""), "", "no_layers", 0.3),
    ],
)
def test_mistakes_of_the_cache_are_charged_there_alone(style, formula, comment, variant, share):
    """A wrong KV formula is named in its row, and the batch that follows from it is full."""
    source = f"{comment}\n{program(style, kv=formula)}"
    judged = profile.judge(printed(source), source)
    assert judged.verdicts["kv"].variant == variant
    assert worth(judged) == {"parameters": 1.0, "memory": 1.0, "kv": share, "batch": 1.0,
                             "tensor_parallel": 1.0}  # fmt: skip


@pytest.mark.parametrize(
    ("context", "gb", "gib"),
    [(512, 952, 1040), (2048, 238, 260), (4096, 119, 130), (8192, 59, 65), (131072, 3, 4)],
)
def test_the_context_is_the_students_own(context, gb, gib):
    """The sheet gives no default: any context is found, and its batches are right."""
    for unit, batch in (("10**9", gb), ("2**30", gib)):
        source = program("csv", unit=unit, norms=NORMS).replace(
            "context_length = 1024", f"context_length = {context}")  # fmt: skip
        text = printed(source)
        assert f",{batch}\n" in text
        judged = profile.judge(text)
        assert set(worth(judged).values()) == {1.0}
        assert judged.profile.context == context


@pytest.mark.parametrize("unit", ["10**9", "2**30"])
def test_a_batch_that_both_readings_give_is_no_slip(unit):
    """Where 80 GB and 80 GiB hold the same batch, the device is in the unit of the other rows."""
    source = program("csv", unit=unit).replace("context_length = 1024", "context_length = 200000")
    judged = profile.judge(printed(source))
    assert ",2\n" in printed(source)
    assert judged.verdicts["batch"].slips == ()


def test_a_context_that_is_not_said_comes_from_the_source_or_from_the_numbers():
    """Without a word in the output the source's default is taken, else a usual length is solved."""
    source = program("csv").replace("context_length = 1024", "context_length = 3000")
    text = printed(source).replace("# s=3000", "")
    judged = profile.judge(text, source)
    assert (judged.profile.context, judged.profile.context_from) == (3000, "source")
    text = printed(program("csv")).replace("# s=1024", "")
    judged = profile.judge(text)
    assert (judged.profile.context, judged.profile.context_from) == (1024, "solved")
    assert "solved" in judged.profile.sentence()


def test_bytes_per_element_may_differ():
    """Weights of 1 byte and a cache of 4 are a profile like any other."""
    source = program("colons, a paragraph per X")
    source = source.replace("weight_bytes = 2; kv_bytes = 2", "weight_bytes = 1; kv_bytes = 4")
    judged = profile.judge(printed(source), source)
    assert (judged.profile.weight_bytes, judged.profile.kv_bytes) == (1, 4)
    assert set(worth(judged).values()) == {1.0}


def test_few_digits_are_settled_by_the_batch():
    """A cache shown as 0.1 GB says little; the batch says which cache it is."""
    text = printed(program("csv")).replace("0.134218", "0.1").replace("# s=1024", "")
    judged = profile.judge(text)
    assert (judged.profile.context, judged.verdicts["kv"].variant) == (1024, "gqa")
    assert judged.verdicts["kv"].confirm
    assert judged.verdicts["batch"].variant == "follows"


# --- follow-through and the batch -----------------------------------------------------------------


def test_a_wrong_count_is_charged_once():
    """Own parameters that follow nothing cost their row; memory and batch follow from them."""
    source = program("csv").replace("total = ", "total = 123456789 + ")
    shares = worth(profile.judge(printed(source)))
    assert shares.pop("parameters") == 0.0
    assert set(shares.values()) == {1.0}


def test_a_count_that_is_nearly_right_is_for_a_human():
    """A whole number within half a percent of a known one was counted in some other way."""
    found = verdict("parameters", text="Total model parameters: 8030261249")
    assert (found.variant, found.confirm) == ("unsure", True)


MIXED = "int((x * gpu_memory - weights / 10**9) // (kv / 2**30))"


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    ("batch", "shown", "variant", "slips", "share"),
    [
        (MIXED, "511", "follows", ("mixed_units",), 0.9),
        ("(x * gpu_memory * GB - weights) / kv", "476.39", "follows", ("no_floor",), 0.9),
        ("-int((weights - x * gpu_memory * GB) // kv)", "477", "rounded_up", (), 0.0),
        ("int(x * gpu_memory * GB // kv)", "596", "no_weights", (), 0.0),
        ("int((x * gpu_memory * 2**30 - weights) // kv)", "520", "follows", ("device_unit",), 1.0),
        ("int(0.77 * (x * gpu_memory * GB - weights) // kv)", "36", "none", (), 0.0),
    ],
)
def test_slips_of_the_batch(style, batch, shown, variant, slips, share):
    """Mixed units and a missing floor cost a tenth of the row, rounding up all of it."""
    text = printed(program(style, batch=batch))
    assert shown in text
    judged = profile.judge(text)
    found = judged.verdicts["batch"]
    assert (found.variant, found.slips) == (variant, slips)
    assert worth(judged)["batch"] == share
    if found.variant == "follows":  # charged once: the batches on several GPUs follow
        assert judged.verdicts["tensor_parallel"].variant == "follows"


def test_room_for_activations_is_full_if_it_is_said():
    """A smaller batch with a word about what it leaves room for is full, after a human's look."""
    batch = "int((0.9 * x * gpu_memory * GB - weights) // kv)"
    text = "Reserving 10% for activations\n" + printed(program("csv", batch=batch))
    found = verdict("batch", text=text)
    assert (found.variant, found.confirm) == ("reserved_stated", True)


def test_a_batch_from_rounded_digits_is_for_a_human():
    """floor((80 - 16.06) / 0.134) = 477 is by hand what rounding up 476.4 is for a program."""
    text = """Total model parameters: 8.03 B\nTotal parameter memory (GB): 16.06
    KV cache per request (GB): 0.134\nMax batch size possible = floor((80 - 16.06)/0.134) = 477"""
    found = verdict("batch", text=text)
    assert (found.variant, found.confirm) == ("rounded_up", True)
    found = verdict("batch", text=text.replace("0.134", "0.135").replace("477", "473"))
    assert (found.variant, found.confirm) == ("follows", False)


def test_gib_that_are_gb_are_a_slip_of_the_memory():
    """16.06 called GiB is a unit mixed up in that row."""
    text = "Total model parameters: 8030261248\nTotal parameter memory: 16.06 GiB"
    assert verdict("memory", text=text).slips == ("mixed_units",)


def test_rows_that_are_not_there_are_missing():
    """An empty output has no rows, and says so for each."""
    judged = profile.judge("hello")
    assert {v.variant for v in judged.verdicts.values()} == {"missing"}
    assert all(v.says for v in judged.verdicts.values())


# --- tensor parallelism ---------------------------------------------------------------------------


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    ("batch", "variant", "share"),
    [
        ("x * int((gpu_memory * GB - weights) // kv)", "x_times_one", 0.3),
        ("int((gpu_memory * GB - weights) // (kv / x))", "weights_not_divided", 0.3),
        ("int((gpu_memory * GB - weights / x) // kv)", "kv_not_divided", 0.0),
        ("int((gpu_memory * GB - weights / x) // (kv / x))", "follows", 1.0),
        ("476 if x == 1 else 1000 + x", "none", 0.0),
    ],
)
def test_mistakes_with_several_gpus(style, batch, variant, share):
    """What is forgotten when weights and cache are divided is named."""
    judged = profile.judge(printed(program(style, batch=batch)))
    assert judged.verdicts["batch"].variant == "follows"
    assert judged.verdicts["tensor_parallel"].variant == variant
    assert worth(judged)["tensor_parallel"] == share


@pytest.mark.parametrize(
    ("line", "variant"),
    [
        ("Max batch for X GPUs = floor((80*X - 16.06) / 0.134218)", "formula"),
        ("B(X) = floor(596.05*X - 119.66)", "formula"),
        ("B(X) = 596.046 X - 119.660", "formula"),
        ("B(X) = floor(500*X - 10)", "unsure"),
        ("B(X) = __import__('os').system('x') * X + 1", "missing"),
        ("B(X) = " + "-" * 120 + "9*X", "missing"),
    ],
)
def test_a_formula_without_numbers(line, variant):
    """A formula in X is evaluated, by a reader that knows only arithmetic."""
    source = program("two boxes, the second for an X asked for").replace("table(4)", "")
    text = printed(source.replace('print("With tensor parallelism, X = 4:")', "")) + line + "\n"
    assert verdict("tensor_parallel", text=text).variant == variant


def test_an_x_that_does_not_divide_the_heads_is_remarked():
    """X = 3 has a batch like any other, and a remark that costs nothing."""
    source = program("csv").replace("(1, 2, 4, 8)", "(1, 3)")
    found = verdict("tensor_parallel", text=printed(source))
    assert (found.variant, found.slips) == ("follows", ("does_not_divide",))


def test_an_x_among_the_inputs_is_not_the_first_tables():
    """Where X is printed with the inputs, the first table is still that of one GPU."""
    text = "Tensor parallel size (X): 4\n" + printed(
        program("two boxes, the second for an X asked for"))  # fmt: skip
    assert set(worth(profile.judge(text)).values()) == {1.0}


def test_an_x_that_is_not_said_is_found_by_the_numbers():
    """A second table below "Tensor parallelism" is that of the X whose batch it has."""
    text = printed(program("two boxes, the second for an X asked for"))
    text = text.replace("With tensor parallelism, X = 4:", "\nTensor Parallelism\n")
    assert set(worth(profile.judge(text)).values()) == {1.0}


def test_outputs_of_other_runs_count():
    """What the program prints when it is run with X = 2 is judged as that of X = 2."""
    one = """Total model parameters: 8030261248\nTotal parameter memory (GB): 16.06
    KV cache per request (GB): 0.134218\nMax batch size possible: {}\n"""
    judged = profile.judge(one.format(476), parallel={2: one.format(1072)})
    assert judged.verdicts["tensor_parallel"].variant == "follows"
    judged = profile.judge(one.format(476), parallel={2: one.format(952)})
    assert judged.verdicts["tensor_parallel"].variant == "x_times_one"


# --- another model --------------------------------------------------------------------------------

OTHER = profile.Spec(
    layers=40, query_heads=40, kv_heads=10, d_model=5120, d_ff=17920, vocab=100352, device=48
)


def again(source, spec=OTHER):
    """Run a program with another model's numbers, as the plan says, and return its output."""
    found = plan("student.py", source, profile.ROWS, spec.values())
    assert isinstance(found, Plan)
    return printed(found.files["student.py"])


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"matrices": 2, "heads": 1, "unit": "2**30", "norms": NORMS},
        {"width": "embedding_dim", "kv_width": "embedding_dim"},
        {"batch": MIXED},
        {"kv": KV.replace("2 * ", "")},
    ],
    ids=str,
)
def test_another_model_follows_the_same_profile(style, changes):
    """A program that computes prints another model's numbers by the same formulas."""
    source = program(style, **changes)
    before = printed(source)
    judged = profile.judge(before, source)
    answer = profile.follows(judged.profile, again(source), OTHER, before)
    assert answer.agrees, answer
    assert set(answer.rows.values()) == {True}


@pytest.mark.parametrize("style", STYLES)
def test_a_constant_that_was_typed_in_shows(style):
    """A number of parameters that stays the same for another model was typed in."""
    source = program(style).replace("weights =", "total = 8029995008\nweights =")
    before = printed(source)
    judged = profile.judge(before, source)
    assert judged.verdicts["parameters"].variant == "gqa_3_untied"
    answer = profile.follows(judged.profile, again(source), OTHER, before)
    assert answer.agrees is False
    assert "parameters" in answer.typed_in
    assert "parameters" in answer.says


# --- whole outputs --------------------------------------------------------------------------------

OUTPUTS = {
    "inputs, breakdown, calculation, two tables": (
        """Model Specification
  Number of Layers: 32
  Number of Query heads: 32
  Number of KV heads: 8
  Embedding Dimension (h1): 4096
  Inner Dimension (h2): 14336
  Vocab Size: 128256
GPU Memory: 80 GB
Context Length (s): 2048
Weights bytes: 2
KV cache bytes: 2

Parameters breakdown
  Embedding parameters: 525,336,576
  Attention parameters per layer: 41,943,040
  FFN parameters per layer: 176,160,768
  Parameters per layer: 218,103,808
  LM head parameters: 525,336,576

Calculation of KV cache per request:
KV cache per request = 2 (K and V) * layers * kv_heads * head_dim * context * bytes
                     = 2 * 32 * 8 * 128 * 2048 * 2
                     = 268435456 bytes
                     = 0.2684 GB

Part (a) single GPU
+-------------------------------+---------+
| Metric                        | Value   |
+===============================+=========+
| Total model parameters        | 8.03 B  |
| Total parameter memory (GB)   | 16.06   |
| KV cache per request (GB)     | 0.2684  |
| Max batch size possible       | 238     |
+-------------------------------+---------+

Part (b) Tensor parallelism with X = 2
+-------------------------------+---------+
| Total model parameters        | 8.03 B  |
| Parameter memory per GPU (GB) | 8.0300  |
| KV cache per request per GPU  | 0.1342  |
| Max batch size possible       | 536     |
+-------------------------------+---------+
""",
        ("gqa_3_untied", "follows", "gqa", "follows", "follows"),
    ),
    "a data frame": (
        """                        Metric         Value
0       Total model parameters  8.029995e+09
1  Total parameter memory (GB)  1.495701e+01
2    KV cache per request (GB)  1.250000e-01
3      Max batch size possible  5.200000e+02
""",
        ("gqa_3_untied", "follows", "gqa", "follows", "missing"),
    ),
    "a prompt on the same line": (
        """Enter tensor parallel size X: Total model parameters: 8029995008 (8.03B)
Total parameter memory (GB): 14.957
KV cache per request (GB): 0.125
Max batch size possible: 520
With TP=4:
  Parameter memory per GPU: 3.739 GB
  KV cache per request per GPU: 0.03125 GB
  Max batch size possible: 2440
""",
        ("gqa_3_untied", "follows", "gqa", "follows", "follows"),
    ),
    "megabytes": (
        """Total Model Parameters: 8030261248
Total Parameter Memory: 16060.52 MB
KV Cache per Request: 134.22 MB
Maximum Batch Size: 476

For X = 8 GPUs, max batch size = 4648
""",
        ("gqa_3_untied", "follows", "gqa", "follows", "follows"),
    ),
    "sentences first": (
        """Without tensor parallelism: max batch size possible is 476
With tensor parallelism (X=2): max batch size possible is 952
Total model parameters = 8.03 B
Total parameter memory = 16.06 GB
KV cache per request = 0.134 GB
""",
        ("gqa_3_untied", "follows", "gqa", "follows", "x_times_one"),
    ),
    "the cache of MHA, context below": (
        """│ TP (X) │ Total model parameters │ Parameter memory (GB) │ KV cache (GB) │ Max batch │
│ 1 │ 8.03B │ 16.06 │ 0.54 │ 119 │
│ 2 │ 8.03B │ 8.03 │ 0.27 │ 268 │

context length 1024
""",
        ("gqa_3_untied", "follows", "mha", "follows", "follows"),
    ),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_whole_outputs(name):
    """Inputs, breakdowns, calculations and prompts around the table do not get in its way."""
    text, variants = OUTPUTS[name]
    judged = profile.judge(text)
    assert tuple(v.variant for v in judged.verdicts.values()) == variants


@pytest.mark.parametrize(
    ("typed", "of"), [("80", "gpu_memory"), ("128256", "vocab_size"), ("1024", "context_length")]
)
def test_an_input_without_a_place_is_the_sheets(typed, of):
    """A program that has one input typed into its formulas computes, with the sheet's number."""
    head, body = program("csv").split("head_dim = ")
    source = f"{head}head_dim = {body.replace(of, typed)}".replace(f"{of} = {typed}", "pass")
    before = printed(source)
    judged = profile.judge(before, source)
    asked = plan("student.py", source, profile.ROWS, OTHER.values())
    after = printed(asked.files["student.py"])
    answer = profile.follows(judged.profile, after, OTHER, before, asked.missing)
    assert answer.agrees, answer


def test_sizes_that_make_no_model_say_nothing():
    """Heads that do not divide the width are our choice of inputs, and no fault of the program."""
    text = printed(program("csv"))
    odd = profile.Spec(query_heads=40)
    assert profile.follows(profile.judge(text).profile, text, odd, text).agrees is None


def test_hostile_output_is_judged_without_harm():
    """Zeroes, infinities, negative and huge numbers in every row raise nothing."""
    for value in ("0", "-1", "inf", "nan", "1e40", "1e-40", "9" * 39, "0.0", "1" * 5000):
        text = f"""Context length: {value}\nKV cache bytes: {value}\nWeight bytes: {value}
        Total model parameters: {value}\nTotal parameter memory (GB): {value}
        KV cache per request (GB): {value}\nKV cache per token: {value}
        Max batch size possible: {value}\nX = 2\nMax batch size possible: {value}"""
        judged = profile.judge(text, f"context_length = {value}")
        assert set(judged.verdicts) == set(profile.VERDICTS)
        profile.follows(judged.profile, text, OTHER, text)


@pytest.mark.parametrize(
    "line",
    ["Max batch size possible: {0}\n\n", "KV cache per request (GB) | 0.{0}\n", "X={0} batch {0}\n",
     "Total parameter memory (GB): 16.06\n", "Max batch for X = floor({0}*X - 1)\n"],
)  # fmt: skip
def test_hostile_output_costs_little(line):
    """64 KB of rows without end are judged in bounded time."""
    text = "Total model parameters: 8.03 B\n" + "".join(line.format(at) for at in range(2500))
    begun = time.process_time()
    profile.judge(text, text)
    assert time.process_time() - begun < 3


def test_batches_may_follow_from_the_digits_shown():
    """Who reckons with 16.0 and 0.1342 GB has other batches on 8 GPUs than the exact bytes give."""
    memory, cache = 16.0, 0.1342
    lines = ["Total model parameters: 8.0 billion", f"Total parameter memory (GB): {memory}",
             f"KV cache per request (GB): {cache}"]  # fmt: skip
    for x in (1, 2, 4, 8):
        lines += [f"X = {x}", f"Max batch size possible: {int((80 * x - memory) / cache)}"]
    verdicts = profile.judge("\n".join(lines)).verdicts
    assert verdicts["batch"].variant == "follows"
    assert verdicts["tensor_parallel"].variant == "follows"

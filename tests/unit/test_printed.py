"""What a program printed, in any layout, becomes quantities and declared rows."""

import csv
import io
import random
import time
from fractions import Fraction

import pytest
from tabulate import tabulate, tabulate_formats

from grader.printed import Row, assign, best, read, words
from grader.printed.lines import MAX_TEXT
from grader.printed.quantities import MAX_QUANTITIES

ROWS = (
    Row("parameters", ("total model param", "model param", "param"), without="memory layer"),
    Row("memory", ("total param memory", "param memory", "weight memory"), kind="bytes"),
    Row("kv", ("kv cache request", "kv cache"), without="head", kind="bytes"),
    Row("batch", ("max batch size", "max batch", "batch")),
    Row("x", ("x", "gpus", "tp size")),
)
EXPECTED = {"parameters": 8_030_261_248, "memory": 16_060_000_000, "kv": 134_000_000, "batch": 476}
TABLE = [
    ["Total model parameters", "8,030,261,248"],
    ["Total parameter memory (GB)", "16.06"],
    ["KV cache per request (GB)", "0.134"],
    ["Max batch size possible", "476"],
]


def found(text):
    """Return the rows of a text in ones or bytes, the last result of each."""
    return {one.row: one.base for one in assign(read(text), ROWS) if not one.quantity.operand}


def as_csv(rows, delimiter=","):
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue()


# --- layouts --------------------------------------------------------------------------------------

TURNED = [[row[0] for row in TABLE], [row[1] for row in TABLE]]
LAYOUTS = {
    "colons": "\n".join(f"{label}: {value}" for label, value in TABLE),
    "equals": "\n".join(f"  {label:<30} =  {value}" for label, value in TABLE),
    "leaders": "\n".join(f"{label} {'.' * 9} {value}" for label, value in TABLE),
    "spaced leaders": "\n".join(f"{label} {'. ' * 9}{value}" for label, value in TABLE),
    "arrows": "\n".join(f"{label} --> {value}" for label, value in TABLE),
    "wide gaps": "\n".join(f"{label:<40}{value:>20}" for label, value in TABLE),
    "one space": "\n".join(f"{label} {value}" for label, value in TABLE),
    "tabs": "\n".join(f"{label}\t{value}" for label, value in TABLE),
    "next line": "\n".join(f"{label}:\n    {value}" for label, value in TABLE),
    "next line, blank between": "\n\n".join(f"{label}\n{value}" for label, value in TABLE),
    "bullets": "\n".join(f"* **{label}**: {value}" for label, value in TABLE),
    "latex": "\n".join(f"{label} & {value} \\\\ \\hline" for label, value in TABLE),
    "csv": as_csv([["Metric", "Value"], *TABLE]),
    "csv without a header": as_csv([[a, b.replace(",", "")] for a, b in TABLE]),
    "csv with semicolons": as_csv([["Metric", "Value"], *TABLE], ";"),
    "csv, turned": as_csv(TURNED),
    "data frame": "                        Metric          Value\n" + "\n".join(
        f"{at}  {label:>28}  {value:>13}" for at, (label, value) in enumerate(TABLE)),
    "ansi": "\n".join(f"\x1b[1;36m{a}\x1b[0m : \x1b[32m{b}\x1b[0m" for a, b in TABLE),
    "windows": "\r\n".join(f"{label}: {value}" for label, value in TABLE),
    "units in a column": tabulate([[*row, unit] for row, unit in zip(
        TABLE, ("", "GB", "GB", ""), strict=True)], ["", "value", "unit"], disable_numparse=True),
    "box": "┏━━━━┳━━━━┓\n" + "\n".join(f"┃ {a} │ {b} ┃" for a, b in TABLE) + "\n┗━━━━┻━━━━┛",
    "title before": "=== Results for Llama-3-8B on 80 GB ===\n" + tabulate(
        TABLE, tablefmt="grid", disable_numparse=True),
}  # fmt: skip
LAYOUTS |= {f"tabulate {name}": tabulate(TABLE, ["Metric", "Value"], name, disable_numparse=True)
            for name in sorted(tabulate_formats)
            if not any(kind in name for kind in ("html", "latex", "moin", "textile"))}  # fmt: skip
LAYOUTS |= {f"turned {name}": tabulate(TURNED[1:], TURNED[0], name, disable_numparse=True)
            for name in ("grid", "github", "simple", "plain", "psql", "tsv")}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_says_the_same(layout):
    """The four rows are found with their values and units, however the table is drawn."""
    assert found(LAYOUTS[layout]) == EXPECTED


def test_sentences_are_read_from_both_sides():
    """A number in prose has its words before it or after it."""
    text = """The model has 8.03 billion parameters and needs 16.06 GB of memory for its weights.
    Each request takes a KV cache of 134 MB, so the maximum batch size is 476."""
    assert found(text) == {**EXPECTED, "parameters": 8_030_000_000, "memory": 16_060_000_000}


def test_the_result_of_a_calculation_is_told_from_its_operands():
    """Numbers beside operators are operands; what follows the last equals sign is the result."""
    text = """KV cache per request = 2 * 32 * 8 * 128 × 1024 x 2 = 134217728 bytes = 128 MiB
    Max batch size = floor((80 - 16.06) / 0.134) = 476"""
    results = [q.value for q in read(text) if not q.operand]
    assert results == [134_217_728, 128, 476]
    assert [q.operand for q in read("Max batch = floor(476.39) = 476")] == [True, False]
    assert [q.operand for q in read("KV = 0.134 GB (128 MiB)")] == [False, False]


def test_columns_and_rows_say_which_x():
    """A value knows the words over it, and the number that its row begins with."""
    across = "Metric | X=1 | X=2\nMax batch size | 476 | 1072"
    assert [(q.column, q.value) for q in read(across)] == [("X=1", 476), ("X=2", 1072)]
    counted = "TP size | 1 | 2 | 4\nMax batch | 476 | 1072 | 2264"
    assert [q.column for q in read(counted)][3:] == ["TP size 1", "TP size 2", "TP size 4"]
    down = "X   Max batch size\n-   --------------\n1   476\n2   1072"
    batches = [one.quantity for one in assign(read(down), ROWS) if one.row == "batch"]
    assert [(q.row, q.value) for q in batches] == [("X 1", 476), ("X 2", 1072)]


def test_numbers_in_the_brackets_of_a_label_are_no_values():
    """In "Max batch size (X=2): 1072" the batch is 1072, and the label keeps the 2."""
    [quantity] = read("Max batch size (X=2): 1072")
    assert (quantity.value, quantity.label) == (1072, "Max batch size (X=2)")


def test_a_heading_is_kept():
    """The last line that was words alone stands with the quantities below it."""
    assert [q.heading for q in read("Tensor parallelism\n\na: 1\nb: 2")] == [
        "Tensor parallelism"
    ] * 2


# --- numbers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shown", "value"),
    [
        ("8030261248", 8030261248),
        ("8,030,261,248", 8030261248),
        ("8.030.261.248", 8030261248),
        ("8 030 261 248", 8030261248),
        ("8\u202f030\u202f261\u202f248", 8030261248),
        ("8\u00a0030\u00a0261\u00a0248", 8030261248),
        ("8_030_261_248", 8030261248),
        ("8'030'261'248", 8030261248),
        ("8’030’261’248", 8030261248),
        ("8,03,02,61,248", 8030261248),
        ("8.030261248e9", 8030261248),
        ("8.030261248E+09", 8030261248),
        ("8.030261248 x 10^9", 8030261248),
        ("8.030261248 × 10⁹", 8030261248),
        ("8.030261248*10**9", 8030261248),
        ("8.030261248B", 8030261248),
        ("8.030261248 billion", 8030261248),
        ("8030.261248 M", 8030261248),
        ("803.0261248 crore", 8030261248),
        ("~8030261248.0", 8030261248),
        ("８０３０２６１２４８", 8030261248),
        ("8,030.5", Fraction("8030.5")),
        ("8.030,5", Fraction("8030.5")),
        ("16,06", Fraction("16.06")),
        (".5", Fraction("0.5")),
        ("476.", 476),
    ],
)
def test_notations(shown, value):
    """A number is read in every notation that is in use."""
    assert found(f"Total model parameters: {shown}") == {"parameters": value}


@pytest.mark.parametrize(
    ("shown", "bytes_"),
    [
        ("16.06 GB", 16_060_000_000),
        ("16.06GB", 16_060_000_000),
        ("16.06 gb.", 16_060_000_000),
        ("16.06 G", 16_060_000_000),
        ("0.5 GiB", 2**29),
        ("128 MiB", 2**27),
        ("128 MB (0.128 GB)", 128_000_000),
        ("134217728 bytes", 134217728),
        ("134217728 B", 134217728),
        ("16.06 Gigabytes", 16_060_000_000),
    ],
)
def test_units_of_memory(shown, bytes_):
    """A memory is in bytes, whatever its unit."""
    assert assign(read(f"Weight memory = {shown}"), ROWS)[0].base == bytes_


@pytest.mark.parametrize(
    "label", ["(GB)", "[GB]", "in GB", "(in GB)", "(GB, decimal)", "GB"], ids=str
)
def test_a_unit_may_stand_in_the_label(label):
    """A unit beside the label holds where the number has none."""
    assert assign(read(f"Weight memory {label}: 16"), ROWS)[0].base == 16 * 10**9


@pytest.mark.parametrize("text", ["Llama-3-8B", "fp16 and int8", "version 1.2.3", "GPT2", "0x1f"])
def test_digits_in_names_are_no_numbers(text):
    """Names of models, types and versions hold no quantities."""
    assert not read(text)


def test_two_numbers_side_by_side_are_two():
    """Only what is grouped as one number is joined: "476 520" and "476,1072" are two each."""
    assert [q.value for q in read("Max batch 476 520")] == [476, 520]
    assert [q.value for q in read("Max batch 476,1072")] == [476, 1072]


def test_a_sign_is_read_and_a_dash_is_not():
    """A minus that touches its number is its sign; a dash or a leader is none."""
    assert [q.value for q in read("batch: -5\nbatch - 5\nbatch ---5")] == [-5, 5, 5]


def test_what_is_shown_is_compared_to_its_digits():
    """A number equals what rounds or truncates to it, and says nothing with one digit."""
    [rounded] = read("x: 16.06")
    assert rounded.shows(Fraction("16.0605"))
    assert rounded.shows(Fraction("16.0699"))
    assert rounded.shows(Fraction("16.055"))
    assert not rounded.shows(Fraction("16.07"))
    assert not rounded.shows(Fraction("16.054"))
    [single] = read("x: 0.1")
    assert not single.shows(Fraction("0.134"))
    [whole] = read("x: 8")
    assert whole.shows(Fraction(8))


# --- labels ---------------------------------------------------------------------------------------


def test_more_words_win_and_words_may_rule_out():
    """The row with the most words said is taken; a forbidden word takes a row out."""
    assert best("Total Params memory", ROWS).name == "memory"
    assert best("params per layer", ROWS) is None
    assert best("numKVCache", ROWS).name == "kv"


def test_a_unit_of_another_kind_is_another_row():
    """A count in GB is no count."""
    assert found("Model parameters: 16.06 GB") == {}


def test_names_in_programs_fall_into_words():
    """Humps, underscores and digits part words as people read them."""
    assert words("numKVHeads") == ("num", "kv", "heads")
    assert words("kv_cache_bytes") == ("kv", "cache", "bytes")
    assert words("h1") == ("h1",)


# --- hostile text ---------------------------------------------------------------------------------

RANDOM = random.Random(1)
NOISE = "1 2,.|:=()x*-eE\n\tGB kv param\x1b[\u202f⁹"
HOSTILE = {
    "digits": "1" * MAX_TEXT,
    "exponent": "param: 1e999999999\nparam: 1" + "0" * 60_000,
    "separators": "1," * MAX_TEXT,
    "groups": "1 000 " * 12_000,
    "escapes": "\x1b[" * MAX_TEXT,
    "escape strings": "\x1b]" * MAX_TEXT,
    "open escape": "\x1b[" + "1;" * MAX_TEXT,
    "bars": "|1" * MAX_TEXT,
    "brackets": "(" * MAX_TEXT,
    "numbers": "1\n" * MAX_TEXT,
    "labels": "max batch size param 1\n" * 4096,
    "different labels": "".join(f"kv{at} batch param memory {at}\n" for at in range(3000)),
    "quotes": 'a,b\n"' + "x," * MAX_TEXT,
    "csv": "a,b\n" + "1,2\n" * MAX_TEXT,
    "headers": "a,b\n" * MAX_TEXT,
    "leaders": ". " * MAX_TEXT,
    "underscores": "_" * MAX_TEXT,
    "powers": "1 x 10^" * 10_000,
    "superscripts": "⁹" * MAX_TEXT,
    "words": "max-batch." * 10_000,
    "nul": "\x00" * MAX_TEXT,
    "surrogates": "\ud800 batch 4\n" * 5000,
    "noise": "".join(RANDOM.choice(NOISE) for _ in range(MAX_TEXT)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_costs_little(name):
    """64 KB of anything is read in linear time, raises nothing and yields a bounded list."""
    text = HOSTILE[name]
    assign(read(text[:1000]), ROWS)
    begun = time.process_time()
    quantities = read(text)
    assign(quantities, ROWS)
    assert time.process_time() - begun < 0.5  # measured: below 0.1 s; the machine may be busy
    assert len(quantities) <= MAX_QUANTITIES


def test_a_cut_text_keeps_what_came_before():
    """A line cut in the middle spoils none of the lines before it."""
    text = LAYOUTS["colons"] + "\nKV cache per reque\n[output cut at 65536 bytes]"
    assert found(text) == EXPECTED

"""Whole answer sheets around random answers: the sheet's own text, bare lists, labels, blocks."""

import random
import re

from tests.sheets.answers import PACK, QUESTIONS, SCALING, Style

TEMPLATE = (PACK / "template" / "README.md").read_text(encoding="utf-8")
CASES = ("B1N32", "B1N1024", "B64N32", "B64N1024")
SAID = {"B1N32": (1, 32), "B1N1024": (1, 1024), "B64N32": (64, 32), "B64N1024": (64, 1024)}
GROUPS = {
    "2.1.1": "Matrix multiplication", "2.1.2": "Input Projections",
    "2.1.3": "Scaled Dot-Product Attention", "2.1.4": "Multi-Head Attention (MHA)",
    "2.1.5": "Output Projections", "2.1.6": "Feed-Forward Networks (MLPs)",
    "2.2": "Analyzing Naive GPT-2 XL Inference Computations",
    "2.3": "Analyzing GPT-2 XL Inference with KV Caching!",
    "2.4": "Motivating Speculative Decoding",
}  # fmt: skip
RENAMED = {
    "2.1.1": "Matrix multiplication costs", "2.1.2": "Input projections Q, K, V",
    "2.1.3": "Scaled dot-product attention, step by step", "2.1.4": "Multi-Head Attention",
    "2.1.5": "The output projection", "2.1.6": "Feed-forward networks / MLPs",
    "2.2": "Naive GPT-2 XL inference computations",
    "2.3": "GPT-2 XL inference with KV caching", "2.4": "Speculative decoding, motivating it",
}  # fmt: skip
STEPS = ("Computing dot-product scores via $QK^T$", "Causal masking", "Softmax",
         "Computing the output", "Putting everything together")  # fmt: skip
MASK = (
    "The mask hides later positions: scores above the diagonal are set to minus infinity before "
    "the softmax."
)
CACHE = (
    "Keys and values of earlier tokens are not computed again, so flops fall N-fold; weights are "
    "read all the same, so the intensity falls and we are more memory-bound."
)
DRAFTS = "One read of the weights serves several drafted tokens that are verified in parallel."


class Answers:
    """The answers of one random sheet, by the place of their question."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.style = Style(self.rng)
        self.table = self.rng.choice(("bullets", "rows", "columns", "lines", "nested"))
        self.by_place = {}
        for name, question in QUESTIONS.items():
            if not (question.number_only or question.stances or question.prose):
                self.by_place.setdefault(question.place, []).append(self.style.answer(name))
        self._verdicts()
        for part in ("2.2.4", "2.3.5"):
            self.by_place[part] = [self.cases(part)]
        self._speculative()
        self.by_place["1.1.1"] = [MASK]
        self.by_place["1.1.2"] = [self.rng.choice((
            "2", "2 layers.", "The minimum is 2 layers: the first carries the previous token.",
            "Two layers are needed. One is not enough.", "num_layers=2 gives 99%.",
        ))]  # fmt: skip
        self.by_place["2.3.6"], self.by_place["2.4.2"] = [CACHE], [DRAFTS]

    def _verdicts(self):
        self.by_place["2.1.4.3"] = [self.rng.choice(SCALING)]
        self.by_place["2.1.4.4"] = [self.rng.choice(SCALING)]
        style = self.style
        self.by_place["2.1.4.5"] = [
            f"Arithmetic intensity = {style.number('2.1.4.5.value')}, and the A100 does 153 FLOPs "
            f"per byte.\n\n{style.bound('2.1.4.5.bound')}"
        ]
        self.by_place["2.1.6.3"] = [
            f"Arithmetic intensity: {style.number('2.1.6.3.value')}, which is much higher than "
            "that of MHA"
        ]

    def _speculative(self):
        style = self.style
        self.by_place["2.4.1"] = [
            f"1. Reading weights: {style.number('2.4.1.weights', 's')}\n"
            f"2. Other memory accesses: {style.number('2.4.1.traffic', 's')}\n"
            f"3. FLOPs: {style.number('2.4.1.compute', 's')}\n\n"
            "The bottleneck is reading the weights."
        ]

    # --- the four cases ---------------------------------------------------------------------------

    def cases(self, part):
        """Return the four cases as bullets, a table or lines."""
        columns = ["FLOPs", "Bytes", "Bound"] + ["Speedup"] * (part == "2.3.5")
        rows = {}
        for case in CASES:
            name = f"{part}.{case}"
            cells = [self.style.number(f"{name}.flops", "flop"),
                     self.style.number(f"{name}.bytes", "byte"),
                     self.style.bound(f"{name}.bound")]  # fmt: skip
            if part == "2.3.5":
                cells.append(f"{self.speedup(name)}")
            rows[case] = cells
        return getattr(self, f"_{self.table}")(columns, rows)

    def speedup(self, name):
        """Return how many times as fast it is."""
        number = self.style.number(f"{name}.speedup")
        return self.rng.choice((f"{number}x", f"{number}× faster", number)).replace("$x", "$ x")

    def named(self, case):
        """Return a case's name."""
        batch, length = SAID[case]
        ways = (
            f"B={batch} and N={length}",
            f"B = {batch}, N = {length}",
            f"$B={batch}$, $N={length}$",
            f"(B, N) = ({batch}, {length})",
        )
        return self.rng.choice(ways)

    def _bullets(self, columns, rows):
        return "\n".join(
            f"- {self.named(case)}: "
            + ", ".join(_said(c, x) for c, x in zip(columns, cells, strict=True))
            for case, cells in rows.items()
        )

    def _nested(self, columns, rows):
        return "\n".join(
            f"- {self.named(case)}\n"
            + "\n".join(f"  - {_said(c, x)}" for c, x in zip(columns, cells, strict=True))
            for case, cells in rows.items()
        )

    def _lines(self, columns, rows):
        return "\n\n".join(
            f"**{self.named(case)}**\n\n"
            + "\n\n".join(_said(c, x) for c, x in zip(columns, cells, strict=True))
            for case, cells in rows.items()
        )

    def _rows(self, columns, rows):
        lines = ["| B | N | " + " | ".join(columns) + " |", "|" + "---|" * (len(columns) + 2)]
        lines += [
            "| {} | {} | ".format(*SAID[case]) + " | ".join(cells) + " |"
            for case, cells in rows.items()
        ]
        return "\n".join(lines)

    def _columns(self, columns, rows):
        lines = ["| | " + " | ".join("B={}, N={}".format(*SAID[case]) for case in rows) + " |",
                 "|" + "---|" * (len(rows) + 1)]  # fmt: skip
        lines += [f"| {column} | " + " | ".join(rows[case][i] for case in rows) + " |"
                  for i, column in enumerate(columns)]  # fmt: skip
        return "\n".join(lines)


def _said(column, cell):
    return (
        cell
        if column == "Bound"
        else f"{column} = {cell}"
        if column != "Speedup"
        else f"Speedup: {cell}"
    )


def indented(text, by):
    """Return lines moved to the right, so that they belong to an item."""
    return "\n".join(" " * by + line if line else "" for line in text.split("\n"))


# --- layouts --------------------------------------------------------------------------------------


def in_the_template(answers):
    """Every answer below its question in the sheet as it was given."""
    out, place, group, waiting = [], [], "", None

    def flush():
        nonlocal waiting
        if waiting:
            key, indent = waiting
            for text in answers.by_place.get(key, []):
                out.extend(["", indented(text, indent), ""])
        waiting = None

    for line in TEMPLATE.split("\n"):
        heading = re.match(r"#+ .*?Part ([\d.]+)", line)
        item = re.match(r"(\s*)(\d+)\. ", line)
        if heading or line.startswith("#"):
            flush()
            group, place = heading[1].rstrip(".") if heading else "", []
        elif item and group:
            depth = len(item[1]) // 3
            if not (waiting and waiting[0].startswith("2.4.1") and depth):
                flush()
                place = [*place[:depth], item[2]]
                waiting = ".".join([group, *place]), 3 * (depth + 1)
        if re.match(r"\s+- B=\d+ and N", line):
            continue  # the cases are written out
        if waiting and waiting[0] == "2.4.1" and item and len(item[1]):
            continue
        out.append(line)
    flush()
    return "\n".join(out)


def _heading(answers, group, *, numbered=True):
    level = "##" if group.count(".") == 1 else "###"
    named = answers.rng.random()
    title = GROUPS[group] if named < 0.6 else RENAMED[group]
    if not numbered:
        return f"{level} {title}"
    return f"{level} Part {group}: {title}" if named < 0.8 else f"{level} {group} {title}"


def _items(answers, group):
    places = [p for p in answers.by_place if p.startswith(group + ".")]
    return sorted(places, key=lambda p: [int(x) for x in p.split(".")])


def bare(answers, *, numbered=True):
    """Headings and numbered lists, without the questions' words."""
    out = ["# Assignment 2", "", "## Part 1.1: Implementing Attention", ""]
    out += [f"{i}. {indented(answers.by_place[f'1.1.{i}'][0], 3).strip()}" for i in (1, 2)]
    groups = list(GROUPS)
    if answers.rng.random() < 0.3:
        answers.rng.shuffle(groups)
    for group in groups:
        out += ["", _heading(answers, group, numbered=numbered), ""]
        if group == "2.1.3":
            for i, step in enumerate(STEPS, 1):
                out.append(f"{i}. **{step}**")
                for k in (1, 2):
                    text = "\n\n".join(answers.by_place[f"2.1.3.{i}.{k}"])
                    out.append(f"   {k}. {indented(text, 6).strip()}")
            continue
        for place in _items(answers, group):
            text = "\n\n".join(answers.by_place[place])
            first = place.rpartition(".")[2] + ". "
            block = text.startswith(("-", "|", "1.", "**B", "**("))
            if block:
                out.append(f"{first}Answer:\n\n{indented(text, 3)}")
            else:
                out.append(f"{first}{indented(text, 3).strip()}")
            out.append("")
    return "\n".join(out)


def without_numbers(answers):
    """The same, and headings have lost their numbers."""
    return bare(answers, numbered=False)


def labelled(answers):
    """Headings, and a label before each answer: Q1, 2.1.2.1, Question 1."""
    kind = answers.rng.choice(
        ("**Q{n}.**", "**{place}**", "#### Question {n}", "**Question {n}:**")
    )
    out = ["## Part 1.1", ""]
    for group in ("1.1", *GROUPS):
        if group != "1.1":
            out += ["", _heading(answers, group), ""]
        for place in _items(answers, group):
            full = kind if place.count(".") == group.count(".") + 1 else "**{place}**"
            label = full.format(n=place.rpartition(".")[2], place=place)
            text = "\n\n".join(answers.by_place[place])
            out += [label, "", text, ""]
    return "\n".join(out)


LAYOUTS = (in_the_template, bare, without_numbers, labelled)


def sheet(seed):
    """Return a random sheet, all right, and how it is written."""
    answers = Answers(seed)
    layout = answers.rng.choice(LAYOUTS)
    style = answers.style
    described = f"{layout.__name__}, {style.marks}, {answers.table}, {style.units}"
    return layout(answers), described

"""What a student reads before handing in: the sheet as it was read, and what stays private."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from grader.ahead import Answer, Answers
from grader.columns import paragraph, table
from grader.records import Json
from grader.text import shown

LONGEST = 160  # characters of an answer that are shown
LISTED = 30  # names in one sentence


def answers(read: Answers) -> Iterator[str]:
    """Yield how each answer of the sheet was read; nothing of it says whether it is right."""
    files = ", ".join(shown(name, 60) for name in read.files)
    yield ""
    if not read.files:
        if all(name.endswith(".ipynb") for name in read.fill_in):
            yield from paragraph(
                f"No written answer yet: put each into {' or '.join(read.fill_in)}, below the name "
                "of its question. Run this again to see which were found."
            )
            return
        yield from paragraph(
            f"No answer sheet yet: fill in {' or '.join(read.fill_in) or 'one'}, or write one as "
            ".tex, .md, .ipynb or .pdf. Run this again to see how each answer is read."
        )
        return
    yield from paragraph(
        f"Your answers in {files}, as the grading program reads them. This does not say whether "
        "they are right."
    )
    found = read.of("read", "uncertain", "written", "prose")
    if found:
        yield ""
        yield table([_row(answer) for answer in found], ["answer", "where", "read as"])
    if read.of("uncertain"):
        yield from paragraph(
            "? found by the words around it, so that a person may have to look: write the answer "
            "under its number, or mark it as shown below.", further="  "
        )  # fmt: skip
    yield from _unread(read.of("unreadable"))
    yield from _missing(read.of("missing"))
    yield from _remarks(read)
    yield from _how(read)


def _row(answer: Answer) -> list[str]:
    if answer.state in {"prose", "written"}:
        flat = " ".join(answer.read_as.split())
        whom = "for a person: " if answer.state == "prose" else ""
        text = f"{whom}{len(flat.split())} words, “{shown(flat, 40)}”"
    else:
        text = shown(answer.read_as, LONGEST)
    mark = " ?" if answer.state == "uncertain" else ""
    return [answer.question + mark, shown(answer.where, 60), text]


def _unread(unread: Sequence[Answer]) -> Iterator[str]:
    if unread:
        yield from ("", "Not understood (a person reads these; better is to write them plainly)")
    for answer in unread:
        where = f", {shown(answer.where, 60)}" if answer.where else ""
        yield from paragraph(f"{answer.question}{where}: it stops at {shown(answer.why, 120)}",
                             further="   ")  # fmt: skip
        if answer.read_as:
            yield from paragraph(f"you wrote: {shown(' '.join(answer.read_as.split()), LONGEST)}",
                                 "   ", "   ")  # fmt: skip
        yield from paragraph(_plainly(answer), "   ", "   ")


def _plainly(answer: Answer) -> str:
    """Return how an answer can be written so that it is understood."""
    if answer.why == "its words":
        return "say one verdict in a sentence of its own, and no other one beside it"
    if "only a number" in answer.why:
        return f"write the formula, in {', '.join(answer.symbols)}, and the number behind it"
    if "no formula" in answer.why or "no number" in answer.why:
        return "write it between dollar signs, the result after the last ="
    if answer.symbols:
        return (
            f"write one formula in {', '.join(answer.symbols)}, products plainly, fractions with "
            "/ or \\frac, and words outside of the dollar signs"
        )
    return "write it in one sentence, numbers with their unit"


def _missing(missing: Sequence[Answer]) -> Iterator[str]:
    if not missing:
        return
    names = [answer.question for answer in missing]
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    yield ""
    yield from paragraph(f"Not found: {', '.join(names[:LISTED])}{more}", further="   ")


def _remarks(read: Answers) -> Iterator[str]:
    said = list(read.remarks)
    if any(name.lower().endswith(".pdf") for name in read.files):
        said.append(
            "A PDF holds characters and no formulas: fractions and roots are lost in it. Hand in "
            "the .tex or .md that it is made from as well; that is read first"
        )
    for remark in said:
        yield from paragraph(f"{shown(remark, 400)}.", " - ", "   ")


def _how(read: Answers) -> Iterator[str]:
    """Yield how an answer is marked, by one that needs it."""
    open_ = read.of("missing", "unreadable", "uncertain")
    chosen = next((each for each in open_ if each.symbols), None)
    if chosen is None:
        return
    formula = f"2*{chosen.symbols[0]}"
    yield ""
    yield from paragraph(
        "An answer is found for certain where it is marked with its name: in LaTeX as "
        f"\\answer{{{chosen.question}}}{{{formula.replace('*', '')}}}, or in a file answers.toml "
        f'as "{chosen.question}" = "{formula}" (an example, not the answer).'
    )


def programs(said: Sequence[str]) -> Iterator[str]:
    """Yield what the pack tells of a student's programs."""
    if said:
        yield from ("", "Your programs, as the grading program reads them")
    for each in said:
        yield from paragraph(shown(each, 600), " - ", "   ")


def private(criteria: Sequence[Json], public: float, points: float) -> Iterator[str]:
    """Yield what is graded privately, and by whom."""
    yield ""
    if not criteria:
        yield from paragraph(
            f"These are the public checks: {public:g} of {points:g} points. Hidden checks, and "
            "what a human grades, come on top. Weights and prompts of the grading are others."
        )
        return
    yield from paragraph(
        f"The public checks above are worth {public:g} of {points:g} points. The rest is graded "
        "privately, with weights, prompts and inputs drawn anew:"
    )
    yield ""
    rows = [
        [each["id"], each["title"], f"{each['points']:.4g}", f"{each['max_points']:.4g}",
         _human(each)]
        for each in criteria
    ]  # fmt: skip
    headers = ["", "graded privately", "points", "of", "a human reads"]
    yield table(rows, headers, "llrrl")


def _human(criterion: Json) -> str:
    names = [check["id"] for check in criterion["checks"] if check["by"] == "human"]
    if criterion["human"] and len(names) < len(criterion["checks"]):
        return ", ".join(names)
    return "all of it" if criterion["human"] else ""

"""Answer sheets written at random, all right: how much of them is graded, and how much wrongly."""

import functools
import resource

from tests.proof.ledger import Row
from tests.sheets.grading import checks, credit, graded
from tests.sheets.layouts import sheet

TITLE = "Answer sheets"
ABOUT = """
Sheets that say what the reference says, rewritten at random: layout (the sheet as given, bare
lists, headings without numbers, labels), order of parts, marks of formulas, labels, sizes, order of
terms and factors, chains, separators of thousands, missing closers, tables and bullets, units,
digits. Each answer that is not prose is either graded, with full credit, or left to a person;
anything else is wrong. A row holds where nothing is wrong and a sheet takes at most 2 s of CPU
time.
"""
SHEETS, A_ROW = 320, 10
SECONDS = 2.0


def rows():
    """Return a row for each ten sheets."""
    return [
        Row(f"sheets {first}-{first + A_ROW - 1}", functools.partial(_cells, first))
        for first in range(0, SHEETS, A_ROW)
    ]


def _cells(first):
    answers = full = wrong = 0
    slowest, said = 0.0, []
    for seed in range(first, first + A_ROW):
        text, described = sheet(seed)
        begin = _cpu_seconds()
        results = graded(text)
        slowest = max(slowest, _cpu_seconds() - begin)
        for name, result in results.items():
            if checks()[name].manual:
                continue
            answers += 1
            if (worth := credit(result)) == 1:
                full += 1
            elif worth is not None:
                wrong += 1
                said.append(f"{seed} ({described}): {name}")
    held = "yes" if not wrong and slowest <= SECONDS else "; ".join(said) or "too slow"
    return {"answers": str(answers), "graded": str(full), "wrong": str(wrong),
            "slowest (s)": f"{slowest:.1f}", "held": held}  # fmt: skip


def _cpu_seconds():
    """Return the CPU time of this process and its children: others on the machine do not count."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def summary(measured):
    """Return the share that was graded, of all sheets together."""
    total = {
        key: sum(int(cells[key]) for cells in measured.values())
        for key in ("answers", "graded", "wrong")
    }
    return (
        f"Of {total['answers']:,} answers on {SHEETS} sheets {total['graded']:,} were graded "
        f"({total['graded'] / total['answers']:.2%}), the others left to a person; "
        f"{total['wrong']} were graded wrongly."
    )

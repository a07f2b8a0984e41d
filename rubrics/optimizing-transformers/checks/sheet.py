"""The answer sheet: every question's reading as one of the names that the rubric has credit for.

The engine finds and reads (see `grader.formulas`). What is decided here: an error is charged once,
where it is made; a formula that is neither right nor a known variant is a person's to judge, as is
all that was not understood; and what of the wanted elements a text in prose mentions is listed.
"""

import functools
import re
from pathlib import Path

from grader.formulas import questions
from grader.formulas.examine import examine

PACK = Path(__file__).parent.parent
SHEETS = (".md", ".markdown", ".tex", ".txt", ".pdf", ".ipynb", ".html", ".htm")
UNREAD = (".png", ".jpg", ".jpeg", ".svg", ".gif", ".bmp", ".webp", ".heic", ".tif", ".tiff",
          ".docx", ".doc", ".odt", ".rtf", ".pages")  # fmt: skip

ONCE = ("elements", "macs", "read_once", "mask_fused", "mask_read", "no_scale", "leading",
        "other_elementwise", "fewer_elementwise", "fewer_scores", "no_heads")  # fmt: skip
"""Errors that go through a whole sheet: with ``_again`` where they were charged before."""

SAID = re.compile(
    r"dominant|dominat|approx|≈|negligib|leading|lower[- ]order|roughly|ignor|small", re.IGNORECASE
)
WHOLE = re.compile(
    r"\b(?:all|whole|entire|total|full|48)\b[^.]{0,30}\b(?:layers?|model)\b", re.IGNORECASE
)
COEFFICIENTS = ("2.2.1.", "2.2.2.", "2.2.3.", "2.3.2.", "2.3.3.", "2.3.4.")

WANTED = {
    "1.1.1": {
        "later positions are hidden": r"later|future|ahead|after|next|subsequent|look.{0,9}forward",
        "a triangle": r"triang|above the diagonal|j\s*>\s*i|tril|triu",
        "minus infinity, before the softmax": r"infty|infinit|-inf|large negative|before",
    },
    "1.1.2.reason": {
        "the first layer carries the token before": r"previous|before|shift|neighbo|adjacent",
        "the second matches and copies": r"match|cop|look|induction|retriev",
    },
    "2.3.6": {
        "flops, and why they fall": r"flops?\b.{0,200}(?:recomput|again|previous|earlier|N-?fold)",
        "bytes, and why they fall less": r"(?:memory|bytes|access).{0,200}(?:weight|cache|read)",
        "intensity": r"intensity",
        "the bound": r"memory[- ]*bound",
    },
    "2.4.1.reason": {
        "reading weights takes longest": r"weight.{0,120}(?:bottleneck|dominat|longest|most|times)",
    },
    "2.4.2": {
        "one read of the weights serves several tokens": r"weight",
        "drafts are verified in parallel": r"parallel|verif|one pass|single pass|at once",
        "acceptance": r"accept|reject",
    },
}
"""What a person looks for in prose, and words that point to it."""


@functools.cache
def asked():
    """Return the pack's questions."""
    return questions.load(PACK / "formulas.toml")


class Sheet:
    """The readings of a submission's sheet."""

    def __init__(self, scripts):
        self.files = dict(scripts.files)
        self.questions = asked()
        self.given = (PACK / "template" / "README.md").read_text(encoding="utf-8")

    @functools.cached_property
    def read(self):
        """Return all readings (see `grader.formulas.records`)."""
        return examine(self.files, self.questions, self.given)

    @property
    def names(self):
        """Return the paths of what may be a sheet."""
        return sorted(path for path in self.files if path.lower().endswith(SHEETS))

    @property
    def unread(self):
        """Return the paths of what may hold answers and is not read here."""
        return sorted(path for path in self.files if path.lower().endswith(UNREAD))

    @functools.cached_property
    def credited(self):
        """Return the name of each answer for the rubric: what was charged before is so called."""
        found, charged = {}, set()
        for question in self.questions:
            name = self.read.answers[question.id].verdict
            if name in ONCE:
                kind = "bytes" if "byte" in question.says else "flops"
                found[question.id] = f"{name}_again" if (name, kind) in charged else name
                charged.add((name, kind))
            else:
                found[question.id] = name
        return found

    def judge(self, asked, record):
        """Write down what a question's answer is."""
        reading = self.read.answers[asked]
        record.evidence.staff_message = ""
        if reading.verdict == "missing" and not reading.review:
            self._missing(record)
        elif asked in WANTED:
            self._prose(asked, reading, record)
        elif reading.review or reading.verdict in ("unreadable", "missing", "none"):
            self._review(reading, record)
        else:
            name, slips = self._named(asked, reading)
            record.answer(name, told(reading), slips=slips)
        record.evidence.staff_message = self._for_staff(reading, record)

    def _named(self, asked, reading):
        """Return the rubric's name for an answer, and its slips."""
        name, slips = self.credited[asked], []
        if name.removesuffix("_again") == "leading" and SAID.search(self.around(reading)):
            name = "leading_said"
        if name == "no_scale" and SAID.search(self.around(reading)):
            name = "no_scale_said"
        if name == "whole_model" and WHOLE.search(self.around(reading)):
            name = "whole_model_said"
        if asked.startswith(COEFFICIENTS) and re.search(r"\bD\b|\bL\b|\bH\b", reading.read_as):
            slips.append("symbols_only")
        return name, slips

    def around(self, reading):
        """Return the lines around an answer."""
        found = re.fullmatch(r"(.*), line (\d+)", reading.found_in)
        if not found or found[1] not in self.files:
            return reading.text
        lines = self.files[found[1]].decode(errors="replace").split("\n")
        at = int(found[2])
        return "\n".join(lines[max(0, at - 4) : at + 3])

    def _review(self, reading, record):
        why = reading.review
        if reading.verdict == "none" and not why:
            why = "It is none of the answers that are known: a person looks at it."
        record.inconclusive(f"{told(reading)} {why[:1].upper()}{why[1:]}".strip().rstrip(".") + ".")
        record.evidence.variant = reading.verdict
        page = self.read.pictures.get(reading.seen_as or reading.found_in)
        if reading.text:
            record.attach("txt", reading.text.encode(errors="replace"), own=True)
        if page:
            record.attach("png", page, own=True)

    def _prose(self, asked, reading, record):
        if not reading.text:
            record.inconclusive(reading.review or "It could not be read: a person looks at it.")
            return
        flat = " ".join(reading.text.split())
        found = [
            f"{'mentioned' if re.search(words, flat, re.IGNORECASE) else 'not seen'}: {wanted}"
            for wanted, words in WANTED[asked].items()
        ]
        record.say(f"{reading.found_in}: a person reads it ({'; '.join(found)}).")
        record.attach("txt", reading.text.encode(errors="replace"), own=True)

    def _missing(self, record):
        if self.unread:
            listed = ", ".join(self.unread[:5])
            record.inconclusive(f"It may be in what only a person can read: {listed}.")
        elif self.names:
            record.not_submitted("No answer was found in the sheet.")
        else:
            record.not_submitted("No answer sheet was found: README.md.")

    @staticmethod
    def _for_staff(reading, record):
        """Return all there is to say of an answer, a line each."""
        lines = {
            "answer": " ".join(reading.text.split()),
            "where": reading.found_in,
            "read as": reading.read_as,
            "reference": reading.reference,
            "comparison": reading.verdict,
            "counts as": record.evidence.variant,
            "says": reading.says,
            "stopped by": reading.stopped_by,
            "remarks": "; ".join(reading.remarks),
            "for review": reading.review,
        }
        said = "\n".join(f"{name}: {text}" for name, text in lines.items() if text)
        return f"{record.evidence.message}\n{said}"


def told(reading):
    """Return the sentence for the student, with the place."""
    return f"{reading.found_in}: {reading.sentence}" if reading.found_in else reading.sentence

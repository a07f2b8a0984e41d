"""A verdict in prose: "memory bound", "quadratically". Negations and conditions are heard.

The words of each verdict are the pack's; where strong ones (!) are said, others do not count. A
sentence that asks, or that says what would be if, says nothing. Where sentences contradict each
other there is no verdict, and a person reads them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from grader.formulas.finding import pattern_of

Words = Mapping[str, Sequence[str]]
_SENTENCE = re.compile(r"(?<=[.?!;])\s+|\n+|\\\\")
_IDLE = re.compile(
    r"\\(?:text|textbf|textrm|mathbf|mathrm|emph|boxed|underline)\b|[*_`${}]|\\[,;!]"
)
_ASKS = re.compile(r"\?\s*\)?\s*$")
_SUPPOSES = re.compile(
    r"\b(?:if|would|were|whether|unless|could|might|should|suppose|until|when|only|"
    r"close to|near(?:ly)?|almost(?! always))\b"
    r"|\b(?:need|require|enough|order|ha[sd]|have)\w*\b.{0,60}\bto (?:be|become)\b",
    re.IGNORECASE,
)
_NOT = re.compile(
    r"(?:\bnot\b|n't\b|n’t\b|\bnor\b|\bneither\b|\bno longer\b|\bnever\b|\brather than\b"
    r"|\binstead of\b|\bas opposed to\b|\bfar from\b|\bless\b|\bisnt\b|\bnon-?|\bunlike\b"
    r"|\bversus\b|\bvs\b)"
    r"(?:\s+(?:being|be|the|a|an|so|very|really|at all|yet|actually|strictly|gpu|is))*\s*$",
    re.IGNORECASE,
)
_NOT_INSIDE = re.compile(r"(?:\bnot|n['’]t|\bnever)\s+(?:\w+\s+){0,2}\w+$", re.IGNORECASE)
_NOT_BEHIND = re.compile(
    r"\s*(?:alone\s+|only\s+|by itself\s+)?(?:can ?not\b|(?:can|ca|is|do|does|wo|was|did)n['’]t\b|"
    r"(?:is|does|will|was|did|are)\s+not\b|fails?\b|never\b)",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r"[,;:(]|\b(?:but|and|so|thus|therefore|hence)\b")
_FEW = 3  # words of a cell that is nothing but a verdict
MAX_TEXT = 4_000


def verdict_of(
    prose: Sequence[str], cells: Sequence[str], words: Words, short: Words
) -> tuple[str, str]:
    """Return the one verdict that is stated and the sentence; "" and why where none is clear.

    ``short`` are words that are one where they are all of a table's cell: "memory".
    """
    found = [
        (value, strong, sentence.strip())
        for text in (*prose, *cells)
        for sentence in _SENTENCE.split(_IDLE.sub(" ", text[:MAX_TEXT]))
        for value, strong in _stated(sentence, words)
    ]
    for cell in cells:
        plain = _IDLE.sub(" ", cell).strip()
        if len(plain.split()) <= _FEW and not _stated(plain, words):
            found += [(value, False, plain) for value, known in short.items()
                      if pattern_of(known).search(plain)]  # fmt: skip
    strongest = [each for each in found if each[1]] or found
    values = {value for value, _, _ in strongest}
    if len(values) == 1:
        return strongest[-1][0], strongest[-1][2]
    if not values:
        return "", ""
    said = "; ".join(dict.fromkeys(sentence[:120] for _, _, sentence in strongest))
    return "", f"it says {' and '.join(sorted(values))}: {said[:400]}"


def _stated(sentence: str, words: Words) -> list[tuple[str, bool]]:
    """Return the verdicts of a sentence, and whether by a strong word (!).

    Of two verdicts, what is denied leaves the other.
    """
    if _ASKS.search(sentence):
        return []
    said: dict[str, bool] = {}
    denied = []
    for value, known in words.items():
        for word in known:
            for match in pattern_of([word]).finditer(sentence):
                before = sentence[: match.start()]
                clause = _CLAUSE.split(before)[-1]
                if _SUPPOSES.search(clause):
                    continue
                not_so = _NOT.search(before) or _NOT_INSIDE.search(match[0])
                if not_so or _NOT_BEHIND.match(sentence, match.end()):
                    denied.append(value)
                else:
                    said[value] = said.get(value, False) or word.endswith("!")
    if not said and denied and len(words) == 2:  # noqa: PLR2004 - not the one is the other
        return [(value, False) for value in words if value not in denied]
    return list(said.items())

"""Hostile text → plain lines, each split into the cells of whatever table it is drawn as."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass

MAX_TEXT = 65_536  # characters; what is beyond is not read
MAX_LINES = 2000
MAX_LINE = 2000
MAX_CELLS = 64

# Control sequences of terminals. Possessive throughout: nothing is tried twice.
_ANSI = re.compile(
    r"\x1b(?:\[[0-?]*+[\x20-/]*+[@-~]?+|\][^\x07\x1b\n]{0,200}+(?:\x07|\x1b\\)?+|[@-Z\\^_])?+"
)
_LEADER = re.compile(r"(?:\.{3,}+|_{3,}+|~{3,}+|(?:\.\x20){3,}+|-{2,}+>?+|={2,}+>?+|>{2,}+)")
_GAP = re.compile(r"\x20{2,}+")
_VERTICAL = "│┃║┆┇┊┋╎╏¦｜￨"
_HORIZONTAL = "─━═┄┅┈┉╌╍╴╶╸╺‐‑‒–—―−_"
_JOINT = "".join(map(chr, range(0x250C, 0x254C))) + "".join(map(chr, range(0x2552, 0x256D)))
_TRANSLATION = str.maketrans(
    {
        **dict.fromkeys(_JOINT, "+"),
        **dict.fromkeys(_VERTICAL, "|"),
        **dict.fromkeys(_HORIZONTAL.removesuffix("_"), "-"),
        **dict.fromkeys("\u00a0\u2007\u2009\u202f\u2008\u200a", "\u202f"),
        **dict.fromkeys("’ʼ＇´`", "'"),
        **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad", None),
        **dict.fromkeys("×✕⨉", "x"),
        **dict.fromkeys("·∙⋅•", " "),
        **dict.fromkeys("→⇒➜⟶➔", "="),
        **dict.fromkeys("≈≃≅", "="),
        "：": ":", "＝": "=", "，": ",", "…": "...", "÷": "/", "\u3000": " ", "\f": "\n",
        "\v": "\n", "\x85": "\n", "\u2028": "\n", "\u2029": "\n",
        **{chr(0xFF10 + digit): str(digit) for digit in range(10)},
    }
)  # fmt: skip
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")
_SUPERSCRIPT = re.compile("[⁺⁻]?+[⁰¹²³⁴⁵⁶⁷⁸⁹]++")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")
RULE = frozenset("-=+|: *_~.#'")
BARE = frozenset(" =:~>-.#$*'\"")  # a cell of these says nothing


@dataclass(frozen=True)
class Line:
    """One line that says something; ``cells`` are stripped, and more than one in a table."""

    number: int  # from 1, as the student sees it
    text: str
    cells: tuple[str, ...]
    block: int  # lines of one table, or of one paragraph, share it


def clean(text: str) -> str:
    """Return text without what a terminal acts on, and with one sign for each of many alike."""
    text = _ANSI.sub("", text[:MAX_TEXT])
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _SUPERSCRIPT.sub(lambda match: "^" + match[0].translate(_SUPERSCRIPTS), text)
    return _CONTROL.sub(" ", text.translate(_TRANSLATION))


def lines(text: str) -> list[Line]:
    """Return the lines that say something, in order; rules and blank lines only part blocks."""
    plain = [line[:MAX_LINE].rstrip() for line in clean(text).split("\n")[:MAX_LINES]]
    delimited = _delimited(plain)
    found: list[Line] = []
    block, ended, was_table = 0, True, False
    for number, line in enumerate(plain, start=1):
        if not line.strip():
            ended = True
            continue
        if RULE.issuperset(line):
            continue
        cells = delimited.get(number - 1) or _cells(line)
        if not cells:
            continue
        is_table = len(cells) > 1
        if ended or (was_table and not is_table and "|" not in line):
            block += 1
        ended, was_table = False, is_table
        found.append(Line(number, line.strip(), cells, block))
    return found


def _cells(line: str) -> tuple[str, ...]:
    """Split a line at bars, tabs, LaTeX's &, leaders or wide gaps; cells that say nothing go."""
    if "|" in line:
        parts = line.split("|")
    elif "\t" in line:
        parts = line.split("\t")
    elif "&" in line and "\\\\" in line:
        parts = line.replace("\\hline", "").replace("\\\\", "").split("&")
    else:
        parts = _rejoined(_GAP.split(_LEADER.sub("  ", line)))
    stripped = (_bare(part) for part in parts[:MAX_CELLS])
    return tuple(part for part in stripped if part)


def _bare(cell: str) -> str:
    """Return a cell without emphasis, quotes around it and leading signs of a list."""
    cell = cell.replace("**", "") if cell.count("**") > 1 and cell.startswith("**") else cell
    cell = cell.strip(" \t'\"")
    if BARE.issuperset(cell):
        return ""
    return cell.lstrip("*#>:= ").strip() if not cell.startswith("*-") else cell[2:].strip()


def _rejoined(parts: list[str]) -> list[str]:
    """Put together again what a wide gap around an operator has parted: 2  *  32."""
    done: list[str] = []
    for part in parts:
        piece = part.strip()
        if done and piece and (done[-1][-1:] in tuple("*/x^(") or piece[:1] in tuple("*/x^)")) and (
            not piece[:1].isalpha() or piece == "x" or piece[:2] == "x "
        ):  # fmt: skip
            done[-1] += " " + piece
        elif piece:
            done.append(piece)
    return done


def _delimited(plain: list[str]) -> dict[int, tuple[str, ...]]:
    """Return the cells of lines that are CSV: a header of words, and lines of as many cells."""
    found: dict[int, tuple[str, ...]] = {}
    for mark in ",;":
        at = 0
        while at < len(plain) - 1:
            header = _split(plain[at], mark)
            stop = at + 1
            if _is_header(header, plain[at]):
                while stop < len(plain) and len(cells := _split(plain[stop], mark)) == len(header):
                    found[stop] = tuple(cell.strip() or "-" for cell in cells)
                    stop += 1
                if stop > at + 1:
                    found[at] = tuple(cell.strip() for cell in header)
            at = stop
    return found


def _split(line: str, mark: str) -> list[str]:
    if mark not in line or "|" in line or "\t" in line:
        return []
    try:
        return next(csv.reader([line], delimiter=mark))[:MAX_CELLS]
    except (csv.Error, StopIteration):
        return []


def _is_header(cells: list[str], line: str) -> bool:
    """Whether these are the words over columns, and not a sentence with commas."""
    return (
        len(cells) > 1
        and ", " not in line
        and all(cell.strip()[:1].isalpha() for cell in cells)
        and ":" not in line
    )

r"""Q1: the shape that a text gives to q, k and v, whatever its spelling.

Each item of a list in brackets is read as a formula and compared with what it may stand for by
exact arithmetic: ``C // num_heads``, ``\frac{C}{h}`` and ``n_embd * n_head^{-1}`` are one.
"""

import re

from grader.formulas.identity import same
from grader.formulas.reading import read
from grader.formulas.scanning import scan
from grader.formulas.spelling import Unreadable, table_of

MOST = 3000  # characters of an answer that are looked through
ITEM = 60  # characters of one item
ITEMS = range(2, 6)
UNREAD = "unread"  # an answer that a human reads: the rubric has no credit for it

NAMES = {
    "B": ("B", "b", "batch", "batch_size"),
    "T": ("T", "t", "seq_len", "time"),
    "C": ("C", "c", "n_embd", "d_model", "channels", "embed_dim"),
    "h": ("num_heads", "n_heads", "n_head", "num_head", "h", "H", "nh", "heads", "nheads"),
    "size": ("head_size", "hs", "head_dim", "d_k", "hd", "d_head", "D", "d"),
    "V": ("vocab_size", "V"),
    "block": ("block_size",),
}
TABLE = table_of({name: symbol for symbol, names in NAMES.items() for name in names})
WIDTH = read(scan("C/h", {"C": "C", "h": "h"}))[0].tree

SINGLE = re.compile(r"single[- ]head|one head\b(?! of)|head_?size\s*=\s*c\b(?!\s*/)")
DEFINED = re.compile(
    r"(?:head_?size|hs|head_?dim|d_k|\bd)\s*(?:=|is|:=|:)\s*\$?\s*"
    r"(?:\\d?frac\{c|\(?c\s*/|n_embd\s*/)"
)

LISTED = re.compile(r"[\w\\{}/ ]+(?:,[\w\\{}/() ]+){1,4}")  # without any brackets

KINDS = {
    ("B", "T", "C/h"): "reference",
    ("B", "T", "size"): "reference",
    ("B", "T", "C"): "whole_width",
    ("B", "h", "T", "C/h"): "all_heads",
    ("B", "h", "T", "size"): "all_heads",
    ("B", "T", "h", "C/h"): "all_heads",
    ("B", "T", "h", "size"): "all_heads",
}


def shape_of(text):
    """Return the rubric's name for the shape that a text gives to q, k and v, and what was read."""
    text = text[:MOST]
    plain = re.sub(r"\\(?:left|right|,|;|\s)|[`$*]{1,2}(?=\W|$)|[`$]", "", text)
    plain = plain.replace("//", "/").replace(r"\_", "_")
    plain = re.sub(r"\\times|×|(?<=[\w})])\s+x\s+(?=[\w({\\])", ",", plain)
    lists = [each for each in bracketed(plain) if "," in each] or LISTED.findall(plain)
    found = {}
    for items in map(split, lists):
        if kind := _kind(items, text.lower()):  # else it is no shape: "of q, k, v"
            found[kind] = ", ".join(items)
    if len(found) != 1:
        return UNREAD, "; ".join(found.values()) or text.strip()[:200]
    return next(iter(found.items()))


def bracketed(text):
    """Yield what stands within each pair of round or square brackets."""
    open_ = []
    for at, sign in enumerate(text):
        if sign in "([":
            open_.append(at)
        elif sign in ")]" and open_:
            yield text[open_.pop() + 1 : at]


def split(text):
    """Return the items of a list: what stands between commas outside of any brackets."""
    items, depth = [""], 0
    for sign in text:
        depth += (sign in "([{") - (sign in ")]}")
        if sign == "," and depth == 0:
            items.append("")
        else:
            items[-1] += sign
    return [item.strip() for item in items]


def _kind(items, said):
    if len(items) not in ITEMS:
        return None
    read_ = tuple(_item(item) for item in items)
    if read_ == ("B", "T", "size") and not DEFINED.search(said):
        return "width_not_said"
    if "V" in read_:
        return "vocabulary"
    kind = KINDS.get(read_)
    return "whole_width_stated" if kind == "whole_width" and SINGLE.search(said) else kind


def _item(item):
    """Return the symbol that an item is, C/h where it is that, and else a question mark."""
    if not 0 < len(item) <= ITEM:
        return "?"
    try:
        tree = read(scan(item, TABLE))[0].tree
    except Unreadable:
        return "?"
    if same(tree, WIDTH):
        return "C/h"
    return getattr(tree, "name", "?")

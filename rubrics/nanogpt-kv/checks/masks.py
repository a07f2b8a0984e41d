"""Q3: what a text says of the mask for the token at position i.

It is read clause by clause: which value stands at which columns. Only what is said in full and
without a contradiction is named; all else is for a human, and nothing read here is ever worth
nothing.
"""

import re

UNREAD = "unread"
MOST = 600  # characters: in a longer text a word may stand for anything

VALUES = {
    True: r"\btrue\b|\b1s?\b|\bones?\b|\bmasked(?: out)?\b|\bhidden\b|-\s*inf\w*|-∞|\bblocked\b",
    False: r"\bfalse\b|\b0s?\b|\bzeros?\b|\bunmasked\b|\bnot masked\b|\bvisible\b|\bnot hidden\b",
}
I1 = r"\(?i\s*\+\s*1\)?"
PLACES = {
    "past": (
        rf"\b0\b\s*(?:,|to|through|-|–|\.\.\.?|…|:)+\s*i\b(?!\s*[+\-])|(?:<=|≤|\\leq?)\s*i\b"
        r"|up to (?:and including |column |position |index )*(?:i|itself|it)\b(?!\s*[+\-])"
        rf"|(?:first|leading)\s+{I1}|i and (?:all )?(?:the )?(?:before|earlier|previous)"
        r"|(?:past|previous|earlier) (?:tokens |positions )?and (?:itself|the current|current)"
        r"|current and (?:all )?(?:past|previous|earlier)|itself and"
    ),
    "future": (
        rf"{I1}\s*(?:,|to|through|-|–|\.\.\.?|…|:|onwards?|and (?:later|beyond|after))+"
        r"|[jk]?\s*>\s*i\b|\b(?:after|beyond|behind|past|greater than) "
        r"(?:column |position |index )*i\b|\bfuture\b|\blater (?:tokens|positions|columns)\b"
    ),
    "rest": r"\bthe (?:rest|others?|remaining)\b|\botherwise\b|\belsewhere\b|\bafterwards\b",
}
OTHER = {"past": "future", "future": "past"}
ALLOWED = re.compile(r"\ballow|\bmay (?:be )?(?:look|attend|see)|\bcan (?:be )?(?:attend|see)|keep")
DENIED = re.compile(r"n't\b|\bnever\b|\bnot\b(?! (?:masked|hidden))")
CACHED = re.compile(r"\bcache|\bdecod|\bkv\b")
NOTHING = re.compile(r"\ball (?:zeros?|false|0s?)\b|\bnothing is (?:masked|hidden)\b"
                     r"|\bno (?:mask|masking) is needed\b|\bonly (?:zeros?|false)\b")  # fmt: skip
TRIANGLE = re.compile(r"\bupper[- ]triang")
ONE_BASED = re.compile(r"\b1-based|\bcount\w* from 1|\bone-based|1-index")
WORTH = r"(?:true|false|1|0|ones?|zeros?|masked|hidden|-\s*inf)\b"
CLAUSE = re.compile(
    rf"[;\n]|\.(?:\s|$)|,?\s+(?:and(?! including)|but|while|whereas)\s+(?=[^,;]*{WORTH})"
    rf"|,\s*(?={WORTH}|otherwise|elsewhere)"
)


def mask_value_of(text):
    """Return the rubric's name for what a text says, and how it was understood."""
    plain = re.sub(r"[`$*_]", "", text).lower().strip()
    plain = plain.replace("\\infty", "inf").replace("t-1", "t - 1")
    if not plain or len(plain) > MOST or ONE_BASED.search(plain) or DENIED.search(plain):
        return UNREAD, "what was said has to be read"
    said = {}
    for clause in CLAUSE.split(plain):
        value = [v for v, words in VALUES.items() if re.search(words, _without_ranges(clause))]
        place = [p for p, words in PLACES.items() if re.search(words, clause)]
        if len(value) == 1 and len(place) == 1:
            if said.setdefault(place[0], value[0]) != value[0]:
                return UNREAD, "two clauses contradict each other"
        elif value or place:
            said["?"] = clause
    return _named(said, plain)


def _named(said, plain):
    known = {place: value for place, value in said.items() if place != "?"}
    rest = known.pop("rest", None)
    if rest is not None and len(known) == 1:
        known[OTHER[next(iter(known))]] = rest
    if known == {"past": False, "future": True}:
        return "reference", "False up to i, True behind it"
    if known == {"past": True, "future": False} and ALLOWED.search(plain):
        return "allowed", "True up to i, False behind it, where True is what may be seen"
    if known:
        return UNREAD, "only part of it could be read: " + ", ".join(
            f"{place} {value}" for place, value in known.items()
        )
    if NOTHING.search(plain) and CACHED.search(plain):
        return "cached", "with a cache nothing is hidden"
    if TRIANGLE.search(plain) and len(plain.split()) <= 15:
        return "upper_triangle", "an upper triangle, and no row of it"
    return UNREAD, "no columns were named"


def _without_ranges(clause):
    """Return a clause without its columns: the 0 and 1 in them are no values."""
    for words in PLACES.values():
        clause = re.sub(words, " ", clause)
    return re.sub(r"\bt\s*-\s*1(?:\s*-\s*i)?\b|\bi\s*[+\-]\s*1\b", " ", clause)

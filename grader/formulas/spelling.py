"""Spelling: Unicode mathematics as LaTeX, and names in the one form in which they are looked up."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

MAX_CHARACTERS = 4_000
_MAX_SAID = 120  # characters of what stopped it


class Unreadable(Exception):  # noqa: N818 - says what the text is
    """The text cannot be read; the message is half a sentence that says where it stopped."""

    def __init__(self, where: str) -> None:
        super().__init__(where if len(where) <= _MAX_SAID else f"{where[:_MAX_SAID]}…")


def canonical(name: str) -> str:
    r"""Return the one spelling of a name: ``d_{\text{model}}``, ``d_{model}`` -> ``d_model``."""
    name = re.sub(r"\\(text|mathrm|textrm|mathit|textit|mathbf|textbf|mathsf|texttt|mathtt|rm|it)"
                  r"(?![A-Za-z])", "", name)  # fmt: skip
    name = re.sub(r"[{}$\\]", "", name.strip())
    return re.sub(r"[\s,\-]+", "_", name.strip())


def table_of(names: Mapping[str, str]) -> dict[str, str]:
    """Return every spelling of every name -> the symbol; ``h_1`` may be written ``h1``."""
    table = {}
    for name, symbol in names.items():
        spelt = canonical(name)
        table[spelt] = symbol
        table.setdefault(spelt.replace("_", ""), symbol)
    return table


_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")
_SUBSCRIPTS = {ord(c): str(i) for i, c in enumerate("₀₁₂₃₄₅₆₇₈₉")} | {
    ord(c): n for c, n in zip("ₐₑₕₖₗₘₙₒₚₛₜᵢᵣᵥ", "aehklmnopstirv", strict=True)
}
_UNICODE = {
    **dict.fromkeys("×·⋅∗∙•⨯✕", "*"), **dict.fromkeys("÷∕⁄", "/"),
    **dict.fromkeys("−–—‐‑﹣－", "-"),
    **dict.fromkeys("≈≃≅∼≒", r"\approx "), **dict.fromkeys("⇒→⟹⟶⟺⇔", r"\to "),
    **dict.fromkeys("\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2007\u2008\u200a\u205f", " "),
    **dict.fromkeys("\u2009\u202f", r"\,"), **dict.fromkeys("\u200b\u2060\u2061\u2062\ufeff", ""),
    "√": r"\sqrt ", "⌊": r"\lfloor ", "⌋": r"\rfloor ", "⌈": r"\lceil ", "⌉": r"\rceil ",
    "½": "(1/2)", "¼": "(1/4)", "¾": "(3/4)",
    "≤": r"\le ", "≥": r"\ge ", "≪": r"\ll ", "≫": r"\gg ",
    "≡": "=", "′": "'",
}  # fmt: skip
_UNICODE_TABLE = str.maketrans(_UNICODE)
_GREEK = re.compile("[Α-Ωα-ω]")
_BARE_FRACTION = re.compile(r"(\\[dtc]?frac)\s*(\d)\s*(?:(\d)|(?=[{\\A-Za-z]))")
_MATH_LETTERS = re.compile("[\U0001d400-\U0001d7ff\uff01-\uff5e\u2100-\u214f]")
_HTML = re.compile(r"<(sup|sub)>([^<>]{1,40})</\1>", re.IGNORECASE)


def plain(text: str) -> str:
    """Return the text with Unicode mathematics spelt as LaTeX; refuses what is too long."""
    text = text.strip().replace("\r\n", "\n").replace("\r", "\n")
    if len(text) > MAX_CHARACTERS:
        raise Unreadable(
            f"its length: {len(text):,} characters, at most {MAX_CHARACTERS:,} are read"
        )
    text = _HTML.sub(lambda m: {"p": "^", "b": "_"}[m[1][-1].lower()] + f"{{{m[2]}}}", text)
    text = _MATH_LETTERS.sub(lambda m: unicodedata.normalize("NFKC", m[0]), text)
    text = re.sub("[⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+", lambda m: "^{" + m[0].translate(_SUPERSCRIPTS) + "}", text)
    text = re.sub("[₀-₉ₐₑₕₖₗₘₙₒₚₛₜᵢᵣᵥ]+", lambda m: "_{" + m[0].translate(_SUBSCRIPTS) + "}", text)
    text = _GREEK.sub(lambda m: "\\" + unicodedata.name(m[0]).split()[-1].lower() + " ", text)
    text = text.translate(_UNICODE_TABLE)
    text = _BARE_FRACTION.sub(lambda m: f"{m[1]}{{{m[2]}}}" + (f"{{{m[3]}}}" if m[3] else ""), text)
    if bad := next(
        (c for c in text if unicodedata.category(c) in {"Cc", "Cs"} and c not in "\n\t"), ""
    ):
        raise Unreadable(f"a control character ({ascii(bad)[1:-1]})")
    return text

"""HTML sheets, as notebooks are exported: headings, lists, tables and paragraphs with formulas.

Nothing is run or fetched; scripts, styles and drawings are not read.
"""

from __future__ import annotations

from html.parser import HTMLParser

from grader.formulas.mixed import mixed, table_row
from grader.formulas.outline import Outline

_SKIPPED = ("script", "style", "svg", "head", "button")
_BLOCKS = ("p", "div", "pre", "blockquote", "section", "main", "details", "summary", "figure")
_HEADINGS = {f"h{level}": level for level in range(1, 7)}


class _Reader(HTMLParser):
    def __init__(self, outline: Outline, first_line: int) -> None:
        super().__init__(convert_charrefs=True)
        self.outline, self.first = outline, first_line - 1
        self.text = ""
        self.line = first_line
        self.skipping = 0
        self.rows: list[list[str]] | None = None  # of the table that is being read

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin what a tag begins."""
        if tag in _SKIPPED:
            self.skipping += 1
        elif self.rows is not None:
            if tag == "tr":
                self.rows.append([])
            self.text = "" if tag in {"td", "th"} else self.text
        else:
            self._begin(tag, attrs)

    def _begin(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.end()
            self.rows = []
        elif tag in {"ol", "ul"}:
            self.end()
            start = dict(attrs).get("start") or "1"
            first = int(start[:4]) if start[:4].isdecimal() else 1
            self.outline.open_list(ordered=tag == "ol", first=first)
        elif tag == "li":
            self.end()
            self.outline.item()
        elif tag == "br":
            self.text += "\n"
        elif tag in _BLOCKS or tag in _HEADINGS:
            self.end()
        elif tag == "a" and (dict(attrs).get("class") or "") == "anchor-link":
            self.skipping += 1

    def handle_endtag(self, tag: str) -> None:
        """End what a tag ends."""
        if tag in _SKIPPED or (tag == "a" and self.skipping):
            self.skipping = max(0, self.skipping - 1)
        elif self.rows is not None:
            if tag in {"td", "th"} and self.rows:
                self.rows[-1].append(" ".join(self.text.split()))
            elif tag == "table":
                rows, self.rows, self.text = self.rows, None, ""
                header, *others = [row for row in rows if row] or [[]]
                for cells in others:
                    table_row(self.outline, header, cells, self.line)
        elif tag in _HEADINGS:
            self.outline.heading(_HEADINGS[tag], " ".join(self.text.split()))
            self.text = ""
        elif tag in {"ol", "ul"}:
            self.end()
            self.outline.close_list()
        elif tag in _BLOCKS or tag == "li":
            self.end()

    def handle_data(self, data: str) -> None:
        """Take text."""
        if not self.skipping:
            if not self.text.strip():
                self.line = self.first + self.getpos()[0]
            self.text += data

    def end(self) -> None:
        """End a paragraph."""
        text, self.text = self.text.strip(), ""
        if text:
            mixed(self.outline, text, self.line)
        self.outline.paragraph()


def read(text: str, outline: Outline, first_line: int = 1) -> None:
    """Report what an HTML text holds to its outline."""
    reader = _Reader(outline, first_line)
    reader.feed(text)
    reader.close()
    reader.end()

"""The page on one submission: as HTML that needs nothing beside it, and as Markdown.

The HTML has no script and fetches nothing, which its policy also forbids: pictures are in it.
Whatever a student wrote stands in both as text. In HTML the template engine escapes it, in Markdown
every character that could mean something there has a backslash before it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from grader.records import Json
from grader.report import seen
from grader.report.seen import Audience

TEMPLATES = Path(__file__).with_name("templates")
# CommonMark's specials within a line and those of GitHub's tables, strikethrough, math, mentions
# and issues; the second alternative is for its bare links, the last for what begins a block.
_SPECIAL = re.compile(
    r"[\\`*_\[\]<>#!|&~$@{}]|(?<=:)/(?=/)|(?<=www)\.|^(?:[-+=]|\d+(?=[.)](?:\s|$)))"
)


def html(
    result: Json,
    attachments: Mapping[str, bytes],
    audience: Audience,
    more: Sequence[tuple[str, Sequence[str]]] = (),
) -> str:
    """Return the page of one submission as a document of its own.

    ``more`` are further parts, each a title and its lines; one without lines is left out.
    """
    page = seen.page(result, attachments, audience, more)
    return _engine(".html").get_template("page.html").render(page=page)


def markdown(
    result: Json,
    attachments: Mapping[str, bytes],
    audience: Audience,
    more: Sequence[tuple[str, Sequence[str]]] = (),
) -> str:
    """Return the same as Markdown; of pictures it holds the names."""
    page = seen.page(result, attachments, audience, more)
    return _engine(".md").get_template("page.md").render(page=page)


def file_name(submission_id: str, kind: str) -> str:
    """Return the name of a submission's page; "index" is left to the course's, in any case."""
    taken = re.fullmatch(r"index_*", submission_id, re.IGNORECASE)
    return f"{submission_id}{'_' if taken else ''}.{kind}"


def plain(value: object) -> str:
    """Return a line of text so that Markdown shows it as it is."""
    return _SPECIAL.sub(_escaped, str(value).strip())


def _escaped(found: re.Match[str]) -> str:
    text = found[0]
    return f"{text}\\" if text.isdecimal() else f"\\{text}"


def fenced(lines: tuple[str, ...]) -> Markup:
    """Return lines as a block of code that none of them can end."""
    ticks = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, ticks + 1)
    return Markup("\n").join(map(Markup, (f"{fence}text", *lines, fence)))


@functools.cache
def _engine(kind: str) -> Environment:
    """Return what fills templates; whatever is put into one is escaped in the way of its kind."""
    engine = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=select_autoescape(["html"]),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=None if kind == ".html" else _finished,
    )
    engine.filters["fenced"] = fenced
    return engine


def _finished(value: Any) -> str:  # noqa: ANN401 - whatever a template names
    return str(value) if isinstance(value, Markup) else plain(value)

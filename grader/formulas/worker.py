"""The child process that handles a student's bytes: JSON in, JSON out, within limits.

It is started by `examine` as ``python -I`` with nothing but three open files. It limits itself
before it looks at the request: memory, CPU time, open files, size of what it writes. It never
starts a process and never runs what it reads.
"""

from __future__ import annotations

import base64
import json
import sys
from typing import Any

MEMORY = 1 << 30  # bytes of address space
OUTPUT = 64 << 20  # bytes
FILES = 32
MAX_PICTURES = 6


def limit(cpu_seconds: int) -> None:
    """Limit this process for good; where the system has no such limits, the caller's clock does."""
    try:
        import resource  # noqa: PLC0415 - not on every system
    except ImportError:
        return
    wanted = {"RLIMIT_AS": MEMORY, "RLIMIT_CPU": cpu_seconds, "RLIMIT_NOFILE": FILES,
              "RLIMIT_FSIZE": OUTPUT, "RLIMIT_CORE": 0, "RLIMIT_NPROC": 0}  # fmt: skip
    for name, value in wanted.items():
        try:
            hard = value + (name == "RLIMIT_CPU")  # a signal first, that says why
            resource.setrlimit(getattr(resource, name), (value, hard))
        except (AttributeError, ValueError, OSError):  # this system has no such limit
            continue


def main() -> None:
    """Serve one request from stdin to stdout."""
    limit(int(sys.argv[2]))
    request = json.load(sys.stdin)
    files = {path: base64.b64decode(data) for path, data in request["files"].items()}
    json.dump(serve(files, request["questions"], request.get("sheet", "")), sys.stdout)


def serve(
    files: dict[str, bytes], questions: list[dict[str, Any]], sheet: str = ""
) -> dict[str, Any]:
    """Read all files, answer all questions; ``sheet`` is what students were given to fill in."""
    from grader.formulas import documents  # noqa: PLC0415 - after the limits
    from grader.formulas.answering import Answers, as_json, by_file  # noqa: PLC0415
    from grader.formulas.outline import CannotRead  # noqa: PLC0415
    from grader.formulas.questions import from_json  # noqa: PLC0415

    spans, remarks, pdfs = [], [], _Pdfs()
    for path in sorted(files, key=documents.order):
        try:
            if path.lower().endswith(".pdf"):
                found, said = pdfs.read(path, files[path])
                remarks += said
            else:
                found = documents.spans(path, files[path])
            spans += found
        except CannotRead as error:
            remarks.append(f"{path} was not read: {error}")
    asked = [from_json(question) for question in questions]
    answers = Answers(asked, _sections(sheet, asked))
    answers.read(by_file(spans))
    readings = {name: dict(as_json(reading)) for name, reading in answers.readings.items()}
    pictures = pdfs.pictures(files, answers) if pdfs.texts else {}
    for name, page in pdfs.shown.items():
        readings[name]["seen_as"] = page
        if readings[name]["verdict"] == "missing" and not readings[name]["review"]:
            readings[name]["review"] = "no answer was found, but it may stand in the PDF"
    return {
        "answers": readings,
        "remarks": remarks,
        "pictures": {name: base64.b64encode(png).decode() for name, png in pictures.items()},
    }


def _sections(sheet: str, questions: list[Any]) -> Any:  # noqa: ANN401
    """Return where the questions stand in the sheet that was given; None without one."""
    from grader.formulas import documents  # noqa: PLC0415
    from grader.formulas.outline import place_of  # noqa: PLC0415
    from grader.formulas.sections import Sections  # noqa: PLC0415

    if not sheet:
        return None
    spans = documents.spans("sheet.md", sheet.encode())
    return Sections.of(spans, [place_of(question.place) for question in questions])


class _Pdfs:
    """The PDFs of a submission; PDFium is loaded where there is one."""

    def __init__(self) -> None:
        self.texts: dict[str, dict[int, str]] = {}
        self.shown: dict[str, str] = {}  # question -> name of a picture

    def read(self, path: str, data: bytes) -> tuple[list[Any], list[str]]:
        from grader.formulas import pdf  # noqa: PLC0415

        spans, texts, remarks = pdf.spans(path, data)
        self.texts[path] = texts
        return spans, remarks

    def pictures(self, files: dict[str, bytes], answers: Any) -> dict[str, bytes]:  # noqa: ANN401
        """Return the pages that a person needs for what is not certain."""
        from grader.formulas import pdf  # noqa: PLC0415

        wanted: dict[str, set[int]] = {}
        for question in answers.questions:
            reading = answers.readings[question.id]
            if (reading.verdict == "reference" and not reading.review) or not question.graded:
                continue
            path, page = self._page(question, answers.chosen.get(question.id))
            if sum(map(len, wanted.values())) < MAX_PICTURES or page in wanted.get(path, ()):
                wanted.setdefault(path, set()).add(page)
                self.shown[question.id] = f"{path}, page {page}"
        return {
            f"{path}, page {page}": png
            for path, pages in wanted.items()
            for page, png in pdf.pictures(files[path], sorted(pages)).items()
        }

    def _page(self, question: Any, span: Any) -> tuple[str, int]:  # noqa: ANN401
        """Return the page of an answer: where it was found, or where its words are."""
        from grader.formulas.finding import mentioned  # noqa: PLC0415

        if span is not None and span.unit == "page":
            return span.file, span.line
        best = (-1, next(iter(self.texts)), 1)
        for path, texts in self.texts.items():
            for page, text in texts.items():
                lines = text.split("\n")
                facets = question.facets.items()
                score = sum(
                    all(mentioned(line, question.words[f]) == v for f, v in facets)
                    for line in lines
                )
                score += 5 * any(question.place in line[:40] for line in lines)
                if score > best[0]:
                    best = (score, path, page)
        return best[1], best[2]

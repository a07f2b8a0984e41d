"""What a student may write to do harm where it is shown; a course in which it stands everywhere.

Each text would act in some place: a terminal, a browser, a spreadsheet, Markdown, a template, a
file's name. Each has a mark, by which it is found again: it has to be shown, and not dropped.
"""

import json
import re

from grader import handed, history, results
from grader.gradebook import entries
from grader.handed import Handed, Index
from grader.intake.submission import safe_id
from grader.records import Attachment
from tests.result_samples import check, criterion, png, result

RUN = "window.canary=1"  # what must never come to run
LONG = 1_000_000

TEXTS = {
    "script": f"<script>{RUN}</script>",
    "end of script": f"</script><script>{RUN}</script>",
    "end of all": f"</bdi></p></pre></style></title></textarea><img src=x onerror={RUN}>",
    "attribute": f"\" onfocus=\"{RUN}\" autofocus x='",
    "other quote": f"' onmouseover='{RUN}' x=\"",
    "svg": f"<svg/onload={RUN}>",
    "frame": f"<iframe srcdoc='<script>parent.{RUN}</script>'></iframe>",
    "base": "<base href='http://evil.example/'><meta http-equiv=refresh content=0>",
    "comment": "<!-- --><![CDATA[ ]]><?php ?>",
    "entity": "&lt;b&gt;&#x3c;b&#x3e;&amp;",
    "template": "{{7*7}} {% raw %} ${7*7} #{7*7} <%= 7*7 %>",
    "format": "%s %n {0.__class__} \\u003cb",
    "formula": "=cmd|' /C calc'!A0",
    "plus": "+1+cmd|' /C calc'!A0",
    "minus": "-2+3",
    "at": "@SUM(1+1)*cmd",
    "tab": "\t=1+1",
    "behind a delimiter": "a;=1+1,=2+2|=3+3\n=4",
    "quotes": '","=1+1","',
    "colours": "\x1b[31mred\x1b[2J\x1b[H",
    "title of the window": "\x1b]0;owned\x07\x9d0;owned\x9c",
    "link of a terminal": "\x1b]8;;http://evil.example\x1b\\here\x1b]8;;\x1b\\",
    "clipboard": "\x1b]52;c;ZXZpbA==\x07\x08\x08\x08\rover",
    "override": "\u202egnp.exe\u202c\u2066x\u2069\u200f",
    "no width": "a\u200b\u200d\u2060\ufeff\xadb\U000e0041",
    "nul": "a\0b",
    "surrogates": "\ud800 \udcff",
    "line ends": "one\r\ntwo\x0bthree\x85four\u2028five\u2029six",
    "markdown link": f"[click](javascript:{RUN}) ![x](http://evil.example/x.png)",
    "markdown block": "# head\n\n- item\n\n> quote\n\n| a | b |\n|--|--|\n| c | d |\n\n```\n~~~",
    "bare link": "http://evil.example www.evil.example <http://evil.example> @all #1",
    "latex": "\\input{/etc/passwd} \\write18{id} $\\href{javascript:1}{x}$",
    "path": "../../etc/passwd\\..\\x:y",
    "number": "1e309",
    "zalgo": "a" + "\u0300\u0489" * 8,
    "one long line": "x" * LONG,
}  # fmt: skip
PLAIN = {name: f"words {number}" for number, name in enumerate(TEXTS)}
ALL = "all"  # the submission in which all of them stand


def mark(number):
    """Return what a text is found again by."""
    return f"q{number:02d}q"


def marked(texts):
    """Return the texts with their marks: behind the first words, before what is cut off."""
    return [
        f"{text[:40]}{mark(n)}{text[40:]}" if len(text) > 1000 else f"{text} {mark(n)}"
        for n, text in enumerate(texts.values())
    ]


def course(folder, texts):
    """Store a course: one submission with all texts wherever a student's may stand, and one each.

    Returns the folder. The others are named by a text, as a hand-in of that name is.
    """
    whole = marked(texts)
    every = [text[:3000] for text in whole]
    beside = [Attachment(f"c{n}-1.own.txt", _bytes(text)) for n, text in enumerate(every)]
    beside.append(Attachment("open-2.own.png", png(1, 1)))
    results.write(folder, _all(every), beside)
    names = [safe_id(text[:60]) for text in every]
    for name, text in zip(names, whole, strict=True):
        one = check("c0", "failed", 0.0, message=text, attachments=["c0-1.own.txt"])
        results.write(folder, result(name, criterion("1", one)),
                      [Attachment("c0-1.own.txt", _bytes(text))])  # fmt: skip
    stored = results.read(folder, ALL)
    for n, text in enumerate(every):
        said = text[: entries.MAX_TEXT].encode(errors="replace").decode()
        events = history.read(folder, ALL)
        asked = entries.request("1", said, said[:200])(stored, events)
        history.append(folder, ALL, {**asked, "number": n + 1})
        history.append(folder, ALL, entries.points("w", 0.5, said, said[:200])(stored, events))
    taken = history.event("points", criterion="3", checks=["w"], points=None, total=stored["total"])
    history.append(folder, ALL, taken)
    index = {
        name: Handed((f"{text}_1_2_a.py",), (text,), f"{text} n", {"moodle": "7"})
        for name, text in zip(names, every, strict=True)
    }
    handed.write(folder, Index("canvas", index, tuple(every), tuple(every)))
    return folder


def _all(every):
    flat = [" ".join(text.splitlines()) for text in every]  # for staff each line is one of the page
    checks = [check(f"c{n}", "failed", 0.0, message=text, staff_message=f"staff: {flat[n]}",
                    variant=f"v{text}", attachments=[f"c{n}-1.own.txt"])
              for n, text in enumerate(every)]  # fmt: skip
    raised = f"forward raised {' '.join(every)} (x.py, line 1, in f)"
    hidden = [check("h", "error", 0.0, message=raised, visibility="hidden")]
    read = [check(f"r{n}", message=f"read as {text}") for n, text in enumerate(every)]
    open_ = [
        check(
            "w",
            "inconclusive",
            0.0,
            1.0,
            message=every[0],
            staff_message="\n".join(flat),
            attachments=[*(f"c{n}-1.own.txt" for n in range(len(every))), "open-2.own.png"],
        )
    ]
    one = result(
        ALL,
        *(criterion(f"{n}", *found) for n, found in enumerate((checks, hidden, read, open_))),
        flags=every,
        diagnosis=[{"mistake": f"m{text}", "sentence": text, "wrong": []} for text in every],
        deductions=[{"id": f"d{n}", "points": 0.0, "suggested": 1.0,
                     "status": "needs_confirmation", "message": text, "evidence": [text]}
                    for n, text in enumerate(every)],
    )  # fmt: skip
    one["submission"]["files"] = [{"path": t, "bytes": 1, "sha256": "0" * 64} for t in every]
    return one


def _bytes(text):
    return text.encode("utf-8", "surrogatepass")


NAMES = ("end of all", "attribute", "template", "colours", "override", "surrogates", "line ends")


def submissions(folder):
    """Lay out a folder of hand-ins, and files in them, that are named by some of the texts."""
    for n, text in enumerate(TEXTS[name] for name in NAMES):
        name = re.sub(r"[/\0]", "", text)[:60].encode("utf-8", "replace").decode()
        (folder / name).mkdir(parents=True)
        code = f"def f_{n}(x):\n" + "".join(f"    x = x * {i} + {i}\n" for i in range(20))
        (folder / name / f"{name}.py").write_text(f"# {text[:1000]!a}\n{code}    return x\n")
        (folder / name / f"{name}.ipynb").write_text(json.dumps(text))
    return folder

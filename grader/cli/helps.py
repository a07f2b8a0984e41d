"""What the help of each command shows below its options: examples, and the form of its JSON."""

from __future__ import annotations

GROUPS = {
    "the TA's day, grading": ("grade", "batch", "rescore", "regrade", "similar"),
    "the TA's day, points and pages": (
        "gradebook", "review", "points", "publish", "preview", "hold", "request", "answer",
        "history", "report", "export",
    ),
    "the TA's day, the assignment": ("handout", "convert", "calc"),
    "the student's day": ("check",),
    "the server's night": ("night", "clean", "worker", "doctor", "image", "completion"),
}  # fmt: skip

EPILOG = "`grader COMMAND --help` has examples; --json is for programs."

EXAMPLES = {
    "grade": "submissions/alice\nalice.zip --out marks\nalice.zip --pack lab-4 --device cuda:0",
    "batch": "hand-ins --out marks --resume\n"
             "hand-ins.zip --roster people.csv --out marks --jobs 4\n"
             "hand-ins --out marks --engine dask://gpu1:8786 --tls certificates\n"
             "hand-ins --out marks --engine ssh://hosts.txt\n"
             "hand-ins --out marks --engine 'slurm://gpu?jobs=4&gpus=1'",
    "rescore": "marks\nmarks --rubric tried.toml\nmarks --yes",
    "regrade": "marks --only bob\nmarks --from hand-ins --yes",
    "similar": "hand-ins\nhand-ins --least 0.3 --out similar",
    "gradebook": "marks\nmarks --rebuild",
    "review": "marks\nmarks --by ann ben --port 8000",
    "points": "marks alice\nmarks alice shown_calculation 2 --note 'all factors'\n"
              "marks alice shown_calculation --undo\n"
              "marks alice decode_flops 1 --for-all --yes",
    "publish": "marks\nmarks alice bob --note 'after the review'",
    "preview": "marks alice",
    "hold": "marks alice --note 'asked for a regrade'",
    "request": "marks bob 2c 'my cache is right because ...'",
    "answer": "marks bob 1 'the mask is not shifted, see row 7'",
    "history": "marks bob",
    "report": "marks --out pages\nmarks alice --out pages\nmarks --staff --out staff",
    "export": "marks --to csv --out points.csv\n"
              "marks --to canvas --into gradebook.csv\n"
              "marks --to moodle --into worksheet.csv --feedback back.zip",
    "check": ".\nnotebook.ipynb\n. --handout ~/course/assignment",
    "handout": "lab-4 --out handout\nlab-4 --gradescope --out autograder.zip",
    "convert": "--pack lab-4 --weights weights.pt --cases cases.json",
    "image": "\n--device cuda\n--device cuda --host-folders",
    "night": "courses/llm-2026.toml\n/etc/grader/courses --wait",
    "clean": "courses/llm-2026.toml\n/etc/grader/courses --yes",
    "worker": "dask://gpu1:8786 --tls certificates\ndask://localhost:8786 --jobs 2",
    "doctor": "\n--measure --device cuda:0\n--server courses/llm-2026.toml",
    "completion": "bash > ~/.local/share/bash-completion/completions/grader\n"
                  "zsh > ~/.zfunc/_grader\nfish > ~/.config/fish/completions/grader.fish",
}  # fmt: skip
"""What stands behind the name of each command; `grader calc` brings its own."""

_CHANGES = """{"schema": "grader.changes/1", "same": 1, "stored": false,
     "changes": [{"id", "before": TOTAL, "now": TOTAL,
                  "checks": [{"id", "before": 2, "now": 3, "because"}]}],
     "refused": {"bob": "why"}}"""
_HISTORY = """{"schema": "grader.history/1", "id", "total": TOTAL, "status",
     "events": [{"event", "at", "by", "why", ...}]}"""
_STATES = """{"schema": "grader.states/1", "state", "changed": ["alice"],
     "were_before": [], "undecided": ["alice"], "troubles": {"bob": "why"}}"""

JSON = {
    "grade": "the result: grader/result.schema.json (grader.result/1)",
    "check": """{"schema": "grader.check/1", "result": RESULT,
     "answers": [{"question", "says", "state", "where", "read_as", "why"}],
     "remarks": ["..."], "programs": ["..."],
     "private": [{"id", "title", "points", "max_points", "human",
      "checks": [{"id", "points", "by": "human" or "program"}]}]}
     state: read, uncertain, written, prose, unreadable or missing""",
    "batch": """{"schema": "grader.batch/1", "folder", "stopped": false,
     "graded": {"alice": {"status", "points", "max_points",
                "pending_points", "open": ["1a"], "deducted", "seconds"}},
     "refused": {"bob": "why"}, "troubles": {}, "left": ["carol"],
     "remarks": ["..."]}""",
    "rescore": _CHANGES,
    "regrade": _CHANGES,
    "similar": """{"schema": "grader.similar/1", "pack", "page", "compared": 12,
     "pairs": [{"first", "second", "share", "share_back", "lines",
                "places": ["...", "..."]}],
     "beyond": 0, "too_little": ["carol"], "refused": {"bob": "why"}}""",
    "gradebook": """{"schema": "grader.gradebook/1",
     "results": [{"id", "points", "max_points", "pending_points", "status",
                  "waiting": ["1a"], "by_hand", "state"}],
     "requests": [{"id", "number", "line", "text", "at"}],
     "troubles": {"bob": "why"}}""",
    "points": """{"schema": "grader.waiting/1", "id",
     "waiting": [{"line", "most", "says", "files": ["..."]}]}
     or, where points are given, what `grader history --json` has,
     with --for-all what `grader rescore --json` has""",
    "publish": _STATES,
    "preview": _STATES,
    "hold": _STATES,
    "request": _HISTORY,
    "answer": _HISTORY,
    "history": _HISTORY,
    "report": """{"schema": "grader.pages/1", "folder", "pages": ["alice.html"],
     "index": "index.html" or null}""",
    "export": """{"schema": "grader.export/1", "to", "column",
     "changes": [{"line", "who", "before", "now"}], "same": 0,
     "points": {"alice": 46}, "left_out": ["bob: why"], "notes": ["..."],
     "written": ["filled.csv"]}""",
    "handout": '{"schema": "grader.handout/1", "pack", "folder"}',
    "convert": '{"schema": "grader.convert/1", "pack", "folder"}',
    "image": '{"schema": "grader.image/1", "tag", "id"}',
    "night": """{"schema": "grader.night/1", "not_begun": ["llm-2025"],
     "courses": [{"course", "code": 0, "said", "batch": BATCH or null}]}
     BATCH is what `grader batch --json` has""",
    "clean": """{"schema": "grader.clean/1", "removed": false, "notes": ["..."],
     "found": [{"course", "kind": "logs", "result" or "image", "name", "gb"}]}""",
    "doctor": """{"schema": "grader.doctor/1",
     "found": [{"what", "state": "yes", "no" or "-", "detail"}]}""",
}
"""What --json prints. RESULT is a whole result, TOTAL its {points, max_points, pending_points}."""


def epilog(name: str) -> str:
    """Return what stands below the options of a command."""
    shown = ["examples:"]
    shown += [f"  grader {name} {each}".rstrip() for each in EXAMPLES[name].split("\n")]
    if name in JSON:
        shown += ["", "with --json, one document on stdout and all else on stderr:",
                  f"  {JSON[name]}"]  # fmt: skip
    return "\n".join(shown)

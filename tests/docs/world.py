"""A folder in which the commands of the docs can be run as they stand: hand-ins, results, files.

hand-ins/           alice, bob and carol, whose attention has a file of its own each
submissions/        the samples of the project; alice.zip is one of them
marks/              their results: alice's are right, bob's cache is wrong, some points wait; what
                    bob and carol have printed is the same, and could not be read
gradebook.csv       as Canvas exports it; worksheet.csv as Moodle does
roster.csv          who should have handed in
tried.toml          the rubric with a limit that is wider
lab4_submissions.zip   what Canvas lets download
"""

import shutil
import zipfile
from pathlib import Path

from grader import evidence, handed, results
from grader.grade import criterion_json
from grader.records import Attachment, Evidence
from grader.score import score, status, total

ROOT = Path(__file__).parents[2]
RUBRIC = ROOT / "rubrics" / "e0294-a4" / "rubric.toml"
NAMES = {"alice": "1201", "bob": "1202", "carol": "1203"}
DIGEST = "sha256:" + "1" * 64
UNREAD, PRINTED = "total_parameters", b"Total model parameters: about 6.2 billion\n"
BOBS = {"incremental_decode": {"max_abs_error": 0.015}}
STYLE = {
    "id": "comments", "points": 0.0, "suggested": 1.0, "status": "needs_confirmation",
    "measured": {}, "limits": {}, "message": "Comment your code.", "evidence": [],
}  # fmt: skip

CANVAS = (
    "Student,ID,SIS Login ID,Section,Quiz 1 (98760),Lab 4 (98765),Current Score\n"
    "    Points Possible,,,,10,50,(read only)\n"
    '"Doe, Alice",1201,alice,CS A,9,,\n"Roe, Bob",1202,bob,CS A,8,30,\n'
    '"Poe, Carol",1203,carol,CS A,7,EX,\n'
)
MOODLE = (
    "Identifier,Full name,Email address,Status,Grade,Maximum grade,Grade can be changed,"
    "Last modified (grade),Feedback comments\n"
    "Participant 501,alice,alice@example.edu,Submitted,,50.00,Yes,-,\n"
    "Participant 502,bob,bob@example.edu,Submitted,12.00,50.00,Yes,-,\n"
)
ROSTER = "id,name,canvas id\nalice,Alice Doe,1201\nbob,Bob Roe,1202\ncarol,Carol Poe,1203\n"


def make(folder: Path, pack) -> Path:
    """Lay everything out in a new folder; the results are those of ``pack``."""
    shutil.copytree(ROOT / "submissions", folder / "submissions")
    for name in NAMES:
        (folder / "hand-ins" / name).mkdir(parents=True)
        source = folder / "submissions" / name / "transformer_skeleton.py"
        shutil.copy(source, folder / "hand-ins" / name)
        _store(folder / "marks", pack, name)
    entries = {
        name: handed.Handed((name,), (name,), name, {"canvas": number, "moodle": f"50{number[-1]}"})
        for name, number in NAMES.items()
    }
    handed.write(folder / "marks", handed.Index("canvas", entries))
    (folder / "gradebook.csv").write_text(CANVAS, encoding="utf-8")
    (folder / "worksheet.csv").write_text(MOODLE, encoding="utf-8")
    (folder / "roster.csv").write_text(ROSTER, encoding="utf-8")
    wider = RUBRIC.read_text(encoding="utf-8").replace("atol = 0.01 ", "atol = 0.02 ")
    (folder / "tried.toml").write_text(wider, encoding="utf-8")
    with zipfile.ZipFile(folder / "lab4_submissions.zip", "w") as download:
        for name, number in NAMES.items():
            source = folder / "hand-ins" / name / "transformer_skeleton.py"
            download.write(source, f"{name}_{number}_77{number}_transformer_skeleton.py")
    with zipfile.ZipFile(folder / "alice.zip", "w") as download:
        download.write(folder / "hand-ins" / "alice" / "transformer_skeleton.py", "skeleton.py")
    return folder


def _store(folder: Path, pack, name: str) -> None:
    """Store a result of which every check of numbers passes by far, but for what is bob's."""
    found = [_measured(check, BOBS if name == "bob" else {}) for check in pack.checks]
    for each in found:
        if each.check == UNREAD and name != "alice":
            each.outcome, each.variant, each.message = "inconclusive", "unsure", "It is not exact."
            each.attachments = [Attachment(f"{UNREAD}-1.own.txt", PRINTED)]
    beside = [attachment for each in found for attachment in each.attachments]
    criteria = score(pack.criteria, {each.check: each for each in found})
    result = {
        "schema": "grader.result/1",
        "submission": {"id": name, "digest": DIGEST, "files": []},
        "pack": {"id": pack.id, "version": pack.version, "digest": pack.digest},
        "status": status(criteria), "total": total(criteria),
        "criteria": [criterion_json(each) for each in criteria],
        "deductions": [STYLE] if name == "bob" else [], "flags": [], "diagnosis": [], "manual": [],
        "course_verdict": {}, "draw": {"seed": "00", "digest": DIGEST},
        "environment": {"sandbox": "docker", "isolation": "container", "device": "cpu",
                        "torch": "", "python": "", "grader": "", "image": None, "driver": None},
        "timing": {"seconds_total": 1.0, "seconds_student": 1.0},
    }  # fmt: skip
    results.write(folder, result, [*beside, evidence.kept(found, pack.checks_digest)])


def _measured(check, others) -> Evidence:
    numbers = {**check.passes.at_most, **check.passes.at_least, **others.get(check.id, {})}
    variant = next((name for name, worth in check.credit.items() if worth == 1), "")
    return Evidence(check.id, measured=numbers, variant=variant)

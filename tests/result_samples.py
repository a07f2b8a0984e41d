"""Results as a grading leaves them, written by hand: valid by the schema, small, any shape."""

import copy
import struct
import zlib

DIGEST = "sha256:" + "0" * 64


def check(name, outcome="passed", points=1.0, most=1.0, **more):
    """Return a check; what waits or failed for us has no points."""
    return {
        "id": name, "outcome": outcome, "points": points, "max_points": most,
        "visibility": "public", "measured": {}, "limits": {}, "message": "", "staff_message": "",
        "variant": "", "slips": [], "attachments": [], **more,
    }  # fmt: skip


def criterion(name, *checks, most=None, title="A title"):
    """Return a criterion with the sums of its checks; without checks a person grades it."""
    most = sum(each["max_points"] for each in checks) if most is None else most
    open_ = [each for each in checks if each["outcome"] == "inconclusive"]
    pending = sum(each["max_points"] for each in open_) if checks else most
    withheld = any(each["outcome"] == "harness_error" for each in checks)
    return {
        "id": name, "title": title, "max_points": most, "checks": list(checks),
        "points": None if withheld else float(sum(each["points"] or 0 for each in checks)),
        "pending_points": most if withheld else pending,
        "status": "withheld" if withheld else "needs_review" if pending else "graded",
    }  # fmt: skip


def result(name="alice", *criteria, **more):
    """Return a result around its criteria; without any it has 46 of 50 points."""
    criteria = criteria or (criterion("1", check("a", "failed", 46.0, 50.0)),)
    states = {each["status"] for each in criteria}
    points = [each["points"] for each in criteria]
    return copy.deepcopy(
        {
            "schema": "grader.result/1",
            "submission": {"id": name, "digest": DIGEST, "files": []},
            "pack": {"id": "small", "version": "1", "digest": DIGEST},
            "status": next((s for s in ("withheld", "needs_review") if s in states), "graded"),
            "total": {
                "points": None if None in points else sum(points),
                "max_points": sum(each["max_points"] for each in criteria),
                "pending_points": sum(each["pending_points"] for each in criteria),
            },
            "criteria": list(criteria), "deductions": [], "flags": [], "diagnosis": [],
            "manual": [], "course_verdict": {}, "draw": {"seed": "00", "digest": DIGEST},
            "environment": {
                "sandbox": "docker", "isolation": "container", "image": DIGEST, "device": "cpu",
                "torch": "2.13.0", "driver": None, "grader": "0.1.0",
            },
            "timing": {"seconds_total": 1.5, "seconds_student": 0.5},
            **more,
        }
    )  # fmt: skip


def graded(name, points, most=50.0):
    """Return a result with these points."""
    return result(name, criterion("1", check("a", "failed", points, most)))


def waiting(name, points=40.0, pending=10.0):
    """Return a result with points so far and some that wait for a person."""
    return result(
        name,
        criterion("1", check("a", "passed", points, points)),
        criterion("2", check("b", "inconclusive", 0.0, pending, message="A person reads it.")),
    )


def withheld(name):
    """Return a result on a part of which the grader failed."""
    return result(
        name,
        criterion("1", check("a", "passed", 5.0, 5.0)),
        criterion("2", check("b", "harness_error", None, 5.0, message="Not your fault.")),
    )


def png(width, height, pixels=None):
    """Return a PNG that says it is this large; by default it is true for 1 by 1."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(b"\0\0" if pixels is None else pixels)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )

"""JUnit XML: a test suite for each submission, for whatever shows test reports.

It is a report and no gradebook: submissions that wait or are withheld are in it, as skipped tests
and as errors, and have no points. Sentences are those of the student's page.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET

from grader.export.given import Course, Given, number
from grader.records import Json
from grader.report import told
from grader.text import shown

FAILURES = ("failed", "error", "timeout", "out_of_memory", "protocol_violation", "not_submitted")


def write(course: Course) -> bytes:
    """Return the report on all submissions."""
    root = ET.Element("testsuites", name=shown(course.pack))
    for given in course.given:
        _suite(root, given)
    for name in course.ungraded:
        suite = ET.SubElement(root, "testsuite", name=shown(name))
        case = ET.SubElement(suite, "testcase", classname=shown(course.pack), name="graded")
        ET.SubElement(case, "error", message="handed in, but has no result")
        _count(suite, [suite])
    _count(root, list(root))
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _suite(root: ET.Element, given: Given) -> None:
    result = given.result
    seconds = f"{result['timing']['seconds_total']:.3f}"
    suite = ET.SubElement(root, "testsuite", name=shown(given.id), time=seconds)
    properties = ET.SubElement(suite, "properties")
    facts = {
        "status": result["status"],
        "max_points": number(result["total"]["max_points"]),
        "pending_points": number(result["total"]["pending_points"]),
    }
    if given.points is not None:
        facts["points"] = number(given.points)
    for name, value in facts.items():
        ET.SubElement(properties, "property", name=name, value=value)
    public = told.messages(result)
    for criterion in result["criteria"]:
        room = shown(f"{result['pack']['id']}.{criterion['id']}")
        if not criterion["checks"]:
            case = ET.SubElement(suite, "testcase", classname=room, name="by hand")
            if criterion["status"] == "needs_review":
                ET.SubElement(case, "skipped", message="a person grades this")
        for check in criterion["checks"]:
            _case(suite, room, check, public)
    _count(suite, [suite])


def _case(suite: ET.Element, room: str, check: Json, public: frozenset[str]) -> None:
    case = ET.SubElement(suite, "testcase", classname=room, name=shown(check["id"]))
    outcome, said = check["outcome"], told.sentence(check, public)
    kind = outcome.replace("_", " ")
    if outcome == "inconclusive" or told.left_out(check):
        ET.SubElement(case, "skipped", message=said)
    elif outcome == "harness_error":
        ET.SubElement(case, "error", message=said, type=kind)
    elif outcome in FAILURES:
        failure = ET.SubElement(case, "failure", message=said, type=kind)
        failure.text = f"{check['points'] or 0:g} of {check['max_points']:g} points. {said}"


def _count(element: ET.Element, suites: list[ET.Element]) -> None:
    """Write how many tests there are and how they ended."""
    for attribute, tag in (
        ("tests", "testcase"),
        ("failures", "failure"),
        ("errors", "error"),
        ("skipped", "skipped"),
    ):
        element.set(attribute, str(sum(len(list(suite.iter(tag))) for suite in suites)))

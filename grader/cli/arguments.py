"""The command line: which commands there are, and what each of them takes."""

from __future__ import annotations

from pathlib import Path

from grader import __version__
from grader.calc import arguments as calc_arguments
from grader.cli import commands, course, giving, server
from grader.cli.helps import EPILOG, GROUPS, JSON, epilog
from grader.cli.parser import Front, Parser

SANDBOXES = ("auto", "docker", "bubblewrap", "process")
FORMS = ("canvas", "moodle", "gradescope", "classroom", "folder")
CERTIFICATES = "where cert.pem and key.pem are; dask:// needs them, others make their own"
SHELLS = ("bash", "zsh", "fish", "powershell")


def parser() -> Front:
    """Return what reads the command line."""
    front = Front(GROUPS, prog="grader", description="Grade LLM-systems coursework.", epilog=EPILOG)
    front.add_argument("--version", action="version", version=f"grader {__version__}")
    _grading(front)
    _course(front)
    _giving(front)
    _students(front)
    _server(front)
    _machine(front)
    calc = calc_arguments.add(front.commands)
    calc.set_defaults(run=commands.calc)
    front.helps["calc"] = calc_arguments.HELP
    for name in JSON:
        front.commands.choices[name].add_argument(
            "--json", action="store_true", help="the answer as JSON on stdout; see below"
        )
    return front


def _add(front: Front, name: str, what: str) -> Parser:
    return front.command(name, what, epilog(name))


def _grading(front: Front) -> None:
    command = _add(front, "grade", "grade one submission")
    command.add_argument("path", type=Path, help="folder, .zip, .tar.gz, .py or .ipynb file")
    command.add_argument("--pack", help="assignment (default: the one that the files are of)")
    command.add_argument("--sandbox", choices=SANDBOXES, default="auto")
    command.add_argument("--device", default="auto", help="auto, cpu or cuda:N")
    command.add_argument("--out", type=Path, default=Path("results"), help="folder of results")
    command.add_argument("--seed", help="repeat a draw: the seed of a stored result")
    command.set_defaults(run=commands.grade)

    command = _add(front, "batch", "grade all submissions of a folder or a download")
    command.add_argument(
        "path", type=Path, help="a folder with one entry for each, or a platform's download"
    )
    command.add_argument("--form", choices=FORMS, help="of the download (default: as it looks)")
    command.add_argument("--roster", type=Path, help="who should have handed in, as CSV")
    command.add_argument("--due", help="when it was due (default: as the rubric says)")
    command.add_argument("--pack", help="assignment (default: the one that the files are of)")
    command.add_argument("--sandbox", choices=SANDBOXES[:-1], default="auto")
    command.add_argument("--device", default="auto", help="auto, cpu or cuda:N")
    command.add_argument("--out", type=Path, default=Path("results"), help="folder of results")
    command.add_argument("--gpus", help="numbers of the GPUs to use, with commas: 0,1")
    command.add_argument("--jobs", type=int, help="gradings side by side (default: what fits)")
    command.add_argument("--resume", action="store_true", help="grade what has no result yet")
    engines = "which machines: local, dask://HOST:PORT, ssh://FILE or slurm://PARTITION"
    command.add_argument("--engine", default="local", help=engines)
    command.add_argument("--tls", type=Path, metavar="FOLDER", help=CERTIFICATES)
    command.set_defaults(run=commands.batch)

    command = _add(
        front, "rescore", "apply a changed rubric to stored results; runs no student code"
    )
    command.add_argument("folder", type=Path, help="folder of results")
    command.add_argument("--pack", help="assignment (default: that of the results)")
    command.add_argument("--rubric", type=Path, help="a rubric.toml to try, in place of the pack's")
    command.add_argument("--yes", action="store_true", help="store what changes")
    command.set_defaults(run=commands.rescore)

    command = _add(front, "similar", "show which submissions of a folder share code")
    command.add_argument("path", type=Path, help="folder with one submission in each entry")
    command.add_argument("--pack", help="whose template to leave out (default: that of the files)")
    command.add_argument("--out", type=Path, default=Path("similar"), help="folder of the pages")
    command.add_argument("--least", type=float, default=0.5, help="share to show (default 0.5)")
    command.set_defaults(run=commands.similar)


def _course(front: Front) -> None:
    command = _add(front, "gradebook", "everybody's points, states and open requests")
    command.add_argument("folder", type=Path, help="folder of results")
    command.add_argument(
        "--rebuild", action="store_true", help="make the database anew from the results"
    )
    command.set_defaults(run=course.gradebook)

    command = _add(front, "review", "give points in a browser, by question")
    command.add_argument("folder", type=Path, help="folder of results")
    who = "reviewers, a link each (default: the user's name)"
    command.add_argument("--by", nargs="+", default=[], metavar="NAME", help=who)
    command.add_argument("--port", type=int, default=0, help="(default: one that is free)")
    command.set_defaults(run=course.review)

    command = _on_one(front, "points", "give points for what waits for a human")
    which = "a criterion, or one check of it (default: show what waits)"
    command.add_argument("line", nargs="?", help=which)
    command.add_argument("points", type=float, nargs="?")
    command.add_argument("--undo", action="store_true", help="take them back")
    everybody = "whoever gives this answer to a check: as a part of the rubric"
    command.add_argument("--for-all", action="store_true", help=everybody)
    command.add_argument("--yes", action="store_true", help="with --for-all: store what changes")
    _signed(command).set_defaults(run=course.points)

    for name, state, what in (
        ("publish", "published", "make the pages that students see"),
        ("preview", "previewed", "make pages to look at before students do"),
        ("hold", "held", "take pages away again"),
    ):
        command = _add(front, name, what)
        command.add_argument("folder", type=Path, help="folder of results")
        command.add_argument("names", nargs="*", help="submissions (default: all)")
        _signed(command).set_defaults(run=course.state, state=state)

    command = _on_one(front, "request", "note what a student disputes")
    command.add_argument("line", help="a criterion, or one check of it")
    command.add_argument("text", help="why, in the student's words")
    command.add_argument("--by", default="", help="who asks (default: the submission's name)")
    command.set_defaults(run=course.request)

    command = _on_one(front, "answer", "answer a request")
    command.add_argument("number", type=int, help="of the request")
    command.add_argument("text")
    command.add_argument("--by", default="", help="who answers (default: the user's name)")
    command.set_defaults(run=course.answer)

    command = _on_one(front, "history", "all that has happened to a result")
    command.set_defaults(run=course.history)

    command = _add(front, "regrade", "grade stored results again, from their hand-ins")
    command.add_argument("folder", type=Path, help="folder of results")
    command.add_argument("--only", nargs="+", default=[], metavar="NAME", help="submissions")
    command.add_argument(
        "--from", dest="hand_ins", type=Path, metavar="PATH",
        help="folder of the hand-ins (default: where the batch read them)",
    )  # fmt: skip
    command.add_argument("--sandbox", choices=SANDBOXES[:-1], default="auto")
    command.add_argument("--device", default="auto", help="auto, cpu or cuda:N")
    command.add_argument("--yes", action="store_true", help="store what comes out")
    command.set_defaults(run=course.regrade)


def _on_one(front: Front, name: str, what: str) -> Parser:
    command = _add(front, name, what)
    command.add_argument("folder", type=Path, help="folder of results")
    command.add_argument("name", help="a submission")
    return command


def _signed(command: Parser) -> Parser:
    command.add_argument("--note", default="", help="why; beside points the student reads it")
    command.add_argument("--by", default="", help="who (default: the user's name)")
    return command


def _giving(front: Front) -> None:
    command = _add(front, "report", "a page for each submission, HTML and Markdown")
    command.add_argument("folder", type=Path, help="folder of results")
    command.add_argument("ids", nargs="*", metavar="ID", help="submissions (default: all)")
    command.add_argument("--out", type=Path, required=True, help="folder of the pages")
    whole = "for staff: with hidden data, and with index.html on the whole course"
    command.add_argument("--staff", action="store_true", help=whole)
    similar = "what `grader similar` wrote (default: similar/ in --out, in or beside the results)"
    command.add_argument("--similar", type=Path, metavar="FOLDER", help=similar)
    command.set_defaults(run=giving.report)

    command = _add(front, "export", "results as a learning platform takes them")
    command.add_argument("folder", type=Path, help="folder of results")
    command.add_argument("--to", choices=giving.TARGETS, required=True)
    own = "the gradebook (Canvas) or worksheet (Moodle) as you downloaded it"
    command.add_argument("--into", type=Path, metavar="FILE", help=own)
    command.add_argument("--column", help="which column of it: its header, title or number")
    command.add_argument("--out", type=Path, help="what to write (default: only say what changes)")
    pages = "write the students' pages, zipped as the platform takes them back"
    command.add_argument("--feedback", type=Path, metavar="ZIP", help=pages)
    pending = "give the points so far of those who wait for a person"
    command.add_argument("--with-pending", action="store_true", help=pending)
    command.set_defaults(run=giving.export)


def _students(front: Front) -> None:
    command = _add(front, "check", "the public checks, as a student runs them")
    command.add_argument(
        "path", type=Path, nargs="?", default=Path(),
        help="folder, .zip, .tar.gz, .py or .ipynb file (default: this folder)",
    )  # fmt: skip
    command.add_argument("--handout", type=Path, help="the folder that the course gave out")
    command.add_argument("--device", default="cpu", help="auto, cpu or cuda:N")
    command.set_defaults(run=commands.check)

    command = _add(front, "handout", "make what students get of an assignment")
    command.add_argument("pack", nargs="?", help="assignment (default: the only one there is)")
    command.add_argument("--out", type=Path, required=True, help="a folder that is not there yet")
    inside = (
        "an autograder for Gradescope instead, a .zip: hidden checks and the solution are in it"
    )
    command.add_argument("--gradescope", action="store_true", help=inside)
    command.set_defaults(run=commands.handout)


def _server(front: Front) -> None:
    for name, what in (
        ("night", "grade the courses of a server, each by its file"),
        ("clean", "say what courses have kept for long enough"),
    ):
        command = _add(front, name, what)
        command.add_argument("files", nargs="+", type=Path, metavar="COURSE",
                             help="a course's file, or a folder of such files")  # fmt: skip
        command.set_defaults(run=getattr(server, name))
    wait = "where another night is at work, begin when it has ended"
    front.commands.choices["night"].add_argument("--wait", action="store_true", help=wait)
    front.commands.choices["clean"].add_argument("--yes", action="store_true", help="remove it")


def _machine(front: Front) -> None:
    command = _add(front, "image", "make the sandbox's image")
    command.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    command.add_argument("--base", help="image to build on, or 'debian' to make one from packages")
    command.add_argument(
        "--host-folders",
        metavar="PYTHON",
        nargs="?",
        const="",
        help="no build: bind this machine's folders and this interpreter, which has torch",
    )
    command.set_defaults(run=commands.image)

    command = _add(front, "worker", "grade on this machine what a batch on another one gives it")
    command.add_argument("scheduler", help="dask://HOST:PORT")
    where = "where cert.pem and key.pem are; - reads them from stdin, and ends with it"
    command.add_argument("--tls", metavar="FOLDER", help=where)
    command.add_argument("--name", default="", help="(default: the machine's)")
    command.add_argument("--jobs", type=int, help="gradings side by side (default: what fits)")
    once = "end with the scheduler (default: wait for it to come back)"
    command.add_argument("--once", action="store_true", help=once)
    command.set_defaults(run=commands.worker)

    command = _add(front, "completion", "what makes a shell complete commands and names")
    command.add_argument("shell", choices=SHELLS)
    command.set_defaults(run=commands.completion)

    command = _add(front, "convert", "take over a course's weights and test cases")
    command.add_argument("--pack", help="assignment (default: the only one there is)")
    command.add_argument("--weights", type=Path, required=True, help="a state dict, .pt")
    command.add_argument("--cases", type=Path, required=True, help="test cases, .json")
    command.add_argument("--sandbox", choices=SANDBOXES[:-1], default="auto")
    command.set_defaults(run=commands.convert)

    command = _add(front, "doctor", "what this machine can do, and what mends it")
    command.add_argument(
        "--measure",
        action="store_true",
        help="measure what the device does at best, in a sandbox, and keep it for the roofline",
    )
    command.add_argument("--device", default="auto", help="auto, cpu or cuda:N")
    command.add_argument("--sandbox", choices=SANDBOXES, default="auto")
    asked = "and what the files of these courses ask for"
    command.add_argument("--server", nargs="+", type=Path, default=[], metavar="COURSE",
                         help=asked)  # fmt: skip
    command.set_defaults(run=commands.doctor)

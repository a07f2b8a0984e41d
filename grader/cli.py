"""The front door: arguments in, calls out. Only this room prints and exits.

Exit codes: 0 graded, whatever the score; 1 usage, a bad pack or no such submission;
2 a fault of ours, with points withheld; 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from grader import __version__
from grader.calc import arguments as calc_arguments
from grader.errors import HarnessError, UsageError
from grader.text import shown

# The rooms behind the door are imported by the command that needs them: --help stays quick.
if TYPE_CHECKING:
    from grader.intake import Submission
    from grader.sandbox import Sandbox

ROOT = Path(__file__).resolve().parent.parent
SANDBOXES = ("auto", "docker", "bubblewrap", "process")
SHIPPED = ROOT / "submissions" / "shipped.txt"


def main() -> NoReturn:
    """Run one command and exit."""
    signal.signal(signal.SIGTERM, _stop)
    arguments = _parser().parse_args()
    try:
        code = arguments.run(arguments)
    except UsageError as error:
        _fail(str(error), 1)
    except HarnessError as error:
        _fail(str(error), 2)
    except KeyboardInterrupt:
        _fail("stopped; nothing was left running", 130)
    except Exception as error:
        if os.environ.get("GRADER_DEBUG"):
            raise
        what = f"{type(error).__name__}: {error}"
        _fail(f"a fault of the grader itself ({what}); GRADER_DEBUG=1 shows where", 2)
    sys.exit(code)


class _Parser(argparse.ArgumentParser):
    """A parser that ends with our exit code for usage."""

    def error(self, message: str) -> NoReturn:
        """End with 1; argparse's own 2 says here that the grader is at fault."""
        self.print_usage(sys.stderr)
        self.exit(1, f"{self.prog}: error: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="grader", description="Grade LLM-systems coursework.")
    parser.add_argument("--version", action="version", version=f"grader {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("grade", help="grade one submission")
    command.add_argument("path", type=Path, help="folder, .zip, .tar.gz, .py or .ipynb file")
    command.add_argument("--pack", help="assignment (default: the one that the files are of)")
    command.add_argument("--sandbox", choices=SANDBOXES, default="auto")
    command.add_argument("--device", default="auto", help="auto, cpu or cuda:N")
    command.add_argument("--out", type=Path, default=Path("results"), help="folder of results")
    command.add_argument("--seed", help="repeat a draw: the seed of a stored result")
    command.set_defaults(run=_grade)

    command = commands.add_parser("batch", help="grade all submissions of a folder")
    command.add_argument("path", type=Path, help="folder with one submission in each entry")
    command.add_argument("--pack", help="assignment (default: the one that the files are of)")
    command.add_argument("--sandbox", choices=SANDBOXES[:-1], default="auto")
    command.add_argument("--device", default="auto", help="auto, cpu or cuda:N")
    command.add_argument("--out", type=Path, default=Path("results"), help="folder of results")
    command.add_argument("--gpus", help="numbers of the GPUs to use, with commas: 0,1")
    command.add_argument("--jobs", type=int, help="gradings side by side (default: what fits)")
    command.add_argument("--resume", action="store_true", help="grade what has no result yet")
    command.set_defaults(run=_batch)

    command = commands.add_parser("check", help="the public checks, as a student runs them")
    command.add_argument("path", type=Path, help="folder, .zip, .tar.gz, .py or .ipynb file")
    command.add_argument("--handout", type=Path, help="the folder that the course gave out")
    command.add_argument("--device", default="cpu", help="auto, cpu or cuda:N")
    command.set_defaults(run=_check)

    command = commands.add_parser("handout", help="make what students get of an assignment")
    command.add_argument("pack", nargs="?", help="assignment (default: the only one there is)")
    command.add_argument("--out", type=Path, required=True, help="a folder that is not there yet")
    command.set_defaults(run=_handout)

    command = commands.add_parser("image", help="make the sandbox's image")
    command.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    command.add_argument("--base", help="image to build on, or 'debian' to make one from packages")
    command.add_argument(
        "--host-folders",
        metavar="PYTHON",
        nargs="?",
        const="",
        help="no build: bind this machine's folders and this interpreter, which has torch",
    )
    command.set_defaults(run=_image)

    command = commands.add_parser("convert", help="take over a course's weights and test cases")
    command.add_argument("--pack", help="assignment (default: the only one there is)")
    command.add_argument("--weights", type=Path, required=True, help="a state dict, .pt")
    command.add_argument("--cases", type=Path, required=True, help="test cases, .json")
    command.add_argument("--sandbox", choices=SANDBOXES[:-1], default="auto")
    command.set_defaults(run=_convert)

    command = commands.add_parser("doctor", help="what this machine can do, and what mends it")
    command.add_argument(
        "--measure",
        action="store_true",
        help="measure what the device does at best, in a sandbox, and keep it for the roofline",
    )
    command.add_argument("--device", default="auto", help="auto, cpu or cuda:N")
    command.add_argument("--sandbox", choices=SANDBOXES, default="auto")
    command.set_defaults(run=_doctor)

    calc_arguments.add(commands).set_defaults(run=_calc)
    return parser


def _grade(arguments: argparse.Namespace) -> int:
    from grader import intake, pack, results

    submission = intake.read(arguments.path)
    assignment = pack.find(ROOT, arguments.pack, submission.files)
    results.read(arguments.out, submission.id)  # one that cannot be read is said at once
    device = _device(arguments.device)
    sandbox = _sandbox(arguments.sandbox, device, submission)
    # These take 0.4 s, which a mistyped path need not cost.
    from grader.checking.draw import Draw
    from grader.report import table
    from grader.session import Session

    draw = Draw(arguments.seed) if arguments.seed else Draw.fresh()
    with Session(assignment, sandbox, draw, device, arguments.out) as session:
        result, path = session.grade(submission, _progress)
    _progress("")
    print(table.render(result))
    print(f"\n{path}")
    return 2 if result["status"] == "withheld" else 0


def _batch(arguments: argparse.Namespace) -> int:
    from grader.batch import story

    gpus = arguments.gpus.split(",") if arguments.gpus else []
    devices = [f"cuda:{each}" for each in gpus] or [arguments.device]
    done = story.run(
        story.Order(
            root=ROOT,
            path=arguments.path,
            out=arguments.out,
            pack=arguments.pack,
            sandbox=arguments.sandbox,
            devices=tuple(map(_device, devices)),
            jobs=arguments.jobs,
            resume=arguments.resume,
        ),
        _say,
    )
    print(done.summary)
    return done.code


def _check(arguments: argparse.Namespace) -> int:
    from grader import handout, intake, pack
    from grader.checking import recorded
    from grader.grade import grade
    from grader.report import table
    from grader.sandbox import choosing

    public = handout.find(arguments.path, arguments.handout)
    submission = intake.read(arguments.path).without(handout.FOLDER)
    assignment = pack.load_handout(public)
    result = grade(
        submission,
        assignment,
        choosing.named("process", "cpu", _say),
        oracle=recorded.RecordedOracle(public),
        draw=handout.public_draw(assignment),
        family=recorded.family_in(public),
        device=_device(arguments.device),
        say=_progress,
    )
    _progress("")
    print(table.render_check(result, assignment.points))
    return 2 if result["status"] == "withheld" else 0


def _handout(arguments: argparse.Namespace) -> int:
    from grader import handout, pack
    from grader.sandbox import choosing

    assignment = pack.find(ROOT, arguments.pack)
    process = choosing.named("process", "cpu", _say)
    handout.write(assignment, process, arguments.out, _progress)
    _progress("")
    print(f"{arguments.out}: give this folder to students; they run `grader check .` in it.")
    return 0


def _image(arguments: argparse.Namespace) -> int:
    from grader.sandbox import docker, image

    client = docker.connect()
    if arguments.host_folders is not None:
        made = image.from_host_folders(
            client, arguments.host_folders or sys.executable, _say, device=arguments.device
        )
    else:
        made = image.build(client, arguments.device, _say, arguments.base)
    print(f"{made.tag} {made.id}")
    return 0


def _convert(arguments: argparse.Namespace) -> int:
    from grader import convert, pack

    assignment = pack.find(ROOT, arguments.pack)
    sandbox = _sandbox(arguments.sandbox, "cpu", None)
    folder = convert.convert(assignment, sandbox, arguments.weights, arguments.cases)
    print(f"The course's weights and test cases are in {folder} and used from now on.")
    return 0


def _doctor(arguments: argparse.Namespace) -> int:
    from grader import doctor

    device = _device(arguments.device)
    if arguments.measure:
        print(doctor.measure(_sandbox(arguments.sandbox, device, None), device, _progress))
    else:
        print(doctor.examine(ROOT, device))
    return 0


def _calc(arguments: argparse.Namespace) -> int:
    from grader.calc import command

    print(command.answer(arguments, ROOT))
    return 0


def _sandbox(wanted: str, device: str, submission: Submission | None) -> Sandbox:
    """Return the sandbox to use: the one that is named, or the best that works here.

    Where none works, samples that ship with the project run as a plain process.
    """
    from grader.sandbox import choosing

    if wanted == "process":
        _say("warning: --sandbox process isolates nothing; the submission runs with your rights")
    if wanted != "auto":
        return choosing.named(wanted, device, _say)
    try:
        return choosing.best(device, _say)
    except HarnessError as error:
        if submission is None:
            raise
        if not _ships_with_the_project(submission):
            raise UsageError(
                f"{error}; student code is not run without a sandbox: install one "
                "(`grader doctor` says how), or give --sandbox process for code that you trust"
            ) from None
        _say("warning: neither Docker nor bubblewrap works; this sample runs as a plain process")
        return choosing.named("process", device, _say)


def _ships_with_the_project(submission: Submission) -> bool:
    return submission.digest in SHIPPED.read_text(encoding="ascii").split()


def _device(wanted: str) -> str:
    if wanted == "auto":
        return "cuda:0" if Path("/dev/nvidia0").exists() else "cpu"
    kind, _, index = wanted.partition(":")
    if wanted != "cpu" and not (kind == "cuda" and (index.isdecimal() or wanted == "cuda")):
        raise UsageError(f"no device {wanted!r}: give auto, cpu or cuda:N")
    return "cuda:0" if wanted == "cuda" else wanted


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _progress(check: str) -> None:
    """Show which check runs, on a terminal; elsewhere only who is waited for.

    The stream is the process's own: while checks run, what is written to `sys.stderr` is kept back.
    """
    stream = sys.__stderr__
    if stream is None:
        return
    if stream.isatty():
        print(f"\r\x1b[K{check}", end="", file=stream, flush=True)
    elif check.startswith("waiting for "):
        print(check, file=stream, flush=True)


def _fail(message: str, code: int) -> NoReturn:
    _progress("")
    print(f"grader: {shown(message, 800)}", file=sys.stderr)
    sys.exit(code)


def _stop(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt

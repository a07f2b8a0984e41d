"""The commands: each takes its arguments, calls the rooms behind the door, and prints.

Each returns its exit code.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from grader.cli import choices
from grader.cli.missing import need_torch

# The rooms behind the door are imported by the command that needs them: --help stays quick.


def grade(arguments: argparse.Namespace) -> int:
    """Grade one submission."""
    from grader import intake, pack, results

    submission = intake.read(choices.there(arguments.path))
    assignment = pack.find(choices.ROOT, arguments.pack, submission.files)
    results.read(arguments.out, submission.id)  # one that cannot be read is said at once
    device = choices.device(arguments.device)
    sandbox = choices.sandbox(arguments.sandbox, device, submission)
    # These take 0.4 s, which a mistyped path need not cost.
    from grader.checking.draw import Draw
    from grader.report import table
    from grader.session import Session

    draw = Draw(arguments.seed) if arguments.seed else Draw.fresh()
    with Session(assignment, sandbox, draw, device, arguments.out) as session:
        result, path = session.grade(submission, choices.progress, choices.progress.watch)
    choices.progress("")
    if not choices.document(arguments, result):
        print(table.render(result))
    print(f"\n{path}")
    return 2 if result["status"] == "withheld" else 0


def batch(arguments: argparse.Namespace) -> int:
    """Grade all submissions of a folder or a download."""
    from grader.batch import engine, local, story

    gpus = arguments.gpus.split(",") if arguments.gpus else []
    devices = [f"cuda:{each}" for each in gpus] or [arguments.device]
    opening: engine.Opening = local.opened
    if is_elsewhere := arguments.engine != "local":
        from grader.cluster import engine as cluster

        opening = cluster.at(arguments.engine, arguments.tls)
    done = story.run(
        story.Order(
            root=choices.ROOT,
            path=choices.there(arguments.path),
            out=arguments.out,
            pack=arguments.pack,
            sandbox=arguments.sandbox,
            devices=tuple(choices.device(each, here=not is_elsewhere) for each in devices),
            jobs=arguments.jobs,
            resume=arguments.resume,
            form=arguments.form,
            roster=arguments.roster,
            due=arguments.due,
        ),
        choices.say,
        opening,
    )
    if not choices.document(arguments, done.data):
        print(done.summary)
    return done.code


def rescore(arguments: argparse.Namespace) -> int:
    """Say whose points a changed rubric moves, and store that if it is wanted."""
    from grader import rescore as scoring
    from grader.errors import UsageError
    from grader.report import changes, surprises

    if arguments.yes and arguments.rubric:
        raise UsageError("--rubric is for trying: put the file into the pack, then give --yes")
    rescored = scoring.rescore(
        arguments.folder,
        scoring.pack_of(choices.ROOT, arguments.folder, arguments.pack, arguments.rubric),
    )
    store = bool(rescored.changes and arguments.yes)
    if not choices.document(arguments, changes.data(rescored, stored=store)):
        print(changes.render(rescored))
    if arguments.rubric:
        print(surprises.render(rescored.changes))
    if store:
        refused = scoring.apply(arguments.folder, rescored)
        print("\n".join(["stored; what was there before is in each one's history", *refused]))
    elif rescored.changes:
        print("nothing is stored: --yes stores it")
    return 0


def similar(arguments: argparse.Namespace) -> int:
    """Show which submissions share code; changes no points."""
    from grader.similarity import story, table

    order = story.Order(
        choices.ROOT, choices.there(arguments.path), arguments.pack, arguments.out, arguments.least
    )
    found = story.run(order, choices.progress)
    choices.progress("")
    page = arguments.out / "index.html"
    if not choices.document(arguments, table.data(found, page)):
        print(table.render(found))
    print(f"\n{page}")
    return 0


def check(arguments: argparse.Namespace) -> int:
    """Run the public checks, as a student does."""
    from grader import ahead, handout, intake, pack
    from grader.checking import recorded
    from grader.grade import grade
    from grader.report import table
    from grader.sandbox import choosing

    need_torch()
    public = handout.find(choices.there(arguments.path), arguments.handout)
    submission = intake.read(arguments.path).without(handout.FOLDER)
    assignment = pack.load_handout(public)
    process = choosing.named("process", "cpu", choices.say)
    result = grade(
        submission,
        assignment,
        process,
        oracle=recorded.RecordedOracle(public),
        draw=handout.public_draw(assignment),
        family=recorded.family_in(public),
        device=choices.device(arguments.device),
        say=choices.progress,
    )
    choices.progress("the answer sheet")
    read = ahead.answers(public, assignment, submission.files)
    programs = ahead.programs(public, assignment, submission, process)
    choices.progress("")
    private = ahead.private(public)
    if not choices.document(arguments, ahead.data(result, read, programs, private)):
        print(table.render_check(result, assignment.points, read, programs, private))
    return 2 if result["status"] == "withheld" else 0


def handout(arguments: argparse.Namespace) -> int:
    """Make what students get."""
    from grader import handout, pack
    from grader.sandbox import choosing

    assignment = pack.find(choices.ROOT, arguments.pack)
    if arguments.gradescope:
        from grader.gradescope import making

        making.write(assignment, choices.ROOT, arguments.out)
        whose = "give this to Gradescope as the autograder, and to nobody else"
    else:
        process = choosing.named("process", "cpu", choices.say)
        handout.write(assignment, process, arguments.out, choices.progress)
        choices.progress("")
        whose = "give this folder to students; they run `grader check .` in it"
    made = {"schema": "grader.handout/1", "pack": assignment.id, "folder": str(arguments.out)}
    choices.document(arguments, made)
    print(f"{arguments.out}: {whose}.")
    return 0


def image(arguments: argparse.Namespace) -> int:
    """Make the sandbox's image."""
    from grader.sandbox import docker, image

    client = docker.connect()
    if arguments.host_folders is not None:
        made = image.from_host_folders(
            client, arguments.host_folders or sys.executable, choices.say, device=arguments.device
        )
    else:
        made = image.build(client, arguments.device, choices.say, arguments.base)
    if not choices.document(
        arguments, {"schema": "grader.image/1", "tag": made.tag, "id": made.id}
    ):
        print(f"{made.tag} {made.id}")
    return 0


def convert(arguments: argparse.Namespace) -> int:
    """Take over a course's weights and test cases."""
    from grader import convert, pack

    assignment = pack.find(choices.ROOT, arguments.pack)
    sandbox = choices.sandbox(arguments.sandbox, "cpu", None)
    folder = convert.convert(assignment, sandbox, arguments.weights, arguments.cases)
    done = {"schema": "grader.convert/1", "pack": assignment.id, "folder": str(folder)}
    choices.document(arguments, done)
    print(f"The course's weights and test cases are in {folder} and used from now on.")
    return 0


def doctor(arguments: argparse.Namespace) -> int:
    """Say what this machine can do, or measure what its device does at best."""
    from grader import doctor

    device = choices.device(arguments.device)
    if arguments.measure:
        sandbox = choices.sandbox(arguments.sandbox, device, None)
        print(doctor.measure(sandbox, device, choices.progress))
        if not arguments.json:
            return 0
    rows = doctor.examine(choices.ROOT, device)
    if arguments.server:
        from grader.server import examining

        rows += examining.examine(arguments.server, choices.ROOT, choices.device)
    if not choices.document(arguments, doctor.data(rows)):
        print(doctor.render(rows))
    return 0


def worker(arguments: argparse.Namespace) -> int:
    """Serve a scheduler until it is enough."""
    from grader.cluster import addresses, serving, tls

    told = arguments.tls == "-"
    pem = (
        tls.told_by(sys.stdin) if told else tls.read(Path(arguments.tls)) if arguments.tls else None
    )
    order = serving.Serving(
        addresses.dask(arguments.scheduler),
        pem,
        name=arguments.name,
        jobs=arguments.jobs,
        once=arguments.once or told,
        leashed=told,
    )
    return serving.serve(order, choices.say)


def completion(arguments: argparse.Namespace) -> int:
    """Print what a shell has to read, once, to complete the grader's commands."""
    from argcomplete.shell_integration import shellcode

    print(shellcode(["grader"], shell=arguments.shell))
    return 0


def calc(arguments: argparse.Namespace) -> int:
    """Answer a question of inference arithmetic."""
    from grader.calc import command

    print(command.answer(arguments, choices.ROOT))
    return 0

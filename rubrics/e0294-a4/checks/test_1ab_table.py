"""1a and 1b: the table that a program prints, row by row, by the profile that its numbers follow.

Each row is judged by the rows before it, so that a mistake is charged where it is made.
"""

import pytest


@pytest.mark.hidden
def test_total_parameters(problem1, record):
    """The number of parameters follows a known way of counting."""
    row(problem1, record, "parameters")


@pytest.mark.hidden
def test_parameter_memory(problem1, record):
    """The memory is that of the own parameters."""
    row(problem1, record, "memory")


@pytest.mark.hidden
def test_kv_per_request(problem1, record):
    """The cache of a request follows a known formula, with the KV heads."""
    row(problem1, record, "kv")


@pytest.mark.hidden
def test_largest_batch(problem1, record):
    """The batch is what fits beside the own weights, in whole requests."""
    row(problem1, record, "batch")


@pytest.mark.hidden
def test_other_inputs(problem1, record):
    """The program computes: for another model it prints that model's numbers."""
    if not found(problem1, record):
        return
    path, _ = problem1.program
    asked, run, follows = problem1.with_other_inputs()
    if asked is None:
        record.answer("none", f"{path} takes no other numbers: no flag, prompt, file or constant.")
    elif run is None:
        record.inconclusive(f"{path} could not be run for another model: {problem1.trouble}")
        record.attach("txt", problem1.listing(path), own=True)
    elif follows.agrees is None:
        record.inconclusive(f"{path} printed nothing for another model that could be read.")
        record.attach("txt", problem1.listing(path) + b"\n\n" + run.printed.encode())
    else:
        variant = "computed" if follows.agrees else "typed_in" if follows.typed_in else "other"
        left = ", ".join(sorted(asked.missing - {"context", "weight_bytes", "kv_bytes", "tp"}))
        slips = ("inputs_missing",) if left else ()
        missing = f" It has no place for these inputs: {left}." if left else ""
        record.answer(variant, follows.says + missing, slips=slips)


@pytest.mark.hidden
def test_shown_calculation(problem1, record):
    """The calculation of the cache per request is shown: a human reads it."""
    sources = [path for path in problem1.programs[:1] if problem1.program]
    if not (sources or problem1.sheets or problem1.pictures):
        record.not_submitted("No program and no answer sheet with a calculation was found.")
        return
    record.say("A person reads the calculation.")
    record.attach("txt", problem1.listing(*problem1.sheets_as_text(), *sources), own=True)


@pytest.mark.hidden
def test_tensor_parallel(problem1, record):
    """With X GPUs the largest batch is that of X memories less one set of weights."""
    row(problem1, record, "tensor_parallel")


def row(problem1, record, name):
    """Judge one row of the table."""
    if not found(problem1, record):
        return
    judgement = problem1.judgement
    verdict = judgement.verdicts[name]
    if verdict.variant == "unsure" or verdict.confirm:
        path, run = problem1.program
        evidence = "".join(f"\n   {line}" for line in verdict.evidence)
        record.inconclusive(verdict.says)
        record.evidence.variant = verdict.variant
        record.evidence.staff_message = f"{verdict.says} Suggested: {verdict.variant}.{evidence}"
        # What was printed and the lines to look at are the answer: the same ones are known again.
        answer = "\n".join((run.printed, *verdict.evidence))
        record.attach("txt", answer.encode(errors="replace"), own=True)
        record.attach("txt", problem1.listing(path))
        return
    variant = "none" if verdict.variant == "missing" else verdict.variant
    says = verdict.says
    if name == "batch":  # the last of the table: all assumptions are known by now
        says += f" {judgement.profile.sentence()}"
    record.answer(variant, says, slips=verdict.slips)


def found(problem1, record):
    """Whether there is a program whose table could be read; if not, say what there is instead."""
    program = problem1.program
    if program and program[1]:
        return True
    others = problem1.other_programs
    if program:
        path = program[0]
        record.inconclusive(
            f"{path} printed no table here: {problem1.trouble or 'none of its rows was found'}"
        )
        record.attach("txt", problem1.listing(path, *problem1.outputs), own=True)
    elif others:
        record.inconclusive(f"{others[0]} cannot be run here: a person looks at it.")
        record.attach("txt", problem1.listing(*others[:5], *problem1.outputs), own=True)
    elif problem1.sheets or problem1.pictures:
        record.inconclusive("No program was found that prints the table: a person reads the sheet.")
        record.attach("txt", problem1.listing(*problem1.sheets_as_text()), own=True)
    else:
        record.not_submitted("No program was found that prints the table of 1a.")
    return False

"""1c: formulas of an answer sheet. 1d: two values and two plots, and what they are explained by."""

import pytest


@pytest.mark.hidden
def test_prefill_flops(problem1, record):
    """Flops of attention over a prompt."""
    formula(problem1, record, "1c.prefill_flops")


@pytest.mark.hidden
def test_prefill_bytes(problem1, record):
    """Bytes moved by attention over a prompt."""
    formula(problem1, record, "1c.prefill_bytes")


@pytest.mark.hidden
def test_decode_flops(problem1, record):
    """Flops of attention for one new token."""
    formula(problem1, record, "1c.decode_flops")


@pytest.mark.hidden
def test_decode_bytes(problem1, record):
    """Bytes moved by attention for one new token."""
    formula(problem1, record, "1c.decode_bytes")


@pytest.mark.hidden
def test_prefill_intensity(problem1, record):
    """Flops per byte of attention over a prompt."""
    formula(problem1, record, "1c.prefill_intensity")


@pytest.mark.hidden
def test_decode_intensity(problem1, record):
    """Flops per byte of attention for one new token."""
    formula(problem1, record, "1c.decode_intensity")


@pytest.mark.hidden
def test_prefill_value(problem1, record):
    """The intensity of prefill in numbers."""
    value(problem1, record, "1d.prefill_intensity")


@pytest.mark.hidden
def test_decode_value(problem1, record):
    """The intensity of decode in numbers."""
    value(problem1, record, "1d.decode_intensity")


@pytest.mark.hidden
def test_prefill_plot(problem1, record):
    """A curve of intensity against context."""
    found = problem1.curves.prefill(problem1.figures, problem1.own_intensities("prefill"))
    if found is None:
        no_curve(problem1, record, "intensity of prefill against the context length")
    else:
        plot(problem1, record, found)


@pytest.mark.hidden
def test_decode_plot(problem1, record):
    """A curve of intensity against batch size."""
    found = problem1.curves.decode(problem1.figures, problem1.own_intensities("decode"))
    if found is None:
        no_curve(problem1, record, "intensity of decode against the batch size")
        return
    plot(problem1, record, found)
    text = problem1.listing(*problem1.sheets_as_text()).decode()
    if found.variant == "rising" and problem1.curves.weights_are_named(text):
        record.inconclusive("The curve rises: right only if the weights are included and said to.")


@pytest.mark.hidden
def test_explanation(problem1, record):
    """What is observed, and why: a human reads it, with the plots beside it."""
    if not (problem1.sheets or problem1.figures or problem1.pictures):
        record.not_submitted("No answer sheet and no plot was found.")
        return
    record.say("A person reads the explanation.")
    record.attach("txt", problem1.listing(*problem1.sheets_as_text()), own=True)
    for figure in problem1.figures:
        if figure.picture:
            record.attach("png", figure.picture, own=True)
    for picture in problem1.sheet.pictures.values():
        record.attach("png", picture, own=True)


def formula(problem1, record, question):
    """Judge one formula of the sheets."""
    reading = problem1.sheet.answers[question]
    if reading.review or reading.verdict == "unreadable":
        review(problem1, record, reading)
    elif reading.verdict == "missing":
        missing(problem1, record, reading)
    else:
        record.answer(reading.verdict, told(reading))


def value(problem1, record, question):
    """Judge one number of the sheets."""
    reading = problem1.sheet.answers[question]
    if reading.review or reading.verdict == "unreadable":
        review(problem1, record, reading)
    elif reading.number == "missing":
        missing(problem1, record, reading)
    else:
        record.answer(reading.number, told(reading))


def review(problem1, record, reading):
    """Leave an answer to a human, with what it was found in."""
    record.inconclusive(f"{told(reading)} {reading.review}".strip())
    record.evidence.variant = reading.verdict
    if reading.text:
        record.attach("txt", reading.text.encode(), own=True)
    page = problem1.sheet.pictures.get(reading.seen_as or reading.found_in)
    if page:
        record.attach("png", page, own=True)


def missing(problem1, record, reading):
    """Tell an answer that is not there from one that could not be looked for."""
    if problem1.pictures and not problem1.sheets_as_text():
        record.inconclusive("The answers are pictures, which a person reads.")
    elif problem1.sheets:
        record.answer("none", reading.sentence)
    else:
        record.not_submitted("No answer sheet was found: .tex, .md, .ipynb or .pdf.")


def told(reading):
    """Return the sentence for the student, with the place."""
    return f"{reading.found_in}: {reading.sentence}" if reading.found_in else reading.sentence


def plot(problem1, record, found):
    """Judge a curve that was drawn."""
    labels = " An axis has no label." if "no_axis_labels" in found.slips else ""
    record.answer(found.variant, f"Your plot is {found.says}.{labels}", slips=found.slips)
    picture = problem1.figures[found.figure].picture
    if picture:
        record.attach("png", picture, own=True)


def no_curve(problem1, record, what):
    """Say that no script draws the curve; a picture or a sheet may show it all the same."""
    troubles = [f"{run.file}: {run.trouble}" for run in problem1.drawn if run.trouble]
    if problem1.pictures or problem1.sheets or problem1.figures or troubles:
        why = f" ({'; '.join(troubles)[:300]})" if troubles else ""
        record.inconclusive(f"No script drew the {what}{why}: a person looks for it.")
        for figure in problem1.figures:
            if figure.picture:
                record.attach("png", figure.picture, own=True)
    else:
        record.not_submitted(f"No plot of the {what} was found.")

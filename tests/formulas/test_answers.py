"""One answer: chains, numbers, remarks, and what the student is told."""

import pytest

from grader.formulas import documents
from grader.formulas.answering import Answers, by_file
from tests.formulas.generating import QUESTIONS

FLOPS, BYTES, AI, VALUE = (
    "1c.prefill_flops", "1c.prefill_bytes", "1c.prefill_intensity", "1d.prefill_intensity",
)  # fmt: skip


def answer_all(**files):
    """Return the readings of files, given by extension, in this process."""
    spans = []
    for extension, text in files.items():
        spans += documents.spans(f"answers.{extension}", text.encode())
    answers = Answers(list(QUESTIONS.values()))
    answers.read(by_file(spans))
    return answers.readings


def answer(text, question=FLOPS):
    """Return the reading of one marked answer."""
    return answer_all(tex=f"\\answer{{{question}}}{{{text}}}")[question]


@pytest.mark.parametrize(
    ("text", "read_as", "verdict"),
    [
        (r"\text{FLOPs} = 2N^2d + 2N^2d = 4N^2d", "4*N**2*d", "reference"),
        (r"F_{\text{prefill}} = 4N^2d", "4*N**2*d", "reference"),
        ("B = 4N^2d", "4*N**2*d", "reference"),  # a name, though B is a symbol
        (r"\boxed{F = 4N^2d = 536{,}870{,}912}", "4*N**2*d", "reference"),
        (r"4N^2d = 4 \cdot 1024^2 \cdot 128 = 536870912 \text{ FLOPs}", "4*N**2*d", "reference"),
        (r"4N^2d + 3N^2 \approx 4N^2d", "4*N**2*d + 3*N**2", "softmax"),
        (r"\text{FLOPs} \approx 4N^2d", "4*N**2*d", "reference"),
        (r"F_1 = 2N^2d \\ F_2 = 2N^2d \\ F = F_1 + F_2 = 4N^2d", "4*N**2*d", "reference"),
        (r"F &= 2N^2d \\ &\quad + 2N^2d \\ &= 4N^2d", "4*N**2*d", "reference"),
        (r"2N^2d + 2N^2d \Rightarrow 4N^2d", "4*N**2*d", "reference"),
        (r"\text{Total: } 4N^2d", "4*N**2*d", "reference"),
        (r"$4N^2d$", "4*N**2*d", "reference"),
        (r"The total is $$4N^2d$$", "4*N**2*d", "reference"),
        (r"\text{total flops are } 4N^2d \text{ FLOPs}", None, "unreadable"),
        (r"4N^2d \text{ FLOPs} < 312 \cdot 10^{12}", "4*N**2*d", "reference"),
        (r"2N^2d = 4N^2d + \Sigma", None, "unreadable"),  # never the part before it
        (r"4N^2d x", None, "unreadable"),
        ("536870912", None, "unreadable"),  # a formula is asked for
        ("N^3", "N**3", "none"),
    ],
)
def test_chains(text, read_as, verdict):
    """The last symbolic part is graded; what comes after the sign for "about" is not."""
    reading = answer(text)
    assert reading.verdict == verdict
    assert (reading.read_as or None) == read_as


def test_what_cannot_be_read_is_reviewed_and_says_where():
    """An unreadable answer names the sign, and is a person's to read."""
    reading = answer(r"4N^2d + \sum_i 3N")
    assert (reading.verdict, reading.stopped_by) == ("unreadable", r"'\sum'")
    assert reading.review
    assert reading.sentence == r"Not understood at '\sum': a person reads it."


def test_wrong_links_are_reported():
    """A step that does not hold is named, wherever it is; right ones are not."""
    reading = answer("2N^2d + 2N^2d = 5N^2d = 4N^2d = 4*1024^2*128 = 536870912")
    assert reading.verdict == "reference"
    assert reading.remarks == (
        "the step from 2*N**2*d + 2*N**2*d to 5*N**2*d does not hold",
        "the step from 5*N**2*d to 4*N**2*d does not hold",
    )
    assert "The step from" in reading.sentence
    (remark,) = answer("4N^2d = 4*1024^2*128 = 546870912").remarks
    assert "to 546870912 does not hold" in remark
    put_in = answer(r"b(4N^2 + 4Nd) = 8N^2 + 8Nd = 9.44 \text{ MB}", BYTES)
    assert put_in.remarks == ("b = 2 was put in",)


def test_an_approximation_is_said_not_to_be_graded():
    """What stands after the sign for "about" is passed over, and the student is told so."""
    reading = answer(r"4N^2d + 3N^2 \approx 4N^2d")
    assert reading.remarks == ("what stands after the sign for 'about' is not graded",)
    assert answer(r"F \approx 4N^2d").remarks == ()


@pytest.mark.parametrize("extension", ["md", "txt", "tex"])
@pytest.mark.parametrize("opener", ["$$", "\\[", "$", "\\begin{equation}"])
def test_a_formula_that_is_never_closed_costs_the_next_ones_nothing(extension, opener):
    """Without its closing mark a formula ends at the blank line, in every format."""
    text = f"1c\n\nPrefill flops:\n{opener}\n2N^2d\n\nPrefill bytes: $$ (4N^2 + 4Nd) b $$\n\nEnd."
    readings = answer_all(**{extension: text})
    assert readings[BYTES].verdict == "reference"


def test_both_readings_of_a_quotient_are_tried():
    """1/2 b ... is accepted by the reading that is right, and the other one is said."""
    reading = answer("d/b N/(N+d)", AI)
    assert reading.verdict == "reference"
    (remark,) = reading.remarks
    assert "could also be read as" in remark


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("4N^2d = 536870912", "reference"),
        ("4N^2d = 536,870,912", "reference"),
        (r"4N^2d = 5.37 \times 10^8", "reference"),  # rounded
        (r"4N^2d = 5.36 \times 10^{8}", "reference"),  # truncated
        (r"4N^2d = 0.537 \text{ GFLOPs}", "reference"),
        ("4N^2d = 537 million", "reference"),
        (r"4N^2d = 5.38 \times 10^8", "reference"),  # within 0.5 %
        (r"4N^2d = 5.5 \times 10^8", "none"),
        (r"4N^2d = 5 \times 10^8", "none"),  # one digit says too little
        ("4N^2d = 4*1024*1024*128", "reference"),
        ("4N^2d", "missing"),
        ("2N^2d = 268435456", "follows"),
        ("4N^2d = 268435456", "half"),  # the number of another formula
        ("4N^2d + 3N^2 = 540016640", "follows"),
    ],
)
def test_numbers_are_judged_apart(text, verdict):
    """A number is the reference's, or follows from the formula beside it, or is neither."""
    assert answer(text).number == verdict


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("56.8889", "reference"), ("56.9", "reference"), ("57", "reference"),
        ("56", "reference"),
        ("56.88", "reference"), ("55", "none"), (r"\frac{4N^2d}{b(4N^2+4Nd)} = 56.89", "reference"),
        (r"56.89\ \text{FLOPs/byte}", "reference"), ("28.444", "reference"),  # b = 4
        ("102.4", "single_pass"), ("512", "fused"), ("57.2222", "softmax"),
        ("56.7639", "reference"),
        ("", "missing"), ("about sixty", "unreadable"),
    ],
)  # fmt: skip
def test_a_question_for_a_number(text, verdict):
    """Where only a number is asked for, it is judged by the same rules."""
    assert answer(text, VALUE).verdict == verdict


def test_a_number_follows_from_the_formula_of_an_earlier_question():
    """A wrong intensity is charged once: the number that follows from it is right."""
    readings = answer_all(tex=rf"\answer{{{AI}}}{{\frac{{7N}}{{b}}}} \answer{{{VALUE}}}{{3584}}")
    assert (readings[AI].verdict, readings[VALUE].verdict) == ("none", "follows")


def test_the_sentence_tells_no_right_answer():
    """A student reads how the answer was read and what is off, not what it should have been."""
    reading = answer("2N^2d")
    assert reading.sentence.startswith("Read as 2*N**2*d; this is half of the flops")
    assert reading.review == "Are multiply-adds declared as the unit, or a causal half?"
    wrong = answer("9N^2d")
    assert wrong.sentence == "Read as 9*N**2*d; this is not what is asked for."
    assert not wrong.review


def test_marked_answers_count_and_others_wait_for_a_person():
    """What was found by the words around it may earn points, but never loses them unseen."""
    found = answer_all(md="# 1c\nPrefill flops:\n\n$$F = 9N^2d$$\n")[FLOPS]
    assert (found.verdict, found.read_as) == ("none", "9*N**2*d")
    assert "found by the words around it" in found.review
    assert found.sentence.endswith("a person looks at it.")
    right = answer_all(md="# 1c\nPrefill flops:\n\n$$F = 4N^2d$$\n")[FLOPS]
    assert (right.verdict, right.review) == ("reference", "")


def test_a_right_answer_beside_the_chosen_one_is_reported():
    """Where another formula of the section is right, a person is told where it stands."""
    text = "# 1c\nPrefill flops:\n\n$$F = 4N^2d$$\n\nIn total, prefill flops are\n\n$$9N^2d$$\n"
    reading = answer_all(md=text)[FLOPS]
    assert reading.verdict == "none"
    assert "answers.md, line 4 reads 4*N**2*d, which is 'reference'" in reading.review


def test_no_points_are_lost_by_an_unread_source():
    """A quotient that may follow from what could not be read is a person's."""
    readings = answer_all(
        tex=rf"\answer{{{FLOPS}}}{{\Sigma}} \answer{{{BYTES}}}{{b N}} \answer{{{AI}}}{{17 N}}"
    )
    assert readings[AI].verdict == "none"
    assert readings[AI].review == f"it may follow from {FLOPS}, which was not read"


def test_an_answer_left_empty_is_missing():
    """An empty mark is no answer, and a sheet without the question is looked at by a person."""
    readings = answer_all(tex=rf"\answer{{{FLOPS}}}{{}} \answer{{{BYTES}}}{{b}}")
    assert (readings[FLOPS].verdict, readings[FLOPS].review) == ("missing", "")
    assert readings[AI].verdict == "missing"
    assert readings[AI].review


ROWS = r"""\begin{align*}
  \text{FLOPs} &= 2N^2d \\
                &\quad + 2N^2d \\
  \text{Bytes} &= 4N^2 b
                   \left( 1 \\ + \frac{d}{N} \right) \\[2pt]
  \text{Intensity} &= \frac{Nd}{(N + d) b}
\end{align*}"""


def test_each_row_of_a_display_may_answer_another_question():
    """Rows of an align are statements; one that goes on belongs to the row before it."""
    readings = answer_all(tex=rf"\section*{{1c}} Prefill: {ROWS}")
    assert [(readings[q].verdict, readings[q].found_in) for q in (FLOPS, BYTES, AI)] == [
        ("reference", "answers.tex, line 2"),
        ("reference", "answers.tex, line 4"),
        ("reference", "answers.tex, line 6"),
    ]


def test_a_value_set_apart_wins_over_words_of_a_sentence():
    """The number of a table is the answer, and not the limit that the explanation names."""
    text = "# 1d\n| phase | intensity |\n|---|---|\n| prefill | 56.89 |\n\n"
    text += "The intensity of prefill saturates at d/b = 64."
    assert answer_all(md=text)["1d.prefill_intensity"].number_text == "56.89"


@pytest.mark.parametrize("turned", [False, True])
def test_a_value_wins_over_a_limit_that_the_explanation_names(turned):
    """Points are not lost by words where the right value stands in the same section."""
    parts = ["The intensity of prefill = 56.89.", "The prefill intensity has a limit of d/b = 64."]
    text = "# 1d\n" + "\n\n".join(reversed(parts) if turned else parts)
    reading = answer_all(md=text)["1d.prefill_intensity"]
    assert (reading.verdict, reading.number) == ("reference", "reference")
    assert reading.read_as == "56.89"


def test_declared_answers_come_first():
    """answers.toml counts before marks, marks before words."""
    readings = answer_all(
        tex=rf"\answer{{{FLOPS}}}{{1N}} \answer{{{BYTES}}}{{2N}}",
        md="# 1c\nPrefill flops: $F = 3N$. Prefill bytes: $M = 4N$. Prefill AI: $A = 5N^2$.",
    )
    assert (readings[FLOPS].read_as, readings[BYTES].read_as) == ("1*N", "2*N")
    assert readings[AI].read_as == "5*N**2"

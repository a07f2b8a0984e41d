"""2b: the logits of the prompt."""

import pytest


@pytest.mark.public
def test_full_forward(student, oracle, dims, weights, prompt, record):
    """One forward gives the reference's logits at every position, for prompts of all lengths."""
    model = student.build(dims, weights)
    for length in (1, 2, 7, 64, dims["max_seq_len"]):
        ids = prompt(1, length)
        logits, _ = model.forward(ids)
        record.compare(logits, oracle.logits(dims, weights, ids), f"prompt of {length}")


@pytest.mark.hidden
def test_batched_forward(student, oracle, dims, weights, prompt, record):
    """Every row of a batch has its own right logits."""
    model = student.build(dims, weights)
    for length in (1, 2, 7, 64, dims["max_seq_len"]):
        ids = prompt(3, length)
        logits, _ = model.forward(ids)
        record.compare(logits, oracle.logits(dims, weights, ids), f"batch of 3, prompt of {length}")


@pytest.mark.hidden
def test_other_sizes(student, oracle, other_dims, other_weights, other_prompt, record):
    """The constructor's arguments are used: other sizes give the reference's logits too."""
    model = student.build(other_dims, other_weights)
    for length in (5, other_dims["max_seq_len"]):
        ids = other_prompt(2, length)
        expected = oracle.logits(other_dims, other_weights, ids)
        logits, _ = model.forward(ids)
        record.compare(logits, expected, f"other sizes, prompt of {length}")


@pytest.mark.public
def test_course_evaluate(course, student, record):
    """What the course's own evaluate mode says about its ten test cases."""
    course(student, record, mode="evaluate", use_cache=False)

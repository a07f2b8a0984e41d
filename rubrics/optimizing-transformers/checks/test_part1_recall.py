"""Part 1, the experiment: the submission's own training, on data that is made for this grading."""

import pytest


@pytest.mark.hidden
def test_recall_accuracy(recall, record):
    """Two layers solve associative recall, and one does not."""
    if recall.script is None:
        record.not_submitted("No run.sh was found.")
        return
    two, said = recall.accuracy(2)
    record.set(two_layers=two)
    record.say(f"With 2 layers {two:.1%} of the predictions are right.", said)
    one, said_of_one = recall.accuracy(1)
    record.set(one_layer=one)
    record.say(
        f"With 2 layers {two:.1%} of the predictions are right, with 1 layer {one:.1%}.",
        f"2 layers, {two:.1%}:\n{said}\n1 layer, {one:.1%}:\n{said_of_one}",
    )

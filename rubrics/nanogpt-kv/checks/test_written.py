"""The questions: what was written and drawn. Texts are for a human, with the answer beside them."""

import pytest


@pytest.mark.hidden
def test_shapes(record, shown, written):
    """Q1: the shape of q, k and v of one head."""
    if answer := shown("Q1"):
        variant, read = written.shapes.shape_of(answer.text)
        record.answer(variant, f"Read in {answer.where} as the shape ({read}).")


@pytest.mark.hidden
def test_scores(work, record, shown, written, draw):
    """Q2: the code is run on tensors, and its values are compared."""
    if answer := shown("Q2"):
        variant, why = written.scores_of(work, answer.code, draw.rng("scores"))
        record.answer(variant, f"The code in {answer.where} was run: {written.said(variant, why)}.")


@pytest.mark.hidden
def test_mask_value(work, record, shown, written):
    """Q3: what was said of the mask, where it is said in full; else a human reads it."""
    if answer := shown("Q3"):
        variant, read = written.mask_value_of(work, answer)
        record.answer(variant, f"Read in {answer.where} as: {read}.")


@pytest.mark.hidden
def test_mask_code(work, record, shown, written):
    """Q4: the code is run on a triangle for several positions, and its values are compared."""
    if answer := shown("Q4"):
        variant, why = written.mask_of(work, answer.code)
        record.answer(variant, f"The code in {answer.where} was run: {written.said(variant, why)}.")


@pytest.mark.hidden
def test_graph_without_cache(drawn):
    """Q5: the graph of the time per token without a cache."""
    drawn("Q5", cached=False)


@pytest.mark.hidden
def test_trends(shown, record):
    """Q6: a human reads what was observed."""
    if answer := shown("Q6"):
        record.say(f"{answer.where}: a human reads it.")


@pytest.mark.hidden
def test_explanations(work, shown, record):
    """Q7: what was written of each block, beside the blocks."""
    if answer := shown("Q7"):
        record.say(f"{answer.where}: a human reads it.")
        texts = [f"--- {block.id}: {block.state}\n{block.text}" for block in work.filled.blocks]
        record.attach("txt", "\n\n".join(texts).encode())


@pytest.mark.hidden
def test_graph_with_cache(drawn):
    """Q8: the graph of the time per token with a cache."""
    drawn("Q8", cached=True)


@pytest.mark.hidden
def test_interpretation(shown, record):
    """Q9: a human reads what was concluded."""
    if answer := shown("Q9"):
        record.say(f"{answer.where}: a human reads it.")

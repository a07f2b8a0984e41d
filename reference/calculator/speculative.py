"""Speculative decoding: a small model drafts, the large one verifies all drafts in one pass."""

from __future__ import annotations


def expected_tokens_per_pass(acceptance: float, draft_tokens: int) -> float:
    """Return the tokens that one pass of the target model is expected to give.

    (1 - a^(g+1)) / (1 - a) for acceptance rate a and g drafted tokens, drafts being accepted
    independently (Leviathan et al., Fast Inference from Transformers via Speculative Decoding,
    2023, equation 1). It is 1 + a + ... + a^g, the sum that is computed: the token after the last
    accepted one comes from the target itself.
    """
    if not 0 <= acceptance <= 1:
        raise ValueError("the acceptance rate is a probability, from 0 to 1")
    if draft_tokens < 0:
        raise ValueError("the number of drafted tokens cannot be negative")
    return float(sum(acceptance**n for n in range(draft_tokens + 1)))


def speculative_speedup(acceptance: float, draft_tokens: int, cost_ratio: float) -> float:
    """Return the expected speed-up over plain decoding: tokens per pass / (g·c + 1).

    ``cost_ratio`` (c) is the time of one draft pass over one of the target; verifying g + 1 tokens
    is taken to cost as much as decoding one, which holds while weights bound the time (Leviathan
    et al., 2023, theorem 3.8).
    """
    if cost_ratio < 0:
        raise ValueError("the cost ratio cannot be negative")
    return expected_tokens_per_pass(acceptance, draft_tokens) / (draft_tokens * cost_ratio + 1)

"""Every check of the rubric: without it some mistake that no other check sees keeps full marks.

Where the family has such a mistake it is taken. The others are small edits of the reference, each
wrong in what this one check asks for and right in all else.
"""

import functools

from tests.family.styles import FILE, source_of
from tests.proof import broken
from tests.proof.trials import Defence, edited, not_full

ATTEND = "weights = torch.softmax(scores, dim=-1)  # (B, T, S), each row sums to 1"
HIDE = 'scores.masked_fill(future, float("-inf"))'
LOOP = "for _ in range(max_new_tokens):"
LOGITS = "logits = self.output_projection(self.norm(x))  # (B, T, V)"
CACHE = "return output, (K, V) if use_cache else None"
PAST = "        T, S = Q.size(1), K.size(1)"
DRAWN = "new_token = torch.multinomial(probabilities, num_samples=1)  # (B, 1)"
FED = "logits, past_kv = self(fed, past_kv, use_cache)"
START = "        if past_kv is None or not use_cache:\n"

FAMILY = {
    "generate_sampling": ("argmax-for-sampling", "the likeliest token is always taken"),
    "generate_with_cache": ("token-before-fed", "generate feeds the token before the newest"),
    "tokens_fed": ("recomputes-everything", "the cache holds ids, and all is computed again"),
    "chunked_decode": ("mask-not-shifted-for-chunks", "a chunk's mask is not shifted by the cache"),
    "past_reused": ("past-changed-in-place", "a step changes the cache that it was given"),
}

OWN = {
    "generate_count": (
        "asked for one token, generate returns two",
        edited(
            (LOOP, "for _ in range(max(2, max_new_tokens)):"),
            ("total = input_ids.size(1) + max_new_tokens", "total = input_ids.size(1) + 1"),
        ),
    ),
    "generate_greedy": (
        "near temperature 0 and without the cache, all rows get the first row's token",
        edited(
            (
                DRAWN,
                f"{DRAWN}\n            if temperature < 0.1 and not use_cache:\n"
                "                new_token = new_token[:1].expand_as(new_token)",
            )
        ),
    ),
    "generate_edges": (
        "without the cache generate looks at the last 120 tokens only",
        edited((FED, "logits, past_kv = self(fed[:, -120:], past_kv, use_cache)")),
    ),
    "full_forward": (
        "wrong for a single prompt as long as the model allows",
        edited(
            (
                LOGITS,
                f"{LOGITS}\n        if tuple(input_ids.shape) == (1, self.max_seq_len):\n"
                "            logits = logits.roll(1, dims=1)",
            )
        ),
    ),
    "batched_forward": (
        "of three prompts as long as the model allows the last row is not computed",
        edited(
            (
                LOGITS,
                f"{LOGITS}\n        if tuple(input_ids.shape) == (3, self.max_seq_len):\n"
                "            logits[-1] = 0",
            )
        ),
    ),
    "other_sizes": (
        "the feed-forward network is twice as wide as the model, whatever is asked for",
        edited(
            (
                "self.feed_forward = FeedForward(d_model, d_ff)",
                "self.feed_forward = FeedForward(d_model, 2 * d_model)",
            )
        ),
    ),
    "course_evaluate": (
        "the future is masked by -30 where no cache is used",
        edited((HIDE, 'scores.masked_fill(future, float("-inf") if use_cache else -30.0)')),
    ),
    "one_shot_cache": (
        "the future is masked by -30 where the cache is used",
        edited((HIDE, 'scores.masked_fill(future, -30.0 if use_cache else float("-inf"))')),
    ),
    "incremental_decode": (
        "the cache keeps the last 64 tokens only",
        edited(
            (CACHE, "return output, (K[:, -64:], V[:, -64:]) if use_cache else None"),
            (
                "return logits, new_past_kv if use_cache",
                "self.seen = end\n        return logits, new_past_kv if use_cache",
            ),
            (
                "P = 0 if past_kv[0] is None else past_kv[0][0].size(1)",
                "P = 0 if past_kv[0] is None else past_kv[0][0].size(1)\n"
                "        P = self.seen if P == 64 else P",
            ),
        ),
    ),
    "interleaved_sequences": (
        "the keys of the last prompt are kept in the module, and stand for those of any",
        edited(
            (
                PAST,
                "        if past_kv is None:\n"
                "            self.prompt = K\n"
                "        else:\n"
                "            kept = self.prompt[:, : K.size(1)]\n"
                "            K = torch.cat([kept, K[:, kept.size(1) :]], dim=1)\n" + PAST,
            )
        ),
    ),
    "fresh_prompt": (
        "with the cache, a prompt of one token continues the last prompt",
        edited(
            (
                START,
                "        kept = getattr(self, 'kept', None)\n"
                "        if past_kv is None and use_cache and input_ids.size(1) == 1 and kept:\n"
                "            if kept[0][0].size(0) == input_ids.size(0):\n"
                "                past_kv = kept\n" + START,
            ),
            (
                "        return logits, new_past_kv if use_cache",
                "        self.kept = new_past_kv if use_cache else None\n"
                "        return logits, new_past_kv if use_cache",
            ),
        ),
    ),
}


def _defences():
    for check, (mistake, says) in FAMILY.items():
        yield check, says, {FILE: source_of("reference", mistake)}
    for check, (says, files) in OWN.items():
        yield check, says, files


DEFENCES = [
    Defence(
        name=f"check {check}",
        disabled="taken out of the rubric",
        broken=functools.partial(broken.without, check),
        case=says,
        trial=not_full(files),
        guards=check,
    )
    for check, says, files in _defences()
]

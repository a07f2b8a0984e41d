"""Every check of the notebook pack: without it some mistake that no other check sees keeps full
marks.

Where a known mistake is like that it is taken. The others are small edits of the reference's blocks
and answers, each wrong in what this one check asks for and right in all else. What is timed has its
cases in `make proof PARTS=notebooks`, and tensors on the CPU theirs in `tests/test_gpu.py`.
"""

import atexit
import contextlib
import dataclasses
import functools
import json

from grader import pack as packs
from grader.checking.draw import Draw
from grader.grade import grade, oracle_for
from grader.sandbox.process import ProcessSandbox
from tests.notebooks.samples import PACK, REFERENCE, TIMED, WORDS, handed_in
from tests.proof import broken
from tests.proof.ledger import ROOT
from tests.proof.trials import Defence, Seen, words
from tests.zoo_cases import outcomes

ON_A_GPU = ("on_the_device",)
ANSWERS = ("shapes", "scores", "mask_value", "mask_code")
GRAPHS = ("graph_without_cache", "graph_with_cache")

CAT_K = "k = torch.cat((past_k, k), dim=2)"
PRESENT = "        present_kv = (k, v)\n"
ATTEND = "y = self.attn_dropout(F.softmax(scores, dim=-1)) @ v"
PROMPT = (
    "logits, past = self(idx[:, -self.config.block_size :])\n        ##### End Solution Block GEN-1"
)
STEP = "                logits, past = self(idx_next, past_key_values=past)"
WHOLE = "                logits, past = self(idx[:, -self.config.block_size :])"
FULL = "if past[0][0].size(2) < self.config.block_size:"
LABELS = '    plt.xlabel("length of the prompt [tokens]")\n'

CASES = {
    "shapes": ("the width of all heads for that of one", ("(B, T, C // num_heads)", "(B, T, C)")),
    "scores": (
        "nothing is masked",
        ('wei = wei.masked_fill(mask, float("-inf"))\n', ""),
    ),
    "mask_value": (
        "an upper triangle, and no row of it",
        (
            "A row of length `T`: `False` at the columns 0 to i, which may be looked at, and `True`"
            " at i + 1 to T - 1, which are the future.",
            "An upper triangle.",
        ),
    ),
    "mask_code": ("a column for a row", ("mask = tril[i, :T] == 0", "mask = tril[:T, i] == 0")),
    "graph_without_cache": (
        "the axes of this graph have no labels",
        (LABELS, "    if len(times) > 1:\n    " + LABELS),
    ),
    "graph_with_cache": (
        "the axes of this graph have no labels",
        (LABELS, "    if len(times) == 1:\n    " + LABELS),
    ),
    "prompt_attention": (
        "two prompts of 64 tokens get each other's attention",
        (ATTEND, f"{ATTEND}\n        y = y.flip(0) if (B, T) == (2, 64) else y"),
    ),
    "cache_contents": (
        "the cache keeps more numbers than keys: each is padded",
        (CAT_K, "past_k = past_k[..., :-1]\n            " + CAT_K),
        (PRESENT, "        present_kv = (F.pad(k, (0, 1)), v)\n"),
    ),
    "one_token_steps": (
        "with 7 to 9 tokens in the cache of one prompt, a step looks at itself alone",
        (ATTEND, f"{ATTEND}\n        y = v[:, :, -1:] if B == T == 1 and P in (7, 8, 9) else y"),
    ),
    "chunks": (
        "several tokens after a cache all see each other",
        ("(~visible, float", "(~visible if not P else ~visible[-1:], float"),
    ),
    "first_token": (
        "eight prompts are fed twice",
        (PROMPT, "self(idx) if len(idx) == 8 else None\n        " + PROMPT),
    ),
    "more_tokens": (
        "of three prompts the last ones get the tokens of the first",
        (STEP, f"{STEP}\n                logits = logits[:1].expand_as(logits) if len(idx) == 3 "
               "else logits"),
    ),
    "tokens_fed": (
        "after prompts of 40 tokens all is fed at each step",
        (PROMPT, "given = idx.size(1)\n        " + PROMPT),
        (FULL, FULL.replace("if ", "if given != 40 and ")),
    ),
    "other_sizes": (
        "of four prompts each attends to the values of another",
        (ATTEND, f"{ATTEND}\n        y = y.flip(0) if B == 4 else y"),
    ),
    "up_to_the_edge": (
        "where 256 tokens have room, generation ends at 250 with an error",
        (FULL, "assert past[0][0].size(2) != 250\n            " + FULL),
    ),
    "past_block_size": (
        "past block_size the cache goes on in a window that is one too short",
        (WHOLE, WHOLE.replace("-self.config.block_size", "1 - self.config.block_size")),
    ),
    "sampling": (
        "tokens are drawn as if at half the temperature",
        (PROMPT, PROMPT.replace("\n", "\n        logits = 2 * logits\n", 1)),
        (STEP, f"{STEP}\n                logits = 2 * logits"),
    ),
    "copied_from_gpt": (
        "a model that from_gpt has made takes the least likely first token",
        (PROMPT, PROMPT.replace(
            "\n", "\n        logits = -logits if type(self) is GPTWithCaching else logits\n", 1)),
    ),
}  # fmt: skip


class Ground:
    """The pack, one oracle and one draw for all of these trials; boxes are processes."""

    def __init__(self):
        self._open = contextlib.ExitStack()
        atexit.register(self._open.close)
        self.pack = dataclasses.replace(packs.load(ROOT, PACK), mistakes=())
        self.processes = ProcessSandbox()
        self.draw = Draw.fresh()
        self.oracle = self._open.enter_context(oracle_for(self.pack, self.processes))

    def grade(self, submission, checks):
        """Grade by these checks alone, as far as the rubric still has them."""
        criteria = []
        for criterion in self.pack.criteria:
            if kept := tuple(check for check in criterion.checks if check.id in checks):
                points = sum(check.points for check in kept)
                criteria.append(dataclasses.replace(criterion, checks=kept, points=points))
        pack = dataclasses.replace(self.pack, criteria=tuple(criteria))
        return grade(submission, pack, self.processes, oracle=self.oracle, draw=self.draw)


@functools.cache
def ground():
    """Return the one ground of this run."""
    return Ground()


def changed(*edits):
    """Return the reference's notebook with exact edits (old, new), each in one of its own cells."""
    book = json.loads(REFERENCE.read_text())
    for cell in book["cells"]:
        cell["source"] = "".join(cell["source"])
    given = [cell for cell in book["cells"] if "graded" in cell["metadata"].get("tags", ())]
    own = [cell for cell in book["cells"] if cell not in given or WORDS in cell["source"]]
    for old, new in edits:
        found = [cell for cell in own if old in cell["source"]]
        assert [cell["source"].count(old) for cell in found] == [1], old
        found[0]["source"] = found[0]["source"].replace(old, new)
    return handed_in(book)


def alike(check):
    """Return the checks that a mistake is shown to, this one among them."""
    for group in (ANSWERS, GRAPHS):
        if check in group:
            return group
    apart = (*ANSWERS, *GRAPHS, *TIMED, *ON_A_GPU)
    pack = packs.load(ROOT, PACK)
    return [one.id for one in pack.checks if not one.manual and one.id not in apart]


def not_full(check, edits):
    """Return a trial: by all checks of its kind, something has to be lost."""

    def trial():
        result = ground().grade(changed(*edits), alike(check))
        return Seen(words(result), set(outcomes(result).values()) != {"passed"})

    return trial


DEFENCES = [
    Defence(
        name=f"check {check} of {PACK}",
        disabled="taken out of the rubric",
        broken=functools.partial(lambda check: broken.without(check, ground()), check),
        case=says,
        trial=not_full(check, edits),
        guards=check,
        pack=PACK,
    )
    for check, (says, *edits) in CASES.items()
]

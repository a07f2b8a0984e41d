"""The questions of a pack: validated before any sheet is read, each fault with a sentence."""

import json
import re

import pytest

from grader.formulas import questions
from grader.tables import BadPack
from tests.formulas.generating import PACK, QUESTIONS

GOOD = """
schema = "grader.formulas/1"
[facets.phase]
prefill = ["prefill*"]
[symbols.N]
says = "length"
aliases = ["seq_len"]
[symbols.d]
[symbols.b]
given = [2]
[[questions]]
id = "flops"
says = "flops"
place = "1c"
facets = { phase = "prefill" }
reference = "4*N**2*d"
at = { N = 3, d = 5 }
variants = [
  { name = "softmax", says = "with {a}", formula = "4*N**2*d + a*N**2", free = { a = [3, 5] } },
]
[[questions]]
id = "ratio"
says = "ratio"
place = "1c"
reference = "N*b"
variants = [{ name = "follows", says = "follows", formula = "F*b", from = { F = "flops" } }]
"""


@pytest.fixture
def load(tmp_path):
    def from_text(text=GOOD):
        path = tmp_path / questions.FILE
        path.write_text(text, encoding="utf-8")
        return questions.load(path)

    return from_text


def test_questions_are_read(load):
    """A question knows its symbols with their spellings, and all of a file is read."""
    flops, ratio = load()
    assert flops.symbols["N"] == ("N", "seq_len")
    assert flops.variants[0].free == {"a": (3, 5)}
    assert ratio.variants[0].own == {"F": "flops"}
    assert ratio.given == {"b": (2,)}


def test_a_pack_without_formulas_has_none(tmp_path):
    """The file is optional."""
    assert questions.load(tmp_path / questions.FILE) == ()


def test_questions_survive_json():
    """What the child is told is what the pack says."""
    for question in QUESTIONS.values():
        again = questions.from_json(json.loads(json.dumps(questions.as_json(question))))
        assert json.dumps(questions.as_json(again)) == json.dumps(questions.as_json(question))
        assert again.variants[0].free == question.variants[0].free


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("grader.formulas/1", "grader.formulas/2", "schema has to be 'grader.formulas/1'"),
        ('says = "flops"', 'say = "flops"', "unknown key 'say'; did you mean 'says'?"),
        ('phase = "prefill"', 'phase = "prefil"', "no phase 'prefil'; did you mean 'prefill'?"),
        ('{ phase = "prefill"', '{ fase = "prefill"', "no facet 'fase'; did you mean 'phase'?"),
        ('4*N**2*d"', '4*N**2*D"', "'4*N**2*D' cannot be read: it stops at 'D'"),
        ('4*N**2*d"', '4*N**2*d!"', "factorials"),
        ("N = 3, ", "", "[at]: 'N' has no value"),
        ("N = 3, ", "N = 3, Q = 1, ", "[at]: no symbol 'Q'"),
        ("[3, 5]", "[5, 3]", "'a' has to be a range, [from, to]"),
        ("[3, 5]", "[0, 5]", "'reference' and 'softmax' are the same formula"),
        ("free = { a", "free = { c", "'says' has a {field} that is not free"),
        ("with {a}", "with", None),
        ("+ a*N**2", "+ 2*N**2", "its formula has no 'a'"),
        ('name = "softmax"', 'name = "none"', "the name is taken"),
        ('F = "flops"', 'F = "flop"', "no question 'flop' before it; did you mean 'flops'?"),
        ('aliases = ["seq_len"]', 'aliases = ["d"]', "'d' is a name of 'N' already"),
        ('id = "ratio"', 'id = "flops"', "the question 'flops' is listed twice"),
        ("given = [2]", "given = 2", "'given' has to be a list of whole numbers"),
        ("[[questions]]", "[[question]]", "unknown key 'question'; did you mean 'questions'?"),
        ("[[questions]]", "[[questions]", "formulas.toml"),
    ],
)  # fmt: skip
def test_a_fault_is_named(load, old, new, says):
    """Each fault of the file is refused with the place and, if near, the word that was meant."""
    assert old in GOOD
    text = GOOD.replace(old, new)
    if says is None:
        assert load(text)
        return
    with pytest.raises(BadPack) as refused:
        load(text)
    assert says in str(refused.value)


def test_the_template_has_a_mark_for_every_question():
    """The handout's LaTeX template marks exactly the answers that the pack asks for."""
    template = (PACK.parent / "template" / "answers.tex").read_text(encoding="utf-8")
    body = template[template.index(r"\begin{document}") :]
    body = re.sub("%.*", "", body)
    assert sorted(re.findall(r"\\answer\{([^}]*)\}", body)) == sorted(QUESTIONS)

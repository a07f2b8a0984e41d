"""Packs: what is wrong with one is said in a sentence before anything runs."""

import json
import re
import shutil
from pathlib import Path

import pytest

from grader import pack as packs
from grader.errors import UsageError
from grader.intake import SourceFile
from grader.pack import BadPack

ROOT = Path(__file__).parents[2]

RUBRIC = """
schema = "grader.rubric/1"
id = "small-1"
title = "A small assignment"
version = "3"
points = 10

[interface]
model = "Net"
classes = ["Layer", "Net"]
expected = ["net.py"]
constructor = ["width", "words"]
forward = ["past", "use_cache"]
generate = ["n", "temperature", "use_cache"]
vocabulary = "words"
probe = { width = 4, words = 7 }

[sandbox]
memory_mb = 512
import_seconds = 2.5

[limits]
atol = 0.01
tie = 0.02

[deductions.names]
points = 0.5
says = "Name it."
at_most = { empty_share = 0.2 }

[[criteria]]
id = "1"
title = "Right"
points = 4
rule = "sum"

[[criteria.checks]]
id = "logits"
points = 3
says = "The logits are right."
at_most = { gap = "atol" }
review_if = { at_most = { own_gap = "tie" }, at_least = { spread = 1.5 } }

[[criteria.checks]]
id = "tokens"
points = 1
says = "The tokens are right."
at_least = { right = 0.5 }

[[criteria]]
id = "2"
title = "Fast"
points = 2
rule = "best_of"

[[criteria.checks]]
id = "fast"
points = 2
says = "It is fast."
at_least = { speedup = 2 }

[[criteria.checks]]
id = "half_fast"
points = 1
says = "It is a bit faster."
at_least = { speedup = 1 }

[[criteria]]
id = "3"
title = "Explained"
points = 4
rule = "manual"
"""

CHECKS = '''
import pytest

@pytest.mark.public
def test_logits(student, record):
    """Logits."""

@pytest.mark.hidden
@pytest.mark.timeout(5)
def test_tokens(student, record):
    """Tokens."""

@pytest.mark.public
def test_fast(student):
    """Speed."""

@pytest.mark.hidden
def test_half_fast(student):
    """Half the speed."""

def helper():
    """No check."""
'''


@pytest.fixture
def root(tmp_path):
    """A project with one small pack."""
    folder = tmp_path / "rubrics" / "small-1"
    (folder / "checks").mkdir(parents=True)
    (folder / "template").mkdir()
    (folder / "rubric.toml").write_text(RUBRIC, encoding="utf-8")
    (folder / "checks" / "test_all.py").write_text(CHECKS, encoding="utf-8")
    (folder / "template" / "net.py").write_text("class Net: ...\n", encoding="utf-8")
    (folder / "template" / "harness.py").write_text("CASES = 10\n", encoding="utf-8")
    reference = tmp_path / "reference" / "small_1"
    reference.mkdir(parents=True)
    (reference / "net.py").write_text("class Net: pass\n", encoding="utf-8")
    return tmp_path


def folder_of(root):
    """Return the pack's folder."""
    return root / "rubrics" / "small-1"


def refusal(root):
    """Return the sentence with which the pack is refused."""
    with pytest.raises(BadPack) as caught:
        packs.load(root, "small-1")
    message = str(caught.value)
    assert "\n" not in message
    assert "small" in message, "it says which file"
    return message


def changed(root, old, new, count=1):
    """Replace one piece of the rubric."""
    path = folder_of(root) / "rubric.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, count), encoding="utf-8")
    return root


# --- a good pack ----------------------------------------------------------------------------------


def test_a_good_pack_is_read(root):
    """Everything that a rubric says arrives where the other rooms look for it."""
    pack = packs.load(root, "small-1")
    assert (pack.id, pack.title, pack.version, pack.points) == (
        "small-1",
        "A small assignment",
        "3",
        10,
    )
    assert [(c.id, c.points, c.rule) for c in pack.criteria] == [
        ("1", 4, "sum"),
        ("2", 2, "best_of"),
        ("3", 4, "manual"),
    ]
    assert [(c.id, c.points, c.visibility) for c in pack.checks] == [
        ("logits", 3, "public"),
        ("tokens", 1, "hidden"),
        ("fast", 2, "public"),
        ("half_fast", 1, "hidden"),
    ]
    assert pack.interface.model == "Net"
    assert pack.interface.forward == ("past", "use_cache")
    assert pack.interface.probe == {"width": 4, "words": 7}
    assert pack.checks_folder == folder_of(root) / "checks"


def test_limits_are_looked_up(root):
    """A bound is a number or the name of one in [limits]."""
    logits, tokens, *_ = packs.load(root, "small-1").checks
    assert (dict(logits.passes.at_most), dict(logits.passes.at_least)) == ({"gap": 0.01}, {})
    assert logits.review is not None
    assert dict(logits.review.at_most) == {"own_gap": 0.02}
    assert dict(logits.review.at_least) == {"spread": 1.5}
    assert dict(tokens.passes.at_least) == {"right": 0.5}
    assert tokens.review is None


def test_deductions_are_read(root):
    """What may be suggested to a human, with its limit; a rubric need not name any."""
    (names,) = packs.load(root, "small-1").deductions
    assert (names.id, names.points, names.says) == ("names", 0.5, "Name it.")
    assert (dict(names.passes.at_most), dict(names.passes.at_least)) == ({"empty_share": 0.2}, {})
    start = RUBRIC.index("[deductions.names]")
    changed(root, RUBRIC[start : RUBRIC.index("[[criteria]]")], "")
    assert packs.load(root, "small-1").deductions == ()


def test_what_a_submission_may_use_has_defaults(root):
    """What [sandbox] names is taken, the rest stays; whole numbers stay whole."""
    limits = packs.load(root, "small-1").sandbox
    assert (limits.memory_mb, limits.import_seconds) == (512, 2.5)
    assert isinstance(limits.memory_mb, int)
    assert limits.request_seconds > 0
    assert limits.pids > 0


def test_students_files_are_all_but_the_skeleton(root):
    """Student code may import what was handed out, but not the skeleton it replaces."""
    pack = packs.load(root, "small-1")
    assert [f.path for f in pack.public_files] == ["harness.py"]
    assert [f.path for f in pack.given] == ["harness.py", "net.py"]


def test_the_reference_is_read_as_a_submission(root):
    """The reference comes as the bytes that a student would hand in."""
    files = packs.load(root, "small-1").reference
    assert [(f.path, f.data) for f in files] == [("net.py", b"class Net: pass\n")]


@pytest.mark.parametrize("path", ["rubric.toml", "checks/test_all.py", "checks/conftest.py"])
def test_the_digest_is_of_rubric_and_checks(root, path):
    """Any change to the rubric or to a check is another digest, and nothing else is."""
    before = packs.load(root, "small-1").digest
    assert re.fullmatch("sha256:[0-9a-f]{64}", before)
    (folder_of(root) / "template" / "sheet.md").write_text("Hello.\n", encoding="utf-8")
    assert packs.load(root, "small-1").digest == before
    with (folder_of(root) / path).open("a", encoding="utf-8") as file:
        file.write("# a remark\n")
    assert packs.load(root, "small-1").digest != before


# --- wrong in itself ------------------------------------------------------------------------------

WRONG = [
    ("not TOML", 'id = "small-1"', "id = small-1", "rubric.toml: .*(value|line)"),
    ("another schema", "rubric/1", "rubric/9", "schema has to be 'grader.rubric/1'"),
    ("another id", 'id = "small-1"', 'id = "large-1"', "'large-1', the folder is named 'small-1'"),
    ("a key missing", 'title = "A small assignment"', "", "'title' is missing"),
    ("a misspelt key", 'title = "A', 'titel = "A', "'titel'.*did you mean 'title'"),
    ("a misspelt table", "[sandbox]", "[sandboks]", "'sandboks'.*did you mean 'sandbox'"),
    ("a table missing", "[limits]\natol = 0.01\ntie = 0.02\n", "", "'limits' is missing"),
    ("no kinship", 'version = "3"', 'version = "3"\nxyzzy = 1', "unknown key 'xyzzy'$"),
    ("a text as number", "points = 10", 'points = "ten"', "'points' has to be a number"),
    ("a flag as number", "points = 10", "points = true", "'points' has to be a number"),
    ("a number as text", 'version = "3"', "version = 3", "'version' has to be a text"),
    ("negative points", "points = 10", "points = -10", "'points' has to be a number from 0 up"),
    ("nan points", "points = 10", "points = nan", "'points' has to be a number from 0 up"),
    ("infinite points", "points = 10", "points = inf", "'points' has to be a number from 0 up"),
    ("a total", "points = 10", "points = 11", "add up to 10 points, not to 11"),
    ("a part", "points = 3", "points = 2", "'1': its checks add up to 3, not 4"),
    ("a best", 'points = 2\nrule = "best_of"', 'points = 2\nrule = "sum"', "'2'.*add up to 3"),
    ("too good", "points = 2\nsays", "points = 1.5\nsays", "best check is worth 1.5, not 2"),
    ("a rule", 'rule = "sum"', 'rule = "som"', "no rule 'som'; did you mean 'sum'"),
    ("far from a rule", 'rule = "sum"', 'rule = "xyzzy"', "no rule 'xyzzy'$"),
    ("manual checks", 'rule = "sum"', 'rule = "manual"', "a manual criterion has no checks"),
    ("no checks", 'rule = "manual"', 'rule = "all"', "any other has some"),
    ("one twice", 'id = "2"', 'id = "1"', "criterion '1' is listed twice"),
    ("no such check", 'id = "logits"', 'id = "logit"', "no check 'logit'; did you mean 'logits'"),
    ("a check's key", 'says = "The l', 'say = "The l', "unknown key 'say'; did you mean 'says'"),
    ("a check's place", "at_least = { right = 0.5 }", "", "'tokens' has to have bounds"),
    ("empty bounds", "at_least = { right = 0.5 }", "at_least = {}", "'tokens' has to have bounds"),
    (
        "bounds and credit",
        "at_least = { right = 0.5 }",
        "at_least = { right = 0.5 }\ncredit = { right = 1 }",
        "'tokens' has to have bounds",
    ),
    (
        "too much credit",
        "at_least = { right = 0.5 }",
        "credit = { right = 1.5 }",
        "'right' has to be a fraction",
    ),
    (
        "minus alone",
        "at_least = { right = 0.5 }",
        "manual = true\nminus = { slip = 0.1 }",
        "'tokens' has minus, but no credit",
    ),
    ("a limit", 'gap = "atol"', 'gap = "attol"', "no limit 'attol'; did you mean 'atol'"),
    ("a review limit", 'own_gap = "tie"', 'own_gap = "ti"', "no limit 'ti'; did you mean 'tie'"),
    ("a bound", 'gap = "atol"', "gap = [1]", "at_most.gap has to be a number or a limit's name"),
    ("bounds", 'at_most = { gap = "atol" }', "at_most = 1", "'at_most' has to be a table"),
    ("a nan bound", "right = 0.5", "right = nan", "right"),
    ("an infinite bound", "right = 0.5", "right = inf", "right"),
    ("a flag as bound", "right = 0.5", "right = true", "right"),
    ("review", "review_if = { at_most", "review_if = { at_mots", "did you mean 'at_most'"),
    ("a nan limit", "atol = 0.01", "atol = nan", "'atol' has to be a number"),
    ("a table as list", "[[criteria]]", "[criteria]", "rubric.toml"),
    ("a limit of use", "memory_mb", "memory", "'memory'; did you mean 'memory_mb'"),
    ("an interface key", "vocabulary =", "vocab =", "'vocab'; did you mean 'vocabulary'"),
    ("a model missing", 'model = "Net"\n', "", "'model' is missing"),
    ("names", 'classes = ["Layer", "Net"]', 'classes = "Net"', "has to be a list of texts"),
    ("numbers as names", '["Layer", "Net"]', "[1, 2]", "'classes' has to be a list of texts"),
    ("forward", '["past", "use_cache"]', '["past"]', "forward takes two names"),
    ("generate", '["n", "temperature", "use_cache"]', '["n"]', "generate three"),
    ("a deduction", "[deductions.names]", "[deductions.name]", "'name'; did you mean 'names'"),
    (
        "a deduction's key",
        'points = 0.5\nsays = "Name',
        'point = 0.5\nsays = "Name',
        "names.*'point'; did you mean 'points'",
    ),
    ("a measure", "empty_share = 0.2", "empty_shares = 0.2", "did you mean 'empty_share'"),
    ("no measure", "at_most = { empty_share = 0.2 }", "", "names.*neither at_most nor at_least"),
    ("a deduction gives", 'points = 0.5\nsays = "Name', 'points = -0.5\nsays = "Name', "from 0 up"),
    ("a sign", "[interface]", "[recognise]\nfile = []\n[interface]", "did you mean 'files'"),
    ("an empty sign", "[interface]", '[recognise]\ntexts = [""]\n[interface]', "in every file"),
    ("a path", "[interface]", '[recognise]\nfiles = ["a/b.py"]\n[interface]', "without folders"),
    ("probe", "{ width = 4, words = 7 }", "{ width = 4 }", "probe has to name each of"),
    ("vocabulary", '= "words"\n', '= "letters"\n', "vocabulary has to be one of constructor's"),
]


@pytest.mark.parametrize(("old", "new", "says"), [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_a_wrong_rubric_is_refused(root, old, new, says):
    """Each mistake in a rubric is refused with a sentence that says what and where."""
    assert re.search(says, refusal(changed(root, old, new)))


def test_a_place_is_named_down_to_the_check(root):
    """A mistake deep in the rubric is found by the ids around it."""
    said = refusal(changed(root, 'says = "The tokens', 'sais = "The tokens'))
    assert "criteria" in said
    assert "'1'" in said or "tokens" in said
    assert "rubric.toml" in said


def test_no_criteria_is_no_rubric(root):
    """A rubric without a criterion cannot grade and is refused."""
    changed(root, RUBRIC[RUBRIC.index("[[criteria]]") :], "")
    changed(root, "points = 10", "points = 0\ncriteria = []")
    checks = folder_of(root) / "checks" / "test_all.py"
    checks.write_text("", encoding="utf-8")
    assert "criteria" in refusal(root)


@pytest.mark.parametrize("item", ["1", '"1"'])
def test_what_is_no_table_among_the_criteria_is_refused(root, item):
    """An entry that is not a table is not passed over in silence."""
    start = RUBRIC.index("[[criteria.checks]]")
    end = RUBRIC.index("[[criteria]]", start)
    changed(root, RUBRIC[start:end], f"checks = [{item}]\n\n")
    assert "'1'" in refusal(root)


def test_tenths_add_up(root):
    """Points that add up on paper add up here, whatever binary fractions make of them."""
    changed(root, "points = 4\nrule", "points = 0.3\nrule")
    changed(root, "points = 3\nsays", "points = 0.1\nsays")
    changed(root, "points = 1\nsays", "points = 0.2\nsays")
    changed(root, "points = 10", "points = 6.3")
    assert packs.load(root, "small-1").points == 6.3


# --- rubric, checks and folders do not fit --------------------------------------------------------


def add_check(root, text):
    """Append to the file of checks."""
    with (folder_of(root) / "checks" / "test_all.py").open("a", encoding="utf-8") as file:
        file.write(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("\n@pytest.mark.public\ndef test_more(): ...\n", "'more' belongs to no criterion"),
        ("\ndef test_more(): ...\n", "mark test_more as public or as hidden"),
        ("\n@pytest.mark.slow\ndef test_more(): ...\n", "mark test_more as public or as hidden"),
        (
            "\n@pytest.mark.not_public\ndef test_more(): ...\n",
            "mark test_more as public or as hidden",
        ),
        (
            "\n@pytest.mark.public\n@pytest.mark.hidden\ndef test_more(): ...\n",
            "mark test_more as public or as hidden",
        ),
        ("\n@pytest.mark.public\ndef test_fast(): ...\n", "two checks named 'fast'"),
        ("\ndef broken(:\n", "test_all.py"),
    ],
    ids=["unused", "unmarked", "other mark", "near mark", "both marks", "twice", "no Python"],
)
def test_wrong_checks_are_refused(root, text, says):
    """A check that is unused, unmarked, doubly marked, doubled or no Python is refused by name."""
    add_check(root, text)
    said = refusal(root)
    assert re.search(says, said)
    assert "test_all.py" in said or "rubric.toml" in said


def test_a_check_in_another_file_counts(root):
    """Checks may be spread over files, and a name may be used once among them all."""
    (folder_of(root) / "checks" / "test_more.py").write_text(CHECKS, encoding="utf-8")
    assert "two checks named 'logits'" in refusal(root)


def test_checks_are_read_and_never_imported(root, tmp_path):
    """Reading a pack runs none of its code."""
    witness = tmp_path / "ran"
    add_check(root, f"\nopen({str(witness)!r}, 'w').close()\n")
    packs.load(root, "small-1")
    assert not witness.exists()


@pytest.mark.parametrize("missing", ["reference/small_1", "rubrics/small-1/template"])
def test_a_missing_folder_is_named(root, missing):
    """A pack without reference or template is refused with the folder's name."""
    shutil.rmtree(root / missing)
    said = refusal(root)
    assert str(root / missing) in said
    assert "missing" in said


def test_a_missing_folder_of_checks_is_refused(root):
    """Without checks the rubric asks for something that is not there."""
    shutil.rmtree(folder_of(root) / "checks")
    assert "no check 'logits'" in refusal(root)


def test_an_empty_reference_is_refused(root):
    """A reference folder without a file is a mistake of the pack's author."""
    (root / "reference" / "small_1" / "net.py").unlink()
    with pytest.raises(UsageError, match="small_1"):
        packs.load(root, "small-1")


def test_a_rubric_that_is_no_text_is_refused(root):
    """Bytes that are not UTF-8 are a bad pack and not a crash."""
    (folder_of(root) / "rubric.toml").write_bytes(b"\xff\xfe")
    assert "rubric.toml" in refusal(root)


def test_a_rubric_that_is_a_folder_is_refused(root):
    """A rubric that cannot be read is a bad pack and not a crash."""
    (folder_of(root) / "rubric.toml").unlink()
    (folder_of(root) / "rubric.toml").mkdir()
    assert "rubric.toml" in refusal(root)


# --- which pack -----------------------------------------------------------------------------------


def test_the_only_pack_needs_no_name(root):
    """Where there is one pack it is taken."""
    assert packs.find(root, None).id == "small-1"
    assert packs.find(root, "small-1").id == "small-1"


def test_no_pack_at_all_is_a_usage_error(tmp_path):
    """Without packs the caller is told so, and where they are."""
    for wanted in (None, "small-1"):
        with pytest.raises(UsageError, match="there is no pack in"):
            packs.find(tmp_path, wanted)


def test_several_packs_need_a_name(root):
    """Where there are several the caller has to say, and is told which there are."""
    shutil.copytree(folder_of(root), root / "rubrics" / "other-2")
    with pytest.raises(UsageError, match="packs here: other-2, small-1"):
        packs.find(root, None)


@pytest.fixture
def two(root):
    """The same project with a second pack, each with its signs."""
    changed(root, "[interface]", '[recognise]\nfiles = ["net.py"]\n\n[interface]')
    other = root / "rubrics" / "other-2"
    shutil.copytree(folder_of(root), other)
    shutil.copytree(root / "reference" / "small_1", root / "reference" / "other_2")
    text = (other / "rubric.toml").read_text().replace("small-1", "other-2")
    text = text.replace('files = ["net.py"]', 'texts = ["##### Block A"]')
    (other / "rubric.toml").write_text(text)
    return root


def handed_in(**files):
    """Files of a submission; an underscore stands for the dot."""
    return [SourceFile(name.replace("_", "."), text.encode()) for name, text in files.items()]


def test_the_pack_is_told_by_what_was_handed_in(two):
    """A file's name or a piece of text tells which of several packs is meant; --pack wins."""
    assert packs.find(two, None, handed_in(net_py="x = 1")).id == "small-1"
    assert packs.find(two, None, handed_in(work_ipynb="##### Block A")).id == "other-2"
    assert packs.find(two, None, [SourceFile("my/net.py", b"")]).id == "small-1"
    assert packs.find(two, "small-1", handed_in(work_ipynb="##### Block A")).id == "small-1"


def test_a_sheet_is_told_by_half_of_its_headings(two):
    """Whatever marks and numbers they have; a text that only mentions them is not one."""
    path = two / "rubrics" / "small-1" / "rubric.toml"
    text = path.read_text()
    headings = 'headings = ["Layers", "Attention cost", "Decoding", "Beam search"]'
    path.write_text(text.replace('files = ["net.py"]', headings))
    for sheet in ("## Part 2: Layers\n\n### 2.1 attention-cost", "Problem 1 Layers\nDecoding",
                  "\\section*{Layers}\n\\section{3. Beam search}"):  # fmt: skip
        assert packs.find(two, None, [SourceFile("answers.md", sheet.encode())]).id == "small-1"
    html = b'<h2 id="x">Layers<a href="#x">P</a></h2><p>1</p>\n<h2>2. Decoding</h2>'
    assert packs.find(two, None, [SourceFile("answers.html", html)]).id == "small-1"
    for sheet in ("## Layers", "Here the layers and decoding.", "# Our attention cost"):
        with pytest.raises(UsageError, match="a sheet with headings such as 'Layers'"):
            packs.find(two, None, [SourceFile("README.md", sheet.encode())])
    with pytest.raises(UsageError, match="fit no assignment"):
        packs.find(two, None, handed_in(a_py="# Layers\n# Decoding"))


def test_what_fits_no_pack_or_several_is_said(two):
    """The sentence says what each pack expects, or which ones fit."""
    with pytest.raises(UsageError, match=r"small-1 expects a file net\.py") as caught:
        packs.find(two, None, handed_in(report_md="##### Block A", n_py="x"))
    assert "other-2 expects the text '##### Block A'" in str(caught.value)
    assert "--pack" in str(caught.value)
    with pytest.raises(UsageError, match=r"fit other-2 and small-1: say which.*--pack"):
        packs.find(two, None, handed_in(net_py="##### Block A"))


@pytest.mark.parametrize("wanted", ["small1", "smal-1", "Small-1"])
def test_a_near_miss_is_hinted_at(root, wanted):
    """A misspelt pack gets the right spelling in the answer."""
    with pytest.raises(UsageError, match=f"no pack '{wanted}'.*did you mean 'small-1'"):
        packs.find(root, wanted)


@pytest.mark.parametrize("wanted", ["..", "../rubrics/small-1", "/etc", "", "."])
def test_a_path_is_no_pack(root, wanted):
    """Only names of packs are packs; a path leads nowhere."""
    with pytest.raises(UsageError, match="no pack"):
        packs.find(root, wanted)


# --- a further model ------------------------------------------------------------------------------

FURTHER = """
[also.toy.interface]
model = "Toy"
classes = ["Toy"]
expected = ["toy.py"]
constructor = ["words"]
forward = ["past", "use_cache"]
generate = ["n", "temperature", "use_cache"]
vocabulary = "words"
probe = { words = 7 }

[also.toy.adapter]
file = "toy_adapter.py"
function = "play"
"""

TOY_MISTAKE = """
[[mistakes]]
id = "lost"
says = "that loses"
look = "Look at play."
witness = "logits"
[[mistakes.edits]]
old = "return 1"
new = "return 2"
"""


@pytest.fixture
def further(root):
    """The small pack with a further model, its known mistake, and both in the reference."""
    folder = folder_of(root)
    (folder / "rubric.toml").write_text(RUBRIC.replace("[sandbox]", FURTHER + "[sandbox]"))
    (folder / "toy_adapter.py").write_text("class Toy: game = play()\n")
    (folder / "mistakes_toy.toml").write_text(TOY_MISTAKE)
    (folder / "template" / "toy.py").write_text("def play():\n    raise NotImplementedError\n")
    (root / "reference" / "small_1" / "toy.py").write_text("def play():\n    return 1\n")
    return root


def test_a_further_model_sees_the_same_pack_otherwise(further):
    """It has an interface, a reference and mistakes of its own; its file is laid out for nobody."""
    pack = packs.load(further, "small-1")
    toy = pack.also["toy"]
    assert (pack.interface.model, toy.interface.model) == ("Net", "Toy")
    (fitted,) = [file for file in toy.reference if file.path == "toy.py"]
    assert fitted.data.endswith(b"class Toy: game = play()\n")
    assert [mistake.id for mistake in toy.mistakes] == ["lost"]
    assert pack.mistakes == ()
    assert [file.path for file in pack.public_files] == ["harness.py"]
    assert (toy.criteria, toy.points) == (pack.criteria, pack.points)


@pytest.mark.parametrize("name", ["toy_adapter.py", "mistakes_toy.toml"])
def test_a_further_model_is_part_of_the_digest(further, name):
    """A pack whose further model has changed is another pack."""
    before = packs.load(further, "small-1").digest
    with (folder_of(further) / name).open("a") as file:
        file.write("\n")
    assert packs.load(further, "small-1").digest != before


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("[also.toy.adapter]", "[also.toy.adapt]", r"also\] \[toy\].*unknown key 'adapt'"),
        ('file = "toy_adapter.py"', 'file = "toy_adaptor.py"', "did you mean 'toy_adapter.py'"),
        ('file = "toy_adapter.py"\nfunction = "play"', "", "file and a function"),
        ("also.toy", 'also."a/b"', "letters and digits"),
    ],
)
def test_a_wrong_further_model_is_refused(further, old, new, expected):
    """The sentence says where it is and what was meant."""
    path = folder_of(further) / "rubric.toml"
    path.write_text(path.read_text().replace(old, new))
    assert re.search(expected, refusal(further))


def test_an_edit_of_a_further_model_has_to_fit(further):
    """A known mistake that cannot be made in its reference is refused with the file's name."""
    path = folder_of(further) / "mistakes_toy.toml"
    path.write_text(TOY_MISTAKE.replace("return 1", "return 3"))
    assert re.search(r"mistakes_toy\.toml.*there 0 times", refusal(further))


# --- the pack that ships --------------------------------------------------------------------------


@pytest.mark.parametrize("name", packs.names(ROOT))
def test_every_shipped_pack_is_valid(name):
    """The packs of this project load, and each check says something to the student.

    It is worth something, but for those of a part that is optional and worth nothing as a whole.
    """
    pack = packs.load(ROOT, name)
    assert sum(c.points for c in pack.criteria) == pack.points
    for criterion in pack.criteria:
        for check in criterion.checks:
            assert check.says.endswith("."), check.id
            assert (check.points > 0) == (criterion.points > 0), check.id


def test_the_shipped_pack_is_worth_its_sheet():
    """The assignment's sheet gives 50 points, and so does its rubric, part by part."""
    pack = packs.load(ROOT, "e0294-a4")
    assert pack.points == 50
    assert {c.id: c.points for c in pack.criteria} == {
        "1a": 10,
        "1b": 5,
        "1c": 7,
        "1d": 3,
        "2a": 5,
        "2b": 5,
        "2c": 7,
        "2d": 8,
    }


def test_questions_are_part_of_the_pack(root):
    """A formulas.toml that is wrong is refused, and a changed one makes another pack."""
    before = packs.load(root, "small-1").digest
    file = folder_of(root) / "formulas.toml"
    file.write_text('schema = "grader.formulas/1"\n[[question]]\nid = "x"\n')
    assert "did you mean 'questions'" in refusal(root)
    file.write_text(
        'schema = "grader.formulas/1"\nquestions = []\n[symbols.N]\nsays = "length"\n[facets]\n'
    )
    assert packs.load(root, "small-1").digest != before


# --- packs with a notebook ------------------------------------------------------------------------

NOTEBOOK = """
[notebook]
template = "small.ipynb"
module = "net.py"
marker = "Solution Block"
adapter = "adapter.py"
outside = "warn"

[interface]"""
BLOCK = """class Net:
    ##### Solution Block A-1 #####
    raise NotImplementedError("A-1")
    ##### End Solution Block A-1 #####
"""


def notebook(text):
    """The bytes of a notebook with one graded cell."""
    cell = {"cell_type": "code", "metadata": {"tags": ["graded"]}, "source": text, "outputs": []}
    return json.dumps({"cells": [cell], "nbformat": 4, "nbformat_minor": 5, "metadata": {}})


@pytest.fixture
def filled_in(root):
    """The small project with a notebook in place of the skeleton."""
    changed(root, "\n[interface]", NOTEBOOK)
    (folder_of(root) / "template" / "small.ipynb").write_text(notebook(BLOCK))
    (folder_of(root) / "template" / "net.py").unlink()
    (folder_of(root) / "adapter.py").write_text("ADAPTED = True\n")
    reference = root / "reference" / "small_1"
    (reference / "net.py").unlink()
    right = BLOCK.replace('raise NotImplementedError("A-1")', "answer = 42")
    (reference / "small.ipynb").write_text(notebook(right))
    return root


def test_a_pack_with_a_notebook_is_its_clean_copy(filled_in):
    """The reference is what its blocks make of the template; so is what students were given."""
    pack = packs.load(filled_in, "small-1")
    (module,) = pack.reference
    assert module.path == "net.py"
    assert b"answer = 42" in module.data
    assert module.data.endswith(b"ADAPTED = True\n")
    assert [file.path for file in pack.given] == ["harness.py", "net.py"]
    assert b"NotImplementedError" in pack.given[1].data
    assert [file.path for file in pack.public_files] == ["harness.py"]
    before = pack.digest
    (folder_of(filled_in) / "adapter.py").write_text("ADAPTED = 1\n")
    assert packs.load(filled_in, "small-1").digest != before


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('outside = "warn"', 'outside = "warns"', "ignore, warn, deduct"),
        ('outside = "warn"', 'outside = "warn"\npoints = 2', "points go with outside = 'deduct'"),
        ('outside = "warn"', 'outside = "deduct"', "points go with outside = 'deduct'"),
        ('module = "net.py"', 'module = "net"', "name of a Python file"),
        ('"small.ipynb"', '"smal.ipynb"', "there is no .*; did you mean 'small.ipynb'"),
        ('"adapter.py"', '"adaptor.py"', "there is no .*; did you mean 'adapter.py'"),
        ('marker = "Solution Block"', 'marker = "Answer"', "no solution block"),
        ("template =", "templates =", "did you mean 'template'"),
    ],
)
def test_a_wrong_notebook_is_refused(filled_in, old, new, says):
    """What is wrong in the declaration of a notebook is said with the place."""
    assert re.search(says, refusal(changed(filled_in, old, new)))


def test_a_wrong_template_or_reference_is_refused(filled_in):
    """A template that is no Python, and a reference with an empty block, are no pack."""
    template = folder_of(filled_in) / "template" / "small.ipynb"
    template.write_text(notebook(BLOCK + "    x = ("))
    assert "no Python" in refusal(filled_in)
    template.write_text("{")
    assert "is no notebook" in refusal(filled_in)
    template.write_text(notebook(BLOCK))
    (filled_in / "reference" / "small_1" / "small.ipynb").write_text(notebook(BLOCK))
    assert "the reference is not filled in: A-1" in refusal(filled_in)

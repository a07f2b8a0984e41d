"""The pages say what the code does: keys of a rubric, commands, and links that lead somewhere."""

import re
import shutil
import tomllib
from functools import cache

import pytest

from grader import late, rubric, style
from grader.notebook import form
from grader.tables import Table
from tests.docs import offline, reference
from tests.docs.commands import PAGES, ROOT, tokens

RUBRICS = sorted((ROOT / "rubrics").glob("*/rubric.toml"))
PAGE = ROOT / "docs" / "rubric.md"
HEAD = "The head"
SAME = {"[also.NAME.interface]": "[interface]", "[also.NAME.adapter]": "[adapter]"}
EVERYTHING = """
[late]
due = 2026-11-20T23:59:00+05:30
share = 0.1
"""


# --- rubric.toml ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def accepted(tmp_path_factory):
    """The keys that the code takes, by table: heard from whatever asks for them while reading."""
    found = {}
    only = Table.only

    def listen(table, *known):
        found.setdefault(_heading(table.where), set()).update(known)
        only(table, *known)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Table, "only", listen)
        for number, path in enumerate(RUBRICS):
            folder = tmp_path_factory.mktemp("rubrics") / str(number)
            shutil.copytree(path.parent, folder, ignore=shutil.ignore_patterns("course"))
            text = (folder / "rubric.toml").read_text(encoding="utf-8")
            (folder / "rubric.toml").write_text(text + EVERYTHING, encoding="utf-8")
            rubric.read(folder)
    return found


def _heading(where):
    """Return what the page calls the table at a place: ``[[criteria]] '2c' [[checks]] 'x'``."""
    names = re.findall(r"\[+([a-z_]+)\]+", where)
    if names[:1] in (["also"], ["deductions"]) and len(names) > 1:
        names[1] = "NAME"
    many = where.endswith("'") and "[[" in where
    written = f"[[{'.'.join(names)}]]" if many else f"[{'.'.join(names)}]"
    return SAME.get(written, written) if names else HEAD


@cache
def told():
    """Return the keys that the page has, by table."""
    found, heading = {}, ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            heading = line[3:].strip("`")
        elif row := re.match(r"\| `([^`]+)` \|", line):
            found.setdefault(heading, set()).add(row[1])
    return found


def test_the_page_has_every_key_of_a_rubric_and_no_other(accepted):
    """What a rubric may say and what the page lists are the same, both ways, table by table."""
    assert told() == accepted


@pytest.mark.parametrize(
    "words",
    [rubric.RULES, tuple(late._PER), late._OF, late._AFTER, form.POLICIES,
     *style.MEASURES.values()],
    ids=["rule", "per", "of", "after", "outside", "comments", "names"],
)  # fmt: skip
def test_the_page_has_every_word_that_a_key_may_have(words):
    """Where a key takes one of a few words, the page names each of them."""
    text = PAGE.read_text(encoding="utf-8")
    assert [word for word in words if f'`"{word}"`' not in text and f"`{word}`" not in text] == []


def test_the_examples_of_the_page_are_of_its_tables():
    """Each example is TOML, and what it begins with is a key or a table that there is."""
    for token in tokens(PAGE):
        if token.type == "fence" and token.info == "toml":
            assert tomllib.loads(token.content).keys() <= told()[HEAD], token.content


# --- commands and links ---------------------------------------------------------------------------


def test_the_page_of_commands_is_that_of_the_parser():
    """docs/commands.md says what --help says; `make docs` writes it anew."""
    said = reference.PAGE.read_text(encoding="utf-8")
    assert said == reference.page(), "run `make docs`: it writes docs/commands.md"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_a_file_and_a_heading(page):
    """On a code host each relative link finds its file and heading; on the site it stays there."""
    within = ROOT / "docs" if page.is_relative_to(ROOT / "docs") else ROOT
    for target in _links(page):
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        assert file.is_file(), f"{page.relative_to(ROOT)}: there is no {target}"
        assert file.resolve().is_relative_to(within), f"{page.relative_to(ROOT)}: {target}"
        if anchor and file.suffix == ".md":
            assert anchor in _anchors(file), f"{page.relative_to(ROOT)}: no heading {target}"


def test_what_a_site_loads_from_the_network_is_seen(tmp_path):
    """A script, style or font from elsewhere is found; a link that is only clicked is not."""
    (tmp_path / "fine.html").write_text('<a href="https://example.org">x</a><img src="a.png">')
    assert offline.foreign(tmp_path) == []
    (tmp_path / "page.html").write_text('<script src="https://example.org/a.js"></script>')
    (tmp_path / "font.css").write_text("@font-face { src: url(//example.org/a.woff2) }")
    assert len(offline.foreign(tmp_path)) == 2


def test_the_readme_is_read_in_a_minute():
    """It has 150 lines at most; the rest is in docs/."""
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


def _links(page):
    """Return the relative links and pictures of a page."""
    found = []
    for token in tokens(page):
        for inner in token.children or ():
            target = inner.attrs.get("href") or inner.attrs.get("src")
            if target and not re.match(r"[a-z]+:", str(target)):
                found.append(str(target))
    return found


@cache
def _anchors(page):
    """Return what a code host calls the headings of a page: words, lower, joined by dashes."""
    text = page.read_text(encoding="utf-8")
    heads = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}

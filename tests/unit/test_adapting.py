"""A function that is handed in, behind the interface of a model; and checks that share a body."""

import pytest

from grader import adapting, marks
from grader.intake import SourceFile
from grader.tables import BadPack, Table

ADAPTER = adapting.Adapter("area", SourceFile("adapter.py", b"class Area:\n    side = area(2)\n"))


def run(files):
    """Run the file that has the class, as the guest would."""
    (data,) = [file.data for file in files if b"class Area" in file.data]
    space = {}
    exec(compile(data, "fitted", "exec"), space)
    return space["Area"]


def test_the_class_calls_the_function_that_was_handed_in():
    """It is put after the function, whatever the file is called, and lines stay where they were."""
    files = [
        SourceFile("a.py", b"x = 1\n"),
        SourceFile("mine.py", b"def area(s):\n    return s * s"),
    ]
    fitted = ADAPTER.fitted(files, ["area.py"])
    assert fitted[0] == files[0]
    assert fitted[1].data.startswith(files[1].data + b"\n")
    assert run(fitted).side == 4


def test_the_expected_file_wins():
    """Of two files with the function, the one with the usual name is taken."""
    old = SourceFile("old/area.py", b"def area(s):\n    return 0")
    new = SourceFile("area.py", b"def area(s):\n    return 1")
    assert run(ADAPTER.fitted([old, new], ["area.py"])).side == 1


def test_a_missing_function_is_said():
    """Where no file has it, building the model says so; without Python nothing is added."""
    with pytest.raises(NameError, match="no file defines area"):
        run(ADAPTER.fitted([SourceFile("a.py", b"def other(): ...")], ["area.py"]))
    sheet = SourceFile("README.md", b"")
    assert ADAPTER.fitted([sheet], ["area.py"]) == (sheet,)


def test_an_optional_function_need_not_be_handed_in():
    """Where nobody wrote it, or the file is as it was given, there is nothing to run."""
    given = SourceFile("area.py", b"def area(s):\n    raise NotImplementedError\n")
    other = SourceFile("a.py", b"x = 1")
    assert ADAPTER.optional([other], ["area.py"], [given]) == ()
    as_given = SourceFile("area.py", given.data.replace(b"\n", b"\r\n"))
    assert ADAPTER.optional([other, as_given], ["area.py"], [given]) == ()
    own = SourceFile("area.py", b"def area(s):\n    return 4")
    assert run(ADAPTER.optional([other, own], ["area.py"], [given])).side == 4


def test_a_missing_adapter_is_refused(tmp_path):
    """A pack that names a file that is not there is told which there are."""
    (tmp_path / "adapter.py").write_text("")
    table = Table({"file": "adaptor.py", "function": "area"}, "rubric.toml [adapter]")
    with pytest.raises(BadPack, match=r"did you mean 'adapter\.py'"):
        adapting.read(table, tmp_path)


def test_checks_with_dots_in_their_ids(tmp_path):
    """A function that serves many checks gives each of its parameters its mark."""
    (tmp_path / "test_a.py").write_text(
        "import pytest\n@pytest.mark.hidden\n"
        "@pytest.mark.parametrize('asked', ['2.1', '2.2.flops'])\n"
        "def test_answer(asked): ...\n@pytest.mark.public\ndef test_plain(): ...\n"
    )
    assert marks.read(tmp_path) == {"2.1": "hidden", "2.2.flops": "hidden", "plain": "public"}


def test_ids_have_to_be_written_out(tmp_path):
    """Ids that only a run would tell are refused."""
    (tmp_path / "test_a.py").write_text(
        "import pytest\n@pytest.mark.hidden\n@pytest.mark.parametrize('asked', IDS)\n"
        "def test_answer(asked): ...\n"
    )
    with pytest.raises(BadPack, match="has to list the ids"):
        marks.read(tmp_path)

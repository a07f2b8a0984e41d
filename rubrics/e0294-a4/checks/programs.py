"""Which file of a submission is the program of 1a and 1b, and what it prints.

It is found by the words of its rows and run as by hand; where it asks for its inputs, the sheet's
are given. Students have this file, too: `grader check` runs their program by it.
"""

import functools
from pathlib import PurePosixPath

from grader.beside import beside
from grader.errors import StudentFault
from grader.inputs import NoPlan, plan

profile_rows = beside(__file__, "profile_rows")

SOURCE = ".py"
MODEL = b"class DecoderOnlyTransformer"  # a file with the model is problem 2's
TABLE_WORDS = ("param", "kv", "cache", "batch", "memory", "layer", "head", "vocab", "tensor")
PROGRAMS = 6  # tried at most
SHEET_INPUTS = {
    "layers": 32, "query_heads": 32, "kv_heads": 8, "d_model": 4096, "d_ff": 14336,
    "vocab": 128256, "device": 80, "context": 1024, "weight_bytes": 2, "kv_bytes": 2, "tp": 1,
}  # fmt: skip
"""The sheet's defaults, and for what it leaves open the usual ones."""


class Programs:
    """The files of a submission that are programs; ``scripts`` runs them in its sandbox."""

    def __init__(self, scripts, files):
        self.scripts = scripts
        self.files = files
        self.trouble = ""

    @functools.cached_property
    def programs(self):
        """Return the files that could print the table, the likeliest first."""
        ranked = []
        for path in self._named(SOURCE):
            text = self.text(path).lower()
            score = sum(word in text for word in TABLE_WORDS) + 2 * ("max batch" in text)
            if score > 2 and "print" in text:
                ranked.append((-score, path))
        return [path for _, path in sorted(ranked)][:PROGRAMS]

    @functools.cached_property
    def program(self):
        """Return (path, run) of the program whose output has most of the rows; None if none has.

        ``run`` is None where nothing could be seen of any program; ``path`` is then the likeliest.
        """
        best = None
        for path in self.programs:
            run = self._run_with_defaults(path)
            if run is None:
                continue
            rows = _rows(run.printed)
            if rows and (best is None or rows > best[0]):
                best = rows, path, run
            if rows == len(profile_rows.RESULTS):
                break
        return best[1:] if best else (self.programs[0], None) if self.programs else None

    def _run_with_defaults(self, path):
        """Run a program as by hand; if it shows nothing so, with the sheet's inputs."""
        self.trouble = ""
        runs = [self._run(path)]
        if not (runs[0] and _rows(runs[0].printed) > 1):
            asked = self._planned(path, SHEET_INPUTS)
            runs.append(asked and self._run(path, asked))
        runs = [run for run in runs if run is not None]
        best = max(runs, key=lambda run: _rows(run.printed), default=None)
        if best is not None and best.trouble:
            self.trouble = best.trouble
        return best

    def _run(self, path, planned=None):
        options = {}
        if planned is not None:
            options = {"argv": planned.argv, "stdin": planned.stdin, "files": planned.files}
        try:
            return self.scripts.run(path, **options)
        except StudentFault as fault:
            self.trouble = fault.message
            return None

    def _planned(self, path, values):
        """Return how to run a program with other inputs; None where it takes none."""
        folder = str(PurePosixPath(path).parent)
        near = {
            PurePosixPath(other).name: self.text(other)
            for other in self._named(".json", ".toml", ".yaml", ".yml", ".ini", ".cfg")
            if str(PurePosixPath(other).parent) == folder
        }
        name, source = PurePosixPath(path).name, self.text(path)
        found = plan(name, source, profile_rows.ROWS, values, near)
        if isinstance(found, NoPlan):  # it may ask for more, and want an answer to all
            found = plan(name, source, profile_rows.ROWS, {**SHEET_INPUTS, **values}, near)
        if isinstance(found, NoPlan):
            return None
        prefix = "" if folder == "." else f"{folder}/"
        files = {f"{prefix}{name}": text for name, text in found.files.items()}
        return type(found)(found.way, found.argv, found.stdin, files, found.covered, found.missing)

    def text(self, path):
        """Return a file as text, its beginning if it is long."""
        return self.files[path][:200_000].decode("utf-8", errors="replace")

    def _named(self, *endings):
        return sorted(path for path in self.files if path.lower().endswith(endings))


def _rows(printed):
    """Return how many of the table's rows a text has."""
    tables, _ = profile_rows.tables(printed)
    return len({row for table in tables for row in table.rows if row in profile_rows.RESULTS})

"""Problem 1 of a submission, gathered once for all of its checks.

The program that prints the table is found by the words of its rows and run as by hand; where it
asks for its inputs, the sheet's are given. It is run again with other inputs, so that numbers typed
in show. Scripts that draw are run in one folder. Answer sheets are read as text.
"""

import functools
from pathlib import PurePosixPath

from grader.beside import beside
from grader.errors import StudentFault
from grader.formulas.examine import examine
from grader.inputs import NoPlan, plan

profile = beside(__file__, "profile")
curves = beside(__file__, "curves")
following = beside(__file__, "following")

SOURCE = ".py"
OTHER_LANGUAGES = (
    ".c", ".cc", ".cpp", ".cs", ".cu", ".go", ".hs", ".ipynb", ".java", ".jl", ".js", ".kt", ".m",
    ".pl", ".r", ".rb", ".rs", ".scala", ".sh", ".swift", ".ts", ".xlsx", ".ods",
)  # fmt: skip
OUTPUTS = (".txt", ".out", ".log", ".csv")
SHEETS = (".tex", ".md", ".markdown", ".txt", ".pdf", ".ipynb")
PICTURES = (".png", ".jpg", ".jpeg", ".svg", ".gif", ".bmp", ".webp", ".heic")
TABLE_WORDS = ("param", "kv", "cache", "batch", "memory", "layer", "head", "vocab", "tensor")
MODEL = b"class DecoderOnlyTransformer"  # a file with the model is problem 2's
PLOT_WORDS = ("matplotlib", "pyplot", "plt.")
WRITE_WORDS = (".write", "to_csv", "savetxt", "to_json", "np.save", ".dump")
CURVE_WORDS = ("intensity", "flop", "prefill", "decode", "roofline")
PROGRAMS = 6  # tried at most
LISTING = 20_000  # characters kept for a human
SHEET_INPUTS = {
    "layers": 32, "query_heads": 32, "kv_heads": 8, "d_model": 4096, "d_ff": 14336,
    "vocab": 128256, "device": 80, "context": 1024, "weight_bytes": 2, "kv_bytes": 2, "tp": 1,
}  # fmt: skip
"""The sheet's defaults, and for what it leaves open the usual ones."""

OTHER = profile.Spec(
    layers=40, query_heads=64, kv_heads=16, d_model=8192, d_ff=13824, vocab=32000, device=141
)
"""Another model on another device: every number differs from the sheet's, and with any of them left
at the sheet's it is still a model, for a program that has no place for one."""

PARALLEL = (2, 4, 8)


class Problem1:
    """What a submission has for problem 1. ``scripts`` runs its files in its sandbox."""

    curves = curves

    def __init__(self, scripts, questions, given):
        """``given``: contents of files that every student was given; they are nobody's answer."""
        self.scripts = scripts
        self.questions = questions
        self.trouble = ""
        self.files = {
            path: data
            for path, data in scripts.files.items()
            if data not in given and not (MODEL in data and b"atch size" not in data)
        }

    # --- the program of 1a and 1b -------------------------------------------------------------

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
            if rows == len(profile.rows.RESULTS):
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
        found = plan(name, source, profile.ROWS, values, near)
        if isinstance(found, NoPlan):  # it may ask for more, and want an answer to all
            found = plan(name, source, profile.ROWS, {**SHEET_INPUTS, **values}, near)
        if isinstance(found, NoPlan):
            return None
        prefix = "" if folder == "." else f"{folder}/"
        files = {f"{prefix}{name}": text for name, text in found.files.items()}
        return type(found)(found.way, found.argv, found.stdin, files, found.covered, found.missing)

    @functools.cached_property
    def judgement(self):
        """Return the profile of what was printed and a verdict for each row."""
        path, run = self.program
        parallel = {}
        base = profile.judge(run.printed, self.text(path))
        if base.verdicts["tensor_parallel"].variant == "missing":
            for x in PARALLEL:
                asked = self._planned(path, {"tp": x})
                other = asked and "tp" in asked.covered and self._run(path, asked)
                if other:
                    parallel[x] = other.printed
        return profile.judge(run.printed, self.text(path), parallel=parallel) if parallel else base

    def with_other_inputs(self):
        """Return (plan, run, what follows) for another model; the first is None where none is."""
        path, run = self.program
        found = self.judgement.profile
        spec = profile.Spec(**{
            **vars(OTHER), "context": found.context, "weight_bytes": _number(found.weight_bytes),
            "kv_bytes": _number(found.kv_bytes),
        })  # fmt: skip
        values = {name: value for name, value in vars(spec).items() if value is not None}
        asked = self._planned(path, values)
        if asked is None:
            return None, None, None
        other = self._run(path, asked)
        if other is None:
            return asked, None, None
        return asked, other, profile.follows(found, other.printed, spec, run.printed, asked.missing)

    # --- figures and sheets -------------------------------------------------------------------

    @functools.cached_property
    def drawn(self):
        """Return the runs of all scripts that draw, after those that may write what they draw."""
        drawing, writing = self._by_curves(PLOT_WORDS), self._by_curves(WRITE_WORDS)
        if not drawing:
            return []
        before = [path for path in dict.fromkeys([*self.programs, *writing]) if path not in drawing]
        return self.scripts.draw([*before, *drawing])

    def _by_curves(self, words):
        """Return the scripts that have one of these words, those that speak of curves first."""
        chosen = []
        for path in self._named(SOURCE):
            text = self.text(path).lower()
            if any(word in text for word in words):
                chosen.append((not any(word in text for word in CURVE_WORDS), path))
        return [path for _, path in sorted(chosen)][:PROGRAMS]

    @property
    def figures(self):
        """Return all figures of all scripts, in one list."""
        return [figure for run in self.drawn for figure in run.figures]

    @functools.cached_property
    def sheet(self):
        """Return the answers of the sheets, read (see `grader.formulas`)."""
        return examine(self.files, self.questions)

    def own_intensities(self, phase):
        """Return the intensities that the sheet's own formulas give, for "prefill" or "decode"."""
        return following.intensities(self.sheet.answers, self.questions, phase)

    @property
    def sheets(self):
        """Return the paths of what may be an answer sheet."""
        return self._named(*SHEETS)

    def sheets_as_text(self):
        """Return the paths of the sheets that are text."""
        return [path for path in self.sheets if not path.lower().endswith(".pdf")]

    @property
    def pictures(self):
        """Return the paths of pictures that were handed in."""
        return self._named(*PICTURES)

    @property
    def other_programs(self):
        """Return the paths of programs that cannot be run here."""
        return self._named(*OTHER_LANGUAGES)

    @property
    def outputs(self):
        """Return the paths of what may be a program's output, handed in with it."""
        return self._named(*OUTPUTS)

    def text(self, path):
        """Return a file as text, its beginning if it is long."""
        return self.files[path][:200_000].decode("utf-8", errors="replace")

    def listing(self, *paths):
        """Return files as one text for a human."""
        parts = [f"=== {path} ===\n{self.text(path)[:LISTING]}" for path in paths]
        return "\n\n".join(parts).encode()

    def _named(self, *endings):
        return sorted(path for path in self.files if path.lower().endswith(endings))


def _rows(printed):
    """Return how many of the table's rows a text has."""
    tables, _ = profile.rows.tables(printed)
    return len({row for table in tables for row in table.rows if row in profile.rows.RESULTS})


def _number(value):
    return None if value is None else float(value)

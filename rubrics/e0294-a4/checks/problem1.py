"""Problem 1 of a submission, gathered once for all of its checks.

The program that prints the table is found by the words of its rows and run as by hand; where it
asks for its inputs, the sheet's are given. It is run again with other inputs, so that numbers typed
in show. Scripts that draw are run in one folder. Answer sheets are read as text.
"""

import functools

from grader.beside import beside
from grader.formulas.examine import examine

profile = beside(__file__, "profile")
curves = beside(__file__, "curves")
following = beside(__file__, "following")
programs = beside(__file__, "programs")

OTHER_LANGUAGES = (
    ".c", ".cc", ".cpp", ".cs", ".cu", ".go", ".hs", ".ipynb", ".java", ".jl", ".js", ".kt", ".m",
    ".pl", ".r", ".rb", ".rs", ".scala", ".sh", ".swift", ".ts", ".xlsx", ".ods",
)  # fmt: skip
OUTPUTS = (".txt", ".out", ".log", ".csv")
SHEETS = (".tex", ".md", ".markdown", ".txt", ".pdf", ".ipynb")
PICTURES = (".png", ".jpg", ".jpeg", ".svg", ".gif", ".bmp", ".webp", ".heic")
PLOT_WORDS = ("matplotlib", "pyplot", "plt.")
WRITE_WORDS = (".write", "to_csv", "savetxt", "to_json", "np.save", ".dump")
CURVE_WORDS = ("intensity", "flop", "prefill", "decode", "roofline")
LISTING = 20_000  # characters kept for a human
OTHER = profile.Spec(
    layers=40, query_heads=64, kv_heads=16, d_model=8192, d_ff=13824, vocab=32000, device=141
)
"""Another model on another device: every number differs from the sheet's, and with any of them left
at the sheet's it is still a model, for a program that has no place for one."""

PARALLEL = (2, 4, 8)


class Problem1(programs.Programs):
    """What a submission has for problem 1. ``scripts`` runs its files in its sandbox."""

    curves = curves

    def __init__(self, scripts, questions, given):
        """``given``: contents of files that every student was given; they are nobody's answer."""
        files = {
            path: data
            for path, data in scripts.files.items()
            if data not in given and not (programs.MODEL in data and b"atch size" not in data)
        }
        super().__init__(scripts, files)
        self.questions = questions

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
        for path in self._named(programs.SOURCE):
            text = self.text(path).lower()
            if any(word in text for word in words):
                chosen.append((not any(word in text for word in CURVE_WORDS), path))
        return [path for _, path in sorted(chosen)][: programs.PROGRAMS]

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

    def listing(self, *paths):
        """Return files as one text for a human."""
        parts = [f"=== {path} ===\n{self.text(path)[:LISTING]}" for path in paths]
        return "\n\n".join(parts).encode()


def _number(value):
    return None if value is None else float(value)

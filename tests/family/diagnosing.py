"""Diagnosing sources of our own, in the process sandbox: they are harmless, and it is quick."""

import secrets
from functools import cached_property

from grader import pack as packs
from grader.checking.diagnosis import diagnose
from grader.checking.draw import Draw
from grader.checking.probing import Questions, load_vectors
from grader.grade import REFERENCE_LIMITS, family_for
from grader.intake import SourceFile
from grader.sandbox.process import ProcessSandbox
from grader.student import Student
from tests.family.styles import PACK, ROOT


class Clinic:
    """One family on one draw, for any number of patients; a context manager."""

    def __init__(self):
        self.pack = packs.load(ROOT, PACK.name)
        self.sandbox = ProcessSandbox()
        self.draw = Draw(secrets.token_hex(8))
        self._context = family_for(self.pack, self.sandbox, self.draw)

    def __enter__(self):
        self.family = self._context.__enter__()
        return self

    def __exit__(self, *error):
        return self._context.__exit__(*error)

    @cached_property
    def questions(self):
        """Return the pack's probes on this draw."""
        return Questions.of(load_vectors(self.pack.checks_folder), self.draw)

    def diagnose(self, source):
        """Return what is said about a source text."""
        files = [SourceFile("submission.py", source.encode())]
        interface = self.pack.interface
        with Student(self.sandbox, files, interface, REFERENCE_LIMITS) as student:
            return diagnose(student, self.family, self.questions, self.pack.atol)

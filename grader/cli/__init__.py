"""The front door: arguments in, calls out. Only this room prints and exits.

Exit codes: 0 graded, whatever the score; 1 usage, a bad pack or no such submission;
2 a fault of ours, with points withheld; 130 stopped by Ctrl-C.
"""

from grader.cli.door import main

__all__ = ["main"]

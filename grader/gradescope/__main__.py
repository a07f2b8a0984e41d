"""Started by run_autograder: `python -m grader.gradescope /autograder`."""

import sys
from pathlib import Path

from grader.errors import GraderError
from grader.gradescope import inside

if __name__ == "__main__":
    try:
        sys.stdout.write(f"{inside.run(Path(sys.argv[1]), Path.cwd())}\n")
    except GraderError as error:
        # No results.json: the platform then says that the autograder failed, and gives no points.
        sys.exit(f"grader: {error}; no points were given, and nobody has lost any")

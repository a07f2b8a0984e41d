# Each target sets up what it needs; all real work is done by the command `grader`.
PYTHON ?= python3
VENV := .venv
GRADER := $(VENV)/bin/grader
SUB ?= submissions/alice
DEVICE ?= auto

.PHONY: help setup grade batch check image doctor test lint docs bench margins proof clean

help:          ## list the targets
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(VENV)/.ready  ## make the environment in .venv

$(VENV)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=python3.12 setup")'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

grade: setup   ## grade one submission: make grade SUB=submissions/alice
	@$(GRADER) grade $(SUB) --device $(DEVICE) $(if $(PACK),--pack $(PACK))

batch: setup   ## grade a folder of submissions: make batch SUBS=hand-ins
	@$(GRADER) batch $(or $(SUBS),$(error say which folder: make batch SUBS=hand-ins)) --device $(DEVICE) --resume $(if $(PACK),--pack $(PACK)) $(if $(ROSTER),--roster $(ROSTER))

check: setup   ## the public checks, as a student runs them: make check SUB=folder HANDOUT=handout
	@$(GRADER) check $(or $(SUB),.) $(if $(HANDOUT),--handout $(HANDOUT))

image: setup   ## make the sandbox's image anew
	@$(GRADER) image $(if $(filter cuda%,$(DEVICE)),--device cuda)

doctor: setup  ## what this machine can do, and what mends it
	@$(GRADER) doctor

test: setup    ## run the tests; those with Docker or bubblewrap are skipped where there is none
	@$(if $(ALL),GRADER_ALL=1) $(VENV)/bin/python -m pytest

lint: setup    ## style and types
	@$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check grader tests rubrics reference && $(VENV)/bin/mypy

docs: $(VENV)/.docs  ## the pages of docs/ as a site, in site/; a broken link is an error
	@$(VENV)/bin/python -m tests.docs.reference
	@NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --strict
	@$(VENV)/bin/python -m tests.docs.offline site

$(VENV)/.docs: $(VENV)/.ready
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	@touch $@

bench: setup   ## figures of this machine, side by side
	@$(VENV)/bin/python tests/bench/startup.py && $(VENV)/bin/python tests/bench/formulas.py && $(VENV)/bin/python tests/bench/latency.py --short

margins: setup ## how far mistakes miss the tolerance and honest work keeps below it
	@$(VENV)/bin/python -m tests.family.margins

proof: setup   ## everything long, resumable: make proof, or make proof PARTS="attacks fuzz"
	@$(VENV)/bin/python -m tests.proof $(PARTS)

clean:         ## remove what was made here, results excepted
	rm -rf $(VENV) site .mypy_cache .ruff_cache .pytest_cache *.egg-info

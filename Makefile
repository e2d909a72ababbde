# Everything a fresh checkout needs: python3 (3.11 or newer) with venv, and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# The programs of remote/ are pieces: variables come from other pieces, and quotes cost bytes on the line
# where the words are our own. Each is tested under dash, bash and BusyBox ash.
SHELLCHECK_OFF := SC2034,SC2046,SC2059,SC2086,SC2094,SC2154,SC2162,SC2164,SC2216,SC2254,SC2283

.PHONY: help demo test soak vm-test lint docs bench format clean

help:
	@echo "make demo     try it: a lab, a key, the real command"
	@echo "make test     all tests that need no root"
	@echo "make soak     thousands of jobs over bad lines (RUNS=1000 of each), every damage to the start line, every cut"
	@echo "make vm-test  the tests on a real machine in QEMU (root)"
	@echo "make lint     ruff, mypy --strict, the floors, shellcheck"
	@echo "make docs     the documentation as a site, in site/"
	@echo "make bench    the benchmarks, as tables"

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed (PYTHON=...)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $(READY)

demo: $(READY)
	@$(BIN)/python examples/demo.py

test: $(READY)
	$(BIN)/python -m pytest -m 'not vm' -n 2

soak: $(READY)
	$(BIN)/python -m tests.support.soak --runs $(or $(RUNS),1000)
	$(BIN)/python -m tests.support.starts
	$(BIN)/python -m tests.support.cuts

vm-test: $(READY)
	@test "$$(id -u)" = 0 || { echo "make vm-test builds a Debian image and needs root: sudo make vm-test"; exit 1; }
	@$(BIN)/python -m tests.vm.image
	$(BIN)/python -m pytest -m vm tests/vm

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@command -v shellcheck >/dev/null || { echo "shellcheck is needed: apt-get install shellcheck"; exit 1; }
	shellcheck --shell=sh --exclude=$(SHELLCHECK_OFF) sosagent/shell/remote/*.sh

docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY)
	$(BIN)/python -m bench

clean:
	rm -rf $(VENV) site .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

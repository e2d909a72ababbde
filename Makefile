# Everything a fresh checkout needs: python3 (3.11 or newer) with venv, and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Files that record what is installed: the package alone, and the development tools as well.
INSTALLED := $(VENV)/.installed
READY := $(VENV)/.ready
PIP_INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check
TYPED := sosagent tests bench examples
# The Python of the documentation, written here for mypy.
PAGE_PROGRAMS := build/page_programs
# Many tests wait for something other than the processor (see tests/conftest.py).
WORKERS ?= 14
# Pages of the documentation at a time.
PAGES_WORKERS ?= 4
# Machines at a time. Each takes half of a core on average.
VM_WORKERS ?= 5

# The programs in remote/ are fragments: they use variables that other fragments set, and leave out quotes where the
# words are our own, because every byte goes over the line. The tests run each under dash, bash and BusyBox ash.
SHELLCHECK_OFF := SC2034,SC2046,SC2059,SC2086,SC2094,SC2154,SC2162,SC2164,SC2216,SC2254,SC2283

# Programs that run a thousand times start faster from their bytecode.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test soak vm-test vm-matrix lint docs follow bench format clean

help:
	@echo "make demo     start a lab and add a key to its machine with the real command"
	@echo "make test     run all tests that need no virtual machine (about 5 minutes)"
	@echo "make soak     run the tests marked long, thousands of jobs over bad lines (RUNS=1000 for each kind of"
	@echo "              line), every damage to the start line, a cut after every byte, printed prompts, every command"
	@echo "              stopped, logins to sshd, odd profiles, and every job on each userland (hours; needs root)"
	@echo "make vm-test  run the tests on a real machine in QEMU (needs root)"
	@echo "make vm-matrix  run each job on each system of docs/reference/machines.md (needs root, about 15 minutes)"
	@echo "make lint     run ruff, mypy --strict, the import contracts, the size limits and shellcheck"
	@echo "make docs     build the documentation in site/, and run the commands and programs of its pages"
	@echo "make follow   copy and paste every command of the pages in a clean Debian 12 (needs root)"
	@echo "make bench    run the benchmarks and print their tables"

$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed (PYTHON=...)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP_INSTALL) --editable .
	@touch $(INSTALLED)

$(READY): $(INSTALLED)
	$(PIP_INSTALL) --editable '.[dev]'
	@touch $(READY)

demo: $(INSTALLED)
	@$(BIN)/python examples/demo.py

# The quiet tests first: they compile the tests once, which otherwise each worker would do.
test: $(READY)
	$(BIN)/python -m pytest -m 'quiet and not vm and not pages and not long'
	$(BIN)/python -m pytest -m 'not vm and not quiet and not pages and not long' -n $(WORKERS) --dist worksteal

soak: $(READY)
	$(BIN)/python -m pytest -m 'long and not vm' -n $(WORKERS) --dist worksteal
	@$(BIN)/python -m tests.vm.image
	$(BIN)/python -m pytest -m 'long and vm' -n $(VM_WORKERS) --dist worksteal --timeout 300 tests/vm
	$(BIN)/python -m tests.support.soak --runs $(or $(RUNS),1000)
	$(BIN)/python -m tests.support.starts
	$(BIN)/python -m tests.support.cuts
	$(BIN)/python -m tests.support.stalls
	$(BIN)/python -m tests.support.hostile --seconds $(or $(SECONDS),3600)
	$(BIN)/python -m tests.support.attacks
	$(BIN)/python -m tests.support.sweep
	$(BIN)/python -m tests.support.roots && $(BIN)/python -m tests.support.languages
	$(BIN)/python -m tests.support.sshd_logins --seeds 0-640
	$(BIN)/python -m tests.support.profile_runs
	$(BIN)/python -m tests.support.userland_jobs

vm-test: $(READY)
	@test "$$(id -u)" = 0 || { echo "make vm-test builds a Debian image and needs root: sudo make vm-test"; exit 1; }
	@$(BIN)/python -m tests.vm.image
	$(BIN)/python -m pytest -m 'vm and not long' -n $(VM_WORKERS) --dist worksteal --timeout 300 tests/vm tests/matrix

vm-matrix: $(READY)
	$(BIN)/python -m tests.matrix

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m tests.support.doc_blocks $(PAGE_PROGRAMS)
	$(BIN)/mypy $(TYPED) $(PAGE_PROGRAMS)
	$(BIN)/lint-imports
	$(BIN)/python -m tests.support.sizes
	@command -v shellcheck >/dev/null || { echo "shellcheck is needed: apt-get install shellcheck"; exit 1; }
	shellcheck --shell=sh --exclude=$(SHELLCHECK_OFF) sosagent/shell/remote/*.sh

docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	$(BIN)/python -m tests.support.site site
	$(BIN)/python -m pytest -m pages -n $(PAGES_WORKERS) tests/docs

follow: $(READY)
	$(BIN)/python -m tests.support.follow

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY)
	$(BIN)/python -m bench

clean:
	rm -rf $(VENV) build site .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

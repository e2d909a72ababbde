"""Run the matrix of systems and jobs: ``make vm-matrix``, or ``python -m tests.matrix --systems sid,de --jobs add``.

It writes ``results.json`` beside this module, and the table of docs/reference/machines.md. It needs root.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

from docs.machine_table import MACHINE_TABLE

from ..vm.image import build, missing_tools
from .jobs import JOBS, Cell, Job, run_cell
from .results import load
from .roots import built
from .systems import SYSTEMS, System


def main() -> None:
    """Run the cells that the command line names, and exit with status 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--systems", default=",".join(SYSTEMS), help="names, separated by commas")
    parser.add_argument("--jobs", default=",".join(JOBS), help="names, separated by commas")
    parser.add_argument("--failed", action="store_true", help="of these, only the cells that have not passed")
    parser.add_argument("--workers", type=int, default=2, help="machines at a time")
    arguments = parser.parse_args()
    if absent := missing_tools():
        sys.exit(f"install these Debian packages first: {' '.join(absent)}")
    if os.geteuid() != 0:
        sys.exit("the matrix makes root file systems and needs root: sudo make vm-matrix")
    results = load()
    settled = {key for key, cell in results.cells.items() if cell.outcome != "failed"} if arguments.failed else set()
    chosen = [
        (SYSTEMS[system], JOBS[job])
        for system, job in product(arguments.systems.split(","), arguments.jobs.split(","))
        if (system, job) not in settled and JOBS[job].fits(SYSTEMS[system])
    ]
    for system in {system.name: system for system, _ in chosen}.values():
        if system.root:
            built(system.root)
        else:
            build(system.variant)
    described = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
    today = datetime.now(UTC).date().isoformat()
    results = replace(results, date=today, commit=described.stdout.strip())
    outcomes: Counter[str] = Counter()
    for cell in _run_all(chosen, arguments.workers):
        outcomes[cell.outcome] += 1
        results = results.updated([cell])
        results.save()
    MACHINE_TABLE.write()
    print(f"{outcomes.total() - outcomes['failed']} passed, {outcomes['failed']} failed")
    sys.exit(1 if outcomes["failed"] else 0)


def _run_all(chosen: list[tuple[System, Job]], workers: int) -> Iterator[Cell]:
    """Run cells side by side, and print each when it is done."""
    with ThreadPoolExecutor(workers) as pool:
        for cell in pool.map(_run_one, chosen):
            print(f"{cell.outcome:8}{cell.system:16}{cell.job:16}{cell.seconds:5} s  {cell.note}", flush=True)
            yield cell


def _run_one(chosen: tuple[System, Job]) -> Cell:
    system, job = chosen
    with tempfile.TemporaryDirectory(prefix="sosagent-cell-") as folder:
        try:
            return run_cell(system, job, Path(folder))
        except (AssertionError, OSError, RuntimeError, ValueError, subprocess.SubprocessError) as error:
            return Cell(system.name, job.name, "failed", f"{type(error).__name__}: {error}"[:400], 0.0)


if __name__ == "__main__":
    main()

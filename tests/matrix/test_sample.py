"""A sample of the matrix; `make vm-matrix` runs all of it. Its systems need one root file system of Debian."""

from __future__ import annotations

from pathlib import Path

import pytest

from .jobs import JOBS, run_cell
from .systems import SYSTEMS

pytestmark = pytest.mark.vm

SAMPLE = (
    "debian13 no-folder", "debian13 sudo", "debian13 hostkeys", "mksh remove", "dropbear add", "busybox add",
    "busybox-cksum su", "busybox-no-stty upload", "toybox list", "de wrong-password", "ja su", "ru sudo",
)  # fmt: skip


@pytest.mark.parametrize("cell", SAMPLE)
def test_a_cell(cell: str, tmp_path: Path) -> None:
    system, job = cell.split()
    done = run_cell(SYSTEMS[system], JOBS[job], tmp_path)
    assert done.outcome == "passed", done.note

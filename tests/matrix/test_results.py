"""The stored results of the matrix; tests/docs compares the page with them."""

from __future__ import annotations

from .jobs import JOBS, REFUSALS
from .results import load
from .systems import SYSTEMS


def test_every_cell_was_run_and_none_fails() -> None:
    cells = load().cells
    expected = {(system.name, job.name) for system in SYSTEMS.values() for job in JOBS.values() if job.fits(system)}
    assert set(cells) == expected
    assert {key for key, cell in cells.items() if cell.outcome == "refused"} == set(REFUSALS)
    assert [cell for cell in cells.values() if cell.outcome == "failed"] == []

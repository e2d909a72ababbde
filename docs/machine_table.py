"""Generate the table of docs/reference/machines.md from what `make vm-matrix` found (tests/matrix/results.json).

Run:  python -m docs.machine_table
"""

from __future__ import annotations

from collections import Counter

from docs.generated import DOCS, GeneratedPart, table_row
from tests.matrix.jobs import JOBS
from tests.matrix.results import load
from tests.matrix.systems import SYSTEMS

_MARKS = {"passed": "✓", "refused": "refused", "failed": "**fails**", "untried": "untried"}


def table() -> str:
    """Return the table, the reasons below it, and their counts, as Markdown."""
    results = load()
    reasons: dict[str, int] = {}
    rows = [table_row("system", *(job.title for job in JOBS.values())), "|---" * (len(JOBS) + 1) + "|"]
    counts: Counter[str] = Counter()
    for system in SYSTEMS.values():
        cells = []
        for job in JOBS.values():
            if not job.fits(system):
                cells.append("–")
                continue
            cell = results.cells.get((system.name, job.name))
            outcome = cell.outcome if cell else "untried"
            counts[outcome] += 1
            note = cell.note if cell else ""
            number = f" ({reasons.setdefault(note, len(reasons) + 1)})" if note else ""
            cells.append(_MARKS[outcome] + number)
        rows.append(table_row(system.title, *cells))
    summary = ", ".join(f"{counts[outcome]} {outcome}" for outcome in _MARKS if counts[outcome])
    notes = [f"{number}. {_plain(note)}" for note, number in reasons.items()]
    return "\n".join([*rows, "", f"Run on {results.date} with {results.commit}: {summary}.", "", *notes]).rstrip()


def _plain(note: str) -> str:
    """Return a message of the command as Markdown that shows it as it is."""
    return "".join(f"\\{letter}" if letter in "\\`*_{}[]<>#|" else letter for letter in note)


MACHINE_TABLE = GeneratedPart(DOCS / "reference" / "machines.md", "machines", "docs/machine_table.py", table)

if __name__ == "__main__":
    MACHINE_TABLE.write()

"""The results of the matrix, in ``results.json`` beside this module: the documentation's page is made from them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from .jobs import Cell

__all__ = ["FILE", "Results", "load"]

FILE = Path(__file__).with_name("results.json")


@dataclass(frozen=True)
class Results:
    """What the last runs of the matrix gave.

    Fields:
        date: the day of the last run.
        commit: the version that it tried.
        cells: by system and job. A run of a part replaces that part.
    """

    date: str
    commit: str
    cells: dict[tuple[str, str], Cell]

    def updated(self, cells: Iterable[Cell]) -> Results:
        """Return the results with these cells replaced."""
        return Results(self.date, self.commit, {**self.cells, **{(cell.system, cell.job): cell for cell in cells}})

    def save(self) -> None:
        """Write them to the file, with one line for each cell."""
        cells = ",\n".join(
            f"    {json.dumps(asdict(self.cells[key]), ensure_ascii=False)}" for key in sorted(self.cells)
        )
        FILE.write_text(
            f'{{\n  "date": {json.dumps(self.date)},\n  "commit": {json.dumps(self.commit)},\n'
            f'  "cells": [\n{cells}\n  ]\n}}\n',
            "utf-8",
        )


def load() -> Results:
    """Return the results in the file, or empty ones if it does not exist."""
    if not FILE.exists():
        return Results("", "", {})
    stored = json.loads(FILE.read_text("utf-8"))
    cells = [Cell(**fields) for fields in stored["cells"]]
    return Results(stored["date"], stored["commit"], {(cell.system, cell.job): cell for cell in cells})

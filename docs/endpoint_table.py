"""Write the table of dialects in docs/endpoints.md from `sosagent/endpoint/dialects.py`.

python -m docs.endpoint_table
"""

from __future__ import annotations

from pathlib import Path

from docs.state_table import between
from sosagent.endpoint.dialects import DIALECTS, PLAIN, Dialect, spelled

PAGE = Path(__file__).parent / "endpoints.md"
BEGIN, END = "<!-- dialects: made by docs/endpoint_table.py -->", "<!-- end of dialects -->"


def table() -> str:
    """The table as Markdown."""
    rows = [
        "| dialect | endpoint | known by | entered by | left by | what frees it | never sent |",
        "|---|---|---|---|---|---|---|",
    ]
    return "\n".join([*rows, *(_row(row) for row in DIALECTS.values() if row is not PLAIN)])


def _row(row: Dialect) -> str:
    cells = (
        f"`{row.name}`",
        row.title,
        _known_by(row),
        " or ".join(", then ".join(f"`{line}`" for line in way) for way in row.enter),
        _keys(row.leave),
        f"{row.free}{'; `--kick`' if row.can_kick else ''}",
        ", ".join(map(_keys, row.forbidden)),
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _known_by(row: Dialect) -> str:
    if row.programs:
        return "its program: " + ", ".join(f"`{name}`" for name in row.programs)
    if row.hosts:
        return "its host's name"
    return "its prompt" if (row.enter and "->" in row.prompt) or ">>" in row.prompt else "`?dialect=`"


def _keys(data: bytes) -> str:
    return f"`{spelled(data)}`" if data else ""


def with_table(text: str) -> str:
    """Give the page's `text` with the table as it is now."""
    return between(text, BEGIN, END, table())


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text("utf-8")), "utf-8")

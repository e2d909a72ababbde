"""Generate the table of endings in docs/endpoints.md from `sosagent/terminal/endpoint_texts.py`.

Run:  python -m docs.text_table
"""

from __future__ import annotations

from docs.generated import DOCS, GeneratedPart, table_row
from sosagent.terminal.endpoint_texts import TEXTS, Means, Text

_MEANINGS = {
    Means.BUSY: "another session has the console",
    Means.READ_ONLY: "the session is read-only",
    Means.NO_CONSOLE: "there is no console",
    Means.UNREACHABLE: "not reached",
    Means.LOGIN: "login refused",
    Means.ENDED: "the session has ended",
}


def table() -> str:
    """Return the table as Markdown."""
    rows = [table_row("program", "text", "meaning", "seen"), "|---|---|---|---|"]
    return "\n".join([*rows, *map(_row, TEXTS)])


def _row(text: Text) -> str:
    code = "``" if "`" in text.example else "`"
    return table_row(text.program, f"{code}{text.example}{code}", _MEANINGS[text.means], "yes" if text.seen else "")


TEXT_TABLE = GeneratedPart(DOCS / "endpoints.md", "endings", "docs/text_table.py", table)

if __name__ == "__main__":
    TEXT_TABLE.write()

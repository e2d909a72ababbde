"""Generate the table of console states in docs/reference/states.md from `sosagent/terminal/states.py`.

Run:  python -m docs.state_table
"""

from __future__ import annotations

from docs.generated import DOCS, GeneratedPart, table_row
from sosagent.terminal.states import PLAIN_SHELL, READING, RUNNING, SILENT, STATES, UNKNOWN, State


def table() -> str:
    """Return the table as Markdown."""
    rows = [table_row("state", "what it is", "example", "what a job does"), "|---|---|---|---|"]
    rows += [_row(state) for state in (*STATES, PLAIN_SHELL, READING, RUNNING, SILENT, UNKNOWN)]
    return "\n".join(rows)


def _row(state: State) -> str:
    example = state.example.strip().replace("\n", " ⏎ ")
    shown = f"`{example}`" if example.isascii() and example else example.replace("\ufffd", "?")
    action = state.action.value + (" (`--take-over` discards it)" if state.force else "")
    return table_row(f"`{state.name}`", state.title, shown, action)


STATE_TABLE = GeneratedPart(DOCS / "reference" / "states.md", "states", "docs/state_table.py", table)

if __name__ == "__main__":
    STATE_TABLE.write()

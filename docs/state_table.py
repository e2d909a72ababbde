"""Write the tables of console states, in the README and docs/reference/states.md, from `sosagent/terminal/states.py`.

python docs/state_table.py
"""

from __future__ import annotations

from pathlib import Path

from sosagent.terminal.states import READING, RUNNING, SILENT, STATES, UNKNOWN, State

README = Path(__file__).parent.parent / "README.md"
PAGE = Path(__file__).parent / "reference" / "states.md"
BEGIN, END = "<!-- states: made by docs/state_table.py -->", "<!-- end of states -->"


def table() -> str:
    """The table as Markdown."""
    rows = ["| state | what it is | how it looks | what a job does |", "|---|---|---|---|"]
    rows += [_row(state) for state in (*STATES, READING, RUNNING, SILENT, UNKNOWN)]
    return "\n".join(rows)


def _row(state: State) -> str:
    example = state.example.strip().replace("\n", " ⏎ ").replace("|", "\\|")
    look = f"`{example}`" if example.isascii() and example else example.replace("\ufffd", "?")
    does = state.way.value + (" (`--take-over` discards it)" if state.force else "")
    return f"| `{state.name}` | {state.title} | {look} | {does} |"


def between(text: str, begin: str, end: str, new: str) -> str:
    """`text` with what stands between two marks replaced."""
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n{new}\n{end}{after}"


def with_table(text: str) -> str:
    """Give a page's `text` with the table as it is now."""
    return between(text, BEGIN, END, table())


if __name__ == "__main__":
    for path in (README, PAGE):
        path.write_text(with_table(path.read_text("utf-8")), "utf-8")

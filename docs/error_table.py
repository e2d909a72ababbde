"""Write the table of errors in docs/reference/errors.md from `sosagent/errors.py`.

python -m docs.error_table
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from docs.state_table import between
from sosagent.errors import SosError

PAGE = Path(__file__).parent / "reference" / "errors.md"
BEGIN, END = "<!-- errors: made by docs/error_table.py -->", "<!-- end of errors -->"


def _below(kind: type[SosError]) -> Iterator[type[SosError]]:
    for one in kind.__subclasses__():
        if one.__module__ == SosError.__module__:
            yield one
            yield from _below(one)


def table() -> str:
    """The table as Markdown."""
    rows = ["| code | exit | class | what it is | what to do next |", "|---|---|---|---|---|"]
    for kind in sorted(_below(SosError), key=lambda one: one.exit_code):
        what = (kind.__doc__ or "").split("\n\n")[0].replace("\n", " ").strip()
        cells = (f"`{kind.code}`", str(kind.exit_code), f"`{kind.__name__}`", what, kind.default_hint)
        rows.append("| " + " | ".join(cell.replace("|", "\\|").replace("*", "\\*") for cell in cells) + " |")
    return "\n".join(rows)


def with_table(text: str) -> str:
    """Give the page's `text` with the table as it is now."""
    return between(text, BEGIN, END, table())


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text("utf-8")), "utf-8")

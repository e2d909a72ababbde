"""Generate the table of errors in docs/reference/errors.md from `sosagent/errors.py`.

Run:  python -m docs.error_table
"""

from __future__ import annotations

from collections.abc import Iterator

from docs.generated import DOCS, GeneratedPart, table_row
from sosagent.errors import SosError


def _subclasses(kind: type[SosError]) -> Iterator[type[SosError]]:
    for subclass in kind.__subclasses__():
        if subclass.__module__ == SosError.__module__:
            yield subclass
            yield from _subclasses(subclass)


def table() -> str:
    """Return the table as Markdown."""
    rows = [table_row("code", "exit status", "class", "meaning", "what to do next"), "|---|---|---|---|---|"]
    for kind in sorted(_subclasses(SosError), key=lambda kind: kind.exit_code):
        summary = (kind.__doc__ or "").split("\n\n")[0].replace("\n", " ").strip()
        cells = (f"`{kind.code}`", str(kind.exit_code), f"`{kind.__name__}`", summary, kind.default_hint)
        rows.append(table_row(*cells).replace("*", "\\*"))
    return "\n".join(rows)


ERROR_TABLE = GeneratedPart(DOCS / "reference" / "errors.md", "errors", "docs/error_table.py", table)

if __name__ == "__main__":
    ERROR_TABLE.write()

"""Generate the table of dialects in docs/endpoints.md from `sosagent/endpoint/dialects.py`.

Run:  python -m docs.endpoint_table
"""

from __future__ import annotations

from docs.generated import DOCS, GeneratedPart, table_row
from sosagent.endpoint.dialect import Dialect, spell_keys
from sosagent.endpoint.dialects import DIALECTS, PLAIN

_TITLES = ("dialect", "endpoint", "recognised by", "entered with", "left with", "how to free it", "never sent")


def table() -> str:
    """Return the table as Markdown."""
    rows = [_row(dialect) for dialect in DIALECTS.values() if dialect is not PLAIN]
    return "\n".join([table_row(*_TITLES), "|---" * len(_TITLES) + "|", *rows])


def _row(dialect: Dialect) -> str:
    return table_row(
        f"`{dialect.name}`",
        dialect.title,
        _recognised_by(dialect),
        " or ".join(", then ".join(f"`{line}`" for line in lines) for lines in dialect.enter),
        _keys(dialect.leave),
        f"{dialect.free}{'; `--kick`' if dialect.can_kick else ''}",
        ", ".join(map(_keys, dialect.forbidden)),
    )


def _recognised_by(dialect: Dialect) -> str:
    if dialect.programs:
        return "its program: " + ", ".join(f"`{name}`" for name in dialect.programs)
    if dialect.hosts:
        return "its host name"
    shows_prompt = (dialect.enter and "->" in dialect.prompt) or ">>" in dialect.prompt
    return "its prompt" if shows_prompt else "`?dialect=`"


def _keys(data: bytes) -> str:
    return f"`{spell_keys(data)}`" if data else ""


ENDPOINT_TABLE = GeneratedPart(DOCS / "endpoints.md", "dialects", "docs/endpoint_table.py", table)

if __name__ == "__main__":
    ENDPOINT_TABLE.write()

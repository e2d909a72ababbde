"""Generate the table of settings in docs/howto/machines.md from `sosagent/config/machine.py`.

Run:  python -m docs.settings_table
"""

from __future__ import annotations

from typing import Any

from docs.generated import DOCS, GeneratedPart, table_row
from sosagent.config.machine import schema


def table() -> str:
    """Return the table as Markdown."""
    settings = schema()["properties"]["defaults"]["properties"]
    rows = [table_row(f"`{name}`", _type(one), one["description"]) for name, one in settings.items()]
    return "\n".join([table_row("setting", "type", "meaning"), "|---|---|---|", *rows])


def _type(setting: dict[str, Any]) -> str:
    if setting["type"] == "array":
        return "list of texts"
    values = setting.get("enum", [])
    # The names of the endpoint types fill a page of their own.
    return " or ".join(f"`{one}`" for one in values) if 0 < len(values) < 5 else _WORDS[setting["type"]]


_WORDS = {"string": "text", "integer": "whole number"}

SETTINGS_TABLE = GeneratedPart(DOCS / "howto" / "machines.md", "settings", "docs/settings_table.py", table)

if __name__ == "__main__":
    SETTINGS_TABLE.write()

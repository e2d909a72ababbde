"""Bring every generated page up to date.

Run:  python -m docs
"""

from __future__ import annotations

from docs import completion_table, json_schema
from docs.command_line import COMMAND_LINE
from docs.endpoint_table import ENDPOINT_TABLE
from docs.error_table import ERROR_TABLE
from docs.machine_table import MACHINE_TABLE
from docs.man_pages import write as write_man_pages
from docs.public_names import PUBLIC_NAMES
from docs.runbook_format import RUNBOOK_FORMAT
from docs.runbook_schema import FILE, schema_text
from docs.settings_table import SETTINGS_TABLE
from docs.state_table import STATE_TABLE
from docs.text_table import TEXT_TABLE

PARTS = (
    COMMAND_LINE,
    ENDPOINT_TABLE,
    ERROR_TABLE,
    MACHINE_TABLE,
    PUBLIC_NAMES,
    RUNBOOK_FORMAT,
    SETTINGS_TABLE,
    STATE_TABLE,
    TEXT_TABLE,
)


def main() -> None:
    """Write all generated parts, the JSON Schemas, the table for completion and the man pages."""
    for part in PARTS:
        part.write()
    FILE.write_text(schema_text(), "utf-8")
    json_schema.FILE.write_text(json_schema.schema_text(), "utf-8")
    completion_table.FILE.write_text(completion_table.table_text(), "utf-8")
    write_man_pages()


if __name__ == "__main__":
    main()

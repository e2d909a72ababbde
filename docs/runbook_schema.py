"""Generate docs/reference/runbook.schema.json, the JSON Schema of runbooks, for editors that load it from the site.

Run:  python -m docs.runbook_schema
"""

from __future__ import annotations

import json

from docs.generated import DOCS
from sosagent.runbook.schema import runbook_schema

FILE = DOCS / "reference" / "runbook.schema.json"


def schema_text() -> str:
    """Return the contents of the file."""
    return json.dumps(runbook_schema(), indent=2) + "\n"


if __name__ == "__main__":
    FILE.write_text(schema_text(), "utf-8")

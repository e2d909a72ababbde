"""The JSON Schema of runbooks as a file of the site, for editors that take an address.

python -m docs.runbook_schema
"""

from __future__ import annotations

import json
from pathlib import Path

from sosagent.runbook.schema import runbook_schema

PAGE = Path(__file__).parent / "reference" / "runbook.schema.json"


def with_table(_text: str) -> str:
    """The file as it is now."""
    return json.dumps(runbook_schema(), indent=2) + "\n"


if __name__ == "__main__":
    PAGE.write_text(with_table(""), "utf-8")

"""Generate docs/reference/json.schema.json, the JSON Schema of what ``--json`` prints.

Run:  python -m docs.json_schema
"""

from __future__ import annotations

import json
from typing import Any, get_origin

from pydantic import TypeAdapter

from docs import json_local_types as local
from docs import json_types as types
from docs.generated import DOCS
from docs.json_types import Failure
from sosagent.cli.show import SCHEMA

FILE = DOCS / "reference" / "json.schema.json"

#: Command -> the types of what it prints. A list stands for a list of objects.
COMMANDS: dict[str, tuple[Any, ...]] = {
    "addkey": (types.AddKeyJson,),
    "hostkeys": (types.HostKeysJson, Failure),
    "exec": (types.ExecJson, Failure),
    "run": (types.RunJson, types.RunFailure),
    "upload": (types.TransferJson, Failure),
    "download": (types.TransferJson, Failure),
    "console": (types.ConsoleJson, Failure),
    "replay": (types.ReplayJson, types.ReplayFailure),
    "break": (types.BreakJson, Failure),
    "state": (types.StateJson, Failure),
    "screen": (types.ScreenJson, Failure),
    "lab": (types.LabJson, Failure),
    "key show": (list[local.ShownKey], Failure),
    "keys list": (types.KeysJson, Failure),
    "keys audit": (types.KeysJson, Failure),
    "keys remove": (types.KeysRemovedJson, Failure),
    "machines list": (local.MachinesJson, Failure),
    "machines check": (local.MachinesCheckedJson, Failure),
    "machines import": (local.MachinesImportedJson, Failure),
    "machines schema": (local.JsonSchema, Failure),
    "runbook check": (local.RunbooksCheckedJson, Failure),
    "runbook list": (local.RunbooksJson, Failure),
    "runbook show": (local.RunbookJson, types.RunFailure),
    "runbook new": (local.RunbookCreatedJson, local.FileFailure),
    "runbook schema": (local.JsonSchema, Failure),
    "completion install": (local.CompletionInstalledJson, local.ShellFailure),
    "completion show": (local.CompletionJson, local.ShellFailure),
}

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REF = "#/$defs/{model}"


def json_schema() -> dict[str, Any]:
    """Return the schema. ``$defs`` has one for each command, such as ``keys-list``; the whole is any of them."""
    definitions: dict[str, Any] = {}
    commands: dict[str, Any] = {}
    for command, kinds in COMMANDS.items():
        made = [_schema(kind, definitions) for kind in kinds]
        commands[command.replace(" ", "-")] = made[0] if len(made) == 1 else {"anyOf": made}
    for kinds in COMMANDS.values():
        for kind in kinds:
            if get_origin(kind) is None and kind.__name__ != "JsonSchema":
                _add_version(definitions[kind.__name__])
    _add_version(definitions["ShownKey"])
    definitions["JsonSchema"] = {"$ref": _DIALECT}
    return {
        "$schema": _DIALECT,
        "title": "What sosagent --json prints",
        "anyOf": [{"$ref": f"#/$defs/{name}"} for name in commands],
        "$defs": commands | dict(sorted(definitions.items())),
    }


def _schema(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    made = TypeAdapter(kind).json_schema(ref_template=_REF)
    definitions |= made.pop("$defs", {})
    if get_origin(kind) is list:
        return _untitled(made)
    definitions[kind.__name__] = _untitled(made)
    return {"$ref": f"#/$defs/{kind.__name__}"}


def _add_version(schema: dict[str, Any]) -> None:
    if "schema" not in schema["properties"]:
        schema["properties"] = {"schema": {"const": SCHEMA}} | schema["properties"]
        schema["required"] = ["schema", *schema.get("required", ())]


def _untitled(schema: dict[str, Any]) -> dict[str, Any]:
    """Return `schema` without the titles that pydantic makes of the names."""
    for one in schema.get("properties", {}).values():
        one.pop("title", None)
    schema.pop("title", None)
    return schema


def schema_text() -> str:
    """Return the contents of the file."""
    return json.dumps(json_schema(), indent=2) + "\n"


if __name__ == "__main__":
    FILE.write_text(schema_text(), "utf-8")

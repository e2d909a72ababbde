"""Generate the tables of docs/reference/runbooks.md from the models in `sosagent/runbook/model.py`.

Run:  python -m docs.runbook_format
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from docs.generated import DOCS, GeneratedPart
from sosagent.runbook.actions import ACTIONS, KEYS
from sosagent.runbook.conditions import Condition, Repeat
from sosagent.runbook.fields import Strict
from sosagent.runbook.library import NEW
from sosagent.runbook.model import Parameter
from sosagent.runbook.names import BUILT_IN
from sosagent.runbook.schema import runbook_schema
from sosagent.terminal.states import STATES

_BAR = "\\|"
_SCHEMA_TYPES = {"array": "steps", "object": "names and parameters", "string": "text", "number": "number"}
_STEP_KEYS = {
    "name": "text",
    "when": "condition",
    "repeat": "see below",
    "timeout": "number",
    "changes": "true or false",
}
#: A piece of a Python annotation, and how the page calls that type; the first match counts.
_TYPES = (
    ("'any'", "number, list of numbers, or `any`"),
    ("tuple", "list of texts"),
    ("dict", "names and values"),
    ("Condition", "condition"),
    ("str | int", "text, number or flag"),
    ("str", "text"),
    ("bool", "true or false"),
    ("float", "number"),
    ("int", "whole number"),
)


def tables() -> str:
    """Return everything on the page that comes from the code."""
    schema = runbook_schema()
    parts = ["## The file", _of_schema(schema["properties"], schema["required"])]
    parts += ["## A parameter", _fields(Parameter)]
    parts += ["## A step", "A step has one action and any of these keys:", _of_step(schema)]
    parts += ["### Conditions: when, and until of repeat", _short_form(Condition), _fields(Condition)]
    parts += ["### repeat", _fields(Repeat)]
    parts += ["## The actions"]
    for name, model in ACTIONS.items():
        parts += [f"### {name}", _escaped(model.__doc__ or ""), _short_form(model), _fields(model)]
    parts += ["## Names", "Every runbook can use these names: " + _list(BUILT_IN) + "."]
    parts += ["`wait_for` accepts these states: " + _list(state.name for state in STATES) + "."]
    parts += ["`send` with `keys: true` accepts these keys: " + _list(KEYS) + "."]
    parts += ["## A first runbook", "`sosagent runbook new FILE` writes this file:", f"```yaml\n{NEW.rstrip()}\n```"]
    return "\n\n".join(part for part in parts if part)


def _list(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _short_form(model: type[Strict]) -> str:
    return "" if model.short is None else f"Text alone is short for `{model.short}`."


def _fields(model: type[Strict]) -> str:
    rows = [
        (
            field.alias or name,
            _type(field.annotation),
            "required" if field.is_required() else _default(field.get_default(call_default_factory=True)),
            field.description or "",
        )
        for name, field in model.model_fields.items()
    ]
    return _table(rows) if rows else "This action has no keys."


def _of_schema(properties: dict[str, Any], required: list[str]) -> str:
    rows = [
        (
            name,
            _SCHEMA_TYPES[one["type"]],
            "required" if name in required else _default(one.get("default")),
            one.get("description", "The values that the caller passes." if name == "parameters" else "The steps."),
        )
        for name, one in properties.items()
    ]
    return _table(rows)


def _of_step(schema: dict[str, Any]) -> str:
    properties = schema["$defs"]["step"]["oneOf"][1]["properties"]
    return _table([(name, kind, "", properties[name]["description"]) for name, kind in _STEP_KEYS.items()])


def _type(annotation: Any) -> str:
    """Return a Python type in words."""
    text = str(annotation)
    choices = re.search(r"Literal\[(.*?)\]", text)
    if choices is not None and "int" not in text.partition("Literal")[0]:
        return " or ".join(f"`{one.strip(chr(39))}`" for one in choices[1].split(", "))
    return next(words for piece, words in _TYPES if piece in text)


def _default(value: Any) -> str:
    if value in (None, "", (), {}):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _table(rows: list[tuple[str, str, str, str]]) -> str:
    lines = ["| key | type | default | meaning |", "|---|---|---|---|"]
    lines += [f"| `{key}` | {kind} | {default} | {_escaped(meaning)} |" for key, kind, default, meaning in rows]
    return "\n".join(lines)


def _escaped(text: str) -> str:
    return text.strip().replace("|", _BAR).replace("{{ disk }}", "`{{ disk }}`")


RUNBOOK_FORMAT = GeneratedPart(DOCS / "reference" / "runbooks.md", "format", "docs/runbook_format.py", tables)

if __name__ == "__main__":
    RUNBOOK_FORMAT.write()

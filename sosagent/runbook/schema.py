"""The JSON Schema of runbooks, for editors. No I/O."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from .actions import ACTIONS
from .conditions import Condition, Repeat
from .fields import Strict
from .model import Parameter

__all__ = ["runbook_schema"]

_TEXT = {"type": "string"}
#: A field that accepts a number or a boolean as text.
_ANY_TEXT = {"type": ["string", "number", "boolean"]}
_CHANGES = (
    "The step changes the machine, so the user is asked before the run. By default true for add_key, remove_key, "
    "upload and send_break, false for all others."
)
_SECONDS = {"type": "number", "exclusiveMinimum": 0, "maximum": 86400}


def runbook_schema() -> dict[str, Any]:
    """Return the schema of a file as a person writes it: with optional keys, and short forms of actions."""
    unique: list[type[Strict]] = list(dict.fromkeys([*ACTIONS.values(), Condition, Repeat, Parameter]))
    _, defined = models_json_schema([(model, "validation") for model in unique], ref_template="#/$defs/{model}")
    definitions: dict[str, Any] = dict(defined.get("$defs", {}))
    for model_name in ("Condition", "Assert"):
        for key in ("that", "equals", "contains"):
            field = definitions[model_name]["properties"][key]
            definitions[model_name]["properties"][key] = {"description": field["description"]} | _ANY_TEXT
    definitions["Repeat"]["properties"]["until"] = _or_text("Condition", "that")
    actions = {name: _or_text(model.__name__, model.short) for name, model in ACTIONS.items()}
    actions = {name: {**one, "description": _summary(ACTIONS[name])} for name, one in actions.items()}
    definitions["step"] = {
        "oneOf": [
            {"enum": ["login", "logout", "send_break"]},
            {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    **actions,
                    "name": {**_TEXT, "description": "A short name for the step; a template."},
                    "when": {**_or_text("Condition", "that"), "description": "Run the step only if this is true."},
                    "repeat": {"$ref": "#/$defs/Repeat", "description": "Repeat the step until a condition is true."},
                    "timeout": {**_SECONDS, "description": "Seconds for the step."},
                    "changes": {"type": "boolean", "description": _CHANGES},
                },
                "oneOf": [{"required": [name]} for name in ACTIONS],
            },
        ]
    }
    steps = {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/step"}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "sosagent runbook",
        "type": "object",
        "additionalProperties": False,
        "required": ["name", "steps"],
        "properties": {
            "name": {**_TEXT, "minLength": 1, "maxLength": 200, "description": "What the runbook does, in one line."},
            "description": {**_TEXT, "description": "When to use it, and what it changes on the machine."},
            "parameters": {
                "type": "object",
                "propertyNames": {"pattern": "^[a-z][a-z0-9_]{0,39}$"},
                "additionalProperties": {"anyOf": [{"$ref": "#/$defs/Parameter"}, {"type": "null"}]},
            },
            "timeout": {**_SECONDS, "default": 600, "description": "Seconds for the whole run."},
            "steps": steps,
            "on_failure": {**steps, "description": "Steps to run after a step has failed."},
            "finally": {**steps, "description": "Steps to run at the end, whether or not a step has failed."},
        },
        "$defs": definitions,
    }


def _or_text(model: str, short: str | None) -> dict[str, Any]:
    reference = {"$ref": f"#/$defs/{model}"}
    return {"anyOf": [reference, {"type": "null"} if short is None else _ANY_TEXT]}


def _summary(model: type[Strict]) -> str:
    return (model.__doc__ or "").strip()

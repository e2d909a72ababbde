"""The JSON Schema of runbooks, for editors. No I/O."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from .model import ACTIONS, Condition, Parameter, Repeat

__all__ = ["runbook_schema"]

_TEXT = {"type": "string"}
#: Where a number or a flag is taken as the text that it is written as.
_ANY_TEXT = {"type": ["string", "number", "boolean"]}
_SECONDS = {"type": "number", "exclusiveMinimum": 0, "maximum": 86400}


def runbook_schema() -> dict[str, Any]:
    """The schema of a file, as it is written: with what may be left out, and what may be a text alone."""
    models = {**{f"action_{name}": model for name, model in ACTIONS.items()}}
    models |= {"condition": Condition, "repeat": Repeat, "parameter": Parameter}
    unique = list(dict.fromkeys(models.values()))
    _, defined = models_json_schema([(model, "validation") for model in unique], ref_template="#/$defs/{model}")
    definitions: dict[str, Any] = dict(defined.get("$defs", {}))
    for model_name in ("Condition", "Assert"):
        for key in ("that", "equals", "contains"):
            field = definitions[model_name]["properties"][key]
            definitions[model_name]["properties"][key] = {"description": field["description"]} | _ANY_TEXT
    definitions["Repeat"]["properties"]["until"] = _or_text("Condition", "that")
    actions = {name: _or_text(model.__name__, getattr(model, "short", None)) for name, model in ACTIONS.items()}
    actions = {name: {**one, "description": _words(ACTIONS[name])} for name, one in actions.items()}
    definitions["step"] = {
        "oneOf": [
            {"enum": ["login", "logout", "send_break"]},
            {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    **actions,
                    "name": {**_TEXT, "description": "What it is for, in a few words."},
                    "when": {**_or_text("Condition", "that"), "description": "Only then."},
                    "repeat": {"$ref": "#/$defs/Repeat", "description": "Again until it is so."},
                    "timeout": {**_SECONDS, "description": "Seconds."},
                },
                "oneOf": [{"required": [name]} for name in ACTIONS],
            },
        ]
    }
    steps = {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/step"}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A runbook of sosagent",
        "type": "object",
        "additionalProperties": False,
        "required": ["name", "steps"],
        "properties": {
            "name": {**_TEXT, "minLength": 1, "maxLength": 200, "description": "What it does, in a line."},
            "description": {**_TEXT, "description": "When to use it, and what it changes."},
            "parameters": {
                "type": "object",
                "propertyNames": {"pattern": "^[a-z][a-z0-9_]{0,39}$"},
                "additionalProperties": {"anyOf": [{"$ref": "#/$defs/Parameter"}, {"type": "null"}]},
            },
            "timeout": {**_SECONDS, "default": 600, "description": "Seconds for all of it."},
            "steps": steps,
            "on_failure": {**steps, "description": "Done when a step failed."},
            "finally": {**steps, "description": "Done at the end in any case."},
        },
        "$defs": definitions,
    }


def _or_text(model: str, short: str | None) -> dict[str, Any]:
    reference = {"$ref": f"#/$defs/{model}"}
    return {"anyOf": [reference, {"type": "null"} if short is None else _ANY_TEXT]}


def _words(model: type) -> str:
    return (model.__doc__ or "").strip()

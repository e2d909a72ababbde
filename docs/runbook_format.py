"""Write the tables of docs/reference/runbooks.md from the models of `sosagent/runbook/model.py`.

python -m docs.runbook_format
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from docs.state_table import between
from sosagent.runbook.check import GIVEN
from sosagent.runbook.model import ACTIONS, KEYS, Condition, Parameter, Repeat
from sosagent.runbook.schema import runbook_schema
from sosagent.terminal.states import STATES

PAGE = Path(__file__).parent / "reference" / "runbooks.md"
BEGIN, END = "<!-- format: made by docs/runbook_format.py -->", "<!-- end of format -->"
BAR = "\\|"


def page() -> str:
    """Everything on the page that the program itself knows."""
    schema = runbook_schema()
    parts = ["## The file", _of_schema(schema["properties"], schema["required"])]
    parts += ["## A parameter", _fields(Parameter)]
    parts += ["## A step", "One action, and any of these:", _of_step(schema)]
    parts += ["### when, and until of repeat", _short(Condition), _fields(Condition), "### repeat", _fields(Repeat)]
    parts += ["## The actions"]
    for name, model in ACTIONS.items():
        parts += [f"### {name}", _text(model.__doc__ or ""), _short(model), _fields(model)]
    parts += ["## Names", "Known in every runbook: " + _list(GIVEN) + "."]
    parts += ["States that `wait_for` knows: " + _list(state.name for state in STATES) + "."]
    parts += ["Keys of `send` with `keys: true`: " + _list(KEYS) + "."]
    parts += [
        "## A first runbook",
        "What `sosagent runbook new FILE` writes:",
    ]
    return "\n\n".join(part for part in parts if part)


def _list(names: Any) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _short(model: type[BaseModel]) -> str:
    short = getattr(model, "short", None)
    return "" if short is None else f"A text alone stands for `{short}`."


def _fields(model: type[BaseModel]) -> str:
    rows = [
        (
            field.alias or name,
            _kind(field.annotation, field.metadata),
            _default(field.default),
            field.description or "",
        )
        for name, field in model.model_fields.items()
    ]
    return _table(rows) if rows else "It takes nothing."


def _of_schema(properties: dict[str, Any], required: list[str]) -> str:
    kinds = {"array": "steps", "object": "names, each with what it may be", "string": "text", "number": "number"}
    rows = [
        (
            name,
            kinds[one["type"]],
            "needed" if name in required else _default(one.get("default")),
            one.get("description", "Values that the caller gives." if name == "parameters" else "What is done."),
        )
        for name, one in properties.items()
    ]
    return _table(rows)


def _of_step(schema: dict[str, Any]) -> str:
    told = schema["$defs"]["step"]["oneOf"][1]["properties"]
    kinds = {"name": "text", "when": "condition", "repeat": "see below", "timeout": "number"}
    return _table([(name, kinds[name], "", told[name]["description"]) for name in kinds])


def _kind(annotation: Any, metadata: list[Any]) -> str:
    """A type in words."""
    text = str(annotation)
    choices = re.search(r"Literal\[(.*?)\]", text)
    if choices is not None and "int" not in text.partition("Literal")[0]:
        return " or ".join(f"`{one.strip(chr(39))}`" for one in choices[1].split(", "))
    table = (
        ("tuple[int", "number, list of numbers, or `any`"),
        ("tuple", "list of texts"),
        ("dict", "names and values"),
        ("Condition", "condition"),
        ("str | int", "text, number or flag"),
        ("str", "text"),
        ("bool", "true or false"),
        ("float", "number"),
        ("int", "whole number"),
    )
    return next(words for sign, words in table if sign in text)


def _default(value: Any) -> str:
    if value is PydanticUndefined:
        return "needed"
    if value in (None, "", ()):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _table(rows: list[tuple[str, str, str, str]]) -> str:
    lines = ["| key | what | default | meaning |", "|---|---|---|---|"]
    lines += [f"| `{key}` | {kind} | {default} | {_text(words)} |" for key, kind, default, words in rows]
    return "\n".join(lines)


def _text(words: str) -> str:
    return words.strip().replace("|", BAR).replace("{{ disk }}", "`{{ disk }}`")


def with_table(text: str) -> str:
    """Give the page's `text` with the format as it is now."""
    return between(text, BEGIN, END, page())


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text("utf-8")), "utf-8")

"""The values of a runbook's parameters: what the caller gives, checked. No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..errors import UsageError
from ..printable import printable
from ..secrets.secret import Secret
from .model import Parameter, Runbook, as_text, is_number
from .words import beginning, near

__all__ = ["Value", "check_given", "check_value", "given_values"]

Value = str | int | float | bool | Secret

_FLAGS = {"true": "true", "yes": "true", "on": "true", "1": "true"}
_FLAGS |= {"false": "false", "no": "false", "off": "false", "0": "false"}
_MOST_CHARACTERS = 65536


def given_values(runbook: Runbook, given: Mapping[str, Value]) -> dict[str, str | Secret]:
    """The value of every parameter that has one: what was given, else its default.

    Raises:
        UsageError: there is no such parameter, or it may not have that value.
    """
    found: dict[str, str | Secret] = {}
    for name, value in given.items():
        if name not in runbook.parameters:
            raise UsageError(
                f"{printable(runbook.name, 80)!r} has no parameter {printable(name, 60)!r}"
                f"{near(name, runbook.parameters) if runbook.parameters else ''}"
            )
        found[name] = check_value(name, runbook.parameters[name], value)
    for name, parameter in runbook.parameters.items():
        if name not in found and parameter.default is not None:
            found[name] = check_value(name, parameter, parameter.default)
    return found


def check_given(runbook: Runbook, given: Mapping[str, Value]) -> dict[str, str | Secret]:
    """`given_values`, where every parameter must have one.

    Raises:
        UsageError: a value is wrong, or is missing.
    """
    values = given_values(runbook, given)
    missing = [name for name in runbook.parameters if name not in values]
    if missing:
        raise UsageError(
            f"'{beginning(runbook.name, 80)}' needs a value for {', '.join(missing)}",
            hint="\n".join(_how(name, runbook.parameters[name]) for name in missing),
        )
    return values


def _how(name: str, parameter: Parameter) -> str:
    value = "prompt" if parameter.type == "secret" else "..."
    return f"-p {name}={value}  {printable(parameter.description or '', 200)}".rstrip()


def check_value(name: str, parameter: Parameter, value: Value) -> str | Secret:
    """A parameter's value as it goes into texts.

    Raises:
        UsageError: it may not have that value; a secret is not shown.
    """
    if isinstance(value, Secret) and parameter.type != "secret":
        raise UsageError(
            f"the parameter {name} is no secret in this runbook: its value would be shown",
            hint=f"Give it as a text, or let the runbook say  {name}: {{type: secret}}",
        )
    text = value.reveal() if isinstance(value, Secret) else str(as_text(value))
    if len(text) > _MOST_CHARACTERS:
        raise UsageError(f"the parameter {name} is longer than {_MOST_CHARACTERS} characters")
    if "\0" in text:
        raise UsageError(f"the parameter {name} holds a NUL, which no program can be given")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise UsageError(f"the parameter {name} is not UTF-8 text") from None
    if parameter.type == "secret":
        return value if isinstance(value, Secret) else Secret(text)
    shown = beginning(text, 80)
    if parameter.type == "flag":
        if text.lower() not in _FLAGS:
            raise UsageError(f"the parameter {name} is true or false, not '{shown}'")
        text = _FLAGS[text.lower()]
    elif parameter.type == "number" and not is_number(text):
        raise UsageError(f"the parameter {name} is a number, not '{shown}'")
    elif parameter.type == "choice" and text not in parameter.choices:
        raise UsageError(f"the parameter {name} is one of {', '.join(parameter.choices)}; not '{shown}'")
    if parameter.pattern is not None and re.fullmatch(parameter.pattern, text) is None:
        raise UsageError(f"the parameter {name} must fit {parameter.pattern}; '{shown}' does not")
    return text

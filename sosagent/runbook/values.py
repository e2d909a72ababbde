"""Check the values that the caller passes for a runbook's parameters. No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..errors import UsageError
from ..printable import printable
from ..secrets.secret import Secret
from .fields import as_text, is_number
from .model import Parameter, Runbook
from .words import excerpt, suggestion

__all__ = ["Value", "check_value", "complete_values", "parameter_values"]

Value = str | int | float | bool | Secret

_FLAGS = {"true": "true", "yes": "true", "on": "true", "1": "true"}
_FLAGS |= {"false": "false", "no": "false", "off": "false", "0": "false"}
_MOST_CHARACTERS = 65536


def parameter_values(runbook: Runbook, values: Mapping[str, Value]) -> dict[str, str | Secret]:
    """Return the checked value of each parameter that has one: the caller's, otherwise its default.

    Args:
        runbook: declares the parameters.
        values: the caller's, by name.

    Raises:
        UsageError: a name is unknown, or a value is not allowed.
    """
    checked: dict[str, str | Secret] = {}
    for name, value in values.items():
        if name not in runbook.parameters:
            raise UsageError(
                f"{printable(runbook.name, 80)!r} has no parameter {printable(name, 60)!r}"
                f"{suggestion(name, runbook.parameters, 'parameters')}"
            )
        checked[name] = check_value(name, runbook.parameters[name], value)
    for name, parameter in runbook.parameters.items():
        if name not in checked and parameter.default is not None:
            checked[name] = check_value(name, parameter, parameter.default)
    return checked


def complete_values(runbook: Runbook, values: Mapping[str, Value]) -> dict[str, str | Secret]:
    """Return `parameter_values`, and make sure that every parameter has one.

    Raises:
        UsageError: a value is not allowed or missing, or a name is unknown.
    """
    checked = parameter_values(runbook, values)
    missing = [name for name in runbook.parameters if name not in checked]
    if missing:
        raise UsageError(
            f"'{excerpt(runbook.name, 80)}' needs a value for {', '.join(missing)}",
            hint="\n".join(_usage(name, runbook.parameters[name]) for name in missing),
        )
    return checked


def _usage(name: str, parameter: Parameter) -> str:
    value = "prompt" if parameter.type == "secret" else "..."
    return f"-p {name}={value}  {printable(parameter.description or '', 200)}".rstrip()


def check_value(name: str, parameter: Parameter, value: Value) -> str | Secret:
    """Return a parameter's value as text, or as a secret.

    Raises:
        UsageError: the value is not allowed; the message never shows a secret.
    """
    if isinstance(value, Secret) and parameter.type != "secret":
        raise UsageError(
            f"the parameter {name} is not a secret in this runbook: its value would be shown",
            hint=f"Pass it as text, or declare it in the runbook as  {name}: {{type: secret}}",
        )
    text = value.reveal() if isinstance(value, Secret) else str(as_text(value))
    if len(text) > _MOST_CHARACTERS:
        raise UsageError(f"the parameter {name} is longer than {_MOST_CHARACTERS} characters")
    if "\0" in text:
        raise UsageError(f"the parameter {name} contains a NUL character, which cannot be passed to a program")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise UsageError(f"the parameter {name} is not UTF-8 text") from None
    if parameter.type == "secret":
        return value if isinstance(value, Secret) else Secret(text)
    shown = excerpt(text, 80)
    if parameter.type == "flag":
        if text.lower() not in _FLAGS:
            raise UsageError(f"the parameter {name} must be true or false, not '{shown}'")
        text = _FLAGS[text.lower()]
    elif parameter.type == "number" and not is_number(text):
        raise UsageError(f"the parameter {name} must be a number, not '{shown}'")
    elif parameter.type == "choice" and text not in parameter.choices:
        raise UsageError(f"the parameter {name} must be one of {', '.join(parameter.choices)}; not '{shown}'")
    if parameter.pattern is not None and re.fullmatch(parameter.pattern, text) is None:
        raise UsageError(f"the parameter {name} must match {parameter.pattern}; '{shown}' does not")
    return text

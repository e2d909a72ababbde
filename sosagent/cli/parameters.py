"""The parameters of a runbook on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UsageError
from ..printable import printable
from ..secrets.secret import Secret
from ..secrets.sources import find_password, parse_source
from ..user_terminal import ask_line, has_terminal

if TYPE_CHECKING:
    from ..runbook.load import Loaded
    from ..runbook.model import Parameter

__all__ = ["ParameterOption", "read_parameters"]

ParameterOption = Annotated[
    list[str] | None,
    typer.Option(
        "-p",
        "--parameter",
        metavar="NAME=VALUE",
        help="A parameter; the value of a secret is prompt, env:NAME, file:PATH or command:PROGRAM.",
        show_default=False,
    ),
]


def read_parameters(loaded: Loaded, assignments: list[str], *, ask: bool) -> dict[str, str | Secret]:
    """Return the values of a runbook's parameters, by name. Secrets are read from their sources.

    Args:
        loaded: the runbook.
        assignments: ``NAME=VALUE`` each.
        ask: ask the user for missing values, if there is a terminal.

    Raises:
        UsageError: an assignment is invalid, a name is used twice, or a secret is on the command line itself.
    """
    from ..runbook.values import parameter_values

    texts = _parse(loaded, assignments)
    # Check the other values before a secret is asked for.
    parameter_values(loaded.runbook, {name: value for name, value in texts.items() if not _is_secret(loaded, name)})
    values: dict[str, str | Secret] = {
        name: _read_secret(name, value) if _is_secret(loaded, name) else value for name, value in texts.items()
    }
    if ask and has_terminal():
        for name, parameter in loaded.runbook.parameters.items():
            if name not in values and parameter.default is None:
                values[name] = _ask(name, parameter)
    return values


def _parse(loaded: Loaded, assignments: list[str]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for text in assignments:
        name, equals, value = text.partition("=")
        if not equals:  # do not show the text: it may be a secret
            names = ", ".join(loaded.runbook.parameters)
            known = f"the parameters are {names}" if names else "this runbook has no parameters"
            raise UsageError(f"-p needs NAME=VALUE, but one of them has no =; {known}")
        if name in texts:
            raise UsageError(f"-p {printable(name, 60)} is used twice")
        texts[name] = value
    return texts


def _is_secret(loaded: Loaded, name: str) -> bool:
    parameters = loaded.runbook.parameters
    return name in parameters and parameters[name].type == "secret"


def _ask(name: str, parameter: Parameter) -> str | Secret:
    prompt = printable(f"{parameter.description} ({name}): " if parameter.description else f"{name}: ", 300)
    if parameter.type == "secret":
        return find_password(source=parse_source("prompt"), prompt=prompt)
    try:
        return ask_line(prompt)
    except EOFError:
        raise UsageError(f"no value was entered for the parameter {name}") from None


def _read_secret(name: str, value: str) -> Secret:
    shown = printable(name, 60)
    try:
        source = parse_source(value)
    except ValueError:
        raise UsageError(
            f"-p {shown}: a secret must not be on the command line, where other users can read it",
            hint=f"Name its source: -p {shown}=prompt, env:NAME, file:PATH or command:PROGRAM.",
        ) from None
    return find_password(source=source, prompt=f"{shown}: ")

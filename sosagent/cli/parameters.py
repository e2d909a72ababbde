"""A runbook's parameters on the command line."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UsageError
from ..printable import printable
from ..secrets.secret import Secret
from ..secrets.sources import find_password, parse_source

if TYPE_CHECKING:
    from ..runbook.load import Loaded

__all__ = ["ParameterOption", "read_parameters"]

ParameterOption = Annotated[
    list[str] | None,
    typer.Option(
        "-p",
        "--parameter",
        metavar="NAME=VALUE",
        help="A parameter; a secret one as prompt, env:NAME, file:PATH or command:PROGRAM.",
        show_default=False,
    ),
]


def read_parameters(loaded: Loaded, given: list[str], *, ask: bool) -> dict[str, str | Secret]:
    """What the command line gives; a secret from where it says, or from a person.

    Args:
        loaded: the runbook.
        given: NAME=VALUE each.
        ask: whether a person is asked for what is missing.

    Raises:
        UsageError: that is no such text, a name stands twice, or a secret stands there itself.
    """
    from ..runbook.values import parameter_values

    values: dict[str, str | Secret] = {}
    texts: dict[str, str] = {}
    known = loaded.runbook.parameters
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:  # what stands there may be the value
            raise UsageError(f"-p is NAME=VALUE; there is no = in one of them{_named(loaded)}")
        if name in texts:
            raise UsageError(f"-p {printable(name, 60)} is given twice")
        texts[name] = value
    parameter_values(loaded.runbook, {name: value for name, value in texts.items() if not _is_secret(loaded, name)})
    for name, value in texts.items():
        values[name] = _secret(name, value) if _is_secret(loaded, name) else value
    if ask and sys.stdin.isatty():
        for name, parameter in known.items():
            if name not in values and parameter.default is None:
                words = f"{parameter.description} ({name}): " if parameter.description else f"{name}: "
                values[name] = (
                    find_password(source=parse_source("prompt"), prompt=printable(words, 300))
                    if parameter.type == "secret"
                    else _typed(printable(words, 300), name)
                )
    return values


def _is_secret(loaded: Loaded, name: str) -> bool:
    known = loaded.runbook.parameters
    return name in known and known[name].type == "secret"


def _named(loaded: Loaded) -> str:
    names = ", ".join(loaded.runbook.parameters)
    return f"; the parameters are {names}" if names else "; this runbook has no parameters"


def _typed(words: str, name: str) -> str:
    """What a person types. The question goes where it is in the way of no JSON."""
    print(words, end="", file=sys.stderr, flush=True)
    line = sys.stdin.readline()
    if not line:
        raise UsageError(f"the parameter {name} was not typed")
    return line.removesuffix("\n")


def _secret(name: str, value: str) -> Secret:
    try:
        source = parse_source(value)
    except ValueError:
        raise UsageError(
            f"-p {printable(name, 60)}: a secret has no place on a command line, where others can read it",
            hint=f"Say where it comes from: -p {printable(name, 60)}=prompt, env:NAME, file:PATH or command:PROGRAM.",
        ) from None
    return find_password(source=source, prompt=f"{printable(name, 60)}: ")

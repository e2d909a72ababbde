"""Convert the texts of the command line to values without pydantic.

typer 0.29 converts with pydantic, which takes a quarter of the start-up time of a job to import. The few types that our
options have are converted here instead. Other versions of typer have no hook of this name, and are left as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin

import typer

__all__ = ["convert_plainly"]

_HOOK = "_runtime_param"
_PLAIN_TYPES = (str, bool, int, float, Path)
_NAMES = {int: "whole number", float: "number", Path: "path"}


class _PlainConversion:
    """Converts the value of one parameter, with the interface of typer's own conversions."""

    def __init__(self, convert: Callable[[Any], Any], name: str) -> None:
        self._convert = convert
        self._name = name

    def coerce(self, value: Any, *, param: Any, ctx: Any) -> Any:
        """Convert `value`, a text or a sequence of texts; a missing value stays missing."""
        several = param.multiple or param.nargs == -1
        if value is None:
            return () if several else None
        try:
            return [self._convert(one) for one in value] if several else self._convert(value)
        except ValueError:
            raise typer.BadParameter(f"{value!r} is not a {self._name}", ctx=ctx, param=param) from None


def convert_plainly(command: Any) -> None:
    """Set our conversions on the parameters of `command` and its subcommands, where typer has the hook for them."""
    # The help option is not among the parameters; the command creates it once.
    help_option = command.get_help_option(typer.Context(command, **command.context_settings))
    for parameter in (*command.params, *([] if help_option is None else [help_option])):
        info = getattr(parameter, "type_descriptor", None)
        if info is None or not hasattr(parameter, _HOOK):
            continue
        plain = _plain_type(info.annotation)
        if plain is not None:
            limits = (info.parameter_info.min, info.parameter_info.max)
            setattr(parameter, _HOOK, _PlainConversion(*_within(plain, limits)))
    for below in getattr(command, "commands", {}).values():
        convert_plainly(below)


def _within(plain: type, limits: tuple[float | None, float | None]) -> tuple[Callable[[Any], Any], str]:
    """Return a conversion to `plain` that refuses values outside of `limits`, and the name of such a value."""
    least, most = limits
    name = _NAMES.get(plain, plain.__name__)
    if limits == (None, None):
        return plain, name

    def convert(text: Any) -> Any:
        value = plain(text)
        if (least is not None and value < least) or (most is not None and value > most):
            raise ValueError(text)
        return value

    return convert, f"{name} from {least} to {most}"


def _plain_type(annotation: Any) -> type | None:
    """Return the type of one value for ``T``, ``T | None`` and ``list[T]``, if T is one that we convert."""
    while True:
        inner = [one for one in get_args(annotation) if one is not NoneType]
        if annotation in _PLAIN_TYPES:
            return annotation  # type: ignore[no-any-return]
        if len(inner) != 1 or (get_origin(annotation) not in (list, None) and NoneType not in get_args(annotation)):
            return None
        annotation = inner[0]

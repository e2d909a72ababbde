"""Groups of options that several commands share. Each is a dataclass whose fields are typer parameters."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, get_type_hints

from typer.models import ArgumentInfo

__all__ = ["with_options"]

_Command = Callable[..., None]


def with_options(*groups: type) -> Callable[[_Command], _Command]:
    """Decorate a command whose first arguments are instances of `groups`: their fields become its options.

    In the help, arguments come first, then the command's own options, then those of the groups, last group first.
    """

    def decorate(command: _Command) -> _Command:
        @functools.wraps(command)
        def run(**values: Any) -> None:
            instances = [
                group(**{name: values.pop(name) for name in inspect.signature(group).parameters}) for group in groups
            ]
            command(*instances, **values)

        shared = [_parameters(group) for group in groups]
        own = _parameters(command)[len(groups) :]
        positional = [one for part in (*shared, own) for one in part if _is_positional(one)]
        named = [one for part in (own, *reversed(shared)) for one in part if not _is_positional(one)]
        arguments = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in (*positional, *named)]
        run.__signature__ = inspect.Signature(arguments)  # type: ignore[attr-defined]
        run.__annotations__ = {one.name: one.annotation for one in arguments}
        del run.__wrapped__
        return run

    return decorate


@functools.cache
def _parameters(of: Callable[..., Any]) -> list[inspect.Parameter]:
    types = get_type_hints(of, include_extras=True)
    return [one.replace(annotation=types[one.name]) for one in inspect.signature(of).parameters.values()]


def _is_positional(parameter: inspect.Parameter) -> bool:
    return any(isinstance(one, ArgumentInfo) for one in getattr(parameter.annotation, "__metadata__", ()))

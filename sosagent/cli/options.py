"""Groups of options that several commands share: a dataclass each, whose fields are what typer is told."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, get_type_hints

from typer.models import ArgumentInfo

__all__ = ["with_options"]

_Command = Callable[..., None]


def with_options(*groups: type) -> Callable[[_Command], _Command]:
    """Make a command of a function whose first arguments are instances of `groups`: their fields are its options.

    In its help, arguments come first, then the command's own options, then those of the groups from the last on.
    """

    def decorate(command: _Command) -> _Command:
        @functools.wraps(command)
        def run(**given: Any) -> None:
            made = [
                group(**{name: given.pop(name) for name in inspect.signature(group).parameters}) for group in groups
            ]
            command(*made, **given)

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
    return any(isinstance(told, ArgumentInfo) for told in getattr(parameter.annotation, "__metadata__", ()))

"""A scheme -> its provider: the built-in one, or that of an installed package."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import TargetInvalid, UsageError
from ..printable import printable
from .base import Provider

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["GROUP", "owner_of", "provider_of", "schemes"]

GROUP = "sosagent.endpoints"


def _packet() -> Provider:
    from .packet import Packet

    return Packet()


#: They go before those of packages.
_BUILT_IN: dict[str, Callable[[], Provider]] = {"packet": _packet}


def schemes() -> list[str]:
    """Every scheme that something here provides."""
    return sorted({*_BUILT_IN, *(printable(found.name, 40) for found in _installed())})


def owner_of(scheme: str) -> str:
    """Whose provider it is, in words."""
    if scheme in _BUILT_IN:
        return f"the provider {scheme}:"
    return f"the provider {scheme}: (package {', '.join(map(_package, _found(scheme)))})"


def provider_of(scheme: str) -> Provider:
    """The provider of a scheme, made anew.

    Raises:
        TargetInvalid: there is none.
        UsageError: two packages have it, or it cannot be imported or made.
    """
    if scheme in _BUILT_IN:
        return _BUILT_IN[scheme]()
    found = _found(scheme)
    if not found:
        raise TargetInvalid(
            f"{printable(scheme, 40)}: is no kind of console that sosagent knows",
            hint=f"There are {', '.join(f'{one}:' for one in schemes())}; packages add more ({GROUP}).",
        )
    if len(found) > 1:
        raise UsageError(
            f"more than one package provides {scheme}: ({', '.join(map(_package, found))})",
            hint="Uninstall all but one: which of them is to be trusted is not for sosagent to say.",
        )
    return _made(found[0])


def _found(scheme: str) -> list[EntryPoint]:
    return [found for found in _installed() if found.name == scheme]


def _installed() -> list[EntryPoint]:
    from importlib.metadata import entry_points  # takes long to import, and few need it

    return list(entry_points(group=GROUP))


def _package(found: EntryPoint) -> str:
    return printable(found.dist.name, 80) if found.dist is not None else "unknown"


def _made(found: EntryPoint) -> Provider:
    whose = f"the package {_package(found)}, which provides {found.name}:,"
    try:
        provider = found.load()()
    except (Exception, SystemExit) as error:
        raise UsageError(
            f"{whose} cannot be used: {type(error).__name__}: {printable(str(error))}",
            hint="Install it anew, or uninstall it.",
        ) from error
    if not isinstance(provider, Provider):
        raise UsageError(f"{whose} gives a {printable(type(provider).__name__, 80)}, not a sosagent.providers.Provider")
    return provider

"""Scheme -> provider: a built-in one, or the one of an installed package."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import TargetInvalid, UsageError
from ..printable import printable
from ..suggest import did_you_mean
from .base import Provider

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["GROUP", "owner_of", "provider_of", "schemes"]

GROUP = "sosagent.endpoints"


def _packet() -> Provider:
    from .packet import Packet  # needed for packet: only

    return Packet()


#: They take precedence over those of packages.
_BUILT_IN: dict[str, Callable[[], Provider]] = {"packet": _packet}


def schemes() -> list[str]:
    """Return every scheme that has a provider on this computer."""
    return sorted({*_BUILT_IN, *(printable(one.name, 40) for one in _installed())})


def owner_of(scheme: str) -> str:
    """Return the name of the provider of a scheme for messages, with the package that it comes from."""
    if scheme in _BUILT_IN:
        return f"the provider {scheme}:"
    return f"the provider {scheme}: (package {', '.join(map(_package, _installed_for(scheme)))})"


def provider_of(scheme: str) -> Provider:
    """Return a new provider for a scheme.

    Raises:
        TargetInvalid: there is no such provider.
        UsageError: two packages have it, or it cannot be imported or created.
    """
    if scheme in _BUILT_IN:
        return _BUILT_IN[scheme]()
    candidates = _installed_for(scheme)
    if not candidates:
        known = schemes()
        raise TargetInvalid(
            f"unknown console type {printable(scheme, 40)!r}{did_you_mean(scheme, known)}",
            hint=f"Providers: {', '.join(f'{one}:' for one in known)}. Packages can add more ({GROUP}).",
        )
    if len(candidates) > 1:
        raise UsageError(
            f"more than one package provides {scheme}: ({', '.join(map(_package, candidates))})",
            hint="Uninstall all but one; sosagent cannot know which of them to trust.",
        )
    return _create(candidates[0])


def _installed_for(scheme: str) -> list[EntryPoint]:
    return [one for one in _installed() if one.name == scheme]


def _installed() -> list[EntryPoint]:
    from importlib.metadata import entry_points  # takes long to import, and is rarely needed

    return list(entry_points(group=GROUP))


def _package(entry_point: EntryPoint) -> str:
    return printable(entry_point.dist.name, 80) if entry_point.dist is not None else "unknown"


def _create(entry_point: EntryPoint) -> Provider:
    owner = f"the package {_package(entry_point)}, which provides {entry_point.name}:,"
    try:
        provider = entry_point.load()()
    except (Exception, SystemExit) as error:
        raise UsageError(
            f"{owner} cannot be used: {type(error).__name__}: {printable(str(error))}",
            hint="Reinstall or uninstall it.",
        ) from error
    if not isinstance(provider, Provider):
        kind = printable(type(provider).__name__, 80)
        raise UsageError(f"{owner} returned an object of type {kind}, not a sosagent.providers.Provider")
    return provider

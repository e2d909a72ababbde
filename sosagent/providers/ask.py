"""Call a provider and check its result: a mistake in another package becomes an error message, not a traceback."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, TypeVar

from ..endpoint.located import Located
from ..endpoint.target import ProviderReference, SshTarget, Target
from ..errors import DeadlineExceeded, EndpointRefused, SosError, UsageError
from ..printable import is_clean, printable
from ..secrets.secret import Secret
from .base import Provider
from .registry import owner_of, provider_of

__all__ = ["ask_provider", "keys_of"]

T = TypeVar("T")

_SECONDS = 60.0
_MOST_CHARACTERS = 512
_MOST_KEY_CHARACTERS = 4 << 20
#: Fields of `Located` -> their types.
_TYPES = {"target": Target, "password": Secret | None, "hostname": str | None, "note": str}


async def ask_provider(machine: ProviderReference, timeout: float | None = None) -> Located:
    """Ask a provider for the console of a machine. The user's own SSH settings override the provider's.

    Args:
        machine: the machine.
        timeout: seconds; a minute at most.

    Raises:
        SosError: from the provider, or because it returned something invalid.
    """
    located = await _call(machine, lambda provider: provider.locate(machine.name), timeout)
    owner = owner_of(machine.scheme)
    if not isinstance(located, Located):
        raise UsageError(f"{owner} returned a {printable(type(located).__name__, 80)} instead of a Located")
    _check(located, owner)
    return replace(located, target=_with_own_settings(located.target, machine), note=printable(located.note, 1000))


async def keys_of(machine: ProviderReference, timeout: float | None = None) -> str:
    """Ask a provider for the public keys that its portal holds for a machine, as lines of authorized_keys.

    Raises:
        SosError: as for `ask_provider`.
    """
    text = await _call(machine, lambda provider: provider.keys(machine.name), timeout)
    owner = owner_of(machine.scheme)
    if not isinstance(text, str):
        raise UsageError(f"{owner} returned a {printable(type(text).__name__, 80)} instead of a text of keys")
    if len(text) > _MOST_KEY_CHARACTERS:
        raise EndpointRefused(f"{owner} returned {len(text)} characters of keys", hint="Name the key's file instead.")
    return text


async def _call(
    machine: ProviderReference, method: Callable[[Provider], Coroutine[Any, Any, T]], timeout: float | None
) -> T:
    provider = provider_of(machine.scheme)
    seconds = _SECONDS if timeout is None else min(timeout, _SECONDS)
    try:
        async with asyncio.timeout(seconds) as limit:
            return await method(provider)
    except SosError as error:
        error.message, error.hint = printable(error.message, 1000), printable(error.hint, 1000)
        raise
    except Exception as error:
        owner = owner_of(machine.scheme)
        if limit.expired():
            hint = None if seconds == timeout else ""  # more than a minute is never allowed
            raise DeadlineExceeded(f"{owner} did not answer within {seconds:.0f} s", hint=hint) from None
        raise UsageError(
            f"{owner} failed: {type(error).__name__}: {printable(str(error))}",
            hint="Report this to its authors. Meanwhile, write the console's own address as HOST.",
        ) from error


def _check(located: Located, owner: str) -> None:
    """Refuse what would become a traceback later, and a password that cannot be typed."""
    for name, expected in _TYPES.items():
        if not isinstance(getattr(located, name), expected):
            raise UsageError(f"{owner} returned a {name} of the wrong type")
    if located.password is None:
        return
    password = located.password.reveal()
    if not password or len(password) > _MOST_CHARACTERS or not is_clean(password):
        raise EndpointRefused(
            f"{owner} returned a password that cannot be typed at a prompt",
            hint="Use the right one with --password-file.",
        )


def _with_own_settings(target: Target, machine: ProviderReference) -> Target:
    """Return `target` with the user's own settings, which override the provider's; the host key policy always does."""
    target = replace(target, dialect=machine.dialect or target.dialect)
    if not isinstance(target, SshTarget):
        return target
    own: dict[str, Any] = {name: value for name, value in machine.options().items() if value}
    return replace(target, **own)

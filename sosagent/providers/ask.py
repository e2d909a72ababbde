"""Ask a provider, and check what it says: another package's mistake is told, and is no traceback."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, TypeVar

from ..endpoint.target import ProviderTarget, SshTarget, Target
from ..errors import DeadlineExceeded, EndpointRefused, SosError, UsageError
from ..printable import is_clean, printable
from ..secrets.secret import Secret
from .base import Provider, Resolved
from .registry import owner_of, provider_of

__all__ = ["keys_of", "resolve"]

T = TypeVar("T")

_SECONDS = 60.0
_MOST_CHARACTERS = 512
_MOST_OF_KEYS = 4 << 20


async def resolve(target: ProviderTarget, timeout: float | None = None) -> Resolved:
    """Where the console of a provider's machine is, with the user's own private keys and host key policy.

    Args:
        target: HOST.
        timeout: seconds; a minute at most.

    Raises:
        SosError: the provider's own, or one that says what it did wrong.
    """
    found = await _asked(target, lambda provider: provider.resolve(target.rest), timeout)
    whose = owner_of(target.scheme)
    if not isinstance(found, Resolved):
        raise UsageError(f"{whose} gave a {printable(type(found).__name__, 80)}, not a Resolved")
    _check(found, whose)
    return replace(found, target=_with_own(found.target, target), note=printable(found.note, 1000))


async def keys_of(target: ProviderTarget, timeout: float | None = None) -> str:
    """The public keys that a provider's portal holds for a machine, as lines of authorized_keys.

    Raises:
        SosError: the same.
    """
    found = await _asked(target, lambda provider: provider.keys(target.rest), timeout)
    whose = owner_of(target.scheme)
    if not isinstance(found, str):
        raise UsageError(f"{whose} gave a {printable(type(found).__name__, 80)} for keys, not a text")
    if len(found) > _MOST_OF_KEYS:
        raise EndpointRefused(f"{whose} gave {len(found)} characters of keys", hint="Name the key's file instead.")
    return found


async def _asked(
    target: ProviderTarget, question: Callable[[Provider], Coroutine[Any, Any, T]], timeout: float | None
) -> T:
    provider = provider_of(target.scheme)
    seconds = _SECONDS if timeout is None else min(timeout, _SECONDS)
    try:
        async with asyncio.timeout(seconds) as limit:
            return await question(provider)
    except SosError as error:
        error.message, error.hint = printable(error.message, 1000), printable(error.hint, 1000)
        raise
    except Exception as error:
        whose = owner_of(target.scheme)
        if limit.expired():
            raise DeadlineExceeded(f"{whose} did not answer within {seconds:.0f} s") from None
        raise UsageError(
            f"{whose} failed: {type(error).__name__}: {printable(str(error))}",
            hint="Tell those who made it; what it would have said, you can give yourself, as HOST.",
        ) from error


def _check(found: Resolved, whose: str) -> None:
    """Refuse what would be a traceback later, or is no password that can be typed."""
    wrong = [
        name
        for name, kinds in (("target", Target), ("password", Secret | None), ("hostname", str | None), ("note", str))
        if not isinstance(getattr(found, name), kinds)
    ]
    if wrong or isinstance(found.target, ProviderTarget):
        raise UsageError(f"{whose} gave a {wrong[0] if wrong else 'target'} of a wrong type")
    password = found.password.reveal() if found.password is not None else "-"
    if not password or len(password) > _MOST_CHARACTERS or not is_clean(password):
        raise EndpointRefused(
            f"{whose} gave a password that cannot be typed at a prompt", hint="Give the right one: --password-file."
        )


def _with_own(target: Target, wanted: ProviderTarget) -> Target:
    """`target` with what the user says of endpoints: that goes before what a provider says."""
    target = replace(target, dialect=wanted.dialect or target.dialect)
    if not isinstance(target, SshTarget):
        return target
    return replace(
        target,
        identities=wanted.identities or target.identities,
        ssh_config=wanted.ssh_config or target.ssh_config,
        known_hosts=wanted.known_hosts or target.known_hosts,
        host_key=wanted.host_key,
    )

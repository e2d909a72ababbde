"""What other programs call, besides `add_key`: the jobs by HOST and keywords, and a shell of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Unpack

from .authorized_keys.obstacles import Allow
from .console import Console
from .endpoint.target import Target
from .errors import PasswordMissing, UsageError
from .jobs.host_keys import HostKeys
from .jobs.host_keys import host_keys as _host_keys
from .jobs.keys import KeyListing, KeysRemoved, remove_keys
from .jobs.keys import list_keys as _list_keys
from .keys import PublicKey, parse_public_keys
from .session.access import AccessOptions, access_to
from .session.machine import at_machine
from .session.root_shell import root_shell as _root_shell
from .shell.shell import Shell
from .transports import Transport

__all__ = ["host_keys", "list_keys", "remove_key", "root_shell"]

#: What `connect` was told, or not, when it gave a `Console`.
_OF_CONNECTING = ("timeout", "transcript", "on_event", "ask", "kick")
_FINGERPRINTS = ("SHA256:", "MD5:")


async def list_keys(
    target: str | Target | Transport, *, user: str | None = None, **options: Unpack[AccessOptions]
) -> KeyListing:
    """Read a user's authorized_keys over the console; nothing is changed.

    Args:
        target: HOST as on the command line, a `Target`, or a connected transport.
        user: whose; the login's by default.
        options: how to get there: ``password=`` and others, see `AccessOptions`.

    Returns:
        The file's lines, and what sshd makes of each.

    Raises:
        SosError: one of its leaves; see `sosagent.errors`.

    When cancelled it logs out first, within a time of its own, and then lets the cancellation go on.
    """
    return await _list_keys(access_to(target, **options), user=user)


async def remove_key(
    target: str | Target | Transport,
    keys: str | PublicKey | Sequence[str | PublicKey],
    *,
    user: str | None = None,
    force: bool = False,
    allow_immutable: bool = False,
    **options: Unpack[AccessOptions],
) -> KeysRemoved:
    """Take keys out of a user's authorized_keys. The file as it was is kept beside it.

    Args:
        target: HOST as on the command line, a `Target`, or a connected transport.
        keys: one or more: keys, fingerprints as ``ssh-keygen -l`` shows them (SHA256 or MD5), or the contents of
            key files.
        user: whose; the login's by default.
        force: even if nobody could log in by a key afterwards.
        allow_immutable: take ``chattr +i`` off the file for the write, and put it back.
        options: how to get there: ``password=`` and others, see `AccessOptions`.

    Returns:
        The lines that were taken out; none if no line held the keys.

    Raises:
        UsageError: a fingerprint is none, or no line holds it.
        EditRefused: nothing was changed, and why.
        NotVerified: the file is not what it must be; the error names the backup.
        SosError: another of its leaves.

    When cancelled it logs out first, within a time of its own, and then lets the cancellation go on.
    """
    which: list[str | PublicKey] = []
    for one in [keys] if isinstance(keys, str | PublicKey) else keys:
        if isinstance(one, PublicKey) or one.startswith(_FINGERPRINTS):
            which.append(one)
        else:
            which += parse_public_keys(one, cert_authority=True)
    if not which:
        raise UsageError("no key was given")
    access = access_to(target, **options)
    allow = Allow(access.entry.remount, allow_immutable, False)
    return await remove_keys(access, which, user=user, force=force, allow=allow)


async def host_keys(target: str | Target | Transport, **options: Unpack[AccessOptions]) -> HostKeys:
    """Read the machine's SSH host keys over its console; nothing is changed.

    Args:
        target: HOST as on the command line, a `Target`, or a connected transport.
        options: how to get there: ``password=`` and others, see `AccessOptions`.

    Returns:
        One key of each type, as its private half says, and what else was seen.

    Raises:
        EditRefused: it has none that could be read.
        SosError: another of its leaves.

    When cancelled it logs out first, within a time of its own, and then lets the cancellation go on.
    """
    return await _host_keys(access_to(target, **options))


@asynccontextmanager
async def root_shell(
    target: str | Target | Transport | Console, **options: Unpack[AccessOptions]
) -> AsyncIterator[Shell]:
    """Get from the console's state to a verified shell, and log out at the end of the block.

    Nothing runs there that did not arrive intact, and each program's result is exact::

        async with sosagent.root_shell("user@sos.example.net", password=password) as shell:
            result = await shell.run("uname -r")

    On every way out, an error or a cancellation too, the shell is closed and the state found at the start is
    seen to be back, within a time of its own. Where it is not, nothing is raised for that alone: it is told
    to ``on_event``, or added as a note to the error on which the block was left.

    Args:
        target: HOST as on the command line, a `Target`, a connected transport, or a `Console` that `connect`
            gave. With a console, the block's waits end at the console's own deadline.
        options: how to get there: ``password=`` and others, see `AccessOptions`. With a console those of
            connecting (timeout, transcript, on_event, ask, kick) are said to `connect`.

    Returns:
        A context that gives a `Shell`. It is for one task at a time.

    Raises:
        UsageError, PasswordMissing: nothing was sent.
        ConsoleError: no shell, and why; see the leaves of `sosagent.errors`.
    """
    if not isinstance(target, Console):
        async with at_machine(access_to(target, **options)) as there:
            yield there.session.shell
        return
    if wrong := [name for name in _OF_CONNECTING if name in options]:
        raise UsageError(f"{', '.join(wrong)}: this console is connected already", hint="Say it to connect().")
    access = access_to(target.transport, **options)
    if access.password is None:
        raise PasswordMissing("no password for the machine was given")
    entry = replace(access.entry, expect_host=access.entry.expect_host or None)
    loop = asyncio.get_running_loop()
    left, begun = target.time_left(), loop.time()
    try:
        async with _root_shell(target, access.password, entry=entry, dead_man=access.dead_man) as session:
            yield session.shell
    finally:
        # Logging out had a deadline of its own; what comes next has the console's again.
        target.set_deadline(None if left is None else max(left - (loop.time() - begun), 0.001))

"""Functions for other programs, besides `add_key`: the jobs with keyword arguments, and a shell of your own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import fields
from typing import Unpack

from .access import AccessOptions, ConnectSettings, access_to
from .endpoint.located import Locatable
from .errors import UsageError
from .file_change import Confirm
from .jobs.host_keys import HostKeys
from .jobs.host_keys import host_keys as _host_keys
from .jobs.keys import KeyListing, KeysRemoved, remove_keys
from .jobs.keys import list_keys as _list_keys
from .keys import PublicKey, parse_public_keys
from .session.console import Console, connected
from .session.machine import at_machine
from .session.root_shell import root_shell as _root_shell
from .session.shell import Shell
from .transports import Transport

__all__ = ["host_keys", "list_keys", "remove_key", "root_shell"]

#: Options that only `connect` can take.
_CONNECT_OPTIONS = ("timeout", *(one.name for one in fields(ConnectSettings)))
_FINGERPRINTS = ("SHA256:", "MD5:")
_LEAST_SECONDS = 0.001


async def list_keys(
    target: Locatable | Transport, *, user: str | None = None, **options: Unpack[AccessOptions]
) -> KeyListing:
    """Read a user's authorized_keys over the console. Changes nothing.

    Args:
        target: HOST as on the command line, a `Target`, or a connected transport.
        user: the user; by default the one who logs in.
        options: how to get to the shell: ``password=`` and others, see `AccessOptions`.

    Returns:
        The file's lines, and how sshd treats each.

    Raises:
        SosError: the job failed; see `sosagent.errors` for the subclasses.

    When cancelled, it logs out first, with a deadline of its own, and then raises the cancellation.
    """
    return await _list_keys(access_to(target, **options), user=user)


async def remove_key(
    target: Locatable | Transport,
    keys: str | PublicKey | Sequence[str | PublicKey],
    *,
    user: str | None = None,
    force: bool = False,
    dry_run: bool = False,
    confirm: Confirm | None = None,
    **options: Unpack[AccessOptions],
) -> KeysRemoved:
    """Remove keys from a user's authorized_keys. A backup of the file is kept beside it.

    Args:
        target: HOST as on the command line, a `Target`, or a connected transport.
        keys: one or more keys, fingerprints as ``ssh-keygen -l`` shows them (SHA256 or MD5), or contents of key files.
        user: the user; by default the one who logs in.
        force: remove them even if no key could be used to log in afterwards.
        dry_run: only find out what would be removed; `KeysRemoved.change` has the diff.
        confirm: asks the user before the change: ``await confirm(change)``, with a `FileChange`, returns whether to
            make it. Nobody is asked if it is None. Then the file is changed only if it is still as it was shown.
        options: how to get to the shell: ``password=`` and others, see `AccessOptions`.

    Returns:
        The lines that were removed; empty if no line had the keys.

    Raises:
        UsageError: a fingerprint is not valid, or no line has it.
        NotConfirmed: `confirm` returned False; nothing was changed.
        EditRefused: nothing was changed; the message says why.
        NotVerified: the file is not as it should be; the error names the backup.
        SosError: any other failure.

    When cancelled, it logs out first, with a deadline of its own, and then raises the cancellation.
    """
    which: list[str | PublicKey] = []
    for one in [keys] if isinstance(keys, str | PublicKey) else keys:
        if isinstance(one, PublicKey) or one.startswith(_FINGERPRINTS):
            which.append(one)
        else:
            which += parse_public_keys(one, cert_authority=True)
    if not which:
        raise UsageError("no key to remove", hint="Pass a key or a fingerprint.")
    return await remove_keys(
        access_to(target, **options), which, user=user, force=force, dry_run=dry_run, confirm=confirm
    )


async def host_keys(target: Locatable | Transport, **options: Unpack[AccessOptions]) -> HostKeys:
    """Read the machine's SSH host keys over its console. Changes nothing.

    Args:
        target: HOST as on the command line, a `Target`, or a connected transport.
        options: how to get to the shell: ``password=`` and others, see `AccessOptions`.

    Returns:
        One key of each type, derived from its private key, and warnings.

    Raises:
        EditRefused: no key could be read.
        SosError: any other failure.

    When cancelled, it logs out first, with a deadline of its own, and then raises the cancellation.
    """
    return await _host_keys(access_to(target, **options))


@asynccontextmanager
async def root_shell(target: Locatable | Transport | Console, **options: Unpack[AccessOptions]) -> AsyncIterator[Shell]:
    """Get from the console's state to a verified shell, and log out at the end of the block.

    The machine runs only programs that arrived intact, and each result is exact::

        async with sosagent.root_shell("user@sos.example.net", password=password) as shell:
            result = await shell.run("uname -r")

    At the end, also on an error or a cancellation, the shell is closed and the initial state of the console is
    awaited, with a deadline of its own. If it does not return, no error is raised for that alone: it is reported to
    ``on_event``, or added as a note to the error that ended the block.

    Args:
        target: HOST as on the command line, a `Target`, a connected transport, or a `Console` from `connect`. With a
            console, waits in the block end at the console's own deadline.
        options: how to get to the shell: ``password=`` and others, see `AccessOptions`. With a console, pass the
            options for connecting (timeout, transcript, on_event, ask, kick) to `connect` instead.

    Returns:
        A context manager whose value is a `Shell`. Only one task at a time may use it.

    Raises:
        UsageError, PasswordMissing: nothing was sent.
        ConsoleError: no shell; see the subclasses in `sosagent.errors`.
    """
    if not isinstance(target, Console):
        async with at_machine(access_to(target, **options)) as there:
            yield Shell(there.session.shell)
        return
    if wrong := [name for name in _CONNECT_OPTIONS if name in options]:
        raise UsageError(f"{', '.join(wrong)}: this console is already connected", hint="Pass it to connect().")
    console = connected(target)
    access = access_to(console.transport, **options)
    password = access.known_password
    deadline = console.deadline  # the time of an answer moves it
    limited = console.time_left() is not None
    try:
        async with _root_shell(console, password, settings=access, dead_man=access.dead_man) as session:
            yield Shell(session.shell)
    finally:
        # Logging out had a deadline of its own; restore the console's.
        console.set_deadline(max(deadline.remaining, _LEAST_SECONDS) if limited else None)

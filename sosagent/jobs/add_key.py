"""The main job from start to end: connect, log in, add keys, verify them, log out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Unpack

from ..access import Access, AccessOptions, access_to
from ..authorized_keys.append import append_keys
from ..authorized_keys.key_file import check_user, key_file_of
from ..authorized_keys.outcome import Appended, KeyOutcome
from ..endpoint.located import Locatable
from ..errors import UsageError
from ..file_change import FileChange
from ..keys import PublicKey, parse_public_keys
from ..session.machine import Done, on_machine, rights_of
from ..session.root_shell import RootShell
from ..transports import Transport
from ..transports.remember import remembering
from .reach import connection_to

if TYPE_CHECKING:
    from .verify import Verification, Verify, VerifyLogin

__all__ = ["AddKeyResult", "add_key", "add_keys"]

Status = Literal["added", "present", "replaced", "would-add", "would-replace"]
#: The status is the first of these that a key has.
_STATUSES: tuple[Status, ...] = ("added", "replaced", "would-add", "would-replace", "present")
_SLOW_BAUD = 9600
_BITS = 10  # on the line, for each byte
_REPEATS = 3  # a payload is sent and echoed, and may have to be sent again
_SMALL_PAYLOAD = 4000  # bytes; needs no additional time


@dataclass(frozen=True)
class AddKeyResult:
    """The result of `add_key`.

    Fields:
        status: ``added`` if at least one key was added, ``replaced`` if a line was replaced, ``present`` if all were in
            the file; for a dry run ``would-add`` or ``would-replace``.
        host: the endpoint.
        user: the owner of the file.
        file: the file that sshd reads.
        keys: one outcome for each key.
        state_found: the console's state at the start.
        logged_out: whether the console was seen to return to that state.
        keys_before, keys_after: number of key lines.
        hostname, machine_id: the identity of the machine; machine_id is None if it has none.
        warnings: sentences about what keeps sshd from accepting the keys, or restricts them.
        problems: those of `warnings` for which the job did not succeed, though the keys are in the file: sshd will
            refuse them (unless the login of `verification` works), or their access does not end.
        remedies: what helps against the problems, in sentences.
        backup: path of the old file on the machine, if lines were replaced.
        changes: the commands that changed something else, with the state before each.
        change: what a dry run would change in the file; None if it was no dry run.
        verification: the result of a login over SSH, if one was requested.
        seconds: duration of the whole job.
        bytes_sent, bytes_received, exchanges: the traffic on the console.
    """

    status: Status
    host: str
    user: str
    file: str
    keys: tuple[KeyOutcome, ...]
    state_found: str
    logged_out: bool
    keys_before: int
    keys_after: int
    hostname: str
    machine_id: str | None
    warnings: tuple[str, ...]
    seconds: float
    bytes_sent: int
    bytes_received: int
    exchanges: int
    changes: tuple[str, ...] = ()
    verification: Verification | None = None
    problems: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()
    backup: str = ""
    change: FileChange | None = None


async def add_key(
    target: Locatable | Transport,
    keys: str | PublicKey | Sequence[PublicKey],
    *,
    user: str | None = None,
    until: datetime | None = None,
    verify: Verify | None = None,
    dry_run: bool = False,
    replace: bool = False,
    address: str = "",
    **options: Unpack[AccessOptions],
) -> AddKeyResult:
    """Add public keys to a machine that is reached through its serial console.

    Args:
        target: HOST as on the command line, a target, a located machine, or a connected transport.
        keys: one or more keys; a string is parsed as the contents of a key file.
        user: the owner of the file; by default the user who logs in.
        until: when sshd is to refuse the keys again, with its time zone (written as ``expiry-time``).
        verify: log in over SSH afterwards, and report the cause if that fails.
        dry_run: inspect the machine without changing it.
        replace: replace lines with the keys and other options, by a rewrite with a backup.
        address: HOST or HOST:PORT at which you reach the machine's sshd; by default that of `verify`. sshd is asked
            what it does with clients at this computer's address.
        options: how to reach the machine: ``password=`` and others, see `AccessOptions`. A large payload
            extends the default ``timeout``, and an event reports that.

    Returns:
        The result, as the machine reported it when the file was read back. If it has `problems`, the keys are in the
        file, and do not do what you requested.

    Raises:
        SosError: the job failed; see `sosagent.errors` for the subclasses. No key in the file is ever lost.

    If it is cancelled, it logs out within a time limit of its own before it raises `CancelledError`.
    """
    access = access_to(target, **options)
    return await add_keys(
        access,
        _keys(keys),
        user=user,
        until=until,
        verify=verify,
        dry_run=dry_run,
        replace_lines=replace,
        address=address,
    )


async def add_keys(
    access: Access,
    keys: Sequence[PublicKey],
    *,
    user: str | None = None,
    until: datetime | None = None,
    verify: Verify | None = None,
    dry_run: bool = False,
    replace_lines: bool = False,
    address: str = "",
) -> AddKeyResult:
    """Add public keys to the machine that `access` describes; see `add_key`."""
    started = time.monotonic()
    owner = check_user(user or access.login)
    extra = _extra_seconds(keys)
    if extra and access.extend_timeout:
        access = replace(access, timeout=access.timeout + extra)
        access.note(f"{len(keys)} keys take long on a slow line: the time limit is now {access.timeout:.0f} s")

    address = address or (verify.address if verify else "")
    connection = await asyncio.to_thread(connection_to, address) if address else connection_to("")
    async with AsyncExitStack() as stack:
        stack.enter_context(remembering())
        verify_login: VerifyLogin | None = None
        if verify is not None and not dry_run:
            from .verify import login_verifier  # importing asyncssh takes a third of a second

            verify_login = await stack.enter_async_context(login_verifier(verify, keys, access.ask))

        async def append(session: RootShell) -> tuple[Appended, Verification | None]:
            rights = rights_of(access, session, owner)
            appended = await append_keys(
                session.shell,
                keys,
                **rights,
                dry_run=dry_run,
                permissions=access.permissions,
                until=until,
                replace_lines=replace_lines,
                connection=connection,
            )
            if verify_login is None:
                return appended, None
            try:
                return appended, await verify_login(session.shell, key_file_of(**rights), appended.hostname)
            except BaseException as error:
                error.add_note(f"the keys were already added to {appended.file} when this happened")
                raise

        done = await on_machine(access, append)
    return _result(done, owner, time.monotonic() - started)


def _keys(keys: str | PublicKey | Sequence[PublicKey]) -> list[PublicKey]:
    if isinstance(keys, str):
        return parse_public_keys(keys)
    listed = [keys] if isinstance(keys, PublicKey) else list(keys)
    if not listed:
        raise UsageError("no key to add")
    return listed


def _extra_seconds(keys: Sequence[PublicKey]) -> float:
    """Return the additional seconds that a large payload needs on a slow line."""
    payload = sum(len(key.line) for key in keys)
    return _REPEATS * payload * _BITS / _SLOW_BAUD if payload > _SMALL_PAYLOAD else 0.0


def _result(done: Done[tuple[Appended, Verification | None]], user: str, seconds: float) -> AddKeyResult:
    (appended, verification), session, console = done.value, done.session, done.console
    results = {outcome.result for outcome in appended.keys}
    works = verification is not None and verification.outcome == "works"
    return AddKeyResult(
        status=next(status for status in _STATUSES if status in results),
        host=done.host,
        user=user,
        file=appended.file,
        keys=appended.keys,
        state_found=session.state_found,
        logged_out=session.left,
        keys_before=appended.before,
        keys_after=appended.after,
        hostname=appended.hostname,
        machine_id=appended.machine_id,
        warnings=(
            *(f"{outcome.key.fingerprint}: {text}" for outcome in appended.keys for text in outcome.key.warnings),
            *appended.warnings,
            *done.warnings,
        ),
        seconds=seconds,
        bytes_sent=console.bytes_sent,
        bytes_received=console.bytes_received,
        exchanges=console.exchanges,
        changes=appended.changes,
        verification=verification,
        problems=appended.unmet if works else appended.problems,
        remedies=() if works and not appended.unmet else appended.remedies,
        backup=appended.backup,
        change=appended.change,
    )

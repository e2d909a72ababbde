"""The main job, end to end: connect, log in, add keys, prove it, log out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Unpack

from ..access import Access, AccessOptions, access_to
from ..authorized_keys.append import Appended, KeyOutcome, append_keys
from ..authorized_keys.programs import check_user, work_for
from ..endpoint.located import Locatable
from ..errors import UsageError
from ..keys import PublicKey, parse_public_keys
from ..session.machine import Done, on_machine, rights_of
from ..session.root_shell import RootShell
from ..transports import Transport
from ..transports.remember import remembering

if TYPE_CHECKING:
    from .verify import Prove, Verification, Verify

__all__ = ["AddKeyResult", "add_key", "add_keys"]

_SLOW_BAUD = 9600
_PAYLOAD_WITHOUT_MORE_TIME = 4000  # bytes


@dataclass(frozen=True)
class AddKeyResult:
    """What `add_key` did and saw.

    Fields:
        status: ``added`` if at least one key was, ``present`` if all were there, ``would-add`` for a
            dry run that found one missing.
        host: the endpoint.
        user: whose authorized_keys.
        file: the file that sshd reads.
        keys: one outcome for each key.
        state_found: the console's state at the start.
        logged_out: whether the state found was seen to be back.
        keys_before, keys_after: number of key lines.
        hostname, machine_id: the machine's own; machine_id is None where it has none.
        warnings: what would keep sshd from using the keys.
        changes: what was mended besides, as commands, with what was there before.
        verification: what a login over SSH came to, if one was asked for.
        seconds: wall time of the whole job.
        bytes_sent, bytes_received, exchanges: on the console.
    """

    status: Literal["added", "present", "would-add"]
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


async def add_key(
    target: Locatable | Transport,
    keys: str | PublicKey | Sequence[PublicKey],
    *,
    user: str | None = None,
    until: datetime | None = None,
    verify: Verify | None = None,
    dry_run: bool = False,
    **options: Unpack[AccessOptions],
) -> AddKeyResult:
    """Add public keys to a machine that is reached through its serial console.

    Args:
        target: HOST as on the command line, a `Target`, or a connected transport.
        keys: one or more keys; a text is read as the contents of a key file.
        user: whose authorized_keys; the login's by default.
        until: when sshd is to refuse the keys again, with its time zone (written as ``expiry-time``).
        verify: log in over SSH afterwards, and tell why if that fails.
        dry_run: look, and change nothing.
        options: how to get there: ``password=`` and others, see `AccessOptions`. A large payload adds to
            ``timeout``, which an event tells.

    Returns:
        What the machine showed when it was read back.

    Raises:
        SosError: one of its leaves; see `sosagent.errors`. Nothing that was in the file is lost,
            whatever is raised.

    When cancelled it logs out first, within a time of its own, and then lets the cancellation go on.
    """
    access = access_to(target, **options)
    return await add_keys(access, _keys(keys), user=user, until=until, verify=verify, dry_run=dry_run)


async def add_keys(
    access: Access,
    keys: Sequence[PublicKey],
    *,
    user: str | None = None,
    until: datetime | None = None,
    verify: Verify | None = None,
    dry_run: bool = False,
) -> AddKeyResult:
    """The same, for a way to the machine that is described already."""
    started = time.monotonic()
    whose = check_user(user or access.login)
    more = _more_time(keys)
    if more:
        access = replace(access, timeout=access.timeout + more)
        access.note(f"{len(keys)} keys take long on a slow line: the time limit is {access.timeout:.0f} s")

    async with AsyncExitStack() as stack:
        stack.enter_context(remembering())
        prove: Prove | None = None
        if verify is not None and not dry_run:
            # asyncssh takes a third of a second to import.
            from .verify import proof

            prove = await stack.enter_async_context(proof(verify, keys, access.ask))

        async def append(session: RootShell) -> tuple[Appended, Verification | None]:
            rights = rights_of(access, session, whose)
            appended = await append_keys(
                session.shell, keys, **rights, dry_run=dry_run, permissions=access.permissions, until=until
            )
            if prove is None:
                return appended, None
            try:
                return appended, await prove(session.shell, work_for(**rights), appended.hostname)
            except BaseException as error:
                error.add_note(f"the keys are in {appended.file}: this came after that")
                raise

        done = await on_machine(access, append)
    return _result(done, whose, time.monotonic() - started)


def _keys(keys: str | PublicKey | Sequence[PublicKey]) -> list[PublicKey]:
    if isinstance(keys, str):
        return parse_public_keys(keys)
    listed = [keys] if isinstance(keys, PublicKey) else list(keys)
    if not listed:
        raise UsageError("no key was given")
    return listed


def _more_time(keys: Sequence[PublicKey]) -> float:
    """Seconds that a payload takes on a slow line, sent and echoed and sent again."""
    payload = sum(len(key.line) for key in keys)
    return 3 * payload * 10 / _SLOW_BAUD if payload > _PAYLOAD_WITHOUT_MORE_TIME else 0.0


def _result(visit: Done[tuple[Appended, Verification | None]], user: str, seconds: float) -> AddKeyResult:
    (done, verification), session, console = visit.value, visit.session, visit.console
    results = {outcome.result for outcome in done.keys}
    status: Literal["added", "present", "would-add"] = "present"
    if "added" in results:
        status = "added"
    elif "would-add" in results:
        status = "would-add"
    return AddKeyResult(
        status=status,
        host=visit.host,
        user=user,
        file=done.file,
        keys=done.keys,
        state_found=session.state_found,
        logged_out=session.left,
        keys_before=done.before,
        keys_after=done.after,
        hostname=done.hostname,
        machine_id=done.machine_id,
        warnings=(
            *(f"{outcome.key.fingerprint}: {text}" for outcome in done.keys for text in outcome.key.warnings),
            *done.warnings,
            *([session.trouble] if session.trouble else []),
        ),
        seconds=seconds,
        bytes_sent=console.bytes_sent,
        bytes_received=console.bytes_received,
        exchanges=console.exchanges,
        changes=done.changes,
        verification=verification,
    )

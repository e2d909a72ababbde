"""Add a key over the console of an interactive session."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ..authorized_keys.append import append_keys
from ..authorized_keys.outcome import Appended
from ..errors import UsageError
from ..keys import PublicKey
from ..login.observe import observe
from ..printable import printable
from ..secrets.secret import Secret
from ..session.machine import rights_of
from ..session.root_shell import RootShell, root_shell
from ..terminal.states import Action
from .context import SessionContext

__all__ = ["add_key_in_session"]

_INTERRUPT = b"\x03"


async def add_key_in_session(session: SessionContext, keys: Sequence[PublicKey]) -> None:
    """Add `keys` over the open console and show the result. ^C stops it, and so does cancellation.

    Raises:
        SosError: the job failed. The console is restored to the state it was in, as after every job.
    """
    console = session.console
    # Earlier output is not an answer to what the job types.
    console.skip()
    console.mark_machine_start(console.mark_before_open_line())
    shell_is_open = observe(console, console.machine_start).state.action is Action.PROBE
    password = Secret("") if shell_is_open else await _password(session)
    if password is None:
        session.notice("no key was added", start=b"")
        return
    session.recording.redact(password)
    session.terminal.show_lines()
    job = asyncio.ensure_future(_append(session, keys, password))
    interrupt = asyncio.ensure_future(_interrupted(session))
    try:
        await asyncio.wait([job, interrupt], return_when=asyncio.FIRST_COMPLETED)
        if not job.done():
            job.cancel()
            await asyncio.wait([job])
        if job.cancelled():
            session.notice("stopped; try again to see whether the key was added")
            return
        appended, shell = job.result()
    finally:
        interrupt.cancel()
        # After a cancellation of this function, the job still has to log out.
        job.cancel()
        await asyncio.wait([job])
        console.set_deadline(None)
    session.notice(_summary(appended, shell))


async def _append(session: SessionContext, keys: Sequence[PublicKey], password: Secret) -> tuple[Appended, RootShell]:
    console, access = session.console, session.access
    console.set_deadline(access.timeout)
    async with root_shell(console, password, settings=access, dead_man=access.dead_man) as shell:
        appended = await append_keys(shell.shell, keys, **rights_of(access, shell, session.options.user))
    return appended, shell


async def _interrupted(session: SessionContext) -> None:
    """Return when the user presses ^C, and discard all other keys."""
    while data := await session.terminal.read():
        if _INTERRUPT in data:
            return
    await asyncio.Event().wait()  # the terminal has gone away: SIGHUP ends the session


async def _password(session: SessionContext) -> Secret | None:
    found = await asyncio.to_thread(session.options.find_password)
    if found is not None:
        return found
    if session.access.password is not None:
        return session.access.password
    login = printable(session.access.login, 60)
    answer = await session.terminal.ask(f"{login}'s password on the machine: ", echo=False)
    if answer is None:
        return None
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in answer):
        raise UsageError("the password contains a control character, which a login prompt would treat as editing")
    return Secret(answer)


def _summary(appended: Appended, shell: RootShell) -> str:
    lines = [
        f"{one.result} {one.key.fingerprint} {one.key.comment}".rstrip()
        + f" in {appended.file} on {printable(appended.hostname, 80)}"
        for one in appended.keys
    ]
    lines += [f"{'problem' if text in appended.problems else 'warning'}: {text}" for text in appended.warnings]
    lines += appended.remedies if appended.problems else ()
    if shell.trouble:
        lines.append(f"warning: {shell.trouble}")
    return "\n".join(lines)

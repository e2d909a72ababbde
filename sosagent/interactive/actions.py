"""What a person at a console has done there for them: a key added, a file's text sent."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from ..authorized_keys.append import Appended, append_keys
from ..console.console import Console
from ..errors import UsageError
from ..keys import PublicKey
from ..login.watch import Watch
from ..printable import printable
from ..secrets.secret import Secret
from ..session.machine import Access
from ..session.root_shell import RootShell, root_shell
from ..terminal.states import Way
from .hands import Hands
from .recording import HandRecording
from .terminal import OwnTerminal

__all__ = ["add_on_console", "file_text"]

_MOST_BYTES = 1 << 20
_NO_TEXT = re.compile(rb"[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f]")
_INTERRUPT = b"\x03"


class Session(Protocol):
    """What an action needs of the interactive session that it runs in."""

    @property
    def console(self) -> Console:
        """The machine's console; nothing else uses it meanwhile."""

    @property
    def terminal(self) -> OwnTerminal:
        """The user's terminal."""

    @property
    def recording(self) -> HandRecording:
        """The recording of the session."""

    @property
    def access(self) -> Access:
        """How the machine is reached."""

    @property
    def hands(self) -> Hands:
        """What the user wants."""

    def notice(self, text: str, *, begin: bytes = b"\r\n") -> None:
        """Show a message of ours on lines of its own."""


async def add_on_console(session: Session, keys: Sequence[PublicKey]) -> None:
    """Add `keys` over the console that is open, and say what came of it; ^C stops it.

    Raises:
        SosError: the job's. The console is left as it was found, as every job leaves it.
    """
    console = session.console
    # What was said before is no answer to what the job types.
    console.skip()
    console.enter(console.mark_of_lines())
    shell_is_open = Watch(console).observe(console.entered).state.way is Way.PROBE
    password = Secret("") if shell_is_open else await _password(session)
    if password is None:
        session.notice("no key is added", begin=b"")
        return
    session.recording.hush.add(password)
    session.terminal.working()
    job = asyncio.ensure_future(_add(session, keys, password))
    stopper = asyncio.ensure_future(_stopped(session))
    try:
        await asyncio.wait([job, stopper], return_when=asyncio.FIRST_COMPLETED)
        if not job.done():
            job.cancel()
            await asyncio.wait([job])
        if job.cancelled():
            session.notice("stopped; whether the key was added already, another try tells")
            return
        appended, shell = job.result()
    finally:
        stopper.cancel()
        # When this is cancelled itself, the job logs out before it ends.
        job.cancel()
        await asyncio.wait([job])
        console.set_deadline(None)
    session.notice(_outcome(appended, shell))


async def _add(session: Session, keys: Sequence[PublicKey], password: Secret) -> tuple[Appended, RootShell]:
    console, access = session.console, session.access
    console.set_deadline(access.timeout)
    async with root_shell(console, password, entry=access.entry, dead_man=access.dead_man) as shell:
        appended = await append_keys(shell.shell, keys, **access.rights(shell, session.hands.user))
    return appended, shell


async def _stopped(session: Session) -> None:
    """Until the user presses ^C; other keys are for nobody."""
    while data := await session.terminal.read():
        if _INTERRUPT in data:
            return
    await asyncio.Event().wait()  # the terminal is gone, which a signal tells


async def _password(session: Session) -> Secret | None:
    at_hand = await asyncio.to_thread(session.hands.password)
    if at_hand is None and session.access.password is not None:
        return session.access.password
    if at_hand is not None:
        return at_hand
    login = printable(session.access.entry.login, 60)
    answer = await session.terminal.ask(f"{login}'s password on the machine: ", echo=False)
    if answer is None:
        return None
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in answer):
        raise UsageError("the password holds a control character, which a login prompt would take as editing")
    return Secret(answer)


def _outcome(appended: Appended, shell: RootShell) -> str:
    lines = [
        f"{one.result} {one.key.fingerprint} {one.key.comment}".rstrip()
        + f" in {appended.file} on {printable(appended.hostname, 80)}"
        for one in appended.keys
    ]
    lines += [f"warning: {text}" for text in appended.warnings]
    if shell.trouble:
        lines.append(f"warning: {shell.trouble}")
    return "\n".join(lines)


def file_text(path: Path) -> bytes:
    """A file's text as keys: each line ends in Enter.

    Raises:
        UsageError: it cannot be read, or is no text.
    """
    shown = printable(str(path))
    try:
        with path.open("rb") as opened:
            data = opened.read(_MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot read {shown}: {error.strerror}") from None
    if len(data) > _MOST_BYTES:
        raise UsageError(f"{shown} holds more than {_MOST_BYTES >> 20} MiB, too much for a console")
    data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if _NO_TEXT.search(data):
        raise UsageError(f"{shown} holds control characters, which are keys to a console")
    return data.replace(b"\n", b"\r")

"""The escape commands of an interactive session, one method each."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

from ..endpoint.dialect import spell_keys
from ..errors import EndpointLost, SosError, UsageError
from ..paths import expanded
from ..printable import printable
from .add_key import add_key_in_session
from .context import SessionContext
from .escape import LETTERS
from .messages import describe_status

__all__ = ["Commands"]

#: Commands that type something, which a read-only session must not do.
_TYPING = frozenset("bkp")
_MAX_FILE_BYTES = 1 << 20
_CONTROL_CHARACTERS = re.compile(rb"[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f]")


class Commands:
    """Runs the escape commands. ``Enter ~ .`` is not among them: it ends the session.

    Args:
        session: the session that the commands run in.
    """

    def __init__(self, session: SessionContext) -> None:
        self._session = session
        self._escape = spell_keys(session.options.escape or b"")
        self._commands: dict[str, Callable[[], Awaitable[None]]] = {
            "?": self._help,
            "s": self._status,
            "b": self._send_break,
            "k": self._add_key,
            "r": self._record,
            "p": self._send_file,
        }

    async def run(self, letter: str) -> None:
        """Run one command and show its errors to the user.

        Args:
            letter: one of `escape.LETTERS`, except the dot.

        Raises:
            EndpointLost: the connection ended.
        """
        session = self._session
        if session.options.read_only and letter in _TYPING:
            session.notice("this session is read-only: nothing is typed")
            return
        try:
            await self._commands[letter]()
        except EndpointLost:
            raise
        except SosError as error:
            notes = getattr(error, "__notes__", ())
            options = "The options named here belong to sos-addkey." if re.search(r"\B--\w", error.hint) else ""
            session.notice("\n".join(filter(None, [error.message, *notes, error.hint, options])))
        if letter == "k":
            # The prompt arrived while the console's output was not shown.
            session.terminal.put(printable(session.console.open_line).encode())

    async def _help(self) -> None:
        escape = self._escape
        lines = [f"Enter {escape} {letter}  {meaning}" for letter, meaning in LETTERS.items()]
        self._session.notice("\n".join([*lines, f"Enter {escape} {escape}  send one {escape} to the console"]))

    async def _status(self) -> None:
        session = self._session
        columns, rows = session.terminal.size()
        words = describe_status(
            session.console,
            session.access,
            seconds=session.seconds,
            recording=session.recording.path,
            pace=session.sender.pace,
        )
        session.notice(f"{words}\na serial line has no size; set it in a shell there: stty rows {rows} cols {columns}")

    async def _send_break(self) -> None:
        async with self._session.sending():
            await self._session.console.send_break()
        self._session.notice("a BREAK was sent")

    async def _record(self) -> None:
        session = self._session
        if session.recording.path is not None:
            path = session.recording.path
            session.recording.stop()
            session.notice(f"recorded: {path}")
            return
        async with session.exclusive():
            answer = await self._ask("record to FILE: ")
            if answer:
                path = expanded(answer)
                session.recording.start(path, f"sosagent {session.access.host}", session.terminal.size())
                session.notice(f"recording to {path}; Enter {self._escape} r stops it", start=b"")

    async def _send_file(self) -> None:
        session = self._session
        async with session.exclusive():
            answer = await self._ask("send FILE: ")
            if not answer:
                return
            data = _file_as_keys(expanded(answer))
            taken = session.console.endpoint.intercepted(data)
            if taken:
                raise UsageError(
                    f"the file contains {taken}, which the endpoint would interpret itself; it was not sent"
                )
            session.notice(f"sending {len(data)} bytes; ^C stops it", start=b"")
            session.sender.send(data, pasted=True)

    async def _add_key(self) -> None:
        session = self._session
        async with session.exclusive():
            answer = await self._ask("KEYFILE: ")
            if not answer:
                session.notice("no key was added", start=b"")
                return
            keys = await asyncio.to_thread(session.options.read_keys, answer)
            session.console.recorder.switch_to(session.recording.transcript)
            try:
                await add_key_in_session(session, keys)
            finally:
                session.options.stop_spinner()
                session.console.recorder.switch_to(None)
                session.terminal.raw()

    async def _ask(self, prompt: str) -> str:
        """Ask for a line; an empty one if the user cancelled."""
        answer = await self._session.terminal.ask(prompt, ahead=self._session.typed_ahead())
        return "" if answer is None else answer.strip()


def _file_as_keys(path: Path) -> bytes:
    """Read a text file as the keys to type: every line ends in Enter.

    Raises:
        UsageError: the file cannot be read, is too large, or contains control characters.
    """
    shown = printable(str(path))
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot read {shown}: {error.strerror}") from None
    if len(data) > _MAX_FILE_BYTES:
        raise UsageError(f"{shown} is larger than {_MAX_FILE_BYTES >> 20} MiB, which is too much for a console")
    data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if _CONTROL_CHARACTERS.search(data):
        raise UsageError(f"{shown} contains control characters, which a console would treat as keys")
    return data.replace(b"\n", b"\r")

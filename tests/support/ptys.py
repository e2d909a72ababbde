"""Real programs on real ptys, as transports."""

from __future__ import annotations

import asyncio
import os
import signal
import termios
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pexpect

from sosagent.console import Console
from sosagent.errors import EndpointLost
from sosagent.shell.frame import ReplyReader, Up, checked
from sosagent.shell.programs import Expanded, program
from sosagent.shell.shell import Shell
from sosagent.shell.start_line import MODES_SAVED, StartLine, start_line
from sosagent.transports import Transport

from .accounts import set_home

__all__ = ["PtyTransport", "collector", "on_pty", "receiver", "verified_shell"]


def _restore_default_signals() -> None:
    """Undo the ignored signals that a background job inherits."""
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


class PtyTransport(Transport):
    """A program on a pty of 80 columns. Its folder is /, because many prompts show the folder.

    Its HOME becomes the home folder of root.

    Attributes:
        change: is applied to what the program prints.
    """

    def __init__(self, command: Sequence[str], env: Mapping[str, str]) -> None:
        self.name = command[0]
        self.change: Callable[[bytes], bytes] = bytes
        if "HOME" in env:
            set_home("root", Path(env["HOME"]))
        self.child = pexpect.spawn(
            command[0],
            list(command[1:]),
            cwd="/",
            env=dict(env),
            timeout=None,
            dimensions=(24, 80),
            preexec_fn=_restore_default_signals,
        )
        self._data: asyncio.Queue[bytes] = asyncio.Queue()
        asyncio.get_running_loop().add_reader(self.child.child_fd, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self.child.child_fd, 65536)
        except OSError:
            data = b""
        ended = not data
        if ended:
            asyncio.get_running_loop().remove_reader(self.child.child_fd)
        data = data and self.change(data)
        if data or ended:
            self._data.put_nowait(data)

    @property
    def modes(self) -> list[Any]:
        """The modes of the tty, as termios returns them."""
        return list(termios.tcgetattr(self.child.child_fd))

    async def read(self) -> bytes:
        data = await self._data.get()
        if not data:
            self._data.put_nowait(b"")  # the end stays the end
        return data

    async def write(self, data: bytes) -> None:
        if not self.child.isalive():
            raise EndpointLost("the program has ended")
        os.write(self.child.child_fd, data)

    async def aclose(self) -> None:
        if not self.child.closed:
            asyncio.get_running_loop().remove_reader(self.child.child_fd)
            self.child.ptyproc.delayafterclose = 0.01  # type: ignore[attr-defined]
            await asyncio.to_thread(self.child.close, True)  # it sleeps


@asynccontextmanager
async def on_pty(command: Sequence[str], home: Path, **env: str) -> AsyncIterator[tuple[Console, PtyTransport]]:
    """Open a console connected to `command` on a pty."""
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    transport = PtyTransport(command, {"TERM": "vt220", "PATH": path, "HOME": str(home), **env})
    async with Console(transport) as console:
        console.set_deadline(60)
        yield console, transport


def receiver(seconds: int = 60, patience: int = 20) -> str:
    """Return the text of the receiver."""
    return program(
        "sum_with_cksum",
        "receiver",
        modes=Expanded(MODES_SAVED),
        seconds=Expanded(str(seconds)),
        patience=Expanded(str(patience)),
    )


def collector(start: StartLine) -> str:
    """Return the program that the start line passes to /bin/sh, for use with another shell."""
    return start.line.partition('"-c" \'')[2].removesuffix("'")


@asynccontextmanager
async def verified_shell(
    sh: Sequence[str], home: Path, *, seconds: int = 60, patience: int = 20, env: Mapping[str, str] | None = None
) -> AsyncIterator[tuple[Shell, PtyTransport]]:
    """Open a `Shell` with a receiver that runs in `sh`, as if the start line had started it."""
    start = start_line("7f3a", replace=False, modes=MODES_SAVED)
    async with on_pty([*sh, "-c", collector(start)], home, **(env or {})) as (console, transport):
        await console.expect(start.ready)
        shell = Shell(console, replace=False, keep_modes=True, dead_man=seconds, patience=patience)
        shell.adopt_collector()
        yield shell, transport


async def bring_up(console: Console, text: str) -> ReplyReader:
    """Send the receiver directly, and wait until it runs."""
    reader = ReplyReader()
    await console.send(checked(text))
    while True:
        data = await console.receive(10)
        assert data is not None, console.tail()
        if any(isinstance(event, Up) for event in reader.feed(data)):
            return reader

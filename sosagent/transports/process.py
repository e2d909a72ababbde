"""A console that a program of this machine shows: run on a pty by pexpect."""

from __future__ import annotations

import asyncio
import os
import shutil
import tty

import pexpect

from ..errors import EndpointUnreachable, UsageError
from ..printable import printable
from ..target import ExecTarget
from .descriptor import DescriptorTransport
from .programs import program_of

__all__ = ["ProcessTransport", "open_process"]

_ROWS_AND_COLUMNS = (24, 80)
_LEAVE_SECONDS = 3.0
_SECOND_RUN_SECONDS = 15.0
#: The machine's password is nothing that another program should find.
_KEPT_BACK = ("SOS_PASSWORD",)


class ProcessTransport(DescriptorTransport):
    """The pty of a program, which is told to end by its own keys, then by a hang-up, then killed.

    Args:
        name: of the endpoint, safe to print.
        child: runs.
        argv: it was called by.
    """

    def __init__(self, name: str, child: pexpect.spawn[bytes], argv: tuple[str, ...]) -> None:
        super().__init__(name, child.child_fd)
        self._child = child
        self._argv = argv
        self._program = program_of(argv)

    async def send_break(self) -> None:
        """See `Transport.send_break`."""
        if not self._program.send_break:
            await super().send_break()
        await self.write(self._program.send_break)

    async def _leave(self) -> None:
        if self._program.leave:
            await self.write(self._program.leave)
            async with asyncio.timeout(_LEAVE_SECONDS):
                while await self.read():
                    pass

    async def _close(self) -> None:
        await asyncio.to_thread(self._child.close, True)
        if self._program.instead is not None:
            await self._second_run(*self._program.instead)

    async def _second_run(self, old: str, new: str) -> None:
        argv = [new if word == old else word for word in self._argv]
        if tuple(argv) == self._argv:
            return
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env=_environment(),
        )
        try:
            async with asyncio.timeout(_SECOND_RUN_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def open_process(target: ExecTarget) -> ProcessTransport:
    """Run the program.

    Raises:
        UsageError: there is no such program.
        EndpointUnreachable: it could not be started.
    """
    program = target.argv[0]
    if shutil.which(program) is None:
        raise UsageError(f"there is no program {printable(program)!r} here", hint="Install it, or write its path.")
    try:
        child: pexpect.spawn[bytes] = pexpect.spawn(
            program,
            list(target.argv[1:]),
            dimensions=_ROWS_AND_COLUMNS,
            echo=False,
            timeout=None,
            env=_environment(),
        )
    except (OSError, pexpect.ExceptionPexpect) as error:
        raise EndpointUnreachable(f"{target} cannot be started: {printable(str(error))}") from None
    # Bytes go to the program as they are; it makes its own side raw where it is a console client.
    tty.setraw(child.child_fd)
    return ProcessTransport(str(target), child, target.argv)


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in _KEPT_BACK}

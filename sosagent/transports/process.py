"""A console that a program of this machine shows: run on a pty by pexpect."""

from __future__ import annotations

import asyncio
import shutil
import tty
from contextlib import suppress

import pexpect

from ..endpoint.dialects import dialect_of_program
from ..endpoint.target import ExecTarget
from ..errors import EndpointUnreachable, UsageError
from ..printable import printable
from ..secrets.sources import environment_for_children
from .descriptor import DescriptorTransport

__all__ = ["ProcessTransport", "open_process"]

_ROWS_AND_COLUMNS = (24, 80)
_SECOND_RUN_SECONDS = 15.0


class ProcessTransport(DescriptorTransport):
    """The pty of a program, which is told to end by its own keys, then by a hang-up, then killed.

    Args:
        name: of the endpoint, safe to print.
        child: runs.
        argv: it was called by.
    """

    def __init__(self, name: str, child: pexpect.spawn[bytes], argv: tuple[str, ...]) -> None:
        super().__init__(name, child.child_fd)
        self.newline = "\n"  # its terminal is raw, so no Enter is made one
        self._child = child
        self._argv = argv

    def resize(self, columns: int, rows: int) -> None:
        """See `Transport.resize`: the pty's, of which the program is told by a signal."""
        with suppress(OSError):  # it is gone
            self._child.setwinsize(rows, columns)

    async def _close(self) -> None:
        with suppress(OSError, pexpect.ExceptionPexpect):  # it does not end; its session has to all the same
            await asyncio.to_thread(self._child.close, True)
        if self.has_console:
            with suppress(OSError):  # the program is gone; the session runs out by itself
                await _end_session(self._argv)


async def _end_session(argv: tuple[str, ...]) -> None:
    """The second run of a program whose session outlives it."""
    old, new = dialect_of_program(argv).second_run or ("", "")
    if old not in argv:
        return
    process = await asyncio.create_subprocess_exec(
        *(new if word == old else word for word in argv),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment_for_children(),
        start_new_session=True,  # without a terminal, on which it would ask for its password
    )
    try:
        async with asyncio.timeout(_SECOND_RUN_SECONDS):
            await process.wait()
    except TimeoutError:
        pass  # the session runs out by itself
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def open_process(target: ExecTarget, *, kick: bool = False) -> ProcessTransport:
    """Run the program.

    Args:
        target: its command line.
        kick: end the session that somebody has there first, or take it over.

    Raises:
        UsageError: there is no such program.
        EndpointUnreachable: it could not be started.
    """
    program = target.argv[0]
    if shutil.which(program) is None:
        raise UsageError(f"there is no program {printable(program)!r} here", hint="Install it, or write its path.")
    if kick:
        await _end_session(target.argv)
    argv = _told(target.argv, kick)
    try:
        child: pexpect.spawn[bytes] = pexpect.spawn(
            program,
            list(argv[1:]),
            dimensions=_ROWS_AND_COLUMNS,
            echo=False,
            timeout=None,
            env=environment_for_children(),
        )
    except (OSError, pexpect.ExceptionPexpect) as error:
        raise EndpointUnreachable(f"{target} cannot be started: {printable(str(error))}") from None
    # Bytes go to the program as they are; it makes its own side raw where it is a console client.
    tty.setraw(child.child_fd)
    return ProcessTransport(str(target), child, target.argv)


def _told(argv: tuple[str, ...], kick: bool) -> tuple[str, ...]:
    """`argv` with what its program has to be told besides."""
    dialect = dialect_of_program(argv)
    words = [] if set(dialect.words[:1]) & set(argv) else [*dialect.words]
    words.append(dialect.force if kick else dialect.polite)
    # Behind the sub-command where it has one: virsh -c URI console NAME.
    at = argv.index("console", 1) + 1 if "console" in argv[1:] else 1
    return (*argv[:at], *(word for word in words if word and word not in argv), *argv[at:])

"""The console of a local program such as ipmitool or virsh, which pexpect runs on a pty."""

from __future__ import annotations

import asyncio
import shutil
import tty
from contextlib import suppress

import pexpect

from ..endpoint.dialects import dialect_of_program
from ..endpoint.target import ExecTarget
from ..endpoint.wrappers import program_at
from ..errors import EndpointUnreachable, UsageError
from ..printable import printable
from ..secrets.sources import environment_for_children
from .descriptor import DescriptorTransport

__all__ = ["ProcessTransport", "open_process"]

_ROWS_AND_COLUMNS = (24, 80)
_SECOND_RUN_SECONDS = 15.0


class ProcessTransport(DescriptorTransport):
    """The pty of a program. Closing sends it a hang-up, and kills it if that does not end it.

    Args:
        name: the endpoint's name, safe to print.
        child: the running program.
        argv: its command line.
    """

    def __init__(self, name: str, child: pexpect.spawn[bytes], argv: tuple[str, ...]) -> None:
        super().__init__(name, child.child_fd)
        self.newline = "\n"  # the pty is raw, so the kernel does not translate Enter
        self._child = child
        self._argv = argv

    def resize(self, columns: int, rows: int) -> None:
        """See `Transport.resize`: resizes the pty, and the kernel signals the program."""
        with suppress(OSError):  # the program has ended
            self._child.setwinsize(rows, columns)

    async def _close(self) -> None:
        with suppress(OSError, pexpect.ExceptionPexpect):  # end its session even if the program does not end
            await asyncio.to_thread(self._child.close, True)
        if self.has_console:
            with suppress(OSError):  # the program was removed; the session times out by itself
                await _end_session(self._argv)


async def _end_session(argv: tuple[str, ...]) -> None:
    """Run a program again to end a session that outlives it, such as ``ipmitool sol deactivate``."""
    old, new = dialect_of_program(argv).end_session or ("", "")
    if old not in argv:
        return
    process = await asyncio.create_subprocess_exec(
        *(new if word == old else word for word in argv),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment_for_children(),
        start_new_session=True,  # without a terminal it cannot ask for its password
    )
    try:
        async with asyncio.timeout(_SECOND_RUN_SECONDS):
            await process.wait()
    except TimeoutError:
        pass  # the session times out by itself
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def open_process(target: ExecTarget, *, kick: bool = False) -> ProcessTransport:
    """Run the program of `target`.

    Args:
        target: the command line.
        kick: end or take over another user's session of the console first.

    Raises:
        UsageError: the program is not installed.
        EndpointUnreachable: the program could not be started.
    """
    program = target.argv[0]
    if shutil.which(program) is None:
        raise UsageError(f"the program {printable(program)!r} is not installed", hint="Install it, or write its path.")
    if kick:
        await _end_session(target.argv)
    argv = _with_console_options(target.argv, kick)
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
        raise EndpointUnreachable(f"cannot start {target}: {printable(str(error))}") from None
    # Bytes must reach the program unchanged. A console client sets the modes that it needs itself.
    tty.setraw(child.child_fd)
    return ProcessTransport(str(target), child, target.argv)


def _with_console_options(argv: tuple[str, ...], kick: bool) -> tuple[str, ...]:
    """Return `argv` with the options that the program's dialect adds."""
    dialect = dialect_of_program(argv)
    program = argv[program_at(argv) :]
    words = [] if set(dialect.options[:1]) & set(program) else [*dialect.options]
    words.append(dialect.take_over if kick else dialect.no_take_over)
    # Options belong after the subcommand, if the program has one: virsh -c URI console NAME.
    at = program_at(argv) + 1
    if "console" in argv[at:]:
        at = argv.index("console", at) + 1
    return (*argv[:at], *(word for word in words if word and word not in argv[at:]), *argv[at:])

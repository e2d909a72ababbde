"""Copy files to and from a machine over its console."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ..access import Access
from ..file_change import Confirm
from ..paths import StrPath, as_path
from ..session.machine import Done, on_machine, with_question
from ..session.root_shell import RootShell
from ..shell.download import inspect
from ..shell.local_file import Source, check_local_target
from ..shell.transfer import MAX_BYTES, Transfer, remote_word
from ..transports import Transport

__all__ = ["Transferred", "download", "upload"]

_SLOW_BAUD = 9600
_BITS = 10  # on the line, for each byte
_SMALL_FILE = 32 * 1024  # bytes; needs no additional time
_LINE_BYTES = 1.4  # on the line for each byte of the file: base64, frames, requests
_REPEATS = 1.5  # for data that is damaged and sent again


@dataclass(frozen=True)
class Transferred:
    """A file that was copied, and how the console was left.

    Fields:
        host: the endpoint.
        file: the file that arrived.
        logged_out: whether the console was seen to return to its initial state.
        warnings: sentences about the state of the console, if `logged_out` is false.
    """

    host: str
    file: Transfer
    logged_out: bool
    warnings: tuple[str, ...] = ()


async def upload(
    access: Access,
    source: StrPath | bytes,
    target: str,
    *,
    mode: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    dry_run: bool = False,
    confirm: Confirm | None = None,
) -> Transferred:
    """Copy a file to a machine; see `shell.upload.upload`. The timeout grows with the file, as for a slow line.

    Raises:
        SosError: the job failed; see `sosagent.errors` for the subclasses.
    """
    remote_word(target)
    opened = Source(source)
    opened.close()
    access = _with_more_time(access, opened.size, _BITS / _SLOW_BAUD, f"at {_SLOW_BAUD} baud")

    async def run(session: RootShell) -> Transfer:
        return await session.shell.upload(
            source, target, mode=mode, on_progress=on_progress, dry_run=dry_run, confirm=confirm
        )

    if confirm is not None:
        access = with_question(access)
    return _transferred(await on_machine(access, run))


async def download(
    access: Access,
    source: str,
    target: StrPath | None,
    *,
    most: int = MAX_BYTES,
    on_progress: Callable[[int, int], None] | None = None,
) -> Transferred:
    """Copy a file from a machine; see `shell.download.download`.

    Only the machine knows how long the file is. If the timeout is too short for it, the job leaves the
    console and enters it again with a longer one, because the dead-man's switch on the machine was set by
    the first timeout.

    Raises:
        SosError: the job failed; see `sosagent.errors` for the subclasses.
    """
    remote_word(source)
    local = as_path(target)
    if local is not None:
        check_local_target(local)  # before anything is sent
    longer: Access | None = None

    async def run(session: RootShell) -> Transfer | None:
        nonlocal longer
        shell = session.shell
        if longer is None and access.extend_timeout and not isinstance(access.target, Transport):
            file, remaining = await inspect(shell, source, most=most), shell.console.time_left()
            if remaining is not None and _needed_seconds(file.size, shell.byte_seconds) > remaining:
                longer = _with_more_time(access, file.size, shell.byte_seconds, "on this line")
                return None
        return await shell.download(source, local, most=most, on_progress=on_progress)

    done = await on_machine(access, run)
    if longer is not None:
        done = await on_machine(longer, run)
    return _transferred(done)


def _needed_seconds(size: int, byte_seconds: float) -> float:
    return size * _LINE_BYTES * _REPEATS * byte_seconds


def _with_more_time(access: Access, size: int, byte_seconds: float, where: str) -> Access:
    """Return `access` with the additional time that a file of `size` bytes needs."""
    if size <= _SMALL_FILE or not access.extend_timeout:
        return access
    access = replace(access, timeout=access.timeout + _needed_seconds(size, byte_seconds))
    access.note(
        f"{size:,} bytes take {size * _LINE_BYTES * byte_seconds:.0f} s {where}: "
        f"the time limit is now {access.timeout:.0f} s"
    )
    return access


def _transferred(done: Done[Transfer] | Done[Transfer | None]) -> Transferred:
    assert done.value is not None
    return Transferred(done.host, done.value, done.session.left, done.warnings)

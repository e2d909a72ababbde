"""Files to and from a machine, over its console."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from ..access import Access
from ..session.machine import Done, on_machine
from ..session.root_shell import RootShell
from ..shell.download import inspect
from ..shell.local_file import Source, check_local_target
from ..shell.transfer import MAX_BYTES, Transfer, remote_word
from ..transports import Transport

__all__ = ["Transferred", "download", "upload"]

_SLOW_BAUD = 9600
_BITS = 10  # of a byte on the line
_PAYLOAD_WITHOUT_MORE_TIME = 32 * 1024
_ON_THE_LINE = 1.4  # bytes for each of the file's: base64, frames, asking
_AGAIN = 1.5  # for what is damaged and sent again


@dataclass(frozen=True)
class Transferred:
    """A file that was carried, and how the visit went.

    Fields:
        host: the endpoint.
        file: what arrived.
        logged_out: whether the console was seen to be as it was found.
        warnings: what is known of it, if not.
    """

    host: str
    file: Transfer
    logged_out: bool
    warnings: tuple[str, ...] = ()


async def upload(
    access: Access,
    source: Path | bytes,
    target: str,
    *,
    mode: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Transferred:
    """Put a file on a machine; see `shell.upload.upload`. The time limit grows with the file, as for a slow line.

    Raises:
        SosError: one of its leaves.
    """
    remote_word(target)
    opened = Source(source)
    opened.close()
    access = _with_time(access, opened.size, _BITS / _SLOW_BAUD, f"at {_SLOW_BAUD} baud")

    async def do(session: RootShell) -> Transfer:
        return await session.shell.upload(source, target, mode=mode, on_progress=on_progress)

    return _carried(await on_machine(access, do))


async def download(
    access: Access,
    source: str,
    target: Path | None,
    *,
    most: int = MAX_BYTES,
    on_progress: Callable[[int, int], None] | None = None,
) -> Transferred:
    """Get a file from a machine; see `shell.download.download`.

    How long it is only the machine knows. Where the time limit is too short for that, the console is left
    and entered again with a longer one: the machine's dead-man's switch was set by the first.

    Raises:
        SosError: one of its leaves.
    """
    remote_word(source)
    if target is not None:
        check_local_target(target)  # before anything is sent
    longer: Access | None = None

    async def do(session: RootShell) -> Transfer | None:
        nonlocal longer
        shell = session.shell
        if longer is None and not isinstance(access.target, Transport):
            found, left = await inspect(shell, source, most=most), shell.console.time_left()
            if left is not None and _seconds(found.size, shell.byte_seconds) > left:
                longer = _with_time(access, found.size, shell.byte_seconds, "on this line")
                return None
        return await shell.download(source, target, most=most, on_progress=on_progress)

    done = await on_machine(access, do)
    if longer is not None:
        done = await on_machine(longer, do)
    return _carried(done)


def _seconds(size: int, byte_seconds: float) -> float:
    return size * _ON_THE_LINE * _AGAIN * byte_seconds


def _with_time(access: Access, size: int, byte_seconds: float, where: str) -> Access:
    """With more time for a file of `size`."""
    if size <= _PAYLOAD_WITHOUT_MORE_TIME:
        return access
    access = replace(access, timeout=access.timeout + _seconds(size, byte_seconds))
    access.note(
        f"{size:,} bytes take {size * _ON_THE_LINE * byte_seconds:.0f} s {where}: "
        f"the time limit is {access.timeout:.0f} s"
    )
    return access


def _carried(done: Done[Transfer] | Done[Transfer | None]) -> Transferred:
    assert done.value is not None
    trouble = done.session.trouble
    return Transferred(done.host, done.value, done.session.left, (trouble,) if trouble else ())

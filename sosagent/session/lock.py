"""Lock a console for one run of sosagent by this user: on a shared endpoint, the keys of several runs would mix."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import FileIO

from ..errors import EndpointBusy
from ..login.record import OpenLogin
from ..printable import printable
from ..private_file import open_private

__all__ = ["alone"]

_INTERACTIVE = " interactive"


@contextmanager
def alone(endpoint: str, place: str, *, interactive: bool = False) -> Iterator[None]:
    """Keep other runs by this user on this computer off a console for the duration of the block.

    Without support for locks (Windows, a folder that cannot be written to), nothing is locked.

    Args:
        endpoint: the endpoint's name, for messages.
        place: identifies the console; see `target.place_of`.
        interactive: the user has the console in an interactive session, which may last for hours.

    Raises:
        EndpointBusy: another run has the console.
        UsageError: the lock's file, or its folder, is not ours alone.
    """
    record = OpenLogin(place).path
    path = record.parent.with_name("locks") / f"{record.stem}.lock"
    try:
        descriptor = open_private(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
    except OSError:
        yield
        return
    # Without a buffer: on a full disk, closing must not fail for what was not written.
    with FileIO(descriptor, "a+") as opened:
        unlock = _lock(opened, endpoint, interactive)
        try:
            yield
        finally:
            unlock()


def _lock(opened: FileIO, endpoint: str, interactive: bool) -> Callable[[], None]:
    """Take the lock, and return a function that releases it.

    Closing the file may not be enough: a process that was started meanwhile may have inherited it.
    """
    try:
        import fcntl
    except ImportError:
        return lambda: None
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        opened.truncate(0)
        opened.write(f"{os.getpid()}{_INTERACTIVE * interactive}".encode())
    except BlockingIOError:
        opened.seek(0)
        process, marker, _ = opened.read(40).decode("latin-1").partition(_INTERACTIVE)
        process = printable(process.strip(), 20) or "unknown"
        if marker:
            raise EndpointBusy(
                f"you are using {printable(endpoint)} in an interactive session (sosagent console, process {process})",
                hint="Leave that session with Enter ~ . first.",
            ) from None
        raise EndpointBusy(
            f"another run of sosagent (process {process}) is using {printable(endpoint)}",
            hint="Wait until it ends, which it does at its time limit at the latest.",
        ) from None
    except OSError:  # a file system without locks, or a full one
        pass
    return lambda: fcntl.flock(opened, fcntl.LOCK_UN)

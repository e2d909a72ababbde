"""One run of this user's at a console at a time: several would type into each other where an endpoint lets them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from ..errors import EndpointBusy
from ..printable import printable
from .left import OpenLogin

__all__ = ["alone"]


@contextmanager
def alone(endpoint: str) -> Iterator[None]:
    """Keep other runs of this user's on this computer away from `endpoint` meanwhile.

    Where no lock can be had (Windows, a folder that cannot be written to), nobody is kept away.

    Args:
        endpoint: its name, as the target tells.

    Raises:
        EndpointBusy: another run is there.
    """
    record = OpenLogin(endpoint).path
    path = record.parent.with_name("locks") / f"{record.stem}.lock"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        opened = path.open("a+", encoding="ascii")
    except OSError:
        yield
        return
    with opened:
        _lock(opened, endpoint)
        yield


def _lock(opened: IO[str], endpoint: str) -> None:
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        opened.seek(0)
        process = printable(opened.read(20).strip()) or "of yours"
        raise EndpointBusy(
            f"another run of sosagent (process {process}) is at {printable(endpoint)}",
            hint="Wait until it ends: it does at its time limit, at the latest.",
        ) from None
    except OSError:  # a file system without locks
        return
    opened.truncate(0)
    opened.write(str(os.getpid()))
    opened.flush()

"""One run of this user's at a console at a time: several would type into each other where an endpoint lets them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

from ..errors import EndpointBusy
from ..login.record import OpenLogin
from ..printable import printable

__all__ = ["alone"]

_BY_HAND = " by hand"


@contextmanager
def alone(endpoint: str, place: str, *, by_hand: bool = False) -> Iterator[None]:
    """Keep other runs of this user's on this computer away from a console meanwhile.

    Where no lock can be had (Windows, a folder that cannot be written to), nobody is kept away.

    Args:
        endpoint: its name, for messages.
        place: which it is; see `target.place_of`.
        by_hand: a person has the console, for as long as they like.

    Raises:
        EndpointBusy: another run is there.
    """
    record = OpenLogin(place).path
    path = record.parent.with_name("locks") / f"{record.stem}.lock"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        opened = path.open("a+", encoding="ascii")
    except OSError:
        yield
        return
    with opened:
        unlock = _lock(opened, endpoint, by_hand)
        try:
            yield
        finally:
            unlock()


def _lock(opened: IO[str], endpoint: str, by_hand: bool) -> Callable[[], None]:
    """Take the lock; gives what lets it go, for a process that was started meanwhile may have the file open still."""
    try:
        import fcntl
    except ImportError:
        return lambda: None
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        opened.truncate(0)
        opened.write(f"{os.getpid()}{_BY_HAND * by_hand}")
        opened.flush()
    except BlockingIOError:
        opened.seek(0)
        process, hand, _ = opened.read(40).partition(_BY_HAND)
        process = printable(process.strip(), 20) or "of yours"
        if hand:
            raise EndpointBusy(
                f"you have {printable(endpoint)} open by hand (sosagent console, process {process})",
                hint="Leave it there with Enter ~ . first.",
            ) from None
        raise EndpointBusy(
            f"another run of sosagent (process {process}) is at {printable(endpoint)}",
            hint="Wait until it ends: it does at its time limit, at the latest.",
        ) from None
    except OSError:  # a file system without locks, or a full one
        pass
    return lambda: fcntl.flock(opened, fcntl.LOCK_UN)

"""Write to standard error from a thread of its own.

A terminal that accepts no output (stopped with ^S, or a pipe that nobody reads) must not stop a job that may have a
shell open on a machine, and one that has gone away must not end it.
"""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Callable

__all__ = ["do_in_background", "say", "wait_for_output"]

_WAIT_SECONDS = 2.0


class _Background:
    """Runs functions in order in a daemon thread, which starts with the first one."""

    def __init__(self) -> None:
        self._work: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def do(self, write: Callable[[], object]) -> None:
        """Run `write` after everything passed before. It fails silently: nobody could see the message."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="standard error", daemon=True)
            self._thread.start()
        self._work.put(write)

    def wait(self, seconds: float | None) -> None:
        """Wait until everything passed before has run, or `seconds` have passed; None waits without a limit."""
        if self._thread is not None:
            done = threading.Event()
            self.do(done.set)
            done.wait(seconds)

    def _run(self) -> None:
        while True:
            write = self._work.get()
            try:
                write()
            except (OSError, ValueError):  # ValueError: the stream is closed
                continue


_background = _Background()


def do_in_background(write: Callable[[], object]) -> None:
    """Run `write`, which prints something, without waiting for it. Its failure is ignored."""
    _background.do(write)


def say(text: str) -> None:
    """Print a line on standard error without waiting for it."""
    _background.do(lambda: print(text, file=sys.stderr, flush=True))


def wait_for_output(seconds: float | None = _WAIT_SECONDS) -> None:
    """Wait until everything has been printed, for `seconds` at most; None waits without a limit."""
    _background.wait(seconds)

"""`re.search` in what a machine printed, within a time: a pattern may need years for a line that does not fit it."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import StepFailed
from .words import beginning

__all__ = ["found_in"]

_SECONDS = 2.0


class _Late(Exception):
    """The time is up."""


def found_in(pattern: str, text: str) -> bool:
    """Whether `pattern` is found in a line of `text`.

    Raises:
        StepFailed: it takes too long; meanwhile no deadline and no Ctrl-C would be heard.
    """
    try:
        with _within(_SECONDS):
            return re.search(pattern, text, re.MULTILINE) is not None
    except _Late:
        raise StepFailed(
            f"the pattern '{beginning(pattern)}' was not done with {len(text)} characters within {_SECONDS:.0f} s",
            hint="Write it without a repeat inside a repeat, such as (a+)+, and without more than one .* in a line.",
        ) from None


@contextmanager
def _within(seconds: float) -> Iterator[None]:
    """Raise `_Late` when the time is up, where that is possible: only the main thread hears signals.

    `re` looks for signals while it works, and for nothing else. A program's own alarm is not touched.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or not hasattr(signal, "SIGALRM") or signal.getsignal(signal.SIGALRM) is not signal.SIG_DFL:
        yield
        return

    def late(_number: int, _frame: Any) -> None:
        raise _Late

    signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)

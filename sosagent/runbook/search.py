"""Search machine output with a time limit: some patterns take years on a text that they do not match."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import StepFailed
from .words import excerpt

__all__ = ["matches"]

_SECONDS = 2.0


class _TimeUp(Exception):
    """The time limit was reached."""


def matches(pattern: str, text: str) -> bool:
    """Whether `pattern` matches somewhere in `text`; ``^`` and ``$`` match at line ends.

    Raises:
        StepFailed: the search takes too long. While it runs, deadlines and Ctrl-C have no effect.
    """
    try:
        with _time_limit(_SECONDS):
            return re.search(pattern, text, re.MULTILINE) is not None
    except _TimeUp:
        raise StepFailed(
            f"the pattern '{excerpt(pattern)}' did not finish on {len(text)} characters within {_SECONDS:.0f} s",
            hint="Avoid nested repetition such as (a+)+, and more than one .* on a line.",
        ) from None


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise `_TimeUp` after `seconds`. Without effect outside the main thread, which alone receives signals.

    A signal is the only thing that interrupts `re`. An alarm that the calling program has set is left alone.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or not hasattr(signal, "SIGALRM") or signal.getsignal(signal.SIGALRM) is not signal.SIG_DFL:
        yield
        return

    def on_alarm(_number: int, _frame: Any) -> None:
        raise _TimeUp

    signal.signal(signal.SIGALRM, on_alarm)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)

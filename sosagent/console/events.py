"""Progress events that a job emits while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ..printable import printable

__all__ = ["Event", "EventSink", "GuardedCalls", "guarded"]


@dataclass(frozen=True)
class Event:
    """One event.

    Fields:
        kind: ``start`` when a step starts, ``done`` when it has succeeded, ``failed`` when a step of a runbook has
            failed, ``note`` for something the user should know, ``detail`` for something shown with ``-v``.
        text: one printable line.
    """

    kind: Literal["start", "done", "failed", "note", "detail"]
    text: str


EventSink = Callable[[Event], None]


class GuardedCalls:
    """Calls a callback of the caller. If it fails, the job goes on: it may have a shell open on the machine.

    Args:
        callback: receives events or other arguments.
        what: what the callback is, for the message.

    Attributes:
        failure: the first failure, as a sentence; empty if there was none.
    """

    def __init__(self, callback: Callable[..., object], what: str) -> None:
        self._callback = callback
        self._what = what
        self.failure = ""

    def __call__(self, *arguments: object) -> None:
        try:
            self._callback(*arguments)
        except Exception as error:  # noqa: BLE001 - whatever it raises, the job must reach its end
            text = f"{self._what} failed: {type(error).__name__}: {printable(str(error), 200)}"
            self.failure = self.failure or text.removesuffix(": ")


def guarded(callback: Callable[..., object], what: str = "the callback on_event") -> GuardedCalls:
    """Return `callback` as `GuardedCalls`; unchanged if it is one."""
    return callback if isinstance(callback, GuardedCalls) else GuardedCalls(callback, what)

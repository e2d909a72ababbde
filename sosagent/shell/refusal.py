"""Errors for what the machine cannot or may not do, as our shell there reports it."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import EditRefused, NotVerified
from ..printable import printable

__all__ = ["OUR_SHELL", "edit_refused", "not_verified", "refused"]

#: The console state while our shell runs.
OUR_SHELL = "our shell"

#: Causes in the complaints of a program: words to look for, the end of the message, the hint.
_CAUSES = (
    (
        ("No space left", "Disk quota exceeded", "File too large"),
        ": the disk is full",
        "Free some space there or choose another folder, then run again.",
    ),
    (
        ("Read-only file system",),
        ": it is on a read-only file system",
        "Choose a folder that can be written to, or make the file system writable.",
    ),
)


def edit_refused(message: str, *, hint: str | None = None, complaints: Sequence[str] = ()) -> EditRefused:
    """Return the error for a change that the machine did not make.

    Args:
        message: what happened, and where.
        hint: what to do next.
        complaints: error messages of the commands on the machine.
    """
    return EditRefused(message, state=OUR_SHELL, tail=complaints, hint=hint)


def not_verified(message: str, *, hint: str | None = None, complaints: Sequence[str] = ()) -> NotVerified:
    """Return the error for a change that was made and that reading back does not prove; see `edit_refused`."""
    return NotVerified(message, state=OUR_SHELL, tail=complaints, hint=hint)


def refused(message: str, complaints: Sequence[str] = (), hint: str | None = None) -> EditRefused:
    """Return the error for a file that cannot be read or written; the complaints give the cause and the hint.

    Args:
        message: what cannot be done, without the cause.
        complaints: error messages of the commands on the machine.
        hint: what to do next; by default the hint for the cause.
    """
    text = "\n".join(complaints)
    known = ((end, remedy) for words, end, remedy in _CAUSES if any(word in text for word in words))
    other = (f": {printable(complaints[0])}", "The machine's messages are above.") if complaints else ("", "")
    end, remedy = next(known, other)
    return edit_refused(message + end, hint=remedy if hint is None else hint, complaints=complaints)

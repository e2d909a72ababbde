"""The error for a login shell that may not start programs by their path (bash's rbash, zsh -r, ksh -r)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..errors import ConsoleStateUnknown
from ..terminal.translations import message_meaning
from .console import Console

__all__ = ["is_refusal", "restricted_error"]

_RESTRICTED = re.compile(r": restricted\b")
_MEANING = "restricted"


def is_refusal(lines: Iterable[str]) -> bool:
    """Return whether a restricted shell refused a command with one of `lines`."""
    # bash, which has its name in front, is the only one with translations.
    return any(_RESTRICTED.search(line) or message_meaning(line.partition(": ")[2], _MEANING) for line in lines)


def restricted_error(console: Console) -> ConsoleStateUnknown:
    """Return the error for a shell that is restricted."""
    return console.error(
        ConsoleStateUnknown,
        "the login shell is a restricted shell, which may not start a /bin/sh",
        hint="Log in as a user with an ordinary shell (--login), or give this user one.",
    )

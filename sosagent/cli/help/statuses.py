"""The exit statuses of the commands, in sets for commands of a kind. docs/reference/errors.md explains them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

__all__ = ["CHANGES", "CONNECTS", "LOCAL", "LOGS_IN", "Statuses", "but"]

#: Exit statuses and their meanings.
Statuses: TypeAlias = tuple[tuple[str, str], ...]

_ALL = {
    "0": "Success.",
    "2": "A wrong option or an invalid file. Nothing was sent.",
    "3": "The endpoint cannot be reached, refuses us or is in use, or its host key is unknown or has changed.",
    "4": "No shell on this console.",
    "5": "The machine refused the login.",
    "6": "The machine could not make the change. Nothing is lost.",
    "7": "The change was made, but is not proven, or sshd will refuse the key.",
    "8": "The time limit was reached.",
    "130": "Stopped by Ctrl-C or a signal.",
}


def _those(numbers: str) -> Statuses:
    return tuple((number, _ALL[number]) for number in numbers.split())


def but(statuses: Statuses, changes: Mapping[str, str]) -> Statuses:
    """Return `statuses` with the meanings of some replaced or added, in numerical order."""
    return tuple(sorted({**dict(statuses), **changes}.items(), key=lambda one: int(one[0])))


#: Commands that use files of this computer only.
LOCAL = but(_those("0 2"), {"2": "A wrong option, or a file that is invalid or cannot be read."})
#: Commands that connect to a console, and do not log in.
CONNECTS = but(_those("0 2 3 4 8 130"), {"4": "This console cannot be used."})
#: Commands that log in, and change nothing on the machine.
LOGS_IN = but(_those("0 2 3 4 5 6 8 130"), {"6": "The machine could not do it."})
#: Commands that change something on the machine.
CHANGES = _those("0 2 3 4 5 6 7 8 130")

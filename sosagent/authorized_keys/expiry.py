"""Keys that end by themselves: the option ``expiry-time``, as the machine's sshd understands it."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ..console.events import Event
from ..errors import EditRefused, UsageError
from ..keys import PublicKey
from ..shell.programs import Expanded, program
from ..shell.shell import Shell

__all__ = ["expiring"]

_CLOCK_OFF = 120.0  # seconds
_OPTION_SINCE = (7, 7)  # release notes of OpenSSH 7.7
_UTC_SINCE = (9, 1)  # release notes of OpenSSH 9.1: a Z behind the time
_TIME = re.compile(r"t (\d{1,12})(?: (\d{14}))?")
_VERSION = re.compile(r"v (\d{1,3})\.(\d{1,3})")


async def expiring(shell: Shell, keys: Sequence[PublicKey], until: datetime) -> list[PublicKey]:
    """`keys` with the option that makes sshd refuse them from `until` on.

    Args:
        shell: on the machine, whose clock and sshd are asked.
        keys: any.
        until: with its time zone.

    Raises:
        UsageError: that time is past.
        EditRefused: the machine's clock is wrong, or its sshd has no such option.
    """
    if until.timestamp() <= time.time():
        raise UsageError(f"{until:%Y-%m-%d %H:%M %Z} is past: the key would never work")
    asked = time.time()
    said = await shell.run(program("clock", until=Expanded(int(until.timestamp()))))
    clock, version = _find(_TIME, said.lines), _find(_VERSION, said.lines)
    if clock is None:
        raise EditRefused("the machine does not tell its time", state="our shell", tail=said.lines)
    off = int(clock[1]) - (asked + time.time()) / 2
    if abs(off) > _CLOCK_OFF:
        side = "ahead of" if off > 0 else "behind"
        raise EditRefused(
            f"the machine's clock is {timedelta(seconds=abs(int(off)))} {side} this computer's",
            state="our shell",
            hint="The key would end at another time than you think. Set the wrong one, or leave --expires out.",
        )
    if version is None:
        raise EditRefused(
            "the machine's sshd does not say its version, so it is not known whether it has expiry-time",
            state="our shell",
            tail=said.lines,
            hint="Leave --expires out, and take the key out again by hand.",
        )
    number = (int(version[1]), int(version[2]))
    if number < _OPTION_SINCE:
        raise EditRefused(
            f"the machine's OpenSSH {number[0]}.{number[1]} is too old: expiry-time came with 7.7",
            state="our shell",
            hint="It would refuse the whole line. Leave --expires out, and take the key out again by hand.",
        )
    if number >= _UTC_SINCE:
        when = f"{until.astimezone(UTC):%Y%m%d%H%M%S}Z"
    elif clock[2]:
        when = clock[2]
    else:
        raise EditRefused(
            "the machine cannot write the time in its own time zone, as its sshd wants it",
            state="our shell",
            tail=said.lines,
        )
    shell.console.emit(Event("detail", f"sshd {number[0]}.{number[1]}: expiry-time={when}"))
    option = f'expiry-time="{when}"'
    return [replace(key, options=(*key.options, option)) for key in keys]


def _find(pattern: re.Pattern[str], lines: Sequence[str]) -> re.Match[str] | None:
    return next((found for line in lines if (found := pattern.match(line))), None)

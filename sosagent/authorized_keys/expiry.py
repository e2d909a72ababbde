"""Keys that expire: the option ``expiry-time``, in the form that the machine's sshd understands."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ..console.events import Event
from ..errors import UsageError
from ..keys import PublicKey
from ..keys.option_values import is_utc, time_of
from ..keys.options import value_of
from ..printable import printable
from ..shell.programs import Expanded, program
from ..shell.refusal import edit_refused
from ..shell.shell import Shell

__all__ = ["check_times", "expiring"]

_MAX_CLOCK_ERROR = 120.0  # seconds
_MAX_ZONE = 12 * 3600  # seconds by which a local time may be behind UTC
_OPTION_SINCE = (7, 7)  # release notes of OpenSSH 7.7
_UTC_SINCE = (9, 1)  # release notes of OpenSSH 9.1: a Z after the time
_TIME = re.compile(r"t (\d{1,12})(?: (\d{14}))?")
_VERSION = re.compile(r"v (\d{1,3})\.(\d{1,3})")
_REMOVE_LATER = "Omit --expires, and remove the key later with `sosagent keys remove`."


async def expiring(shell: Shell, keys: Sequence[PublicKey], until: datetime) -> list[PublicKey]:
    """Return `keys` with the option that makes sshd refuse them from `until` on.

    Args:
        shell: a shell on the machine; its clock and its sshd are examined.
        keys: any keys.
        until: the time of expiry, with its time zone.

    Raises:
        UsageError: `until` is in the past.
        EditRefused: the machine's clock is wrong, or its sshd does not support the option.
    """
    if until.timestamp() <= time.time():
        raise UsageError(f"{until:%Y-%m-%d %H:%M %Z} is in the past: the key would never work")
    number, local = await _sshd_and_time(shell, until)
    if number >= _UTC_SINCE:
        when = f"{until.astimezone(UTC):%Y%m%d%H%M%S}Z"
    elif local:
        when = local
    else:
        raise edit_refused("the machine cannot print the time in its own time zone, which its sshd requires")
    shell.console.emit(Event("detail", f"sshd {number[0]}.{number[1]}: expiry-time={when}"))
    option = f'expiry-time="{when}"'
    return [replace(key, options=(*key.options, option)) for key in keys]


async def check_times(shell: Shell, keys: Sequence[PublicKey]) -> None:
    """Check that the machine's sshd accepts keys whose own options end their validity.

    Raises:
        UsageError: the time of a key is in the past.
        EditRefused: the machine's clock is wrong, or its sshd does not support the option or its form.
    """
    options = [option for key in keys for option in key.options if option.lower().startswith("expiry-time=")]
    times = {value_of(option): time_of(value_of(option)) for option in options}
    for text, when in times.items():
        # A time without Z is in the machine's time zone.
        if when is not None and when.timestamp() + (0 if is_utc(text) else _MAX_ZONE) <= time.time():
            raise UsageError(f"the option expiry-time={printable(text, 40)} is in the past: the key would never work")
    if not times:
        return
    number, _ = await _sshd_and_time(shell, datetime.now(UTC))
    if number < _UTC_SINCE and any(map(is_utc, times)):
        raise edit_refused(
            f"OpenSSH {number[0]}.{number[1]} on the machine is too old for a time in UTC, which came with 9.1",
            hint="It would ignore the whole line. Use --expires, or omit the Z and write the machine's local time.",
        )


async def _sshd_and_time(shell: Shell, until: datetime) -> tuple[tuple[int, int], str]:
    """Return the version of the machine's sshd, and `until` in its local time (empty if unknown).

    Raises:
        EditRefused: the machine's clock is wrong, or its sshd does not support expiry-time.
    """
    asked = time.time()
    lines = (await shell.run(program("clock", until=Expanded(int(until.timestamp()))))).lines
    clock, version = _first_match(_TIME, lines), _first_match(_VERSION, lines)
    if clock is None:
        raise edit_refused("the machine did not report its time", complaints=lines)
    _refuse_wrong_clock(int(clock[1]) - (asked + time.time()) / 2)
    if version is None:
        raise edit_refused(
            "the machine's sshd did not report its version, so expiry-time may not be supported",
            complaints=lines,
            hint=_REMOVE_LATER,
        )
    number = (int(version[1]), int(version[2]))
    if number < _OPTION_SINCE:
        raise edit_refused(
            f"OpenSSH {number[0]}.{number[1]} on the machine is too old for expiry-time, which came with 7.7",
            hint=f"It would ignore the whole line. {_REMOVE_LATER}",
        )
    return number, clock[2] or ""


def _refuse_wrong_clock(difference: float) -> None:
    """Refuse a clock that is `difference` seconds ahead of ours (behind it if negative)."""
    if abs(difference) > _MAX_CLOCK_ERROR:
        side = "ahead of" if difference > 0 else "behind"
        raise edit_refused(
            f"the machine's clock is {timedelta(seconds=abs(int(difference)))} {side} this computer's",
            hint="The key would expire at another time than you expect. Set the wrong clock, or omit --expires.",
        )


def _first_match(pattern: re.Pattern[str], lines: Sequence[str]) -> re.Match[str] | None:
    return next((match for line in lines if (match := pattern.match(line))), None)

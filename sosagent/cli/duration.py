"""Durations on the command line: ``90s``, ``2m``, ``1h30m``, or a number of seconds."""

from __future__ import annotations

import re

from ..errors import UsageError
from ..printable import printable

__all__ = ["MOST_SECONDS", "parse_duration", "span_seconds"]

#: The longest time limit: a day.
MOST_SECONDS = 24 * 3600

_NUMBER = r"\d{1,9}(?:\.\d{1,6})?"
#: The units, the largest first, each at most once.
_UNITS = {"w": 7 * 24 * 3600, "d": 24 * 3600, "h": 3600, "m": 60, "s": 1}
_SPAN = re.compile("".join(f"(?:({_NUMBER}){unit})?" for unit in _UNITS), re.ASCII)
_PLAIN = re.compile(_NUMBER, re.ASCII)


def span_seconds(text: str) -> float | None:
    """Return the seconds of a duration with units, such as ``1h30m``; None if `text` has another form."""
    match = _SPAN.fullmatch(text)
    if match is None or not text:
        return None
    return sum(float(number) * seconds for number, seconds in zip(match.groups("0"), _UNITS.values(), strict=True))


def parse_duration(text: str, option: str) -> float:
    """Return the seconds of a duration, which may be a plain number of seconds.

    Args:
        text: the value of the option.
        option: its name, for the message.

    Raises:
        UsageError: `text` is no duration, or not between 0 and a day.
    """
    seconds = float(text) if _PLAIN.fullmatch(text) else span_seconds(text)
    if seconds is None:
        raise UsageError(
            f"invalid {option} {printable(text, 40)!r}", hint="Write a time such as 90s, 2m or 1h30m, or seconds."
        )
    if not 0 < seconds <= MOST_SECONDS:
        raise UsageError(f"{option} must be more than 0 and at most 24h, not {printable(text, 40)}")
    return seconds

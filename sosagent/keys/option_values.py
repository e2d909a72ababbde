"""Values of the options of a key line, as sshd parses them (auth-options.c, misc.c). No I/O."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from ..printable import printable
from .service_names import SERVICE_NAMES

__all__ = ["check_environment", "check_listen", "check_open", "check_time", "check_tunnel", "is_utc", "time_of"]

_NUMBER = re.compile(r"[ \t\n\v\f\r]*([+-]?)0*([0-9]{1,18})")
_NAME = re.compile(r"[A-Za-z0-9_]+")
_FIELD = re.compile(r" *([0-9]+)")
_SUFFIX = re.compile(r"(?i)(?:Z|UTC)$")
#: Width and limits of year, month, day, hour, minute and second (strptime(3) of glibc).
_FIELDS = ((4, 0, 9999), (2, 1, 12), (2, 1, 31), (2, 0, 23), (2, 0, 59), (2, 0, 61))
_LENGTHS = (8, 12, 14)
_MAX_TUNNEL = 0x7FFFFFFF - 2
_MAX_HOST = 1025
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


# Each check returns the problem with a value in one sentence, or an empty string.


def check_time(value: str) -> str:
    """Check a value of expiry-time."""
    return "" if time_of(value) else "a time has the form YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, with Z for UTC"


def check_environment(value: str) -> str:
    """Check a value of environment."""
    name, equals, _ = value.partition("=")
    return "" if equals and _NAME.fullmatch(name) else "a variable has the form NAME=VALUE"


def check_open(value: str) -> str:
    """Check a value of permitopen."""
    return _check_permit(value)


def check_listen(value: str) -> str:
    """Check a value of permitlisten, which may be a port alone."""
    return _check_permit(value if ":" in value else f"*:{value}")


def check_tunnel(value: str) -> str:
    """Check a value of tunnel."""
    number = _number(value)
    is_device = value.lower() == "any" or (number is not None and 0 <= number <= _MAX_TUNNEL)
    return "" if is_device else "the value is a number, or any"


def time_of(text: str) -> datetime | None:
    """Parse a value of the option expiry-time.

    A value without Z is in the machine's local time, which is treated as UTC here.

    Returns:
        The time, or None if `text` is not a time.
    """
    digits = _SUFFIX.sub("", text) if len(text) > 1 else text
    if len(digits.encode("utf-8", "surrogateescape")) not in _LENGTHS:
        return None
    numbers: list[int] = []
    rest = digits
    for width, least, most in _FIELDS:
        if not rest:
            break
        match = _FIELD.fullmatch(rest[:width])
        if match is None or not least <= int(match[1]) <= most:
            return None
        numbers.append(int(match[1]))
        rest = rest[width:]
    year, month, day, *clock = numbers
    hour, minute, second = (*clock, 0, 0, 0)[:3]
    if year == 0:
        return None
    try:
        start = datetime(year, month, 1, tzinfo=UTC)
        time = start + timedelta(days=day - 1, hours=hour, minutes=minute, seconds=second)
    except OverflowError:
        return None
    return time if time > _EPOCH else None


def is_utc(text: str) -> bool:
    """Whether a value of expiry-time is in UTC, which sshd supports since OpenSSH 9.1."""
    return _SUFFIX.search(text) is not None


def _check_permit(value: str) -> str:
    """Check HOST:PORT or HOST/PORT; the host may be in brackets, and the port a name or ``*``."""
    if value.startswith("["):
        host, bracket, rest = value.partition("]")
        form = bracket and rest[:1] in (":", "/")
        port = rest[1:]
    else:
        parts = re.split(r"[:/]", value, maxsplit=1)
        host, form, port = parts[0], len(parts) == 2, parts[-1]
    number = _number(port)
    if form and len(host.encode("utf-8", "surrogateescape")) < _MAX_HOST:
        if port == "*" or port in SERVICE_NAMES or (number is not None and 0 < number < 65536):
            return ""
        if re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", port):
            return f"the machine may not know the port name {printable(port, 40)!r}; write its number"
    return "the value has the form HOST:PORT; either may be *"


def _number(text: str) -> int | None:
    """Return a decimal number as strtonum(3) reads it, or None if the text is not a number."""
    match = _NUMBER.fullmatch(text)
    return None if match is None else int(match[1] + match[2])

"""The names of hosts in an Ansible inventory: ranges in brackets, and a port behind a colon. No I/O.

The rules are those of ansible-core (parsing/utils/addresses.py, plugins/inventory/__init__.py), with their exceptions.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Sequence
from itertools import product

__all__ = ["expand", "is_ip_address", "split_port"]

#: A text whose colons and brackets belong to ranges.
_WITHOUT_PORT = re.compile(r"(?:[^:\[\]]|\[[^\]]*+\])*+")
_DIGITS = re.compile(r"[0-9]+")
_NUMBERS = r"\[[0-9]+:[0-9]+(?::[0-9]+)?\]"
_HEXADECIMAL = r"\[[0-9a-f]+:[0-9a-f]+(?::[0-9]+)?\]"
_IN_NAME = r"\[(?:[a-z]:[a-z]|[0-9]+:[0-9]+)(?::[0-9]+)?\]"
_LABEL = rf"(?:\w|{_IN_NAME})(?:[\w-]|{_IN_NAME})*(?<![_-])"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.IGNORECASE)
_OCTET = rf"(?:[01]?[0-9]{{1,2}}|2[0-4][0-9]|25[0-5]|{_NUMBERS})"
_IPV4 = re.compile(rf"(?:{_OCTET}\.){{3}}{_OCTET}", re.IGNORECASE)
_WORD = rf"(?:[0-9a-f]{{1,4}}|{_HEXADECIMAL})"
_IPV6_WORD = re.compile(_WORD, re.IGNORECASE)
_IPV6_WITH_IPV4 = re.compile(rf"(?:(?:0:){{6}}|::(?:ffff:)?|(?:0:){{5}}ffff:)(?:{_WORD}\.){{3}}{_WORD}", re.IGNORECASE)
_RANGE = re.compile(_HEXADECIMAL, re.IGNORECASE)
_MAX_DIGITS = 18
_MAX_RANGES = 16  # in one name


def split_port(pattern: str) -> tuple[str, int | None]:
    """Split NAME:PORT or [NAME]:PORT into the name, which may contain ranges, and the port.

    Where the name is not a valid one, the whole text is the name, and None the port.
    """
    name, port = pattern, None
    inside, colon, digits = name.rpartition("]:")
    if colon and inside[:1] == "[" and len(inside) > 1 and _DIGITS.fullmatch(digits):
        name, port = inside[1:], digits
    outside, colon, digits = name.rpartition(":")
    if colon and _DIGITS.fullmatch(digits) and _WITHOUT_PORT.fullmatch(outside):
        name, port = outside, digits
    if port is None or len(port) > _MAX_DIGITS or not (is_ip_address(name) or _NAME.fullmatch(name)):
        return pattern, None
    return name, int(port)


def is_ip_address(name: str) -> bool:
    """Whether a name is an address, or a range of addresses."""
    return _IPV4.fullmatch(name) is not None or _is_ipv6(name)


def _is_ipv6(name: str) -> bool:
    if _IPV6_WITH_IPV4.fullmatch(name):
        return True
    parts = _RANGE.sub("0", name).split("::")
    words = [part.split(":") if part else [] for part in parts]
    if not all(_IPV6_WORD.fullmatch(word) for part in words for word in part):
        return False
    if len(parts) == 1:
        return len(words[0]) == 8
    # One "::", which stands for at least two words at an end, and for at least one between others.
    left, right = map(len, words[:2])
    return len(parts) == 2 and left + right <= (7 if left and right else 6)


def expand(pattern: str, limit: int) -> Iterator[str]:
    """Yield web01, web02 and web03 for ``web[01:03]``.

    Args:
        pattern: a name that may contain ranges.
        limit: how many numbers a single range may contain.

    Raises:
        ValueError: a range is invalid; the message says why.
    """
    literals: list[str] = []
    ranges: list[list[str]] = []
    rest = pattern
    while "[" in rest:
        marks = sorted(at for at in (rest.find("["), rest.find("]")) if at >= 0)
        if len(marks) < 2 or "|" in pattern or len(ranges) == _MAX_RANGES:
            raise ValueError("a range has the form [FIRST:LAST] or [FIRST:LAST:STEP]")
        literals.append(rest[: marks[0]])
        ranges.append(list(_members(rest[marks[0] + 1 : marks[1]], limit)))
        rest = rest[marks[1] + 1 :]
    for parts in product(*ranges):
        yield "".join(map("".join, zip(literals, parts, strict=True))) + rest


def _members(text: str, limit: int) -> Iterator[str]:
    bounds = text.split(":")
    if len(bounds) not in (2, 3):
        raise ValueError("a range has the form [FIRST:LAST] or [FIRST:LAST:STEP]")
    first, last = bounds[0] or "0", bounds[1]
    if not last:
        raise ValueError("a range needs its last value")
    width = len(first) if first[0] == "0" and len(first) > 1 else 0
    if width and width != len(last):
        raise ValueError("both values of a range with leading zeros need the same number of digits")
    step = _number(bounds[2]) if len(bounds) == 3 else 1
    if step == 0:
        raise ValueError("the step of a range is at least 1")
    letters = string.ascii_letters
    values: Sequence[object]
    if first in letters and last in letters:  # Ansible uses the first letter of ab, too
        start, end = letters.index(first), letters.index(last)
        if start > end:
            raise ValueError("the first value of a range is greater than the last")
        values = letters[start : end + 1 : step]
    else:
        values = range(_number(first), _number(last) + 1, step)
    if len(values) > limit:
        raise ValueError(f"more than {limit} hosts")
    return (str(value).zfill(width) for value in values)


def _number(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise ValueError("a number of a range is too large")
    try:
        return int(text)
    except ValueError:
        raise ValueError("the values of a range are two numbers or two letters") from None

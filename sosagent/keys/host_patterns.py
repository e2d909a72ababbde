"""Read the lines of known_hosts files, and match their patterns as OpenSSH does (hostfile.c, match.c). No I/O."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["KnownLine", "known_lines", "matches", "matches_wildcards", "revokes"]

_MARKERS = ("@cert-authority", "@revoked")
_MAX_PATTERN = 1022  # characters; with a longer one, OpenSSH ignores the line
_PORT = re.compile(r"\[([^\[\]]*)\]:[\d*?]+")


@dataclass(frozen=True)
class KnownLine:
    """A line of a known_hosts file.

    Fields:
        marker: ``@cert-authority``, ``@revoked``, or empty.
        patterns: the first field: patterns separated by commas, or one hashed name.
        key: the key, as ``TYPE BASE64``; it may be unreadable.
    """

    marker: str
    patterns: str
    key: str


def known_lines(text: str) -> Iterator[KnownLine]:
    """Yield the lines of a known_hosts file that name a host and a key. OpenSSH ignores the others, too."""
    for line in text.split("\n"):
        words = re.split(r"[ \t]+", line.strip(" \t\r"), maxsplit=4)
        marker = words.pop(0) if words[0].startswith("@") else ""
        if (marker and marker not in _MARKERS) or len(words) < 2:
            continue
        if words[0].startswith(("#", "@")) or words[1].startswith("#"):
            continue
        yield KnownLine(marker, words[0], " ".join(words[1:3]))


def matches(patterns: str, place: str) -> bool:
    """Return whether the first field of a line matches a host.

    Args:
        patterns: the field.
        place: the host's name or address in lower case, as ``[host]:port`` if the port is not 22.
    """
    if patterns.startswith("|"):
        return _matches_hash(patterns, place)
    matched = False
    for pattern in patterns.lower().split(","):
        if len(pattern) > _MAX_PATTERN:
            return False
        if matches_wildcards(pattern.removeprefix("!"), place):
            if pattern.startswith("!"):
                return False
            matched = True
    return matched


def revokes(patterns: str, places: tuple[str, ...]) -> bool:
    """Return whether the first field of a ``@revoked`` line concerns a host.

    A revoked key is compromised on every port. So the field also applies if it matches a host name of `places` when
    ports are left out on both sides. OpenSSH ignores a revocation that names another port.
    """
    if any(matches(patterns, place) for place in places):
        return True
    if patterns.startswith("|"):
        return False
    bare = ",".join(_without_port(pattern) for pattern in patterns.split(","))
    return any(matches(bare, _without_port(place)) for place in places)


def _without_port(pattern: str) -> str:
    negation = "!" if pattern.startswith("!") else ""
    found = _PORT.fullmatch(pattern.removeprefix("!"))
    return pattern if found is None else negation + found[1]


def matches_wildcards(pattern: str, text: str) -> bool:
    """Return whether a text matches a pattern in which ``*`` and ``?`` stand for any characters.

    A regular expression could take a time that grows with a power of the length.
    """
    at = position = 0
    star = retry = -1
    while position < len(text):
        if at < len(pattern) and pattern[at] == "*":
            star, retry = at, position
            at += 1
        elif at < len(pattern) and pattern[at] in ("?", text[position]):
            at += 1
            position += 1
        elif star >= 0:
            retry += 1
            at, position = star + 1, retry
        else:
            return False
    return not pattern[at:].strip("*")


def _matches_hash(field: str, place: str) -> bool:
    parts = field.split("|")
    if len(parts) != 4 or parts[1] != "1":
        return False
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in parts[2:])
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(hmac.new(salt, place.encode(), hashlib.sha1).digest(), digest)

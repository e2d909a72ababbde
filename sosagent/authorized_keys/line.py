"""The grammar of authorized_keys as sshd reads it (sshd(8), auth2-pubkeyfile.c), and whether a key is in a file.

A grep on the machine cannot determine that, because a key may be in a comment, after options that make it useless, or
joined to another line.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable
from dataclasses import dataclass

from ..keys import KEY_TYPES, PublicKey, parse_blob
from ..keys.certificate import certified_key
from ..keys.from_patterns import nobody_because
from ..keys.options import are_options, split_options, value_of

__all__ = ["Entry", "Presence", "Verdict", "fingerprint_of", "is_used", "joined_at", "judge", "parse_line"]

#: Options that leave a key fully usable for a login (sshd(8), AUTHORIZED_KEYS FILE FORMAT).
_HARMLESS = frozenset({"agent-forwarding", "port-forwarding", "pty", "user-rc", "x11-forwarding"})
_SECOND_KEY = re.compile(r"(?<=\S)(?:ssh-|ecdsa-|sk-)\S{1,80} AAAA")


@dataclass(frozen=True)
class Entry:
    """A line in which sshd reads a key.

    Fields:
        key: the key.
        options: its options as written and in that order, such as ``from="10.0.0.0/8"``.
    """

    key: PublicKey
    options: tuple[str, ...] = ()


class Presence(enum.Enum):
    """Whether a key is in a file, and whether it allows a login."""

    ABSENT = "absent"
    USABLE = "usable"
    RESTRICTED = "restricted"


@dataclass(frozen=True)
class Verdict:
    """Whether one key is in a file.

    Fields:
        presence: absent, usable, or restricted by options.
        options: the options of the first line with the key, because sshd uses the first match.
    """

    presence: Presence
    options: tuple[str, ...] = ()


def judge(lines: Iterable[str], key: PublicKey) -> Verdict:
    """Determine whether sshd accepts `key`.

    Options equal to those of `key` are wanted, so they do not restrict it. A line whose only restriction
    is ``expiry-time`` is ignored, as sshd ignores it after that time. So is a line that sshd does not use for the key:
    one whose ``from`` admits no client, one of an authority if the key itself is wanted, and the other way round.

    Args:
        lines: the lines of the file, in order; those that cannot contain the key may be missing.
        key: the key.
    """
    for line in lines:
        entry = parse_line(line)
        if entry is None or not entry.key.same_key(key) or not is_used(entry.options, key.options):
            continue
        limiting = {option for option in entry.options if option.lower() not in _HARMLESS}
        if set(entry.options) == set(key.options) or not limiting:
            return Verdict(Presence.USABLE, entry.options)
        if not all(option.lower().startswith("expiry-time=") for option in limiting):
            return Verdict(Presence.RESTRICTED, entry.options)
    return Verdict(Presence.ABSENT)


def is_used(options: Iterable[str], wanted: Iterable[str]) -> bool:
    """Whether sshd may use a line with `options` for a login, if the options `wanted` are wanted for its key."""
    options = tuple(options)
    names = _names(options)
    if ("cert-authority" in names) != ("cert-authority" in _names(wanted)):
        return False
    if "principals" in names and "cert-authority" not in names:
        return False
    return not any(nobody_because(value_of(option)) for option in options if option.lower().startswith("from="))


def _names(options: Iterable[str]) -> set[str]:
    return {option.partition("=")[0].lower() for option in options}


def parse_line(line: str, *, any_options: bool = False) -> Entry | None:
    """Parse one line as sshd does; return None if sshd reads no key in it.

    Leading blanks are skipped. A blank outside quotes ends the options. A carriage return at the end is
    harmless. sshd refuses a line with an unknown option.

    Args:
        line: a line of the file.
        any_options: accept any options, because a newer sshd may support more than are known here.
    """
    line = line.lstrip(" \t").rstrip("\r\n")
    if not line or line.startswith("#") or "\0" in line:
        return None
    bare_key = _key_of(line)
    if bare_key is not None:
        return Entry(bare_key)
    split = split_options(line)
    if split is None:
        return None
    options, rest = split
    key = _key_of(rest.lstrip(" \t"))
    if key is None or not (any_options or are_options(options)):
        return None
    return Entry(key, options)


def fingerprint_of(line: str) -> str | None:
    """Return the fingerprint of the key in a line as ``ssh-keygen -l`` prints it, whether sshd accepts the line or not.

    Args:
        line: a line of the file.

    Returns:
        The SHA256 fingerprint; for a certificate, that of the key it is for. None if the line contains no whole key of
        a known type.
    """
    entry = parse_line(line, any_options=True)
    if entry is not None:
        return entry.key.fingerprint
    line = line.strip(" \t\r\n")
    split = split_options(line)
    for text in (line, *([split[1]] if split is not None else [])):
        words = text.split()
        if len(words) > 1 and (key := certified_key(words[0], words[1])) is not None:
            return key.fingerprint
    return None


def joined_at(line: str) -> int | None:
    """Return where the second key starts in a line that lacks a newline between two keys; otherwise None."""
    for match in _SECOND_KEY.finditer(line):
        if parse_line(line[: match.start()]) is not None and parse_line(line[match.start() :]) is not None:
            return match.start()
    return None


def _key_of(text: str) -> PublicKey | None:
    words = text.replace("\t", " ").split(" ")
    words = [word for word in words if word]
    if len(words) < 2 or words[0] not in KEY_TYPES:
        return None
    try:
        return PublicKey(words[0], parse_blob(words[0], words[1]), " ".join(words[2:]))
    except ValueError:
        return None

"""The grammar of authorized_keys as sshd reads it (sshd(8), auth2-pubkeyfile.c), and what it means for a key.

Presence is judged here, not by grep on the machine: a blob may stand in a comment, behind
options that make it useless, or glued to another line.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable
from dataclasses import dataclass

from ..keys import KEY_TYPES, PublicKey, parse_blob
from ..keys.options import are_options, split_options

__all__ = ["Entry", "Presence", "Verdict", "glued", "judge", "parse_line"]

#: Options that leave a key fully usable for a login (sshd(8), AUTHORIZED_KEYS FILE FORMAT).
_HARMLESS = frozenset({"agent-forwarding", "port-forwarding", "pty", "user-rc", "x11-forwarding"})
_SECOND_KEY = re.compile(r"(?<=\S)(?:ssh-|ecdsa-|sk-)\S+ AAAA")


@dataclass(frozen=True)
class Entry:
    """One line that sshd would take as a key.

    Fields:
        key: the key.
        options: its options in their order, as written, such as ``from="10.0.0.0/8"``.
    """

    key: PublicKey
    options: tuple[str, ...] = ()


class Presence(enum.Enum):
    """What a file means for a key."""

    ABSENT = "absent"
    USABLE = "usable"
    RESTRICTED = "restricted"


@dataclass(frozen=True)
class Verdict:
    """What a file means for one key.

    Fields:
        presence: absent, usable, or there behind options.
        options: those of the first line that holds the key; sshd takes the first match.
    """

    presence: Presence
    options: tuple[str, ...] = ()


def judge(lines: Iterable[str], key: PublicKey) -> Verdict:
    """Say what sshd would make of `key`, given the file's lines (or those that may hold it, in order).

    Options equal to those of `key` are no restriction: they are wanted. A line that only ends by itself
    (``expiry-time``) is passed over, as sshd does once its time is past.
    """
    for line in lines:
        entry = parse_line(line)
        if entry is None or not entry.key.same_key(key):
            continue
        limiting = {option for option in entry.options if option.lower() not in _HARMLESS}
        if set(entry.options) == set(key.options) or not limiting:
            return Verdict(Presence.USABLE, entry.options)
        if not all(option.lower().startswith("expiry-time=") for option in limiting):
            return Verdict(Presence.RESTRICTED, entry.options)
    return Verdict(Presence.ABSENT)


def parse_line(line: str, *, any_options: bool = False) -> Entry | None:
    """Read one line as sshd does; None where sshd sees no key in it.

    Args:
        line: of the file.
        any_options: also where sshd would refuse the line for its options, as far as we know them.

    Leading blanks are skipped; a blank outside quotes ends the options; a carriage return at the
    end is harmless; an unknown option makes sshd refuse the line.
    """
    line = line.lstrip(" \t").rstrip("\r\n")
    if not line or line.startswith("#") or "\0" in line:
        return None
    entry = _key_of(line)
    if entry is not None:
        return Entry(entry)
    split = split_options(line)
    if split is None:
        return None
    options, rest = split
    key = _key_of(rest.lstrip(" \t"))
    if key is None or not (any_options or are_options(options)):
        return None
    return Entry(key, options)


def glued(line: str) -> int | None:
    """Where a second key begins in a line that a missing newline has glued together; None where that is not so."""
    for found in _SECOND_KEY.finditer(line):
        if parse_line(line[: found.start()]) is not None and parse_line(line[found.start() :]) is not None:
            return found.start()
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

"""Read and plan changes of known_hosts files (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT). No I/O.

New lines are built only from names that the user typed and from checked keys.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..errors import HostKeyChanged, UsageError
from ..printable import printable
from . import PublicKey
from .host_patterns import matches

__all__ = ["Change", "address_of", "all_sshfp", "line_of", "place_of", "planned", "sshfp"]

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z)(?:{_LABEL}(?:\.{_LABEL})*|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(?:%[A-Za-z0-9]+)?)")
_WITH_PORT = re.compile(r"\[(?P<in>[^\[\]]+)\]:(?P<port>\d{1,5})|(?P<name>[^\[\]:]+):(?P<number>\d{1,5})")
_SSHFP_TYPES = {"ssh-rsa": 1, "ssh-dss": 2, "ecdsa": 3, "ssh-ed25519": 4}


@dataclass(frozen=True)
class Change:
    """A planned change of a known_hosts file.

    Fields:
        text: the new contents.
        added: the new lines.
        present: keys that the file has already.
        removed: lines that are removed, or that lose one of their names, in their old form.
    """

    text: str
    added: tuple[str, ...]
    present: tuple[PublicKey, ...]
    removed: tuple[str, ...]


def address_of(name: str) -> tuple[str, int | None]:
    """Split ``host``, ``host:port`` or ``[host]:port`` into the host and the port, None if there is no port.

    Raises:
        UsageError: `name` is not the name or address of one host.
    """
    port = None
    whole = name
    if (match := _WITH_PORT.fullmatch(name)) is not None:
        name, port = match["in"] or match["name"], int(match["port"] or match["number"])
    if _NAME.fullmatch(name) is None or not (port is None or 0 < port < 65536):
        raise UsageError(f"{printable(whole, 80)!r} is not the name or address of a host")
    return name, port


def place_of(name: str, port: int = 22) -> str:
    """Return a name or address in the form that known_hosts uses.

    Args:
        name: ``host``, ``host:port`` or ``[host]:port``.
        port: the port if `name` has none.

    Raises:
        UsageError: `name` is a pattern, a marker, a list or otherwise not a host name.
    """
    name, named = address_of(name)
    port = named or port
    return name.lower() if port == 22 else f"[{name.lower()}]:{port}"


def line_of(place: str, key: PublicKey) -> str:
    """Return the known_hosts line of a host key for a place, which `place_of` returns."""
    return f"{place} {key.type} {key.base64}"


def planned(text: str, file: str, places: Sequence[str], keys: Sequence[PublicKey], *, replace: bool) -> Change:
    """Plan the change after which the file has `keys`, and no other keys of their types, for `places`.

    Args:
        text: the contents of the file.
        file: its name, for messages.
        places: names of the host, each as `place_of` returns it.
        keys: the host's keys, one of each type.
        replace: remove lines with other keys of these types.

    Raises:
        HostKeyChanged: the file has another key of the same type for a place, and `replace` is false.
    """
    lines = text.split("\n")  # not splitlines(): a comment may contain other characters that end a line there
    removed: list[str] = []
    places = tuple(dict.fromkeys(places))
    missing = {(place, key) for place in places for key in keys}
    for number, line in enumerate(lines):
        where = f"{file}:{number + 1}"
        _refuse_revoked(line.split(), keys, where)
        for place in places:
            line = _without_other_keys(lines[number], place, keys, where, missing, replace=replace)
            if line != lines[number]:
                removed.append(lines[number])
                lines[number] = line
    before = text.split("\n")
    kept = "\n".join(line for line, old in zip(lines, before, strict=True) if line or not old)
    added = [line_of(place, key) for place in places for key in keys if (place, key) in missing]
    present = tuple(key for key in keys if all((place, key) not in missing for place in places))
    if added and kept and not kept.endswith("\n"):
        kept += "\n"
    return Change(kept + "".join(f"{line}\n" for line in added), tuple(added), present, tuple(removed))


def _without_other_keys(
    line: str,
    place: str,
    keys: Sequence[PublicKey],
    where: str,
    missing: set[tuple[str, PublicKey]],
    *,
    replace: bool,
) -> str:
    """Return `line` without `place` if it has another key for it. A key on the line is removed from `missing`."""
    words = line.split()
    if len(words) < 3 or words[0].startswith(("#", "@")) or not matches(words[0], place):
        return line
    for key in keys:
        if words[1] != key.type:
            continue
        if words[2] == key.base64:
            missing.discard((place, key))
            continue
        rest = _without(words[0], place)
        if not replace or rest is None:
            raise HostKeyChanged(
                f"{where}: another {key.type} key of {place} is on file: {_fingerprint(words[2])}; "
                f"the machine has {key.fingerprint}",
                hint="If the machine was reinstalled, --replace removes the old line."
                if rest is not None
                else "The line is a pattern for several hosts; edit it yourself.",
            )
        return line.replace(words[0], rest, 1) if rest else ""
    return line


def _refuse_revoked(words: Sequence[str], keys: Sequence[PublicKey], where: str) -> None:
    if len(words) > 3 and words[0] == "@revoked":
        for key in keys:
            if words[3] == key.base64:
                raise HostKeyChanged(
                    f"{where}: the machine's key {key.fingerprint} is marked as revoked",
                    hint="The private key may be compromised. Create new host keys on the machine.",
                )


def sshfp(name: str, key: PublicKey) -> str | None:
    """Return the SSHFP record of a host key (RFC 4255, 6594, 7479); None for a type that has no number there."""
    kind = next((number for start, number in _SSHFP_TYPES.items() if key.type.startswith(start)), None)
    return None if kind is None else f"{name} IN SSHFP {kind} 2 {hashlib.sha256(key.blob).hexdigest()}"


def _without(patterns: str, place: str) -> str | None:
    """Return the first field without `place`: empty if nothing remains, None if only a pattern matches it."""
    if patterns.startswith("|"):
        return ""
    names = patterns.split(",")
    rest = [name for name in names if name.lower() != place]
    return ",".join(rest) if len(rest) < len(names) and not matches(",".join(rest) or "!", place) else None


def _fingerprint(text: str) -> str:
    try:
        digest = hashlib.sha256(base64.b64decode(text, validate=True)).digest()
    except (binascii.Error, ValueError):
        return "an unreadable key"
    return "SHA256:" + base64.b64encode(digest).decode("ascii").rstrip("=")


def all_sshfp(names: Iterable[str], keys: Sequence[PublicKey]) -> list[str]:
    """Return the SSHFP records of all keys, for those of `names` that are host names and not addresses."""
    hosts = [name for name in names if not re.fullmatch(r"[0-9.]+|.*:.*", name)]
    return [record for name in hosts for key in keys if (record := sshfp(name, key)) is not None]

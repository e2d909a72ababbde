"""known_hosts on the user's own computer (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT): what it says, and lines for it.

Lines are made of the user's own names and of checked keys only. No I/O but in `write`.
"""

from __future__ import annotations

import base64
import binascii
import fnmatch
import hashlib
import hmac
import os
import re
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import HostKeyChanged, UsageError
from ..printable import printable
from . import PublicKey

__all__ = ["Change", "address_of", "all_sshfp", "place_of", "planned", "sshfp", "write"]

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(?:%[A-Za-z0-9]+)?")
_WITH_PORT = re.compile(r"\[(?P<in>[^\[\]]+)\]:(?P<port>\d{1,5})|(?P<name>[^\[\]:]+):(?P<number>\d{1,5})")
_SSHFP_TYPES = {"ssh-rsa": 1, "ssh-dss": 2, "ecdsa": 3, "ssh-ed25519": 4}


@dataclass(frozen=True)
class Change:
    """What has to be done to a file.

    Fields:
        text: the new contents.
        added: lines that are new.
        present: keys that stand there already.
        removed: lines that go, or lose one of their names, as they stood.
    """

    text: str
    added: tuple[str, ...]
    present: tuple[PublicKey, ...]
    removed: tuple[str, ...]


def address_of(name: str) -> tuple[str, int | None]:
    """``host``, ``host:port`` or ``[host]:port``: the host, and the port if it says one.

    Raises:
        UsageError: it is no name or address of one host.
    """
    port = None
    whole = name
    if (found := _WITH_PORT.fullmatch(name)) is not None:
        name, port = found["in"] or found["name"], int(found["port"] or found["number"])
    if _NAME.fullmatch(name) is None or not (port is None or 0 < port < 65536):
        raise UsageError(f"{printable(whole, 80)!r} is not the name or address of a host")
    return name, port


def place_of(name: str, port: int = 22) -> str:
    """A name or address of the user's, as known_hosts writes it.

    Args:
        name: ``host``, ``host:port`` or ``[host]:port``.
        port: where `name` says none.

    Raises:
        UsageError: it is no name: a pattern, a marker, a list.
    """
    name, named = address_of(name)
    port = named or port
    return name.lower() if port == 22 else f"[{name.lower()}]:{port}"


def planned(text: str, file: str, places: Sequence[str], keys: Sequence[PublicKey], *, replace: bool) -> Change:
    """Plan what makes the file say that `places` have just these `keys`, of their types.

    Args:
        text: of the file as it is.
        file: its name, for messages.
        places: as `place_of` gives them.
        keys: of the host, one of each type.
        replace: take lines with other keys of these types out.

    Raises:
        HostKeyChanged: there is another key of the same type for a place, and `replace` does not say so.
    """
    lines = text.split("\n")  # and at nothing else: a comment may hold what other programs take for newlines
    removed: list[str] = []
    places = tuple(dict.fromkeys(places))
    missing = {(place, key) for place in places for key in keys}
    for number, line in enumerate(lines):
        where = f"{file}, line {number + 1}"
        _refuse_revoked(line.split(), keys, where)
        for place in places:
            if (left := _mended(lines[number], place, keys, where, missing, replace=replace)) != lines[number]:
                removed.append(lines[number])
                lines[number] = left
    before = text.split("\n")
    kept = "\n".join(line for line, old in zip(lines, before, strict=True) if line or not old)
    added = [f"{place} {key.type} {key.base64}" for place in places for key in keys if (place, key) in missing]
    present = tuple(key for key in keys if all((place, key) not in missing for place in places))
    if added and kept and not kept.endswith("\n"):
        kept += "\n"
    return Change(kept + "".join(f"{line}\n" for line in added), tuple(added), present, tuple(removed))


def _mended(
    line: str,
    place: str,
    keys: Sequence[PublicKey],
    where: str,
    missing: set[tuple[str, PublicKey]],
    *,
    replace: bool,
) -> str:
    """The line without `place`, if it says that this has another key; what it says rightly is no longer missing."""
    words = line.split()
    if len(words) < 3 or words[0].startswith(("#", "@")) or not _applies(words[0], place):
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
                hint="If the machine was installed anew, --replace takes the old line out."
                if rest is not None
                else "The line is a pattern for several hosts: mend it by hand.",
            )
        return line.replace(words[0], rest, 1) if rest else ""
    return line


def _refuse_revoked(words: Sequence[str], keys: Sequence[PublicKey], where: str) -> None:
    if len(words) > 3 and words[0] == "@revoked":
        for key in keys:
            if words[3] == key.base64:
                raise HostKeyChanged(
                    f"{where}: the machine's key {key.fingerprint} is marked there as revoked",
                    hint="Somebody else may have it. Make new host keys on the machine.",
                )


def write(path: Path, text: str) -> None:
    """Put `text` in the file's place in one step, mode and links kept.

    Raises:
        UsageError: it cannot be written; it is as it was.
    """
    try:
        real = path.resolve()
        real.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = real.stat().st_mode & 0o777 if real.exists() else 0o600
        handle, name = tempfile.mkstemp(dir=real.parent, prefix=f".{real.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape", newline="") as opened:
                opened.write(text)
                opened.flush()
                os.fsync(opened.fileno())
            Path(name).chmod(mode)
            Path(name).replace(real)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(f"cannot write {printable(str(path))}: {error.strerror}") from None


def sshfp(name: str, key: PublicKey) -> str | None:
    """The DNS record of a host key (RFC 4255, 6594, 7479): algorithm, SHA-256; None for a type without a number."""
    kind = next((number for start, number in _SSHFP_TYPES.items() if key.type.startswith(start)), None)
    return None if kind is None else f"{name} IN SSHFP {kind} 2 {hashlib.sha256(key.blob).hexdigest()}"


def _applies(patterns: str, place: str) -> bool:
    """Whether a line's first field stands for a place (ssh's match_hostname)."""
    if patterns.startswith("|"):
        return _hashed(patterns, place)
    hit = False
    for pattern in patterns.lower().split(","):
        if fnmatch.fnmatchcase(place, _escaped(pattern.removeprefix("!"))):
            if pattern.startswith("!"):
                return False
            hit = True
    return hit


def _escaped(pattern: str) -> str:
    """Brackets are themselves there, and no sets."""
    return pattern.replace("[", "[[]")


def _hashed(text: str, place: str) -> bool:
    parts = text.split("|")
    if len(parts) != 4 or parts[1] != "1":
        return False
    try:
        salt, want = (base64.b64decode(part, validate=True) for part in parts[2:])
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(hmac.new(salt, place.encode(), "sha1").digest(), want)


def _without(patterns: str, place: str) -> str | None:
    """The first field without `place`; empty if nothing is left, None if only a pattern stands for it."""
    if patterns.startswith("|"):
        return ""
    names = patterns.split(",")
    rest = [name for name in names if name.lower() != place]
    return ",".join(rest) if len(rest) < len(names) and not _applies(",".join(rest) or "!", place) else None


def _fingerprint(text: str) -> str:
    try:
        digest = hashlib.sha256(base64.b64decode(text, validate=True)).digest()
    except (binascii.Error, ValueError):
        return "an unreadable key"
    return "SHA256:" + base64.b64encode(digest).decode("ascii").rstrip("=")


def all_sshfp(names: Iterable[str], keys: Sequence[PublicKey]) -> list[str]:
    """The records of all keys for all names that are host names, and no addresses."""
    hosts = [name for name in names if not re.fullmatch(r"[0-9.]+|.*:.*", name)]
    return [record for name in hosts for key in keys if (record := sshfp(name, key)) is not None]

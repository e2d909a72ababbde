"""The host key policy: which keys of an endpoint are trusted.

asyncssh compares the server's key with a list of trusted keys. The policy supplies that list for each hop
regardless of ssh_config, so ``StrictHostKeyChecking no`` or ``UserKnownHostsFile none`` do not disable the check.
A key that is not in the list is refused. Only if the files have no entry for the host can a new key be accepted,
and only if the user has chosen ``accept-new``.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh

from ..endpoint.target import HostKeyPolicy
from ..errors import HostKeyChanged, HostKeyUnknown, UsageError
from ..printable import printable

__all__ = ["HostKeys"]


@dataclass
class HostKeys:
    """The policy for one hop; asyncssh receives it as its ``known_hosts``.

    Fields:
        files: known_hosts files in the order of precedence; missing files are ignored.
        policy: what to do with a host that has no entry in any file.
        write_to: the file that ``accept-new`` appends to.
        known: whether the files have an entry for the host; set when asyncssh has connected.
    """

    files: tuple[Path, ...]
    policy: HostKeyPolicy
    write_to: Path
    known: bool = field(default=False, init=False)
    _place: str = field(default="", init=False)
    _elsewhere: tuple[asyncssh.SSHKey, ...] = field(default=(), init=False)
    _presented: asyncssh.SSHKey | None = field(default=None, init=False)
    _accepted: bool = field(default=False, init=False)

    def __call__(self, host: str, addr: str, port: int | None) -> tuple[Any, ...]:
        """Return the entries of the files for a host and port; asyncssh calls this when it has connected."""
        text = self._read()
        trusted = _load(text)
        self._place = _place(host, port)
        places = [self._place, *([_place(addr, port)] if addr else [])]
        # A host is not new if it has entries, even if we cannot read their keys.
        entries = _load(_with_one_key(text))
        matching = [place for place in places if any(entries.match(place, "", None))]
        self.known = bool(matching)
        if port is not None:
            # As in ssh, a host's key that is on file without a port is valid for its other ports.
            self._elsewhere = tuple(trusted.match(host, addr, None)[0])
        # Entries of the name take precedence over those of its address, which a forged DNS answer may have changed.
        result = list(trusted.match(matching[0] if matching else self._place, "", None))
        for place in places:
            revoked = trusted.match(place, "", None)
            for index in (2, 4, 6):
                result[index] = [*result[index], *revoked[index]]
        return tuple(result)

    def accept(self, key: asyncssh.SSHKey) -> bool:
        """Return whether to accept a key that is not in the list."""
        self._presented = key
        if self.known:
            return False
        if key in self._elsewhere:
            return True
        self._accepted = self.policy == "accept-new"
        return self._accepted

    def remember(self) -> str | None:
        """Append a key that was accepted as new to the file; call this after connecting.

        Returns:
            The key's fingerprint, or None if no key was accepted as new.

        Raises:
            UsageError: the file cannot be written.
        """
        if self._presented is None or not self._accepted:
            return None
        line = f"{self._place} {_kind(self._presented)} {_base64(self._presented)}"
        try:
            self.write_to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self.write_to.open("a+b") as opened:
                opened.seek(0, 2)
                if opened.tell():
                    opened.seek(-1, 2)
                    if opened.read(1) != b"\n":
                        line = "\n" + line
                opened.write(line.encode("ascii") + b"\n")
        except OSError as error:
            raise UsageError(
                f"cannot write the new host key to {printable(str(self.write_to))}: {error.strerror}"
            ) from None
        return _fingerprint(self._presented)

    def refusal(self, endpoint: str) -> HostKeyUnknown | HostKeyChanged:
        """Return the error for a key that was refused."""
        files = ", ".join(printable(str(path)) for path in self.files)
        if self.known or self._presented is None:
            presented = f" It presents {_fingerprint(self._presented)}." if self._presented else ""
            return HostKeyChanged(f"the host key of {endpoint} differs from the one on file ({files}).{presented}")
        line = f"{self._place} {_kind(self._presented)} {_base64(self._presented)}"
        return HostKeyUnknown(
            f"the host key of {endpoint} is unknown: {_fingerprint(self._presented)} ({_kind(self._presented)})",
            hint=f"Compare the fingerprint with the one that your provider publishes. If they are equal, add this line "
            f"to {printable(str(self.write_to))}, or run again with --host-key accept-new:\n{line}",
        )

    def _read(self) -> str:
        text = ""
        for path in self.files:
            try:
                text += path.expanduser().read_text("utf-8", "replace") + "\n"
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise UsageError(f"cannot read {printable(str(path))}: {error.strerror}") from None
        return text


def _load(text: str) -> asyncssh.SSHKnownHosts:
    """Read known_hosts lines, and skip invalid ones, as ssh does."""
    try:
        return asyncssh.import_known_hosts(text)
    except ValueError:
        good = []
        for line in text.splitlines():
            try:
                asyncssh.import_known_hosts(line)
            except ValueError:
                continue
            good.append(line)
        return asyncssh.import_known_hosts("\n".join(good))


_SOME_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g"


def _with_one_key(text: str) -> str:
    """Replace the key of every entry with a readable one, so that no entry is skipped."""
    lines = []
    for line in text.splitlines():
        words = line.split()
        if words and words[0] == "@cert-authority":
            words = words[1:]
        if len(words) >= 2 and not words[0].startswith(("#", "@")):
            lines.append(f"{words[0]} {_SOME_KEY}")
    return "\n".join(lines)


def _place(host: str, port: int | None) -> str:
    return host if port in (None, 22) else f"[{host}]:{port}"


def _kind(key: asyncssh.SSHKey) -> str:
    return key.algorithm.decode("ascii")


def _base64(key: asyncssh.SSHKey) -> str:
    return base64.b64encode(key.public_data).decode("ascii")


def _fingerprint(key: asyncssh.SSHKey) -> str:
    digest = hashlib.sha256(key.public_data).digest()
    return "SHA256:" + base64.b64encode(digest).decode("ascii").rstrip("=")

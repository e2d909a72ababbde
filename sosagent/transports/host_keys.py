"""Is the endpoint who it says? The policy of host keys (design, section 10).

asyncssh decides with a list of trusted keys; the policy gives it that list for each hop, whatever
ssh_config says, so ``StrictHostKeyChecking no`` or ``UserKnownHostsFile none`` switch nothing off.
A key that is not on the list is refused; only where the files have no entry at all for a host may
a new one be accepted, and then only if the user said so.
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
    """The policy for one hop; given to asyncssh as its ``known_hosts``.

    Fields:
        files: known_hosts files in their order; those that are not there are passed over.
        policy: what to do with a host that no file knows.
        write_to: where ``accept-new`` writes.
        known: whether the files have an entry for the host; set once it is connected.
    """

    files: tuple[Path, ...]
    policy: HostKeyPolicy
    write_to: Path
    known: bool = field(default=False, init=False)
    _place: str = field(default="", init=False)
    _elsewhere: tuple[asyncssh.SSHKey, ...] = field(default=(), init=False)
    _shown: asyncssh.SSHKey | None = field(default=None, init=False)
    _accepted: bool = field(default=False, init=False)

    def __call__(self, host: str, addr: str, port: int | None) -> tuple[Any, ...]:
        """What the files say of a host and port: asyncssh asks once it is connected."""
        text = self._read()
        trusted = _load(text)
        self._place = _place(host, port)
        places = [self._place, *([_place(addr, port)] if addr else [])]
        # Entries whose key we cannot read are entries all the same: such a host is not new.
        entries = _load(_with_one_key(text))
        having = [place for place in places if any(entries.match(place, "", None))]
        self.known = bool(having)
        if port is not None:
            # As ssh does it: a key on file for the host without a port is good for its other ports.
            self._elsewhere = tuple(trusted.match(host, addr, None)[0])
        # The name's own entries go before its address's: that may be another host's, by a forged DNS answer.
        found = list(trusted.match(having[0] if having else self._place, "", None))
        for place in places:
            revoked = trusted.match(place, "", None)
            for index in (2, 4, 6):
                found[index] = [*found[index], *revoked[index]]
        return tuple(found)

    def accept(self, key: asyncssh.SSHKey) -> bool:
        """Decide on a key that is not on the list."""
        self._shown = key
        if self.known:
            return False
        if key in self._elsewhere:
            return True
        self._accepted = self.policy == "accept-new"
        return self._accepted

    def remember(self) -> str | None:
        """After a connection: write down a key that was accepted as new; give its fingerprint.

        Raises:
            UsageError: the file cannot be written.
        """
        if self._shown is None or not self._accepted:
            return None
        line = f"{self._place} {_kind(self._shown)} {_base64(self._shown)}"
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
        return _fingerprint(self._shown)

    def refusal(self, endpoint: str) -> HostKeyUnknown | HostKeyChanged:
        """The error for a key that was refused."""
        files = ", ".join(printable(str(path)) for path in self.files)
        if self.known or self._shown is None:
            shown = f" It shows {_fingerprint(self._shown)}." if self._shown else ""
            return HostKeyChanged(f"the host key of {endpoint} is not the one on file ({files}).{shown}")
        line = f"{self._place} {_kind(self._shown)} {_base64(self._shown)}"
        return HostKeyUnknown(
            f"the host key of {endpoint} is not known: {_fingerprint(self._shown)} ({_kind(self._shown)})",
            hint=f"Compare the fingerprint with the one your provider publishes. If it is right, add this line to "
            f"{printable(str(self.write_to))}, or run again with --host-key accept-new:\n{line}",
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
    """Read known_hosts lines; one that is no such line is passed over, as ssh does."""
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
    """The same places with a key that can be read, so that all of them are seen."""
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

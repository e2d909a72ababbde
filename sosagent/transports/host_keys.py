"""The host key policy: which keys of an endpoint are trusted.

The names of known_hosts files are compared as OpenSSH does. asyncssh compares the server's key with a list of trusted
keys. The policy supplies that list for each hop regardless of ssh_config, so ``StrictHostKeyChecking no`` or
``UserKnownHostsFile none`` do not disable the check. A key that is not in the list is refused. Only if the files have
no entry for the host can a new key be accepted, and only if the user has chosen ``accept-new``.

The policy is stricter than OpenSSH's in these cases: a ``@revoked`` line for a host holds on all its ports and for its
address; a host is not new if it has a ``@cert-authority`` line or an entry that cannot be read; and a host is not new
if another key is on file for its address.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh
from asyncssh.public_key import get_default_certificate_algs, get_default_public_key_algs

from ..endpoint.target import HostKeyPolicy
from ..errors import HostKeyChanged, HostKeyUnknown, UsageError
from ..keys.host_patterns import KnownLine, known_lines, matches, revokes
from ..paths import expanded
from ..printable import printable
from ..replace_file import append_line, locked

__all__ = ["HostKeys"]


@dataclass
class HostKeys:
    """The policy for one hop; asyncssh receives it as its ``known_hosts``.

    Fields:
        files: known_hosts files in the order of precedence; missing files are ignored.
        policy: what to do with a host that has no entry in any file.
        write_to: the file that ``accept-new`` appends to.
        alias: the name to look up instead of the host's, on all ports (HostKeyAlias), or None.
        certificates: whether certificates are accepted; false where the server's was refused, so that its plain key
            is compared instead.
        known: whether the files have an entry for the host; set when asyncssh has connected.
    """

    files: tuple[Path, ...]
    policy: HostKeyPolicy
    write_to: Path
    alias: str | None = None
    certificates: bool = True
    known: bool = field(default=False, init=False)
    _place: str = field(default="", init=False)
    _elsewhere: frozenset[asyncssh.SSHKey] = field(default=frozenset(), init=False)
    _of_address: tuple[KnownLine, ...] = field(default=(), init=False)
    _presented: asyncssh.SSHKey | None = field(default=None, init=False)
    _accepted: bool = field(default=False, init=False)

    def __call__(self, host: str, addr: str, port: int | None) -> tuple[Any, ...]:
        """Return the trusted keys, certificate authorities and revoked keys; asyncssh calls this when it has connected.

        Args:
            host: the host's name, or the alias.
            addr: its address; empty behind a proxy.
            port: the port; None for 22.
        """
        host = host.lower()
        self._place = host if self.alias else _place(host, port)
        addresses = (_place(addr.lower(), port), addr.lower()) if addr and not self.alias else ()
        lines = list(known_lines(self._read()))
        here = [line for line in lines if matches(line.patterns, self._place)]
        # As in ssh, entries of a host without a port are valid for its other ports, if those have none.
        general = [line for line in lines if matches(line.patterns, host)]
        plain = [line for line in here if not line.marker]
        authorities = [line for line in (*here, *general) if line.marker == "@cert-authority"]
        self.known = bool(plain or authorities)
        self._elsewhere = frozenset() if plain else frozenset(_keys(line for line in general if not line.marker))
        # An address never vouches for a name: a forged DNS answer may have changed it.
        self._of_address = tuple(
            line for line in lines if not line.marker and any(matches(line.patterns, place) for place in addresses[:1])
        )
        revoked = (
            line
            for line in lines
            if line.marker == "@revoked" and revokes(line.patterns, (self._place, host, *addresses))
        )
        return _keys(plain), _keys(authorities) if self.certificates else [], _keys(revoked), [], [], [], []

    def algorithms(self, host: str, port: int | None) -> list[str]:
        """Return the algorithms to request: first those of the keys that are known, then all others.

        A server with another key presents it, so that it can be compared and shown.
        """
        known, authorities, *_ = self(host, "", port)
        names = get_default_certificate_algs() if authorities else []
        names = [*names, *(name for key in known for name in key.sig_algorithms), *get_default_public_key_algs()]
        return [name.decode("ascii") for name in dict.fromkeys(names)]

    def refused_certificate(self, error: Exception) -> bool:
        """Whether `error` means that the server's certificate was refused, so that its plain key may be compared."""
        refused = isinstance(error, asyncssh.HostKeyNotVerifiable) and not _is_revoked(error)
        return refused and self.certificates and self._presented is None

    def without_certificates(self) -> HostKeys:
        """Return the same policy for a connection in which the server presents its plain key."""
        return HostKeys(self.files, self.policy, self.write_to, self.alias, certificates=False)

    def accept(self, key: asyncssh.SSHKey) -> bool:
        """Return whether to accept a key that is not in the list."""
        self._presented = key
        if key in self._elsewhere:
            return True
        if self.known or self.policy != "accept-new":
            return False
        self._accepted = not self._of_address or key in _keys(self._of_address)
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
            with locked(self.write_to):
                append_line(self.write_to, line.encode("ascii"))
        except OSError as error:
            raise UsageError(
                f"cannot write the new host key to {printable(str(self.write_to))}: {error.strerror}"
            ) from None
        return _fingerprint(self._presented)

    def refusal(self, endpoint: str, error: Exception) -> HostKeyUnknown | HostKeyChanged:
        """Return the error for a key that was refused.

        Args:
            endpoint: its name, for messages.
            error: asyncssh's error.
        """
        files = ", ".join(printable(str(path)) for path in self.files)
        presented = f" It presents {_fingerprint(self._presented)}." if self._presented else ""
        if _is_revoked(error):
            return HostKeyChanged(
                f"the host key of {endpoint} is marked as revoked ({files})",
                hint="Its private key may be compromised. Ask the operator of the endpoint.",
            )
        if self.known or self._presented is None:
            return HostKeyChanged(f"the host key of {endpoint} differs from the one on file ({files}).{presented}")
        if self.policy == "accept-new":
            return HostKeyChanged(f"another host key is on file for the address of {endpoint} ({files}).{presented}")
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
                text += expanded(path).read_bytes().decode("utf-8", "replace") + "\n"
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise UsageError(f"cannot read {printable(str(path))}: {error.strerror}") from None
        return text


def _keys(lines: Iterable[KnownLine]) -> list[asyncssh.SSHKey]:
    """Return the keys of `lines`, except those that cannot be read."""
    keys = []
    for line in lines:
        try:
            keys.append(asyncssh.import_public_key(line.key))
        except (asyncssh.KeyImportError, ValueError):
            continue
    return keys


def _is_revoked(error: Exception) -> bool:
    return isinstance(error, asyncssh.HostKeyNotVerifiable) and "is revoked" in str(error)


def _place(host: str, port: int | None) -> str:
    return host if port in (None, 22) else f"[{host}]:{port}"


def _kind(key: asyncssh.SSHKey) -> str:
    return key.algorithm.decode("ascii")


def _base64(key: asyncssh.SSHKey) -> str:
    return base64.b64encode(key.public_data).decode("ascii")


def _fingerprint(key: asyncssh.SSHKey) -> str:
    digest = hashlib.sha256(key.public_data).digest()
    return "SHA256:" + base64.b64encode(digest).decode("ascii").rstrip("=")

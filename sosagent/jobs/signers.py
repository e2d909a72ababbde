"""The private halves that are at hand for keys that were added: in the agent, or in a file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh

from ..errors import KeyInvalid
from ..keys import MOST_BYTES, PublicKey, parse_public_keys
from ..transports import Ask
from ..transports.identity import unlocked

__all__ = ["Offer", "Signer", "signers"]


class Offer(asyncssh.SSHKeyPair):
    """A key whose private half is not here: before it asks for a signature, sshd says whether it knows it (RFC 4252).

    Fields:
        wanted: whether it would.
    """

    def __init__(self, key: PublicKey) -> None:
        name = key.type.encode("ascii")
        by = (b"rsa-sha2-512", b"rsa-sha2-256") if name == b"ssh-rsa" else (name,)
        super().__init__(name, name, by, by, key.blob, None)
        self.wanted = False

    def sign(self, data: bytes) -> bytes:
        self.wanted = True
        raise ValueError("the private half is not here")


@dataclass(frozen=True)
class Signer:
    """A key, and what asyncssh is to log in with.

    Fields:
        key: that was added.
        pair: a pair of the agent's, a key, the name of a file; or an `Offer`.
    """

    key: PublicKey
    pair: Any

    @property
    def signs(self) -> bool:
        """Whether it can log in."""
        return not isinstance(self.pair, Offer)


@asynccontextmanager
async def signers(
    keys: Sequence[PublicKey], files: Sequence[Path], *, agent: bool, ask: Ask | None
) -> AsyncIterator[tuple[Signer, ...]]:
    """Find the private half of each of `keys`.

    Args:
        keys: that were added; those of authorities are left out.
        files: where a private key may be; only those that fit are opened.
        agent: look among the agent's first; it is open as long as this context is.
        ask: asks the user for a passphrase.

    Raises:
        UsageError: a file fits and cannot be used, such as for a wrong passphrase.
    """
    opened = await _agent() if agent else None
    try:
        pairs = {pair.public_data: pair for pair in await _pairs(opened)}
        halves = [(path, _public_half(path)) for path in files]
        found: list[Signer] = []
        for key in keys:
            if "cert-authority" in key.options:
                continue
            pair: Any = pairs.get(key.blob)
            if pair is None:
                path = next((path for path, half in halves if any(key.same_key(one) for one in half)), None)
                pair = Offer(key) if path is None else await unlocked(path, ask)
            found.append(Signer(key, pair))
        yield tuple(found)
    finally:
        if opened is not None:
            opened.close()


async def _agent() -> asyncssh.SSHAgentClient | None:
    try:
        return await asyncssh.connect_agent()
    except (OSError, asyncssh.Error):
        return None


async def _pairs(agent: asyncssh.SSHAgentClient | None) -> Sequence[asyncssh.SSHKeyPair]:
    try:
        return [] if agent is None else await agent.get_keys()
    except (ValueError, OSError, asyncssh.Error):
        return []  # an agent that is locked or broken holds nothing for us


def _public_half(path: Path) -> list[PublicKey]:
    """Of the private key in `path`, without its passphrase: from the file itself, or the ``.pub`` beside it."""
    try:
        with path.open("rb") as opened:
            data = opened.read(MOST_BYTES)
    except OSError:
        return []
    if b"PRIVATE KEY-----" not in data and not data.startswith(b"PuTTY-User-Key-File"):
        return []
    try:
        return parse_public_keys(data, from_private=True)
    except KeyInvalid:
        pass
    try:
        return parse_public_keys(Path(f"{path}.pub").read_bytes())
    except (OSError, KeyInvalid):
        return []

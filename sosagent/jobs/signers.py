"""The private halves that are at hand for keys that were added: in the agent, or in a file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from ..errors import KeyInvalid
from ..keys import MAX_BYTES, PublicKey, parse_public_keys
from ..printable import printable
from ..transports import Ask
from ..transports.identity import unlocked

__all__ = ["Pair", "Signer", "signers"]

_AGENT_SECONDS = 10.0


class Pair(asyncssh.SSHKeyPair):
    """What asyncssh logs in with: a key, and what signs for it, if that is here; never a certificate.

    sshd says whether it would take a key before it asks for a signature (RFC 4252, 7), so a key whose private half
    is elsewhere can be offered, too.

    Fields:
        wanted: whether sshd asked for a signature.
        failed: why there was none, in words; None if there was.
    """

    def __init__(self, key: PublicKey, signs: asyncssh.SSHKeyPair | None) -> None:
        name = key.type.encode("ascii")
        by = (b"rsa-sha2-512", b"rsa-sha2-256", b"ssh-rsa") if name == b"ssh-rsa" else (name,)
        super().__init__(name, name, by, by, key.blob, None)
        self._signs = signs
        self.wanted = False
        self.failed: str | None = None

    def set_sig_algorithm(self, sig_algorithm: bytes) -> None:
        super().set_sig_algorithm(sig_algorithm)
        if self._signs is not None:
            self._signs.set_sig_algorithm(sig_algorithm)

    async def sign_async(self, data: bytes) -> bytes:
        self.wanted, self.failed = True, "its private half is not here"
        if self._signs is None:
            raise ValueError(self.failed)
        try:
            by_agent = getattr(self._signs, "sign_async", None)
            signature: bytes = await by_agent(data) if by_agent is not None else self._signs.sign(data)
        except (ValueError, OSError, asyncssh.Error) as error:
            self.failed = f"it could not sign: {printable(str(error))}"
            raise ValueError(self.failed) from None
        self.failed = None
        return signature


@dataclass(frozen=True)
class Signer:
    """A key, and where its private half is.

    Fields:
        key: that was added.
        signs: the agent's pair, or the one of a file; None if neither has it.
        file: of the private key; None for the agent's.
    """

    key: PublicKey
    signs: asyncssh.SSHKeyPair | None = None
    file: Path | None = None


@asynccontextmanager
async def signers(
    keys: Sequence[PublicKey], files: Sequence[Path], *, agent: str | None, ask: Ask | None
) -> AsyncIterator[tuple[Signer, ...]]:
    """Find the private half of each of `keys`.

    Args:
        keys: that were added; those of authorities are left out.
        files: where a private key may be; only those that fit are opened.
        agent: the path of its socket, empty for Pageant; its keys come first, and it is open as long as this
            context is. None: it is not asked.
        ask: asks the user for a passphrase.

    Raises:
        UsageError: a file fits and cannot be used, such as for a wrong passphrase.
    """
    opened = await _agent(agent) if agent is not None else None
    try:
        held = {pair.public_data: pair for pair in await _pairs(opened)}
        halves = [(path, _public_half(path)) for path in files]
        found: list[Signer] = []
        for key in keys:
            if "cert-authority" in key.options:
                continue
            path = next((path for path, half in halves if any(key.same_key(one) for one in half)), None)
            if key.blob in held:
                found.append(Signer(key, held[key.blob]))
            elif path is not None:
                loaded = await unlocked(path, ask, and_certificate=False)
                found.append(Signer(key, asyncssh.load_keypairs([loaded])[0], path))
            else:
                found.append(Signer(key))
        yield tuple(found)
    finally:
        if opened is not None:
            opened.close()


async def _agent(path: str) -> asyncssh.SSHAgentClient | None:
    try:
        async with asyncio.timeout(_AGENT_SECONDS):
            return await asyncssh.connect_agent(path)
    except (OSError, TimeoutError, asyncssh.Error):
        return None


async def _pairs(agent: asyncssh.SSHAgentClient | None) -> Sequence[asyncssh.SSHKeyPair]:
    """What the agent holds; nothing, if it is locked or broken or does not answer."""
    try:
        async with asyncio.timeout(_AGENT_SECONDS):
            return [] if agent is None else await agent.get_keys()
    except (ValueError, OSError, TimeoutError, asyncssh.Error):
        return []


def _public_half(path: Path) -> list[PublicKey]:
    """Of the private key in `path`, without its passphrase: from the file itself, or the ``.pub`` beside it."""
    try:
        with path.open("rb") as opened:
            data = opened.read(MAX_BYTES)
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

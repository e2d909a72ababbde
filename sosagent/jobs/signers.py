"""Find the private halves of added keys, in the agent or in files."""

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
    """A key for asyncssh to log in with, and its private half if available; never a certificate.

    sshd reports whether it would accept a key before it asks for a signature (RFC 4252, 7), so a key without a private
    half can be offered, too.

    Attributes:
        signature_requested: whether sshd asked for a signature.
        failure: why there was no signature; None if there was one.
    """

    def __init__(self, key: PublicKey, signs: asyncssh.SSHKeyPair | None) -> None:
        name = key.type.encode("ascii")
        algorithms = (b"rsa-sha2-512", b"rsa-sha2-256", b"ssh-rsa") if name == b"ssh-rsa" else (name,)
        super().__init__(name, name, algorithms, algorithms, key.blob, None)
        self._signs = signs
        self.signature_requested = False
        self.failure: str | None = None

    def set_sig_algorithm(self, sig_algorithm: bytes) -> None:
        super().set_sig_algorithm(sig_algorithm)
        if self._signs is not None:
            self._signs.set_sig_algorithm(sig_algorithm)

    async def sign_async(self, data: bytes) -> bytes:
        self.signature_requested, self.failure = True, "its private half is not here"
        if self._signs is None:
            raise ValueError(self.failure)
        try:
            sign_async = getattr(self._signs, "sign_async", None)  # of the agent
            signature: bytes = await sign_async(data) if sign_async is not None else self._signs.sign(data)
        except (ValueError, OSError, asyncssh.Error) as error:
            self.failure = f"it could not sign: {printable(str(error))}"
            raise ValueError(self.failure) from None
        self.failure = None
        return signature


@dataclass(frozen=True)
class Signer:
    """A key and its private half.

    Fields:
        key: the key that was added.
        signs: the key pair from the agent or a file; None if neither has it.
        file: the file of the private key; None if it is in the agent.
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
        keys: the keys that were added; those of authorities are omitted.
        files: files that may contain private keys; only the matching ones are decrypted.
        agent: path of the agent's socket, empty for Pageant, None for no agent. The agent's keys are preferred,
            and its connection stays open inside this context.
        ask: asks the user for a passphrase.

    Raises:
        UsageError: a matching file cannot be used, for example because the passphrase is wrong.
    """
    opened = await _agent(agent) if agent is not None else None
    try:
        in_agent = {pair.public_data: pair for pair in await _pairs(opened)}
        halves = [(path, _public_half(path)) for path in files]
        result: list[Signer] = []
        for key in keys:
            if "cert-authority" in key.options:
                continue
            path = next((path for path, half in halves if any(key.same_key(one) for one in half)), None)
            if key.blob in in_agent:
                result.append(Signer(key, in_agent[key.blob]))
            elif path is not None:
                loaded = await unlocked(path, ask, and_certificate=False)
                result.append(Signer(key, asyncssh.load_keypairs([loaded])[0], path))
            else:
                result.append(Signer(key))
        yield tuple(result)
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
    """Return the key pairs in the agent; an empty list if it is locked, broken or does not answer."""
    try:
        async with asyncio.timeout(_AGENT_SECONDS):
            return [] if agent is None else await agent.get_keys()
    except (ValueError, OSError, TimeoutError, asyncssh.Error):
        return []


def _public_half(path: Path) -> list[PublicKey]:
    """Return the public half of the private key in `path`, from that file or its ``.pub``; no passphrase is needed."""
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

"""PuTTY's private key files, versions 2 and 3 (PuTTY's manual, appendix C).

The public half is never encrypted. The private half is converted to an OpenSSH key, for the login at an endpoint.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import KeyInvalid
from ..secrets.secret import Secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

__all__ = ["PuttyFile", "WrongPassphrase", "is_putty"]

_FIRST = re.compile(r"PuTTY-User-Key-File-([123]): (\S+)\s*")
_HEADER = re.compile(r"([^: ]{1,64}): ?(.*)")
_AGAIN = "Copy or export the file again."
_MAC_KEY = b"putty-private-key-file-mac-key"
_CIPHER = "aes256-cbc"
_SAVE_AGAIN = "Save the key again with PuTTYgen."
_MAX_KIB = 1 << 20  # of memory for Argon2; PuTTYgen uses 8192
_MAX_WORK = 1 << 24  # KiB times passes: some seconds; PuTTYgen aims at 0.1 s


class WrongPassphrase(ValueError):
    """The file is encrypted, and the passphrase is wrong or missing."""


@dataclass(frozen=True)
class PuttyFile:
    """The parts of one file.

    Fields:
        version: 1, 2 or 3.
        headers: the headers as written.
        public, private: the two blobs; the private one may be encrypted.
        length: the number of lines.
        where: file and line of its start.
    """

    version: int
    headers: dict[str, str]
    public: bytes
    private: bytes
    length: int
    where: str

    @classmethod
    def read(cls, lines: Sequence[str], where: str) -> PuttyFile:
        """Parse the file that begins with ``lines[0]``.

        Args:
            lines: the lines without their newlines. To use the private half, decode them as latin-1: its checksum
                covers the bytes of the file.
            where: file and line, for messages.

        Raises:
            KeyInvalid: the file is truncated or damaged.
        """
        first = _FIRST.fullmatch(lines[0].strip())
        if first is None:
            raise KeyInvalid("not a PuTTY file, or one of an unknown version", where=where, hint=_AGAIN)
        headers = {"Type": first[2]}
        blobs: dict[str, bytes] = {}
        at = 1
        while at < len(lines) and (header := _HEADER.match(lines[at])) is not None:
            # The checksum covers trailing blanks of the comment.
            name, value = header[1], header[2] if header[1] == "Comment" else header[2].strip()
            at += 1
            if name in ("Public-Lines", "Private-Lines"):
                count = int(value) if value.isdigit() and len(value) < 5 else -1
                if count < 0 or at + count > len(lines):
                    raise KeyInvalid("the PuTTY file is truncated", where=where, hint=_AGAIN)
                blobs[name] = _decoded("".join(line.strip() for line in lines[at : at + count]), where)
                at += count
            else:
                headers[name] = value
                if name in ("Private-MAC", "Private-Hash"):
                    break
        if "Public-Lines" not in blobs:
            raise KeyInvalid("the PuTTY file is truncated", where=where, hint=_AGAIN)
        return cls(int(first[1]), headers, blobs["Public-Lines"], blobs.get("Private-Lines", b""), at, where)

    @property
    def type(self) -> str:
        """The key's type."""
        return self.headers["Type"]

    @property
    def comment(self) -> str:
        """The key's comment."""
        return self.headers.get("Comment", "").strip()

    @property
    def is_encrypted(self) -> bool:
        """Whether the private half needs a passphrase."""
        return self.headers.get("Encryption", "none") != "none"

    def openssh(self, passphrase: Secret | None) -> bytes:
        """Return the private key as an unencrypted OpenSSH key. The key derivation may take some seconds.

        Raises:
            WrongPassphrase: the passphrase is wrong or missing.
            KeyInvalid: the file is damaged, or of an unknown kind.
        """
        from cryptography.hazmat.primitives.serialization import (
            Encoding,
            NoEncryption,
            PrivateFormat,
            PublicFormat,
        )

        plain = self._decrypted(passphrase)
        try:
            key = _private_key(self.type, _fields(self.public), _fields(plain))
        except (ValueError, ArithmeticError, LookupError):
            raise KeyInvalid("the private half is damaged, or of an unknown kind", where=self.where) from None
        public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        if base64.b64decode(public.split()[1]) != self.public:
            raise KeyInvalid("the public half does not match the private half", where=self.where, hint=_AGAIN)
        return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())

    def _decrypted(self, passphrase: Secret | None) -> bytes:
        """Return the decrypted private blob, after comparing the checksum of the file."""
        encryption = self.headers.get("Encryption", "none")
        if encryption not in ("none", _CIPHER) or self.version == 1:
            raise KeyInvalid("unsupported version or encryption of a PuTTY file", where=self.where, hint=_SAVE_AGAIN)
        if self.is_encrypted and not passphrase:
            raise WrongPassphrase("the file is encrypted")
        phrase = passphrase.reveal().encode() if passphrase and self.is_encrypted else b""
        key, start, mac_key = self._derived(phrase)
        plain = self.private
        if self.is_encrypted:
            from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

            if len(plain) % 16:
                raise KeyInvalid("the PuTTY file is damaged", where=self.where, hint=_AGAIN)
            cipher = Cipher(algorithms.AES(key), modes.CBC(start)).decryptor()
            plain = cipher.update(plain) + cipher.finalize()
        covered = b"".join(
            struct.pack(">I", len(part)) + part
            for part in (self.type.encode(), encryption.encode(), self._raw_comment(), self.public, plain)
        )
        digest = "sha256" if self.version == 3 else "sha1"
        want = hmac.new(mac_key, covered, digest).hexdigest()
        if not hmac.compare_digest(want, self.headers.get("Private-MAC", "").lower()):
            if self.is_encrypted:
                raise WrongPassphrase("the passphrase is wrong")
            raise KeyInvalid("the PuTTY file is damaged", where=self.where, hint=_AGAIN)
        return plain

    def _raw_comment(self) -> bytes:
        return self.headers.get("Comment", "").encode("latin-1", "replace")

    def _derived(self, phrase: bytes) -> tuple[bytes, bytes, bytes]:
        """Derive the cipher key, the initialization vector and the MAC key from a passphrase."""
        if self.version == 2:
            stretched = b"".join(hashlib.sha1(struct.pack(">I", n) + phrase).digest() for n in (0, 1))
            return stretched[:32], bytes(16), hashlib.sha1(_MAC_KEY + phrase).digest()
        if not self.is_encrypted:
            return b"", b"", b""
        out = self._argon2(phrase)
        return out[:32], out[32:48], out[48:80]

    def _argon2(self, phrase: bytes) -> bytes:
        from cryptography.hazmat.primitives.kdf import argon2

        kind: dict[str, Any] = {"Argon2id": argon2.Argon2id, "Argon2i": argon2.Argon2i, "Argon2d": argon2.Argon2d}
        try:
            passes, memory = int(self.headers["Argon2-Passes"]), int(self.headers["Argon2-Memory"])
            if memory > _MAX_KIB or passes * memory > _MAX_WORK:
                raise KeyInvalid(
                    "its key derivation takes too long or too much memory", where=self.where, hint=_SAVE_AGAIN
                )
            derive = kind[self.headers["Key-Derivation"]](
                salt=bytes.fromhex(self.headers["Argon2-Salt"]),
                length=80,
                iterations=passes,
                lanes=int(self.headers["Argon2-Parallelism"]),
                memory_cost=memory,
            )
            derived: bytes = derive.derive(phrase)
        except (KeyError, ValueError, OverflowError, MemoryError):
            raise KeyInvalid("unknown key derivation of the PuTTY file", where=self.where, hint=_AGAIN) from None
        return derived


def is_putty(line: str) -> bool:
    """Whether `line` is the first of a PuTTY file."""
    return _FIRST.fullmatch(line.strip()) is not None


def _private_key(kind: str, public: list[bytes], private: list[bytes]) -> PrivateKeyTypes:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if kind == "ssh-rsa":
        (e, n), (d, p, q, inverse) = map(_numbers, (public[1:3], private[:4]))
        numbers = rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), inverse, rsa.RSAPublicNumbers(e, n))
        return numbers.private_key()
    if kind == "ssh-ed25519":
        return ed25519.Ed25519PrivateKey.from_private_bytes(private[0].ljust(32, b"\0"))
    if kind.startswith("ecdsa-sha2-"):
        curve = {"nistp256": ec.SECP256R1(), "nistp384": ec.SECP384R1(), "nistp521": ec.SECP521R1()}
        return ec.derive_private_key(_numbers(private[:1])[0], curve[public[1].decode("ascii", "replace")])
    raise ValueError("unsupported key type")


def _numbers(fields: Sequence[bytes]) -> list[int]:
    return [int.from_bytes(field, "big") for field in fields]


def _fields(blob: bytes) -> list[bytes]:
    """Return the fields of a blob. Bytes after the last complete field are padding."""
    fields: list[bytes] = []
    position = 0
    while position + 4 <= len(blob):
        (length,) = struct.unpack_from(">I", blob, position)
        if position + 4 + length > len(blob):
            break
        fields.append(blob[position + 4 : position + 4 + length])
        position += 4 + length
    return fields


def _decoded(text: str, where: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise KeyInvalid("the base64 of the PuTTY file is invalid", where=where, hint=_AGAIN) from None

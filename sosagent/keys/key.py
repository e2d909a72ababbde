"""One public key, and the checks that its blob is complete.

A key passes only if sshd would accept it as a line of authorized_keys: the blob is canonical
base64, its inner type equals the outer one (RFC 4253 6.6), and its fields have the lengths that the
type demands. A truncated key is therefore detected here and not by sshd.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from ..printable import printable
from .options import option_warnings

__all__ = ["KEY_TYPES", "PublicKey", "parse_blob"]

#: type -> number of fields in its blob, the type itself included (RFC 4253, 5656, 8709; PROTOCOL.u2f).
KEY_TYPES = {
    "ssh-ed25519": 2,
    "ecdsa-sha2-nistp256": 3,
    "ecdsa-sha2-nistp384": 3,
    "ecdsa-sha2-nistp521": 3,
    "ssh-rsa": 3,
    "ssh-dss": 5,
    "sk-ssh-ed25519@openssh.com": 3,
    "sk-ecdsa-sha2-nistp256@openssh.com": 4,
}
#: Curve -> bits, and the numbers p and b of y**2 = x**3 - 3*x + b modulo p (SP 800-186, 3.2.1).
_CURVES = {
    "nistp256": (
        256,
        2**256 - 2**224 + 2**192 + 2**96 - 1,
        0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
    ),
    "nistp384": (
        384,
        2**384 - 2**128 - 2**96 + 2**32 - 1,
        0xB3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875AC656398D8A2ED19D2A85C8EDD3EC2AEF,
    ),
    "nistp521": (
        521,
        2**521 - 1,
        0x0051953EB9618E1C9A1F929A21A0B68540EEA2DA725B99B315F3B8B489918EF109E156193951EC7E937B1652C0BD3BB1BF073573DF883D2C34F1EF451FD46B503F00,
    ),
}
#: The form of an algorithm's name (RFC 4251 6), for types that are not in the table.
_TYPE_NAME = re.compile(r"[a-z][a-z0-9.+_-]{2,63}(?:@[a-z0-9.-]{3,64})?")
_WEAK_RSA_BITS = 2048  # fewer bits than this draw a warning
_MIN_RSA_BITS = 1024
_MAX_RSA_BITS = 16384
_WRONG_LENGTH = "the key is truncated, or has too many bytes at its end"


@dataclass(frozen=True)
class PublicKey:
    """One public key. Type and blob identify it; comment and options do not.

    Fields:
        type: the type's name in RFC 4250 form, such as ``ssh-ed25519``.
        blob: the decoded key, as in RFC 4253 6.6.
        comment: one line without control characters, possibly empty.
        options: the options before it in authorized_keys, as written, such as ``from="10.0.0.0/8"``.
    """

    type: str
    blob: bytes
    comment: str = ""
    options: tuple[str, ...] = ()

    @property
    def base64(self) -> str:
        """The blob as a key line contains it."""
        return base64.b64encode(self.blob).decode("ascii")

    @property
    def line(self) -> str:
        """The line of authorized_keys, without a newline."""
        options = ",".join(self.options) + " " if self.options else ""
        return f"{options}{self.type} {self.base64} {self.comment}".rstrip()

    @property
    def fingerprint(self) -> str:
        """The fingerprint as ``ssh-keygen -l`` prints it."""
        digest = hashlib.sha256(self.blob).digest()
        return "SHA256:" + base64.b64encode(digest).decode("ascii").rstrip("=")

    @property
    def md5(self) -> str:
        """The fingerprint as ``ssh-keygen -l -E md5`` prints it and the portals of clouds show it."""
        return "MD5:" + hashlib.md5(self.blob, usedforsecurity=False).digest().hex(":")

    @property
    def bits(self) -> int | None:
        """The length of the key in bits, as ``ssh-keygen -l`` prints it; None for an unknown type."""
        fields = _fields(self.blob)
        if self.type == "ssh-rsa":
            return int.from_bytes(fields[2], "big").bit_length()
        if self.type == "ssh-dss":
            return int.from_bytes(fields[1], "big").bit_length()
        if "ecdsa" in self.type and self.type in KEY_TYPES:
            return _CURVES[fields[1].decode("ascii")][0]
        return 256 if self.type in KEY_TYPES else None

    @property
    def warnings(self) -> tuple[str, ...]:
        """Reasons not to use the key, and parts of its options that have no effect, in sentences."""
        return (*self._type_warnings, *option_warnings(self.options))

    @property
    def _type_warnings(self) -> tuple[str, ...]:
        if self.type == "ssh-dss":
            return ("OpenSSH refuses DSA keys by default, and has removed them in 10.0; create an ed25519 key",)
        if self.type not in KEY_TYPES:
            return (f"sosagent does not support the key type {self.type}; the machine's sshd may not either",)
        bits = self.bits
        if self.type == "ssh-rsa" and bits is not None and bits < _WEAK_RSA_BITS:
            return (f"an RSA key of {bits} bits is weak, and refused where RequiredRSASize is {_WEAK_RSA_BITS}",)
        return ()

    def same_key(self, other: PublicKey) -> bool:
        """Whether `other` is the same key; comment and options may differ."""
        return (self.type, self.blob) == (other.type, other.blob)


def parse_blob(key_type: str, text: str) -> bytes:
    """Decode the base64 of a key, and check that it is a complete key of `key_type`.

    For an unknown type, only the structure that all types share is checked.

    Raises:
        ValueError: the key is invalid; the message is one sentence that says why.
    """
    try:
        blob = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("its base64 is invalid; the key may be truncated or wrapped") from None
    if base64.b64encode(blob).decode("ascii") != text:
        raise ValueError("its base64 is not in the canonical form that sshd requires")
    check_blob(key_type, blob)
    return blob


def check_blob(key_type: str, blob: bytes) -> None:
    """Check that `blob` is a complete key of `key_type`.

    Raises:
        ValueError: it is not; the message is one sentence that says why.
    """
    fields = _fields(blob)
    inner = fields[0].decode("ascii", "replace")
    if inner != key_type:
        raise ValueError(
            f"the type is {printable(key_type)}, but the blob contains a key of type {printable(inner, 60)}"
        )
    if key_type not in KEY_TYPES and (len(fields) < 2 or _TYPE_NAME.fullmatch(key_type) is None):
        raise ValueError(f"invalid key type {printable(key_type, 60)!r}")
    _check_fields(key_type, fields)


def blob_type(blob: bytes) -> str:
    """Return the type that a blob contains.

    Raises:
        ValueError: it is not a key's blob.
    """
    return _fields(blob)[0].decode("ascii", "replace")


def _fields(blob: bytes) -> list[bytes]:
    fields = list(blob_fields(blob))
    if not fields:
        raise ValueError("the key is empty")
    return fields


def blob_fields(blob: bytes) -> Iterator[bytes]:
    """Yield the strings (RFC 4251 5) that a blob consists of.

    Raises:
        ValueError: the next one is not complete.
    """
    position = 0
    while position < len(blob):
        if position + 4 > len(blob):
            raise ValueError(_WRONG_LENGTH)
        (length,) = struct.unpack_from(">I", blob, position)
        position += 4
        if position + length > len(blob):
            raise ValueError(_WRONG_LENGTH)
        yield blob[position : position + length]
        position += length


def _check_fields(key_type: str, fields: list[bytes]) -> None:
    if len(fields) != KEY_TYPES.get(key_type, len(fields)):
        raise ValueError(_WRONG_LENGTH)
    if key_type in ("ssh-ed25519", "sk-ssh-ed25519@openssh.com"):
        if len(fields[1]) != 32:
            raise ValueError(f"an ed25519 key has 32 bytes; this one has {len(fields[1])}")
    elif "ecdsa" in key_type and key_type in KEY_TYPES:
        curve = fields[1].decode("ascii", "replace")
        if curve not in key_type or not _on_curve(curve, fields[2]):
            raise ValueError("its curve or point does not match its type")
    elif key_type in ("ssh-rsa", "ssh-dss"):
        if not all(map(_is_mpint, fields[1:])):
            raise ValueError("one of its numbers is not in the canonical form of SSH")
        bits = int.from_bytes(fields[2], "big").bit_length()
        if key_type == "ssh-rsa" and bits < _MIN_RSA_BITS:
            raise ValueError(f"every sshd refuses an RSA key of fewer than {_MIN_RSA_BITS} bits")
        if key_type == "ssh-rsa" and bits > _MAX_RSA_BITS:
            raise ValueError(f"every sshd refuses an RSA key of more than {_MAX_RSA_BITS} bits")


def _is_mpint(field: bytes) -> bool:
    """Whether it is a positive number with no leading zero, unless the first bit requires one (RFC 4251 5)."""
    if not field or field[0] & 0x80:
        return False
    return field[0] != 0 or (len(field) > 1 and bool(field[1] & 0x80))


def _on_curve(curve: str, point: bytes) -> bool:
    """Whether it is an uncompressed point of the curve (SEC 1, 2.3.4)."""
    if curve not in _CURVES:
        return False
    bits, p, b = _CURVES[curve]
    size = (bits + 7) // 8
    if len(point) != 1 + 2 * size or point[0] != 4:
        return False
    x, y = (int.from_bytes(point[at : at + size], "big") for at in (1, 1 + size))
    return x < p and y < p and (y * y - (x**3 - 3 * x + b)) % p == 0

"""One public key, and whether its blob is a whole key.

Only what will do its work as one line of authorized_keys comes through: the blob is canonical
base64, its inner type is the outer one (RFC 4253 6.6), and its fields have the lengths that the
type demands, so that a cut key is seen here and not at sshd.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import struct
from dataclasses import dataclass

from ..printable import printable

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
#: bits, and the numbers p and b of y**2 = x**3 - 3*x + b modulo p (SP 800-186, 3.2.1).
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
#: What a name of an algorithm may look like (RFC 4251 6), where it is none that is known.
_TYPE_NAME = re.compile(r"[a-z][a-z0-9.+_-]{2,63}(?:@[a-z0-9.-]{3,64})?")
_FEW_RSA_BITS = 2048
_LEAST_RSA_BITS = 1024
_MOST_RSA_BITS = 16384


@dataclass(frozen=True)
class PublicKey:
    """One public key. Two are the same key when type and blob are; comment and options are not identity.

    Fields:
        type: its name in RFC 4250 form, such as ``ssh-ed25519``.
        blob: the decoded key, as in RFC 4253 6.6.
        comment: one line without control characters, perhaps empty.
        options: what stands in front of it in authorized_keys, as written, such as ``from="10.0.0.0/8"``.
    """

    type: str
    blob: bytes
    comment: str = ""
    options: tuple[str, ...] = ()

    @property
    def base64(self) -> str:
        """The blob as it stands in a key line."""
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
        """The fingerprint as ``ssh-keygen -l -E md5`` prints it, and the clouds' portals show it."""
        return "MD5:" + hashlib.md5(self.blob, usedforsecurity=False).digest().hex(":")

    @property
    def bits(self) -> int | None:
        """How long the key is, as ``ssh-keygen -l`` says; None for a type that is not known."""
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
        """What speaks against using it, in sentences."""
        if self.type == "ssh-dss":
            return ("DSA is refused by OpenSSH as it comes, and gone since 10.0: make an ed25519 key",)
        if self.type not in KEY_TYPES:
            return (f"sosagent does not know the type {self.type}; the machine's sshd may not either",)
        bits = self.bits
        if self.type == "ssh-rsa" and bits is not None and bits < _FEW_RSA_BITS:
            return (f"an RSA key of {bits} bits is weak, and refused where RequiredRSASize is {_FEW_RSA_BITS}",)
        return ()

    def same_key(self, other: PublicKey) -> bool:
        """Tell whether `other` is this key, whatever its comment."""
        return (self.type, self.blob) == (other.type, other.blob)


def parse_blob(key_type: str, text: str) -> bytes:
    """Decode the base64 of a key, and see that it is a whole key of `key_type`.

    A type that is not known is only checked for what all have in common.

    Raises:
        ValueError: in one sentence, what is wrong with it.
    """
    try:
        blob = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("its base64 is broken; the key may be cut or wrapped") from None
    if base64.b64encode(blob).decode("ascii") != text:
        raise ValueError("its base64 is not in the one form that sshd accepts")
    check_blob(key_type, blob)
    return blob


def check_blob(key_type: str, blob: bytes) -> None:
    """See that `blob` is a whole key of `key_type`.

    Raises:
        ValueError: in one sentence, why it is not.
    """
    fields = _fields(blob)
    inner = fields[0].decode("ascii", "replace")
    if inner != key_type:
        raise ValueError(f"it says {printable(key_type)} but holds a key of type {printable(inner, 60)}")
    if key_type not in KEY_TYPES and (len(fields) < 2 or _TYPE_NAME.fullmatch(key_type) is None):
        raise ValueError(f"{printable(key_type, 60)!r} is not a type of key")
    _check_fields(key_type, fields)


def blob_type(blob: bytes) -> str:
    """The type that a blob says it is of.

    Raises:
        ValueError: it is no key's blob.
    """
    return _fields(blob)[0].decode("ascii", "replace")


def _fields(blob: bytes) -> list[bytes]:
    fields: list[bytes] = []
    position = 0
    while position < len(blob):
        if position + 4 > len(blob):
            raise ValueError("the key is cut short, or has bytes too many at its end")
        (length,) = struct.unpack_from(">I", blob, position)
        position += 4
        if position + length > len(blob):
            raise ValueError("the key is cut short, or has bytes too many at its end")
        fields.append(blob[position : position + length])
        position += length
    if not fields:
        raise ValueError("the key is empty")
    return fields


def _check_fields(key_type: str, fields: list[bytes]) -> None:
    if len(fields) != KEY_TYPES.get(key_type, len(fields)):
        raise ValueError("the key is cut short, or has bytes too many at its end")
    if key_type.endswith("ed25519") or key_type.startswith("sk-ssh-ed25519"):
        if len(fields[1]) != 32:
            raise ValueError(f"an ed25519 key has 32 bytes, this one {len(fields[1])}")
    elif "ecdsa" in key_type and key_type in KEY_TYPES:
        curve = fields[1].decode("ascii", "replace")
        if curve not in key_type or not _on_curve(curve, fields[2]):
            raise ValueError("its curve or point does not fit its type")
    elif key_type in ("ssh-rsa", "ssh-dss"):
        if not all(map(_is_mpint, fields[1:])):
            raise ValueError("one of its numbers is not in the one form that SSH has for it")
        bits = int.from_bytes(fields[2], "big").bit_length()
        if key_type == "ssh-rsa" and bits < _LEAST_RSA_BITS:
            raise ValueError("an RSA key below 1024 bits is refused by every sshd")
        if key_type == "ssh-rsa" and bits > _MOST_RSA_BITS:
            raise ValueError(f"an RSA key above {_MOST_RSA_BITS} bits is refused by every sshd")


def _is_mpint(field: bytes) -> bool:
    """A positive number without zeros in front, but one where the first bit would make it negative (RFC 4251 5)."""
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

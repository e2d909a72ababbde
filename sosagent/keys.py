"""A public key as people hand it in -> `PublicKey`.

Only what will do its work as one line of authorized_keys comes through: the blob is canonical
base64, its inner type is the outer one (RFC 4253 6.6), and nothing in the comment could end the
line or reach a terminal.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import struct
from dataclasses import dataclass

from .errors import KeyInvalid
from .printable import clean, printable

__all__ = ["KEY_TYPES", "PublicKey", "parse_blob", "parse_public_keys"]

#: type -> number of fields in its blob, the type itself included (RFC 4253, 5656, 8709; PROTOCOL.u2f).
KEY_TYPES = {
    "ssh-ed25519": 2,
    "ecdsa-sha2-nistp256": 3,
    "ecdsa-sha2-nistp384": 3,
    "ecdsa-sha2-nistp521": 3,
    "ssh-rsa": 3,
    "sk-ssh-ed25519@openssh.com": 3,
    "sk-ecdsa-sha2-nistp256@openssh.com": 4,
}
_CURVE_POINT_BYTES = {"nistp256": 65, "nistp384": 97, "nistp521": 133}
_PRIVATE = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----|^PuTTY-User-Key-File-", re.MULTILINE)
_LINE = re.compile(r"(?P<type>[^ \t]+)[ \t]+(?P<blob>[^ \t]+)(?:[ \t]+(?P<comment>.*))?$")
_MOST_BYTES = 1 << 20
_MOST_COMMENT = 200


@dataclass(frozen=True)
class PublicKey:
    """One public key. Two are the same key when type and blob are; the comment is not identity.

    Fields:
        type: its name in RFC 4250 form, such as ``ssh-ed25519``.
        blob: the decoded key, as in RFC 4253 6.6.
        comment: printable ASCII, perhaps empty.
    """

    type: str
    blob: bytes
    comment: str = ""

    @property
    def base64(self) -> str:
        """The blob as it stands in a key line."""
        return base64.b64encode(self.blob).decode("ascii")

    @property
    def line(self) -> str:
        """The line of authorized_keys, without a newline."""
        return f"{self.type} {self.base64} {self.comment}".rstrip()

    @property
    def fingerprint(self) -> str:
        """The fingerprint as ``ssh-keygen -l`` prints it."""
        digest = hashlib.sha256(self.blob).digest()
        return "SHA256:" + base64.b64encode(digest).decode("ascii").rstrip("=")

    def same_key(self, other: PublicKey) -> bool:
        """Tell whether `other` is this key, whatever its comment."""
        return (self.type, self.blob) == (other.type, other.blob)


def parse_public_keys(data: bytes | str, name: str = "the key") -> list[PublicKey]:
    """Read the public keys of one file.

    Args:
        data: the file's contents: OpenSSH one-line keys, with blank lines and ``#`` lines between.
        name: what the file is called in messages.

    Returns:
        The keys in their order, each once.

    Raises:
        KeyInvalid: with file and line, for anything that is not a usable public key.
    """
    name = printable(name)
    text = _text(data.encode("utf-8") if isinstance(data, str) else data, name)
    if _PRIVATE.search(text):
        public = f"{name}.pub" if name != "-" else "the file that ends in .pub"
        raise KeyInvalid(
            f"{name} holds a private key, which must never leave your machine",
            hint=f"Hand in its public half: {public}",
        )
    keys: list[PublicKey] = []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip(" \t")
        if not line or line.startswith("#"):
            continue
        key = _parse_line(line, f"{name}, line {number}")
        if not any(key.same_key(earlier) for earlier in keys):
            keys.append(key)
    if not keys:
        raise KeyInvalid(f"{name} holds no key", hint="A public key is one line: type, base64, comment.")
    return keys


def parse_blob(key_type: str, text: str) -> bytes:
    """Decode the base64 of a key, and see that it is a whole key of `key_type`.

    Raises:
        ValueError: in one sentence, what is wrong with it.
    """
    try:
        blob = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("its base64 is broken; the key may be cut or wrapped") from None
    if base64.b64encode(blob).decode("ascii") != text:
        raise ValueError("its base64 is not in the one form that sshd accepts")
    fields = _fields(blob)
    inner = fields[0].decode("ascii", "replace")
    if inner != key_type:
        raise ValueError(f"it says {printable(key_type)} but holds a key of type {printable(inner)}")
    _check_fields(key_type, fields)
    return blob


def _text(data: bytes, name: str) -> str:
    if len(data) > _MOST_BYTES:
        raise KeyInvalid(f"{name} is larger than 1 MiB: that is not a file of public keys")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in data:
        raise KeyInvalid(
            f"{name} is not plain text (UTF-16 or binary)", hint="Save it as UTF-8 without BOM and try again."
        )
    return data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")


def _parse_line(line: str, where: str) -> PublicKey:
    found = _LINE.match(line)
    if found is None:
        raise KeyInvalid(f"{where}: not a public key", hint="A public key is one line: type, base64, comment.")
    key_type = found["type"]
    if key_type.startswith("----") or key_type not in KEY_TYPES:
        raise KeyInvalid(*_why_not(key_type, where))
    try:
        blob = parse_blob(key_type, found["blob"])
    except ValueError as error:
        raise KeyInvalid(f"{where}: {error}", hint="Copy the .pub file again, as one line.") from None
    return PublicKey(key_type, blob, _comment(found["comment"] or ""))


def _why_not(key_type: str, where: str) -> tuple[str]:
    if "-cert-v0" in key_type:
        return (f"{where}: a certificate does nothing in authorized_keys; hand in the plain .pub",)
    if key_type == "ssh-dss":
        return (f"{where}: DSA keys are refused by OpenSSH since 7.0; make an ed25519 key",)
    if key_type.startswith("----"):
        return (f"{where}: this key format is not known yet; `ssh-keygen -i -f FILE` converts it",)
    return (f"{where}: {printable(key_type, 60)!r} is not a type of key that sshd knows",)


def _comment(text: str) -> str:
    """Fold a comment to printable ASCII: it travels through a serial line and stays in a file."""
    folded = clean(text).encode("ascii", "replace").decode("ascii")
    return " ".join(folded.split())[:_MOST_COMMENT]


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
    """Check number and length of the fields, so that a cut key is seen here and not at sshd."""
    if len(fields) != KEY_TYPES.get(key_type, len(fields)):
        raise ValueError("the key is cut short, or has bytes too many at its end")
    if "ed25519" in key_type and len(fields[1]) != 32:
        raise ValueError(f"an ed25519 key has 32 bytes, this one {len(fields[1])}")
    if "ecdsa" in key_type:
        curve = fields[1].decode("ascii", "replace")
        if curve not in key_type or len(fields[2]) != _CURVE_POINT_BYTES.get(curve, -1) or fields[2][0] != 4:
            raise ValueError("its curve or point does not fit its type")
    if key_type == "ssh-rsa" and int.from_bytes(fields[2], "big").bit_length() < 1024:
        raise ValueError("an RSA key below 1024 bits is refused by every sshd")

"""Keys that span several lines: RFC 4716, PEM and PKCS#8, OpenSSH's private keys."""

from __future__ import annotations

import base64
import binascii
import re
import struct
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import KeyInvalid

__all__ = ["PARAMETERS", "Block", "is_begin", "key_in_block", "refuse_private"]

_BEGIN = re.compile(r"-{4,5} ?BEGIN ([A-Z0-9 ]+?) ?-{4,5}")
_HEADER = re.compile(r"\s*([^\s:][^:]{0,63}):[ \t]?(.*)")
_ESCAPED = re.compile(r"\\(.)")
_MAGIC = b"openssh-key-v1\0"
_PEM_PUBLIC = ("PUBLIC KEY", "RSA PUBLIC KEY")
#: Blocks that openssl writes before a key.
PARAMETERS = ("EC PARAMETERS", "DSA PARAMETERS")
_RFC4716 = "SSH2 PUBLIC KEY"
_OPENSSH = "OPENSSH PRIVATE KEY"
_AGAIN = "Copy or export the file again."
_ENCRYPTED = "`ssh-keygen -y -f FILE` asks for the passphrase and prints the public half."
#: Blocks that are not SSH keys: what they are, and the command that extracts an SSH key.
_OTHERS = {
    "CERTIFICATE": ("an X.509 certificate", "`openssl x509 -in FILE -noout -pubkey` prints its key."),
    "PGP PUBLIC KEY BLOCK": ("an OpenPGP key", "`gpg --export-ssh-key NAME` prints it as an SSH key."),
    "CERTIFICATE REQUEST": ("an X.509 request", "`openssl req -in FILE -noout -pubkey` prints its key."),
}


@dataclass(frozen=True)
class Block:
    """The text between BEGIN and END.

    Fields:
        label: the words after BEGIN.
        raw_lines: the lines between.
        end: the index of the line after END.
        where: file and line of BEGIN.
    """

    label: str
    raw_lines: tuple[str, ...]
    end: int
    where: str

    @classmethod
    def at(cls, lines: Sequence[str], start: int, where: str) -> Block:
        """Return the block that begins at ``lines[start]``.

        Raises:
            KeyInvalid: its END is missing.
        """
        match = _BEGIN.match(lines[start].strip())
        assert match is not None
        label = match[1]
        for at in range(start + 1, len(lines)):
            if re.fullmatch(rf"-{{4,5}} ?END {re.escape(label)} ?-{{4,5}}", lines[at].strip()):
                return cls(label, tuple(lines[start + 1 : at]), at + 1, where)
        raise KeyInvalid(f"the {label.lower()} that starts here has no END line", where=where, hint=_AGAIN)

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines between, without blanks at their ends."""
        return tuple(line.strip() for line in self.raw_lines)

    def invalid(self, why: str, hint: str = _AGAIN) -> KeyInvalid:
        """Return the error for something wrong with the block."""
        return KeyInvalid(why, where=self.where, hint=hint)

    def decoded(self, lines: Sequence[str]) -> bytes:
        """Decode the base64 in `lines`.

        Raises:
            KeyInvalid: the base64 is invalid.
        """
        try:
            return base64.b64decode("".join(lines), validate=True)
        except (binascii.Error, ValueError):
            raise self.invalid("its base64 is invalid; the key may be truncated") from None


def is_begin(line: str) -> bool:
    """Whether `line` begins a block."""
    return _BEGIN.match(line) is not None


def refuse_private(line: str, name: str, where: str) -> None:
    """Refuse a block that begins with `line` if it is a private key, complete or not.

    Raises:
        KeyInvalid: it is a private key.
    """
    if "PRIVATE KEY" in line:
        public = f"{name}.pub" if name != "-" else "the file that ends in .pub"
        raise KeyInvalid(
            f"{name} contains a private key, which must never leave your machine",
            where=where,
            hint=f"Add its public half: {public}. --from-private reads that half from the file.",
        )


def key_in_block(block: Block) -> tuple[str, bytes, str, str]:
    """Return the key of a block: type, blob, comment, and a note on how it was read.

    Raises:
        KeyInvalid: the block does not contain an SSH key.
    """
    if block.label == _RFC4716:
        return (*_of_rfc4716(block), "")
    if block.label in _PEM_PUBLIC:
        return (*_of_pem(block), "", "")
    if "PRIVATE KEY" in block.label:
        half = _of_openssh(block) if block.label == _OPENSSH else _of_private_pem(block)
        return (*half, "", "the public half of a private key")
    what, hint = _OTHERS.get(block.label, (f"not an SSH key: {block.label.lower()}", ""))
    raise block.invalid(f"this is {what}", hint)


def _of_rfc4716(block: Block) -> tuple[str, bytes, str]:
    """Parse headers and base64 (RFC 4716 3).

    A backslash at the end of a header's line continues it, blanks included. In the comment, a backslash escapes the
    next character, as PuTTY writes and reads it.
    """
    comment = ""
    lines = list(block.raw_lines)
    while lines and (header := _HEADER.fullmatch(lines[0])) is not None:
        lines.pop(0)
        value = header[2]
        while value.endswith("\\") and lines:
            value = value[:-1] + lines.pop(0)
        if header[1].lower() == "comment":
            comment = value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value
            comment = _ESCAPED.sub(r"\1", comment)
    blob = block.decoded([line.strip() for line in lines])
    return _type_of(blob, block), blob, comment


def _of_pem(block: Block) -> tuple[str, bytes]:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the deprecation of DSA; `PublicKey.warnings` reports it
            return _as_ssh(load_pem_public_key(_pem(block)))
    except (ValueError, UnsupportedAlgorithm, TypeError):
        raise block.invalid(f"the {block.label.lower()} is damaged, or its type is not used by SSH") from None


def _of_private_pem(block: Block) -> tuple[str, bytes]:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _as_ssh(load_pem_private_key(_pem(block), None).public_key())
    except TypeError:
        raise block.invalid("the private key is encrypted, including its public half", _ENCRYPTED) from None
    except (ValueError, UnsupportedAlgorithm):
        raise block.invalid("the private key is damaged, or its type is not used by SSH") from None


def _pem(block: Block) -> bytes:
    return "\n".join((f"-----BEGIN {block.label}-----", *block.lines, f"-----END {block.label}-----", "")).encode()


def _as_ssh(key: object) -> tuple[str, bytes]:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    text = key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode("ascii")  # type: ignore[attr-defined]
    key_type, blob = text.split()[:2]
    return key_type, base64.b64decode(blob)


def _of_openssh(block: Block) -> tuple[str, bytes]:
    """Return the public half, which is never encrypted (PROTOCOL.key: magic, cipher, kdf, options, count, key)."""
    data = block.decoded(block.lines)
    try:
        if not data.startswith(_MAGIC):
            raise ValueError("the magic number is missing")
        rest = data[len(_MAGIC) :]
        for _ in range(3):
            _, rest = _string(rest)
        (count,) = struct.unpack_from(">I", rest)
        blob, _ = _string(rest[4:])
        if count != 1:
            raise ValueError("the file contains more than one key")
    except (ValueError, struct.error):
        raise block.invalid("the private key is damaged") from None
    return _type_of(blob, block), blob


def _string(data: bytes) -> tuple[bytes, bytes]:
    (length,) = struct.unpack_from(">I", data)
    if len(data) < 4 + length:
        raise ValueError("truncated")
    return data[4 : 4 + length], data[4 + length :]


def _type_of(blob: bytes, block: Block) -> str:
    try:
        return _string(blob)[0].decode("ascii")
    except (ValueError, struct.error):
        raise block.invalid("it contains no key") from None

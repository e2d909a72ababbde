"""Read a user's file of public keys into `PublicKey` objects.

A file is a sequence of one-line keys (sshd(8)), blocks (RFC 4716, PEM) and PuTTY files, in UTF-8,
UTF-16 or latin-1. Any other line is an error; the message names the line and what it seems to be.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ..errors import KeyInvalid
from ..printable import is_clean, printable
from .blocks import PARAMETERS, Block, is_begin, key_in_block, refuse_private
from .key import KEY_TYPES, PublicKey, blob_type, check_blob, parse_blob
from .options import OptionInvalid, check_options, split_options
from .putty import PuttyFile, is_putty

__all__ = ["MAX_BYTES", "MAX_COMMENT", "SourcedKey", "conflicting_options", "parse_public_keys", "read_keys"]

MAX_BYTES = 1 << 20
MAX_COMMENT = 4096
_NEWLINE = re.compile(r"\r\n|\n|\r")
_NAMES = re.compile(r"(?:ssh|ecdsa|sk)-[a-z]")
_GLUED = re.compile(r"(?:ssh|ecdsa|sk)-\S{1,80}[ \t]{1,40}AAAA|AAAA[0-9A-Za-z+/]{60}")
_FINGERPRINT = re.compile(r"(?:\d+ )?(?:SHA256:[A-Za-z0-9+/]{43}|MD5:(?:[0-9a-f]{2}:){15}[0-9a-f]{2})")
_PROTOCOL_1 = re.compile(r"\d{3,5} \d{1,10} \d{200,}")
_BASE64 = re.compile(r"[A-Za-z0-9+/]{16,}={0,2}")
_PUTTY_NOTE = "a PuTTY file also contains the private key; only the public half was taken"
_ONE_LINE = "A public key is one line: type, base64, comment."
_COPY_AS_ONE_LINE = "Copy the .pub file again, as one line."


@dataclass(frozen=True)
class SourcedKey:
    """A key and its source.

    Fields:
        key: the key.
        where: file and line.
        notes: remarks on how the key was read, in sentences.
    """

    key: PublicKey
    where: str
    notes: tuple[str, ...] = ()


def parse_public_keys(
    data: bytes | str, name: str = "the key", *, from_private: bool = False, cert_authority: bool = False
) -> list[PublicKey]:
    """Read the public keys of one file.

    Args:
        data: the file's contents: OpenSSH one-line keys (with or without options), RFC 4716 blocks, PEM and
            PKCS#8 public keys, PuTTY's ``.ppk`` files; UTF-8, UTF-16 or latin-1.
        name: the file's name for messages.
        from_private: take the public half of a private key, which is refused otherwise. A ``.ppk`` file
            always contains both halves and is always accepted.
        cert_authority: the keys are those of certificate authorities.

    Returns:
        The keys in the order of the file, each once.

    Raises:
        KeyInvalid: the file contains something other than usable public keys; the message names file and line.
    """
    keys = read_keys(data, name, from_private=from_private, cert_authority=cert_authority)
    return [one.key for one in keys]


def read_keys(
    data: bytes | str,
    name: str = "the key",
    *,
    from_private: bool = False,
    cert_authority: bool = False,
    ignore_comment: bool = False,
) -> list[SourcedKey]:
    """Read keys like `parse_public_keys`, and return each with its source and notes.

    `ignore_comment` drops the comments without checking them.
    """
    name = printable(name)
    text = _text(data.encode("utf-8") if isinstance(data, str) else data, name)
    keys: list[SourcedKey] = []
    for one in _each(text, name, from_private, ignore_comment):
        key = _with_authority(one, cert_authority)
        first = next((earlier for earlier in keys if earlier.key.same_key(key)), None)
        if first is None:
            keys.append(replace(one, key=key))
        elif first.key.options == key.options:
            keys[keys.index(first)] = replace(first, notes=(*first.notes, f"{one.where} contains the key again"))
        else:
            raise conflicting_options(one, first)
    if not keys:
        raise KeyInvalid(f"{name} contains no key", hint=_ONE_LINE)
    return keys


def conflicting_options(one: SourcedKey, earlier: SourcedKey) -> KeyInvalid:
    """Return the error for a key that occurs in two places with different options."""
    return KeyInvalid(
        f"the same key as in {earlier.where}, with other options",
        where=one.where,
        hint="sshd uses only the first line of a key. Leave one of them out.",
    )


def _text(data: bytes, name: str) -> str:
    if len(data) > MAX_BYTES:
        raise KeyInvalid(f"{name} is larger than 1 MiB; a file of public keys is smaller")
    start = data[:64]
    encoding = "utf-8-sig"
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    elif len(start) > 3 and not any(start[1::2]) and all(start[::2]):
        encoding = "utf-16-le"
    elif len(start) > 3 and not any(start[::2]) and all(start[1::2]):
        encoding = "utf-16-be"
    for codec in (encoding, "cp1252", "latin-1"):
        try:
            text = data.decode(codec)
            break
        except UnicodeDecodeError:
            continue
    if "\0" in text:
        raise KeyInvalid(f"{name} is not plain text: it contains binary data", hint=_ONE_LINE)
    return text


def _each(text: str, name: str, from_private: bool, ignore_comment: bool) -> Iterator[SourcedKey]:
    lines = _NEWLINE.split(text)
    at = 0
    while at < len(lines):
        line = lines[at].strip(" \t")
        where = f"{name}:{at + 1}"
        if not line or line.startswith("#"):
            at += 1
        elif is_putty(line):
            file = PuttyFile.read(lines[at:], where)
            yield SourcedKey(
                _checked(file.type, file.public, file.comment, where, ignore_comment), where, (_PUTTY_NOTE,)
            )
            at += file.length
        elif is_begin(line):
            if not from_private:
                refuse_private(line, name, where)
            block = Block.at(lines, at, where)
            at = block.end
            if block.label in PARAMETERS:
                continue  # openssl writes them before a key
            key_type, blob, comment, note = key_in_block(block)
            yield SourcedKey(_checked(key_type, blob, comment, where, ignore_comment), where, (note,) if note else ())
        else:
            at += 1
            yield SourcedKey(_of_line(line, where, lines[at] if at < len(lines) else "", ignore_comment), where)


def _checked(key_type: str, blob: bytes, comment: str, where: str, ignore_comment: bool) -> PublicKey:
    """Return the key of a block, if sshd would accept it as one line."""
    _refuse_certificate(key_type, where)
    try:
        check_blob(key_type, blob)
    except ValueError as error:
        raise KeyInvalid(str(error), where=where, hint="Export the key again.") from None
    return PublicKey(key_type, blob, "" if ignore_comment else _comment(comment, where))


def _of_line(line: str, where: str, next_line: str, ignore_comment: bool) -> PublicKey:
    options: tuple[str, ...] = ()
    words = line.split(None, 2)
    if len(words) < 2 or not words[1].startswith("AAAA") or '"' in words[0]:
        split = split_options(line)
        rest = split[1].split(None, 2) if split is not None else []
        if split is None or len(rest) < 2 or not rest[1].startswith("AAAA"):
            raise KeyInvalid(_description(line), where=where, hint=_ONE_LINE)
        options, words = _options(split[0], where), rest
    key_type, text = words[0], words[1]
    _refuse_certificate(key_type, where)
    if key_type not in KEY_TYPES and key_type.lower() in KEY_TYPES:
        raise KeyInvalid(f"unknown key type {key_type}; did you mean {key_type.lower()}?", where=where)
    try:
        blob = parse_blob(key_type, text)
    except ValueError as error:
        why = str(error)
        if _BASE64.fullmatch(next_line.strip()):
            why = "the key is wrapped: it continues on the next line"
        elif _NAMES.search(text):
            why = "two keys run together; a newline is missing between them"
        raise KeyInvalid(why, where=where, hint=_COPY_AS_ONE_LINE) from None
    comment = words[2] if len(words) > 2 else ""
    if _GLUED.search(comment):
        raise KeyInvalid("two keys run together: the comment of the first contains the second", where=where,
                         hint="Insert a newline between them.")  # fmt: skip
    return PublicKey(key_type, blob, "" if ignore_comment else _comment(comment, where), options)


def _options(options: tuple[str, ...], where: str) -> tuple[str, ...]:
    try:
        return check_options(options)
    except OptionInvalid as error:
        hint = "If this is a line of known_hosts, remove everything before the key type."
        raise KeyInvalid(str(error), where=where, hint=hint) from None


def _description(line: str) -> str:
    """Describe a line that is not a key."""
    if _FINGERPRINT.match(line):
        return "this is the fingerprint of a key, not the key"
    if _PROTOCOL_1.match(line):
        return "this is a key for SSH protocol 1, which no sshd supports any more"
    if "PRIVATE KEY" in line or line.startswith("SSH PRIVATE KEY FILE"):
        return "this is part of a private key"
    try:
        return f"the key type is missing: write {blob_type(_blob_alone(line))!r} before the key"
    except ValueError:
        return f"not a public key: {printable(line, 40)!r}"


def _blob_alone(text: str) -> bytes:
    """Decode a blob that has no type before it.

    Raises:
        ValueError: it is not a key's blob.
    """
    if not text.startswith("AAAA"):
        raise ValueError("a key's blob begins with AAAA")
    return base64.b64decode(text.split()[0], validate=True)


def _refuse_certificate(key_type: str, where: str) -> None:
    if "-cert-v0" in key_type:
        raise KeyInvalid(
            "a certificate has no effect in authorized_keys; add the plain .pub file",
            where=where,
            hint="To trust all keys that an authority signs, add the authority's public key with --cert-authority.",
        )


def _comment(text: str, where: str) -> str:
    text = text.strip(" \t")
    if not is_clean(text.replace("\t", " ")):
        raise KeyInvalid(
            f"the comment contains control characters: {printable(text, 60)!r}",
            where=where,
            hint="Correct the file, or set another comment with --comment.",
        )
    if len(text) > MAX_COMMENT:
        raise KeyInvalid(
            f"the comment has {len(text)} characters; at most {MAX_COMMENT} are allowed",
            where=where,
            hint="Set a shorter one with --comment.",
        )
    return text


def _with_authority(one: SourcedKey, wanted: bool) -> PublicKey:
    """Return the key with the option cert-authority if it is wanted, and refuse the option if it is not."""
    present = any(option.lower() == "cert-authority" for option in one.key.options)
    if present and not wanted:
        raise KeyInvalid(
            "with cert-authority, the owner of this key can authorize any other key",
            where=one.where,
            hint="If that is intended, use --cert-authority.",
        )
    if wanted and not present:
        return replace(one.key, options=("cert-authority", *one.key.options))
    return one.key

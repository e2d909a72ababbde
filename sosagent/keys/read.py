"""A file of public keys as people hand it in -> `PublicKey`.

A file is a sequence of one-line keys (sshd(8)), blocks (RFC 4716, PEM) and PuTTY files, in UTF-8,
UTF-16 or latin-1. Whatever is none of them is an error with its line and what it seems to be.
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

__all__ = ["MOST_BYTES", "MOST_COMMENT", "KeyFound", "other_options", "parse_public_keys", "read_keys"]

MOST_BYTES = 1 << 20
MOST_COMMENT = 4096
_NEWLINE = re.compile(r"\r\n|\n|\r")
_NAMES = re.compile(r"(?:ssh|ecdsa|sk)-[a-z]")
_GLUED = re.compile(r"(?:ssh|ecdsa|sk)-\S+[ \t]+AAAA|AAAA[0-9A-Za-z+/]{60}")
_FINGERPRINT = re.compile(r"(?:\d+ )?(?:SHA256:[A-Za-z0-9+/]{43}|MD5:(?:[0-9a-f]{2}:){15}[0-9a-f]{2})")
_PROTOCOL_1 = re.compile(r"\d{3,5} \d{1,10} \d{200,}")
_BASE64 = re.compile(r"[A-Za-z0-9+/]{16,}={0,2}")
_PUTTY_NOTE = "a PuTTY file holds the private key, too: only its public half was taken"
_ONE_LINE = "A public key is one line: type, base64, comment."
_AS_ONE_LINE = "Copy the .pub file again, as one line."


@dataclass(frozen=True)
class KeyFound:
    """A key, and where it was found.

    Fields:
        key: the key.
        where: file and line.
        notes: what was done to read it, in sentences.
    """

    key: PublicKey
    where: str
    notes: tuple[str, ...] = ()


def parse_public_keys(
    data: bytes | str, name: str = "the key", *, from_private: bool = False, cert_authority: bool = False
) -> list[PublicKey]:
    """Read the public keys of one file.

    Args:
        data: the file's contents: OpenSSH one-line keys (also with options), RFC 4716 blocks, PEM and
            PKCS#8 public keys, PuTTY's ``.ppk``; UTF-8, UTF-16 or latin-1.
        name: what the file is called in messages.
        from_private: take the public half of a private key, which is refused otherwise. A ``.ppk``
            holds both by design, and is always taken.
        cert_authority: the keys are those of certificate authorities.

    Returns:
        The keys in their order, each once.

    Raises:
        KeyInvalid: with file and line, for anything that is not a usable public key.
    """
    found = read_keys(data, name, from_private=from_private, cert_authority=cert_authority)
    return [one.key for one in found]


def read_keys(
    data: bytes | str,
    name: str = "the key",
    *,
    from_private: bool = False,
    cert_authority: bool = False,
    any_comment: bool = False,
) -> list[KeyFound]:
    """The same, with where each was found, and what was done to read it; `any_comment` drops them unread."""
    name = printable(name)
    text = _text(data.encode("utf-8") if isinstance(data, str) else data, name)
    found: list[KeyFound] = []
    for one in _each(text, name, from_private, any_comment):
        key = _with_authority(one, cert_authority)
        again = next((earlier for earlier in found if earlier.key.same_key(key)), None)
        if again is None:
            found.append(replace(one, key=key))
        elif again.key.options == key.options:
            at = found.index(again)
            found[at] = replace(again, notes=(*again.notes, f"{one.where} holds it again"))
        else:
            raise other_options(one, again)
    if not found:
        raise KeyInvalid(f"{name} holds no key", hint=_ONE_LINE)
    return found


def other_options(one: KeyFound, earlier: KeyFound) -> KeyInvalid:
    """The error for a key that stands in two places with different options."""
    return KeyInvalid(
        f"{one.where}: the same key as in {earlier.where}, with other options",
        hint="sshd takes the first line that holds a key. Leave one of them out.",
    )


def _text(data: bytes, name: str) -> str:
    if len(data) > MOST_BYTES:
        raise KeyInvalid(f"{name} is larger than 1 MiB: that is not a file of public keys")
    start = data[:64]
    encoding = "utf-8-sig"
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    elif len(start) > 3 and not any(start[1::2]) and all(start[::2]):
        encoding = "utf-16-le"
    elif len(start) > 3 and not any(start[::2]) and all(start[1::2]):
        encoding = "utf-16-be"
    for name_of in (encoding, "cp1252", "latin-1"):
        try:
            text = data.decode(name_of)
            break
        except UnicodeDecodeError:
            continue
    if "\0" in text:
        raise KeyInvalid(f"{name} is not plain text: it holds binary data", hint=_ONE_LINE)
    return text


def _each(text: str, name: str, from_private: bool, any_comment: bool) -> Iterator[KeyFound]:
    lines = _NEWLINE.split(text)
    at = 0
    while at < len(lines):
        line = lines[at].strip(" \t")
        where = f"{name}, line {at + 1}"
        if not line or line.startswith("#"):
            at += 1
        elif is_putty(line):
            file = PuttyFile.read(lines[at:], where)
            yield KeyFound(_checked(file.type, file.public, file.comment, where, any_comment), where, (_PUTTY_NOTE,))
            at += file.length
        elif is_begin(line):
            if not from_private:
                refuse_private(line, name, where)
            block = Block.at(lines, at, where)
            at = block.end
            if block.label in PARAMETERS:
                continue  # openssl puts them in front of a key
            key_type, blob, comment, note = key_in_block(block)
            yield KeyFound(_checked(key_type, blob, comment, where, any_comment), where, (note,) if note else ())
        else:
            at += 1
            yield KeyFound(_of_line(line, where, lines[at] if at < len(lines) else "", any_comment), where)


def _checked(key_type: str, blob: bytes, comment: str, where: str, any_comment: bool) -> PublicKey:
    """The key of a block, as it would stand in one line."""
    _refuse_certificate(key_type, where)
    try:
        check_blob(key_type, blob)
    except ValueError as error:
        raise KeyInvalid(f"{where}: {error}", hint="Export the key again.") from None
    return PublicKey(key_type, blob, "" if any_comment else _comment(comment, where))


def _of_line(line: str, where: str, next_line: str, any_comment: bool) -> PublicKey:
    options: tuple[str, ...] = ()
    words = line.split(None, 2)
    if len(words) < 2 or not words[1].startswith("AAAA") or '"' in words[0]:
        split = split_options(line)
        rest = split[1].split(None, 2) if split is not None else []
        if split is None or len(rest) < 2 or not rest[1].startswith("AAAA"):
            raise KeyInvalid(f"{where}: {_what_it_is(line)}", hint=_ONE_LINE)
        options, words = _options(split[0], where), rest
    key_type, text = words[0], words[1]
    _refuse_certificate(key_type, where)
    if key_type not in KEY_TYPES and key_type.lower() in KEY_TYPES:
        raise KeyInvalid(f"{where}: {key_type} is not a type of key; {key_type.lower()} is")
    try:
        blob = parse_blob(key_type, text)
    except ValueError as error:
        why = str(error)
        if _BASE64.fullmatch(next_line.strip()):
            why = "the key is wrapped: it goes on in the next line"
        elif _NAMES.search(text):
            why = "two keys are glued together, a newline is missing between them"
        raise KeyInvalid(f"{where}: {why}", hint=_AS_ONE_LINE) from None
    comment = words[2] if len(words) > 2 else ""
    if _GLUED.search(comment):
        raise KeyInvalid(f"{where}: two keys are glued together: the second stands in the comment of the first",
                         hint="A newline is missing between them.")  # fmt: skip
    return PublicKey(key_type, blob, "" if any_comment else _comment(comment, where), options)


def _options(options: tuple[str, ...], where: str) -> tuple[str, ...]:
    try:
        return check_options(options)
    except OptionInvalid as error:
        hint = "Is it a line of known_hosts? Leave out what is before the type."
        raise KeyInvalid(f"{where}: {error}", hint=hint) from None


def _what_it_is(line: str) -> str:
    """What a line seems to be that holds no key."""
    if _FINGERPRINT.match(line):
        return "that is the fingerprint of a key, not the key"
    if _PROTOCOL_1.match(line):
        return "that is a key of SSH protocol 1, which is gone"
    if "PRIVATE KEY" in line or line.startswith("SSH PRIVATE KEY FILE"):
        return "that is a piece of a private key"
    try:
        return f"the type is missing: put {blob_type(_blob_alone(line))!r} in front"
    except ValueError:
        return f"not a public key: {printable(line, 40)!r}"


def _blob_alone(text: str) -> bytes:
    """A blob without its type; ValueError if it is none."""
    if not text.startswith("AAAA"):
        raise ValueError("no key's blob begins like that")
    return base64.b64decode(text.split()[0], validate=True)


def _refuse_certificate(key_type: str, where: str) -> None:
    if "-cert-v0" in key_type:
        raise KeyInvalid(
            f"{where}: a certificate does nothing in authorized_keys; hand in the plain .pub",
            hint="To trust all that an authority signs, hand in the authority's public key with --cert-authority.",
        )


def _comment(text: str, where: str) -> str:
    text = text.strip(" \t")
    if not is_clean(text.replace("\t", " ")):
        raise KeyInvalid(
            f"{where}: its comment holds control characters: {printable(text, 60)!r}",
            hint="Mend the file, or give another comment with --comment.",
        )
    if len(text) > MOST_COMMENT:
        raise KeyInvalid(
            f"{where}: its comment has {len(text)} characters; more than {MOST_COMMENT} are not taken",
            hint="Give a shorter one with --comment.",
        )
    return text


def _with_authority(one: KeyFound, wanted: bool) -> PublicKey:
    """The key, as one of a certificate authority only if that is wanted."""
    has = any(option.lower() == "cert-authority" for option in one.key.options)
    if has and not wanted:
        raise KeyInvalid(
            f"{one.where}: with cert-authority, whoever has this key could let in anybody",
            hint="--cert-authority says that this is wanted.",
        )
    if wanted and not has:
        return replace(one.key, options=("cert-authority", *one.key.options))
    return one.key

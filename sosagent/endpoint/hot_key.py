"""Parse the keys that leave a console, as vendors describe them in prose. No I/O."""

from __future__ import annotations

import re

__all__ = ["MAX_TEXT", "parse_hot_key"]

MAX_TEXT = 200
_MAX_KEYS = 8

#: Words before and after the keys.
_BEFORE = re.compile(
    r"(?i)(?:to \w+(?: \w+){0,4}[,:]? )?(?:please )?(?:press|type|hit|use)\b:? |to \w+(?: \w+){0,4}: (?:press |type )?"
    r"|(?:the )?escape (?:character|sequence|key) is:? "
)
_AFTER = re.compile(
    r"(?i)(?<! ) +(?:to (?:\w+ ){0,2}?(?:exit|end|terminate|leave|quit|return|close|disconnect|stop)\b|- ).*"
)
_PARENTHESES = re.compile(r"\([^()]{3,}\)")
_KEY = re.compile(
    r"""(?P<gap>[\s,"'`]+|(?:and\ then|then|and|followed\ by|the|keys?)\b)"""
    r"""|(?P<line>~\.)(?=$|[\s,"'`])"""
    r"""|(?i:(?P<named><(?:enter|return|cr|esc|escape)>|(?:enter|return|esc|escape)\b))"""
    r"""|(?i:(?:ctrl|control)(?:\ ?[-+]\ ?))(?P<control>[][\\^_A-Za-z])(?=$|[\s,"'`])"""
    r"""|\^(?P<caret>[][\\^_A-Za-z])(?P<glued>[A-Za-z][.?]?)?(?=$|[\s,"'`])"""
    r"""|<(?P<angle>[!-~])>"""
    r"""|(?P<plain>[!-~])(?=$|[\s,"'`])"""
)
_NAMED = {"enter": b"\r", "return": b"\r", "cr": b"\r", "esc": b"\x1b", "escape": b"\x1b"}


def parse_hot_key(text: str) -> bytes | None:
    """Return the bytes of the keys that a vendor's text describes.

    ``press <Enter>, <Esc>, and then <T> to terminate session`` is Enter, Escape, T; ``ESC (`` is Escape and a
    parenthesis; ``^\\`` and ``Ctrl-]`` are one control character; ``^Ec.`` is ^E and two more keys. ``~.`` works only
    at the start of a line, so Enter is added before it.

    Returns:
        None if a part of the text is not understood, or if the keys could occur in ordinary input.
    """
    if len(text) > MAX_TEXT or re.fullmatch(r"[\x20-\x7e]+", text) is None:
        return None
    sentence = re.split(r"\. (?=[A-Z])", _PARENTHESES.sub("", text).strip())[-1]
    rest = _AFTER.sub("", sentence).rstrip()
    before = _BEFORE.match(rest)
    rest = rest[before.end() :] if before else rest
    if re.search(r"[>'\"]\.$", rest):
        rest = rest[:-1]  # the period at the end of the sentence
    keys, position = b"", 0
    while position < len(rest):
        match = _KEY.match(rest, position)
        if match is None:
            return None
        key = _bytes_of(match)
        keys += key.removeprefix(b"\r") if keys.endswith(b"\r") else key
        position = match.end()
    distinct = any(byte < 0x20 for byte in keys) and keys != b"\r"
    return keys if distinct and len(keys) <= _MAX_KEYS else None


def _bytes_of(match: re.Match[str]) -> bytes:
    kind, text = match.lastgroup, match[0]
    if kind == "gap":
        return b""
    if kind == "line":
        return b"\r~."
    if kind == "named":
        return _NAMED[text.strip("<>").lower()]
    control = match["control"] or match["caret"]
    if control:
        return bytes([ord(control.upper()) ^ 0x40]) + (match["glued"] or "").encode()
    return (match["angle"] or match["plain"]).encode()

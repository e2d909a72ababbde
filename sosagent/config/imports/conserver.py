"""Import from conserver.cf(5): each console becomes a machine, reached by conserver's client ``console``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..machine import is_name
from .imported import NOT_FOLLOWED, Imported

__all__ = ["from_conserver"]

_TOKEN = re.compile(r'\s+|#[^\n]*|"((?:[^"\\]|\\.)*)"|([{};,])|([^\s{};,"#]+)|.', re.DOTALL)
_LOCAL = ("localhost", "127.0.0.1", "::1")


@dataclass
class _Block:
    """A block of the file.

    Fields:
        kind: such as ``console``.
        name: the block's name.
        items: the first word of each item, and its other words.
    """

    kind: str
    name: str
    items: list[tuple[str, str]]


def from_conserver(text: str) -> Imported:
    """Return the machines of a conserver.cf."""
    imported = Imported()
    if re.search(r"(?m)^#include\s", text):
        imported.notes.append(NOT_FOLLOWED.format("#include"))
    blocks = list(_blocks(text))
    masters: dict[str, str | None] = {}
    for block in blocks:
        if block.kind == "default":
            masters[block.name] = _master(block, masters)
    has_local = False
    for block in blocks:
        if block.kind != "console":
            continue
        master = _master(block, masters, masters.get("*"))
        if not is_name(block.name) or not (master is None or re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.:-]*", master)):
            imported.skip(block.name, "its name or its master's name cannot be passed to a command")
            continue
        option = "" if master is None else f"-M {master} "
        has_local = has_local or master in _LOCAL
        imported.add(block.name, {"console": f"exec:console {option}{block.name}"}, own_command=True)
    if has_local:
        imported.notes.append("some masters are this computer; on other computers, write the server's name after -M")
    return imported


def _master(block: _Block, masters: dict[str, str | None], default: str | None = None) -> str | None:
    """Return the master of a block. As in conserver, an included default and later items override earlier ones."""
    master = default
    for key, value in block.items:
        if key == "master":
            master = value
        elif key == "include":
            master = masters.get(value) or master
    return master


def _blocks(text: str) -> Iterator[_Block]:
    head: list[str] = []
    item: list[str] = []
    block: _Block | None = None
    for quoted, mark, word in _tokens(text):
        if mark == "{" and block is None:
            block = _Block(head[0].lower() if head else "", " ".join(head[1:]), [])
            head, item = [], []
        elif mark == "}" and block is not None:
            yield block
            block = None
        elif mark == ";" and block is not None:
            if item:
                block.items.append((item[0].lower(), " ".join(item[1:])))
            item = []
        elif mark in ("", ","):
            (head if block is None else item).append(quoted or word or mark)
        else:
            head, item = [], []


def _tokens(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield each token as a quoted string, a punctuation mark or a word; the other two are empty."""
    for match in _TOKEN.finditer(text):
        if any(match.groups()):
            quoted = re.sub(r"\\(.)", r"\1", match[1] or "")
            yield quoted, match[2] or "", match[3] or ""

"""conserver.cf(5): the way to a console is conserver's client."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..machines import is_name
from .imported import NOT_FOLLOWED, Imported

__all__ = ["of_conserver"]

_TOKEN = re.compile(r'\s+|#[^\n]*|"((?:[^"\\]|\\.)*)"|([{};,])|([^\s{};,"#]+)|.', re.DOTALL)
_LOCAL = ("localhost", "127.0.0.1", "::1")


@dataclass
class _Block:
    """Fields: ``console`` or the like, its name, what stands in it: the first word, and the others."""

    kind: str
    name: str
    items: list[tuple[str, str]]


def of_conserver(text: str) -> Imported:
    """The machines of a conserver.cf."""
    found = Imported()
    if re.search(r"(?m)^#include\s", text):
        found.notes.append(NOT_FOLLOWED.format("#include"))
    blocks = list(_blocks(text))
    masters: dict[str, str | None] = {}
    for block in blocks:
        if block.kind == "default":
            masters[block.name] = _master(block, masters)
    local = False
    for block in blocks:
        if block.kind != "console":
            continue
        master = _master(block, masters, masters.get("*"))
        if not is_name(block.name) or not (master is None or re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.:-]*", master)):
            found.skipped.append((block.name, "its name, or that of its master, is none that a command takes"))
            continue
        place = "" if master is None else f"-M {master} "
        local = local or master in _LOCAL
        found.add(block.name, {"console": f"exec:console {place}{block.name}"})
    if local:
        found.notes.append("the master of some is this computer: from elsewhere, write the server's name behind -M")
    return found


def _master(block: _Block, masters: dict[str, str | None], told: str | None = None) -> str | None:
    """The master of a block, over what was `told`; a default that it includes stands before it, as for conserver."""
    for key, value in block.items:
        if key == "master":
            told = value
        elif key == "include":
            told = masters.get(value) or told
    return told


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
    for found in _TOKEN.finditer(text):
        if any(found.groups()):
            quoted = re.sub(r"\\(.)", r"\1", found[1] or "")
            yield quoted, found[2] or "", found[3] or ""

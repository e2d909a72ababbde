"""Import from conserver.cf(5): each console becomes a machine, reached by conserver's client ``console``."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ...printable import printable
from ..machine import is_name
from .conserver_syntax import read_blocks
from .imported import Imported
from .source import Source

__all__ = ["from_conserver"]

_LOCAL = ("localhost", "127.0.0.1", "::1")
_MASTER = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:-]*")
_TYPES = ("device", "exec", "host", "noop", "uds", "ipmi")
#: Attributes that conserver requires, by type (readcfg.c, ConsoleEnd).
_REQUIRED = {"device": ("device", "baud", "parity"), "host": ("host", "port"), "uds": ("uds",), "ipmi": ("host",)}
_BAUD_RATES = tuple(
    str(rate)
    for rate in (
        50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800,
        500000, 576000, 921600, 1000000, 1152000, 1500000, 2000000, 2500000, 3000000, 3500000, 4000000,
    )
)  # fmt: skip
#: Attributes with a limited set of values.
_VALUES = {"type": _TYPES, "parity": ("even", "mark", "none", "odd", "space"), "baud": _BAUD_RATES}
_KEPT = ("master", "device", "host", "port", "uds", *_VALUES)


@dataclass
class _Block:
    """A default or a console.

    Fields:
        kind, name, file, line: where it begins.
        attributes: those that matter here.
        unknown: names of included defaults that do not exist.
    """

    kind: str
    name: str
    file: str
    line: int
    attributes: dict[str, str] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)


def from_conserver(source: Source) -> Imported:
    """Return the machines of a conserver.cf."""
    reader = _Reader(Imported(source.name))
    read_blocks(source, reader)
    return reader.finished()


class _Reader:
    """Keeps the consoles that conserver would keep. As in conserver, defaults apply as they are where they are used."""

    def __init__(self, imported: Imported) -> None:
        self._imported = imported
        self._defaults: dict[str, dict[str, str]] = {}
        self._consoles: dict[str, _Block] = {}
        self._block: _Block | None = None

    def begin(self, kind: str, name: str, file: str, line: int) -> None:
        """A block begins; a console begins with the attributes of ``default *``."""
        self._block = None
        if kind in ("default", "console"):
            attributes = dict(self._defaults.get("*", {})) if kind == "console" else {}
            self._block = _Block(kind, name, file, line, attributes)

    def item(self, key: str, value: str, line: int) -> None:
        """The current block has an item; an included default and later items override earlier ones."""
        block = self._block
        if block is None:
            return
        if key == "include":
            if value and value.lower() not in self._defaults:
                block.unknown.append(value)
                self.note(f"there is no default {printable(value, 60)!r} before this line", line, file=block.file)
            block.attributes |= self._defaults.get(value.lower(), {})
        elif key in _KEPT:
            self._set(block, key, value, line)

    def end(self) -> None:
        """The current block ends; it replaces an earlier one of the same name."""
        block, self._block = self._block, None
        if block is None:
            return
        if block.kind == "default":
            self._defaults[block.name.lower()] = block.attributes
            return
        if missing := _missing(block):
            why = f"conserver refuses it: {missing}"
            if block.unknown:
                why += f"; it includes the unknown default {printable(block.unknown[0], 60)!r}"
            self._imported.skip(block.name, why, block.line, file=block.file)
            return
        if (earlier := self._consoles.pop(block.name.lower(), None)) is not None:
            reason = f"conserver uses the later console of that name, in line {block.line}"
            self._imported.skip(earlier.name, reason, earlier.line, file=earlier.file)
        self._consoles[block.name.lower()] = block

    def abort(self) -> None:
        """The current block is ignored."""
        block, self._block = self._block, None
        if block is not None and block.kind == "console":
            self._imported.skip(block.name, "conserver refuses its syntax", block.line, file=block.file)

    def note(self, text: str, line: int, *, file: str) -> None:
        """There is something to report."""
        self._imported.note(text, line, file=file)

    def finished(self) -> Imported:
        """Return the machines."""
        imported = self._imported
        has_local = False
        for block in self._consoles.values():
            master = block.attributes["master"]
            if not is_name(block.name) or not _MASTER.fullmatch(master):
                reason = "its name or its master's name cannot be passed to a command"
                imported.skip(block.name, reason, block.line, file=block.file)
                continue
            has_local = has_local or master.lower() in _LOCAL
            values = {"console": f"exec:console -M {master} {block.name}"}
            imported.add(block.name, values, block.line, file=block.file, own_command=True)
        if has_local:
            text = "some masters are this computer; on other computers, write the server's name after -M"
            imported.notes.append(text)
        return imported

    def _set(self, block: _Block, key: str, value: str, line: int) -> None:
        known = _VALUES.get(key)
        shown = value if key == "baud" else value.lower()
        if value and known is not None and shown not in known:
            self.note(f"invalid {key} {printable(value, 60)!r}", line, file=block.file)
            if key == "type":
                return  # conserver keeps the type that was set before
            value = ""
        if value:
            block.attributes[key] = shown if known is not None else value
        else:
            block.attributes.pop(key, None)


def _missing(block: _Block) -> str:
    """Return why conserver refuses a console; empty if it does not."""
    kind = block.attributes.get("type", "")
    needed = ("master", "type", *_REQUIRED.get(kind, ()))
    return ", ".join(f"it has no {key}" for key in needed if key not in block.attributes)

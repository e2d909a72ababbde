"""The font that the package brings: which characters it has, and a font file with some of them for an SVG image.

The files in ``fonts/`` are parts of DejaVu Sans Mono. `tests/support/fonts.py` makes them.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files

from .shapes import CELL_WIDTH

__all__ = ["ASCENT", "FONT_SIZE", "Font", "bundled_font"]

_UNITS, _ADVANCE = 2048, 1233  # of the em, and of each character
#: Pixels of the em with which a character is as wide as a cell.
FONT_SIZE = CELL_WIDTH * _UNITS / _ADVANCE
#: Pixels from the top of a cell to the line on which the characters stand.
ASCENT = 25

_NAMES = {False: "DejaVuSansMono.ttf", True: "DejaVuSansMono-Bold.ttf"}
#: Flags of a glyph that is made of other glyphs (OpenType specification, table glyf).
_WORDS, _SCALE, _MORE, _TWO_SCALES, _MATRIX = 0x01, 0x08, 0x20, 0x40, 0x80


@lru_cache(maxsize=2)
def bundled_font(bold: bool) -> Font:
    """Return the font that the package brings."""
    return Font(files(__package__).joinpath("fonts", _NAMES[bold]).read_bytes())


@dataclass(frozen=True)
class Font:
    """A TrueType font with a cmap table of format 12 and a loca table of 32 bits, as the files in ``fonts/`` have.

    Args:
        data: the contents of the file.
    """

    data: bytes

    @cached_property
    def tables(self) -> Mapping[str, bytes]:
        """The tables by their tags."""
        (count,) = struct.unpack_from(">H", self.data, 4)
        found = {}
        for at in range(count):
            tag, _, offset, length = struct.unpack_from(">4sLLL", self.data, 12 + 16 * at)
            found[tag.decode("ascii")] = self.data[offset : offset + length]
        return found

    @cached_property
    def glyphs(self) -> Mapping[int, int]:
        """The number of the glyph of each character."""
        cmap = self.tables["cmap"]
        (count,) = struct.unpack_from(">H", cmap, 2)
        offsets = {struct.unpack_from(">L", cmap, 8 + 8 * at)[0] for at in range(count)}
        found: dict[int, int] = {}
        for offset in offsets:
            (kind,) = struct.unpack_from(">H", cmap, offset)
            if kind == 12:
                found |= _groups(cmap[offset:])
        return found

    def has(self, character: str) -> bool:
        """Return whether the font draws a character."""
        return ord(character) in self.glyphs

    def woff(self, characters: Iterable[str]) -> bytes:
        """Return a WOFF file with these characters of the font, as far as it has them, and with its licence."""
        wanted = {ord(one): self.glyphs[ord(one)] for one in characters if self.has(one)}
        drawn = self._with_components({0, *wanted.values()})
        glyf, loca = self._outlines(drawn)
        parts = {
            **{tag: self.tables[tag] for tag in ("OS/2", "head", "hhea", "maxp", "name", "post")},
            "cmap": _cmap(wanted), "glyf": glyf, "loca": loca, "hmtx": self._metrics(drawn),
        }  # fmt: skip
        return _woff(parts)

    @cached_property
    def _offsets(self) -> tuple[int, ...]:
        """Where the outline of each glyph begins, and the end of the last one."""
        loca = self.tables["loca"]
        return struct.unpack(f">{len(loca) // 4}L", loca)

    def _outline(self, glyph: int) -> bytes:
        return self.tables["glyf"][self._offsets[glyph] : self._offsets[glyph + 1]]

    def _with_components(self, glyphs: set[int]) -> set[int]:
        """Return glyphs, and those that they are made of."""
        found: set[int] = set()
        todo = list(glyphs)
        while todo:
            glyph = todo.pop()
            if glyph not in found:
                found.add(glyph)
                todo += _components(self._outline(glyph))
        return found

    def _outlines(self, wanted: set[int]) -> tuple[bytes, bytes]:
        """Return the tables glyf and loca with some glyphs; the others are empty."""
        glyf, starts = bytearray(), []
        for glyph in range(len(self._offsets) - 1):
            starts.append(len(glyf))
            if glyph in wanted:
                outline = self._outline(glyph)
                glyf += outline + bytes(-len(outline) % 4)
        starts.append(len(glyf))
        return bytes(glyf), struct.pack(f">{len(starts)}L", *starts)

    def _metrics(self, wanted: set[int]) -> bytes:
        """Return the table hmtx, with zeros in place of the left bearings that nobody needs: they compress better."""
        (advances,) = struct.unpack_from(">H", self.tables["hhea"], 34)
        hmtx = bytearray(self.tables["hmtx"])
        for at in range((len(hmtx) - 4 * advances) // 2):
            if advances + at not in wanted:
                struct.pack_into(">h", hmtx, 4 * advances + 2 * at, 0)
        return bytes(hmtx)


def _components(outline: bytes) -> list[int]:
    """Return the glyphs that a glyph is made of."""
    if not outline or struct.unpack_from(">h", outline)[0] >= 0:
        return []
    found = []
    at, flags = 10, _MORE
    while flags & _MORE:
        flags, glyph = struct.unpack_from(">HH", outline, at)
        found.append(glyph)
        scales = 2 if flags & _SCALE else 4 if flags & _TWO_SCALES else 8 if flags & _MATRIX else 0
        at += 4 + (4 if flags & _WORDS else 2) + scales
    return found


def _groups(table: bytes) -> dict[int, int]:
    """Return the characters of a cmap table of format 12."""
    found: dict[int, int] = {}
    (count,) = struct.unpack_from(">L", table, 12)
    for at in range(count):
        first, last, glyph = struct.unpack_from(">LLL", table, 16 + 12 * at)
        found.update(zip(range(first, last + 1), range(glyph, glyph + last - first + 1), strict=True))
    return found


def _cmap(glyphs: Mapping[int, int]) -> bytes:
    """Return a cmap table of format 12."""
    groups = b"".join(struct.pack(">LLL", code, code, glyph) for code, glyph in sorted(glyphs.items()))
    header = struct.pack(">HHLLL", 12, 0, 16 + len(groups), 0, len(glyphs))
    return struct.pack(">HHHHL", 0, 1, 3, 10, 12) + header + groups


def _woff(tables: Mapping[str, bytes]) -> bytes:
    """Return tables as a WOFF file (W3C, WOFF File Format 1.0)."""
    directory, body = b"", b""
    start = 44 + 20 * len(tables)
    for tag, table in sorted(tables.items()):
        packed = zlib.compress(table, 9)
        packed = packed if len(packed) < len(table) else table
        directory += struct.pack(">4sLLLL", tag.encode(), start + len(body), len(packed), len(table), _checksum(table))
        body += packed + bytes(-len(packed) % 4)
    unpacked = 12 + 16 * len(tables) + sum(len(table) + -len(table) % 4 for table in tables.values())
    header = struct.pack(
        ">4s4sLHHLHHLLLLL", b"wOFF", b"\0\1\0\0", start + len(body), len(tables), 0, unpacked, 1, 0, 0, 0, 0, 0, 0
    )
    return header + directory + body


def _checksum(table: bytes) -> int:
    padded = table + bytes(-len(table) % 4)
    words: tuple[int, ...] = struct.unpack(f">{len(padded) // 4}L", padded)
    return sum(words) & 0xFFFFFFFF

"""Make the font files of `sosagent/picture/fonts` from DejaVu Sans Mono (Debian's package fonts-dejavu-mono).

python -m tests.support.fonts [FOLDER]
"""

from __future__ import annotations

import sys
from pathlib import Path

from fontTools import subset

import sosagent.picture

SOURCE = "/usr/share/fonts/truetype/dejavu"
TARGET = Path(sosagent.picture.__file__).with_name("fonts")
NAMES = ("DejaVuSansMono.ttf", "DejaVuSansMono-Bold.ttf")

#: Latin, combining marks, Greek, Cyrillic, Vietnamese, punctuation, currencies, letters and fractions, arrows,
#: mathematics, technical and control symbols, geometric shapes, other symbols. Lines and blocks are drawn as shapes.
CHARACTERS = (
    (0x20, 0x7E), (0xA0, 0x24F), (0x2B0, 0x3FF), (0x400, 0x4FF), (0x1E00, 0x1EFF), (0x2000, 0x20CF), (0x2100, 0x218F),
    (0x2190, 0x2426), (0x25A0, 0x27BF), (0xFFFD, 0xFFFD),
)  # fmt: skip


def make(source: Path, target: Path) -> None:
    """Write the part of a font that the pictures need, without hints."""
    options = subset.Options()
    options.hinting = False
    options.layout_features = []
    options.drop_tables += ["GPOS", "GSUB", "GDEF", "FFTM"]
    options.name_IDs = [0, 1, 2, 4, 5, 6, 13, 14]  # with copyright and licence
    options.glyph_names = False
    options.notdef_outline = True
    font = subset.load_font(str(source), options)
    # What sosagent/picture/font.py reads: a cmap table of format 12; and each name once.
    font["cmap"].tables = [table for table in font["cmap"].tables if (table.platformID, table.format) == (3, 12)]
    font["name"].names = [name for name in font["name"].names if name.platformID == 3]
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=[code for first, last in CHARACTERS for code in range(first, last + 1)])
    subsetter.subset(font)
    font.save(target)
    font.close()


if __name__ == "__main__":
    for name in NAMES:
        make(Path(sys.argv[1] if len(sys.argv) > 1 else SOURCE, name), TARGET / name)

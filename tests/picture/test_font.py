"""picture/font.py and picture/system_fonts.py: which font has which character."""

from __future__ import annotations

import io
import string
import subprocess
import sys
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont

import sosagent
from sosagent.picture import system_fonts
from sosagent.picture.font import FONT_SIZE, bundled_font
from sosagent.picture.shapes import CELL_WIDTH
from sosagent.picture.system_fonts import SystemFont, parse_fonts, system_font

FONTS = Path(sosagent.__file__).parent / "picture" / "fonts"


@pytest.mark.parametrize("bold", [False, True])
def test_the_bundled_font(bold: bool) -> None:
    font = bundled_font(bold)
    real = TTFont(io.BytesIO(font.data))
    assert font.glyphs == {code: real.getGlyphID(name) for code, name in real.getBestCmap().items()}
    assert real["head"].indexToLocFormat == 1
    wanted = string.printable[:95] + "ÄßéğőŁΩπЖяẠệ…€←↑→↓≤≥≠±×÷°§µ©✓✗●■▲◆★"
    assert [one for one in wanted if not font.has(one)] == []
    assert not any(map(font.has, "漢👍ไ"))
    for name in real.getBestCmap().values():
        assert real["hmtx"][name][0] * FONT_SIZE / real["head"].unitsPerEm == pytest.approx(CELL_WIDTH)
    for record in (0, 13):
        assert "Bitstream" in str(real["name"].getDebugName(record))
    assert "Bitstream" not in str(real["name"].getDebugName(1))


def test_the_licence_is_beside_the_fonts() -> None:
    text = (FONTS / "LICENSE").read_text()
    assert "Bitstream Vera Fonts Copyright" in text and "Arev Fonts Copyright" in text


def test_the_help_imports_no_picture() -> None:
    code = (
        "import sys, sosagent.cli.main as main\n"
        "def end(status):\n    print('MODULES', *sys.modules); sys.stdout.flush(); __import__('os')._exit(0)\n"
        "main._exit = end; sys.argv = ['sosagent', {!r}, '--help']; main.main()"
    )
    for command in ("screen", "run", "state"):
        done = subprocess.run([sys.executable, "-c", code.format(command)], capture_output=True, text=True, check=True)
        modules = done.stdout.rpartition("MODULES ")[2].split()
        assert "sosagent.cli.main" in modules
        assert not [one for one in modules if one.startswith(("sosagent.picture", "PIL", "pyte"))], command


LISTED = (
    "/f/Serif.ttf\t0\tFalse\tRegular\t20-7e 4e00-9fff\n"
    "/f/SansMono.ttc\t3\tFalse\tBold\t20-7e 4e00-9fff\n"
    "/f/SansMono.ttc\t1\tFalse\tRegular,Standard\t4e00-9fff\n"
    "/f/Variable.ttf\t65536\tFalse\tRegular\t4e00-9fff\n"
    "/f/Emoji.ttf\t0\tTrue\tRegular\t23 1f300-1f64f\n"
    "/f/broken.ttf\t0\tFalse\tRegular\tnothing\n"
    "one field\n"
)


def test_the_system_font_is_of_fixed_width_and_normal_weight() -> None:
    fonts = parse_fonts(LISTED)
    assert [(font.file, font.index) for font in fonts] == [
        ("/f/SansMono.ttc", 1), ("/f/SansMono.ttc", 3), ("/f/Emoji.ttf", 0), ("/f/Serif.ttf", 0),
    ]  # fmt: skip
    assert fonts[2] == SystemFont("/f/Emoji.ttf", 0, True, ((0x23, 0x23), (0x1F300, 0x1F64F)))


def test_fontconfig_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "fc-list"
    program.write_text(f"#!/bin/sh\necho x >>{tmp_path}/asked\ncat {tmp_path}/listed\n")
    program.chmod(0o755)
    (tmp_path / "listed").write_text(LISTED)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    system_fonts._fonts.cache_clear()
    try:
        found = [font and font.file for font in map(system_font, "漢👍字ไ")]
        assert found == ["/f/SansMono.ttc", "/f/Emoji.ttf", "/f/SansMono.ttc", None]
        assert (tmp_path / "asked").read_text() == "x\n"
        system_fonts._fonts.cache_clear()
        monkeypatch.setenv("PATH", str(tmp_path / "none"))
        assert system_font("漢") is None
    finally:
        system_fonts._fonts.cache_clear()

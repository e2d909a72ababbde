"""picture/svg.py: a valid, safe image, which looks in a browser as the PNG image does."""

from __future__ import annotations

import base64
import io
import re
import subprocess
import unicodedata
from pathlib import Path
from xml.etree import ElementTree

import pytest
from fontTools.ttLib import TTFont
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sosagent.picture import Picture
from sosagent.printable import is_clean

from ..conftest import installed
from .compare import differences, image
from .screens import SCREENS

SVG = "{http://www.w3.org/2000/svg}"
#: All that an image may contain. There is no script, link, event, animation, external image or foreign content.
ALLOWED = {
    f"{SVG}svg": {"width", "height", "viewBox", "role", "{http://www.w3.org/XML/1998/namespace}space"},
    f"{SVG}title": set(),
    f"{SVG}style": set(),
    f"{SVG}g": {
        "shape-rendering", "font-family", "font-size", "fill", "direction", "unicode-bidi", "text-rendering",
    },
    f"{SVG}path": {"fill", "d"},
    f"{SVG}text": {"x", "y", "fill", "font-weight", "textLength", "lengthAdjust", "text-anchor"},
}  # fmt: skip
VALUES = {
    "fill": r"#[0-9a-f]{6}", "d": r"[MLhvz0-9. -]+", "x": r"\d+", "y": r"\d+", "font-weight": "bold",
    "textLength": r"\d+", "lengthAdjust": "spacingAndGlyphs", "text-anchor": "middle",
}  # fmt: skip
FACE = re.compile(
    r"@font-face\{font-family:'sosagent mono';font-weight:(\w+);src:url\(data:font/woff;base64,([\w+/=]+)\)\}"
)


def parsed(svg: bytes) -> ElementTree.Element:
    """Parse an image, and check that it contains nothing else than what is allowed."""
    assert b"<!" not in svg and svg.count(b"<?") == 1
    root = ElementTree.fromstring(svg)
    for element in root.iter():
        assert set(element.attrib) <= ALLOWED[element.tag]
        for name, value in element.attrib.items():
            assert re.fullmatch(VALUES.get(name, ".*"), value), (name, value)
        assert is_clean((element.text or "").replace("\n", ""))
    style = root.findtext(f"{SVG}style") or ""
    assert FACE.sub("", style) == "text{white-space:pre;font-variant-ligatures:none}"
    return root


def texts(root: ElementTree.Element) -> list[str]:
    """Return the rows of text, in which a wide character takes two columns."""
    rows: dict[int, str] = {}
    for text in root.iter(f"{SVG}text"):
        row = rows.setdefault(int(text.attrib["y"]), "")
        rows[int(text.attrib["y"])] = row + (text.text or "")
    return [rows[y] for y in sorted(rows)]


def plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).replace("\xa0", " ").rstrip()


@pytest.mark.parametrize("name", SCREENS)
def test_the_image_is_valid_and_has_the_text_of_the_screen(name: str) -> None:
    screen = SCREENS[name]
    picture = screen.picture
    root = parsed(picture.svg())
    title = " · ".join(screen.titles)
    assert root.findtext(f"{SVG}title") == title
    lines = re.compile("[\u2500-\u259f\u23ba-\u23bd\u2800-\u28ff\ue0b0-\ue0b3\U0001fb00-\U0001fb3b]")
    wanted = [lines.sub(" ", line).rstrip("\xa0 ") for line in picture.text().splitlines()]
    found = texts(root)[-len(list(filter(None, wanted))) :]
    assert [plain(line) for line in found] == [plain(line) for line in wanted if line]


@pytest.mark.parametrize(
    "attack",
    [
        "</text><script>alert(1)</script>", "<![CDATA[x]]>", "]]>", "<!--", "-->", "&lt;&#x3c;&bogus;", "<?xml?>",
        "\" onload=\"alert(1)", "' fill='red", "</title></style></svg>", "@import url(http://example.net)",
        "\x00\x01\x08\x0b\x0c\x1f\x7f", "\x85\x9b31m\x9d0;x\x9c", "\ud800\udfff", "\ufffe\uffff", "\u202e\u2066\u200f",
        "\U000e0041", "\ufeff", "\u2028\u2029", "a\u0300\u0301<\u0302&\u0303", "<\u0338", "&\u20e3", "\u0300<",
        "\x1b]0;<b>\x07\x1b]8;;javascript:alert(1)\x1b\\link\x1b]8;;\x1b\\", "\x1b[38;2;999;-1;<mx", "\x1bP<svg>\x1b\\",
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", ["screen", "title"])
def test_text_from_the_console_cannot_become_markup(attack: str, place: str) -> None:
    data = attack.encode("utf-8", "surrogatepass")
    title = attack if place == "title" else "t"
    picture = Picture(data if place == "screen" else b"x", 60, 3, title)
    root = parsed(picture.svg())
    assert {element.tag for element in root.iter()} <= set(ALLOWED)
    assert [element.tag for element in root.iter(f"{SVG}svg")] == [f"{SVG}svg"]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.one_of(st.text(max_size=20), st.from_regex(r"\x1b\[[0-9;:]{0,12}[mHJKX]", fullmatch=True)), max_size=15)
)
@example(["\x1b[58:2m<\x0e&\x0f\x1b(0>"])
def test_any_output_has_a_valid_image(parts: list[str]) -> None:
    output = "".join(parts).encode("utf-8", "surrogatepass")
    parsed(Picture(output, 20, 4, output.decode("utf-8", "surrogatepass")).svg())


def test_the_fonts_in_the_image_have_the_characters_that_are_used() -> None:
    svg = Picture("Ab ÄẤ€✓ \x1b[1mBold é ─\x1b[0m 漢".encode(), 40, 2).svg().decode()
    fonts = {weight: TTFont(io.BytesIO(base64.b64decode(data))) for weight, data in FACE.findall(svg)}
    characters = {weight: {chr(code) for code in font.getBestCmap()} for weight, font in fonts.items()}
    # The letter with two marks that the font lacks is made of the letter and its marks.
    assert characters == {"normal": set("Ab ÄA€✓\u0302\u0301"), "bold": set("Bold é")}
    for font in fonts.values():
        assert "Bitstream" in str(font["name"].getDebugName(13))  # its licence
        for name in font.getBestCmap().values():
            glyph = font["glyf"][name]
            assert glyph.numberOfContours or name == font.getBestCmap()[32]
            assert not glyph.isComposite() or all(
                font["glyf"][part.glyphName].numberOfContours for part in glyph.components
            )


def test_text_of_other_scripts_moves_nothing_else() -> None:
    """Hebrew, which a viewer writes from right to left, and characters of unknown width are placed one by one."""
    root = parsed(Picture("x=1 אב 2 漢 ไ3".encode(), 40, 1).svg())
    placed = [(text.text, text.attrib["x"]) for text in root.iter(f"{SVG}text")]
    assert placed == [
        ("x=1 ", "16"), ("א", "80"), ("ב", "96"), (" 2 ", "112"), ("漢", "176"), (" ", "192"), ("ไ", "208"),
        ("3", "224"),
    ]  # fmt: skip


def test_columns_line_up_in_any_font() -> None:
    """Text after two blanks has a place of its own, and each run has its length."""
    root = parsed(Picture(b"PID  USER       CPU%\r\n  1  root        0.0", 40, 2).svg())
    runs = [(text.text, text.attrib["x"], text.attrib["textLength"]) for text in root.iter(f"{SVG}text")]
    assert runs == [
        ("PID  ", "16", "80"), ("USER       ", "96", "176"), ("CPU%", "272", "64"),
        ("  ", "16", "32"), ("1  ", "48", "48"), ("root        ", "96", "192"), ("0.0", "288", "48"),
    ]  # fmt: skip


def test_a_browser_shows_what_the_png_image_shows(tmp_path: Path) -> None:
    """At the same number of pixels. The browser smooths text in its own way."""
    sheet = [SCREENS[name] for name in ("bios", "monitor", "lines", "long-title")]
    shown = []
    pages = [screen.picture.svg() for screen in sheet]
    heights = [image(screen.png()).height // 2 for screen in sheet]
    body = "".join(
        f'<img style="display:block" src="data:image/svg+xml;base64,{base64.b64encode(page).decode()}">'
        for page in pages
    )
    (tmp_path / "page.html").write_text(f'<!doctype html><body style="margin:0">{body}')
    subprocess.run(
        [
            *installed(["chromium"]), "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
            "--disable-component-update", "--no-first-run", "--hide-scrollbars", "--proxy-server=127.0.0.1:9",
            f"--user-data-dir={tmp_path}/profile", "--force-device-scale-factor=2", "--force-color-profile=srgb",
            f"--window-size=900,{sum(heights)}", f"--screenshot={tmp_path}/shown.png", f"file://{tmp_path}/page.html",
        ],
        capture_output=True, timeout=90, check=True,
    )  # fmt: skip
    whole = image((tmp_path / "shown.png").read_bytes())
    top = 0
    for screen, height in zip(sheet, heights, strict=True):
        drawn = image(screen.png())
        shown.append(whole.crop((0, top, drawn.width, top + 2 * height)))
        top += 2 * height
        assert differences(drawn, shown[-1], 16) == []

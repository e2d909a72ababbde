"""picture/picture.py: what a terminal would show."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sosagent.picture import Picture
from sosagent.printable import is_clean

LOGIN = b"\r\nDebian GNU/Linux 12 web-1 ttyS0\r\n\r\n\x1b[1;32mweb-1\x1b[0m login: "


def test_the_screen_as_text() -> None:
    assert Picture(LOGIN, 80, 24, "t").text().splitlines()[1:] == [
        "Debian GNU/Linux 12 web-1 ttyS0",
        "",
        "web-1 login:",
    ]
    assert Picture(b"\x1b[2J\x1b[5;3Hhere", 80, 24, "t").text() == "\n\n\n\n  here"


def test_a_picture_shows_the_text_and_asks_nothing_of_the_network(tmp_path: Path) -> None:
    svg = Picture(LOGIN + b"<script>&[/foo]", 80, 24, "a <title>").svg().decode()
    assert ">login: &lt;script&gt;&amp;[/foo]</text>" in svg
    assert "<title>a &lt;title&gt;</title>" in svg
    assert not re.search(r"url\((?!data:font/woff;base64,)|https?://(?!www\.w3\.org/2000/svg)|href|@import", svg)
    png = Picture(LOGIN, 80, 24, "t").png()
    assert png.startswith(b"\x89PNG")
    assert Picture(b"", 80, 24, "t").png() != png


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=30),
            st.from_regex(rb"\x1b\[[?>=! ]?[0-9;]{0,12}[@-~]", fullmatch=True),
            st.from_regex(rb"\x1b[\]P^_][ -~]{0,20}(\x07|\x1b\\\\)?", fullmatch=True),
        ),
        max_size=30,
    )
)
@example([" \x1b]\0\u009c   \u3000\r       ".encode()])
def test_whatever_a_console_prints_has_a_picture(parts: list[bytes]) -> None:
    picture = Picture(b"".join(parts), 20, 5, "t")
    assert all(is_clean(line) for line in picture.text().splitlines())
    assert picture.svg()


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        ("a世b", "a世b"),
        ("世\ra", "a"),  # the left half is overwritten
        ("世\x1b[1;2Hab", " ab"),  # the right half
        ("世\r\x1b[P" + "b", "b"),
        ("a世界\x1b[1;3H\x1b[P", "a 界"),
        ("x" * 19 + "世", "x" * 19 + "\n世"),
        ("x" * 19 + "\x1b[?7l世", "x" * 18 + "世"),  # without wrapping
        ("世界" * 5 + "\r\x1b[@", " 世界世界世界世界世界"),  # nothing is left out at the edge
    ],
)
def test_half_of_a_wide_character(output: str, shown: str) -> None:
    picture = Picture(output.encode(), 20, 5, "t")
    assert picture.text() == shown
    assert picture.html() == shown
    assert picture.svg() and picture.png()

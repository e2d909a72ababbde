"""terminal/sgr.py: colours and bold are kept, everything else is removed."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sosagent.printable import is_clean
from sosagent.terminal.sgr import PAPER, Style, as_sgr, last_characters, plain_text, styled_runs

RED, CUBE_BLUE = (204, 85, 90), (0, 0, 255)
BLACK = Style((0, 0, 0))
CASES = {
    "plain": ("a\nb", [(Style(), "a\nb")]),
    "red": ("a\x1b[31mb\x1b[0mc", [(Style(), "a"), (Style(RED), "b"), (Style(), "c")]),
    "empty is reset": ("\x1b[31mb\x1b[mc", [(Style(RED), "b"), (Style(), "c")]),
    "bold red": ("\x1b[1;31mb", [(Style(RED, bold=True), "b")]),
    "two sequences": ("\x1b[1m\x1b[31mb", [(Style(RED, bold=True), "b")]),
    "not bold": ("\x1b[1;31mb\x1b[22mc", [(Style(RED, bold=True), "b"), (Style(RED), "c")]),
    "default colours": ("\x1b[31;44mb\x1b[39;49mc", [(Style(RED, (96, 138, 177)), "b"), (Style(), "c")]),
    "bright": ("\x1b[91;107mb", [(Style((255, 120, 125), (255, 255, 255)), "b")]),
    "indexed": ("\x1b[38;5;21;48;5;244mb", [(Style(CUBE_BLUE, (128, 128, 128)), "b")]),
    "indexed basic": ("\x1b[38;5;1mb", [(Style(RED), "b")]),
    "rgb": ("\x1b[38;2;1;2;3;1mb", [(Style((1, 2, 3), bold=True), "b")]),
    "rgb with colons": ("\x1b[38:2:1:2:3mb\x1b[38:2::4:5:6mc", [(Style((1, 2, 3)), "b"), (Style((4, 5, 6)), "c")]),
    "indexed with colons": ("\x1b[38:5:21mb", [(Style(CUBE_BLUE), "b")]),
    "underline with colons": ("\x1b[4:3mb", [(Style(), "b")]),
    "too large": ("\x1b[38;5;256;38;2;256;0;0;999999mb", [(Style(), "b")]),
    "cut short": ("\x1b[38mb\x1b[38;5mc\x1b[38;2;1md", [(Style(), "b"), (BLACK, "c"), (Style((1, 0, 0)), "d")]),
    "reverse, blink and conceal": ("\x1b[5;7;8mb", [(Style(), "b")]),
    "not SGR": ("\x1b[>4;2ma\x1b[?25hb\x1b[2Jc\x1b[10;10Hd\x1b[0 qe", [(Style(), "abcde")]),
    "8 bits": ("\x9b31ma\x9b2Jb\x9d0;title\x9cc", [(Style(RED), "abc")]),
    "a title": ("\x1b]0;title\x07a\x1b]52;c;aGk=\x1b\\b\x1bPq#\x1b\\c", [(Style(), "abc")]),
    "an open string": ("\x1b]0;title\nb", [(Style(), "\nb")]),
    "an open sequence": ("\x1b[31\nb\x1b", [(Style(), "31\nb")]),
    "a character set": ("\x1b(0lqqk\x1b(B", [(Style(), "lqqk")]),
    "controls": ("a\x00b\x08c\x7fd\u202ee\x0ff\x85g", [(Style(), "abcdefg")]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_runs_have_their_styles(name: str) -> None:
    text, runs = CASES[name]
    assert styled_runs(text) == tuple(runs)
    assert styled_runs(as_sgr(runs)) == tuple(runs)
    assert plain_text(text) == "".join(part for _, part in runs)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(["\x1b", "[", "\x9b", "3", "1", "8", ";", ":", "5", "m", "H", "]", "\x07", "\n", "<"])))
def test_any_text_is_made_safe(parts: list[str]) -> None:
    text = "".join(parts)
    coloured = as_sgr(styled_runs(text))
    assert is_clean(re.sub(r"\x1b\[[0-9;]*m|\n", "", coloured))
    assert plain_text(coloured) == plain_text(text)
    assert as_sgr(styled_runs(coloured)) == coloured


def test_a_text_cannot_change_its_style_without_end() -> None:
    text = "".join(f"\x1b[{30 + at % 8}mx" for at in range(65536)) + "\n\x1b[31mlast"
    runs = styled_runs(text)
    assert len(runs) <= 10_001
    assert "".join(part for _, part in runs) == "x" * 65536 + "\nlast"
    assert styled_runs("\x1b[" + "1;" * 100_000 + "mb")[-1][1] == "b"


def test_the_last_characters_keep_their_style() -> None:
    runs = styled_runs("abc\x1b[31mdef\x1b[1mgh")
    assert last_characters(runs, 4) == ((Style(RED), "ef"), (Style(RED, bold=True), "gh"))
    assert last_characters(runs, 100) == runs
    assert last_characters(runs, 0) == ()


@pytest.mark.parametrize(
    ("text", "readable"),
    [
        ("\x1b[30mx", False), ("\x1b[38;2;41;41;41mx", False), ("\x1b[31;41mx", False), ("\x1b[97;107mx", False),
        ("\x1b[31mx", True), ("\x1b[34mx", True), ("\x1b[30;47mx", True), ("\x1b[97;44mx", True),
    ],
)  # fmt: skip
def test_text_in_the_colour_of_its_background_becomes_readable(text: str, readable: bool) -> None:
    style = styled_runs(text)[0][0]
    assert (style.readable == style) is readable
    assert style.readable in (style, Style())
    assert PAPER == (41, 41, 41)

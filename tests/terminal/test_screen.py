"""terminal/screen.py: what pyte alone does not show as terminals do."""

from __future__ import annotations

from pathlib import Path

import pytest

from sosagent.terminal.screen import screen_of, terminal_of

SCREENS = Path(__file__).parents[1] / "picture" / "screens"


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        ("\x1b(0lqk\x1b(B lqk", "┌─┐ lqk"),
        ("\x1b)0\x0elqk\x0f lqk", "┌─┐ lqk"),
        ("\x1b)0lqk\x0e", "lqk"),
        ("\x0elqk\x0f lqk", "┌─┐ lqk"),  # the output begins after G1 was selected
        ("a\x0elqk", "alqk"),  # noise
        ("a\x0e\nl\x0f", "a\nl"),
        ("\x1b)B\x0elqk\x0f", "lqk"),  # selected as ASCII
        ("\x1b(0\x1b)0lq\x1b(Blq\x0elq\x0flq", "┌─lq┌─lq"),
        ("\x1b(0lq\x1bclq", "lq"),  # reset
        ("\x1b(0lq\x1b7\x1b(B\x1b8lq", "┌─┌─"),  # saved and restored
        ("\x1b(Alq#", "lq#"),  # another set
        ("\x1b(0`afghijklmnopqrstuvwxyz{|}~", "◆▒°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·"),
        ("\x1b(0ABC0123+-é漢\x1b(B", "ABC0123+-é漢"),
    ],
)
def test_line_drawing(output: str, shown: str) -> None:
    assert "\n".join(screen_of(output.replace("\n", "\r\n").encode(), 40, 2)).rstrip("\n") == shown


@pytest.mark.parametrize("terminal", ["vt100", "vt220", "linux", "ansi"])
def test_the_frame_of_a_real_dialog(terminal: str) -> None:
    """dialog on the terminals of serial consoles: SO and SI, ESC ( 0, Unicode, and a code page."""
    rows = screen_of((SCREENS / f"dialog-{terminal}.out").read_bytes(), 80, 24)
    text = "\n".join(rows)
    assert "│ Choose a boot device (F10 saves)" in text
    assert text.count("┌") == text.count("┐") == text.count("└") == text.count("┘") == 2
    assert text.count("├") == text.count("┤") == 1
    assert not any(letter in row for row in rows for letter in ("lqq", "mqq", "tqq"))


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        (b"\x1b[11m\xda\xc4\xbf\x1b[10m \xc3\xa9", "┌─┐ é"),
        (b"\x1b[0;11m\xda\xc4\x1b[0;10;1m\xc4\xbf\x1b[m", "┌─Ŀ"),
        (b"\x1b[0;11m\xda\x1b[1m\xc4\x1b[0m\xbf", "┌─┐"),  # SGR 0 leaves it selected
        (b"\x1b[11m\x10\x11\x18\x19\x04\x1b[10m", "►◄↑↓♦"),
        (b"\x1b[38;5;11m\xc3\xa9", "é"),  # colour 11
        (b"\x1b[38;2;11;11;11m\xc3\xa9\x1b[48;5;11m\xc3\xa9", "éé"),
        (b"\x1b[38;5;10;11m\xc4", "─"),
        (b"\x1b[38;5m\x1b[38m\xc3\xa9", "é"),
        (b"\x1b[11m\x1b[2;3H\xba\r\n\xba", "\n  ║\n║"),
    ],
)
def test_code_page_437_of_the_linux_console(output: bytes, shown: str) -> None:
    assert "\n".join(screen_of(output, 40, 3)).rstrip("\n") == shown


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        ("❤️ and more", "❤ and more"),
        ("ไทยที่นี่ x", "ไทยที่นี่ x"),
        ("नमस्ते x", "नमस्ते x"),
        ("1\ufe0f\u20e3 key", "1\u20e3 key"),
        ("a\x85b\x9cc", "abc"),  # control characters
        ("e\u0301", "é"),
        ("漢\u0301x", "漢\u0301x"),
        ("\u0301x", "x"),  # nothing to stand on
        ("a" + "\u0301" * 50 + "b", "á\u0301\u0301\u0301b"),
        ("aaaaaaaaaa\u0301b", "aaaaaaaaaá\nb"),  # in the last column
        ("aaaaaaaaa\r\n\u0301b", "aaaaaaaaa\nb"),
    ],
)
def test_no_text_is_lost_after_a_character_without_width(output: str, shown: str) -> None:
    assert "\n".join(screen_of(output.encode(), 10 if "\n" in shown else 40, 2)).rstrip("\n") == shown


@pytest.mark.parametrize(
    ("colour", "shown"),
    [
        ("38:2::1:2:3", "010203"), ("38:2:1:2:3", "010203"), ("38:5:200", "ff00d7"), ("1;38:2::1:2:3;4", "010203"),
        ("38;2;1;2;3", "010203"), ("38;5;200", "ff00d7"), ("31;58:2::9:9:9", "red"), ("31;58:5:9", "red"),
        ("38:2:1", "default"), ("38:", "default"), (":", "default"), ("31;4:3", "red"),
    ],
)  # fmt: skip
def test_colours_with_colons(colour: str, shown: str) -> None:
    assert terminal_of(f"\x1b[{colour}mx".encode(), 4, 1).buffer[0][0].fg == shown


@pytest.mark.parametrize(("style", "underlined"), [("4", True), ("4:3", True), ("4:0", False), ("4;24", False)])
def test_underlines(style: str, underlined: bool) -> None:
    assert terminal_of(f"\x1b[4m\x1b[{style}mx".encode(), 4, 1).buffer[0][0].underscore is underlined


@pytest.mark.parametrize(
    ("output", "coloured"),
    [
        ("\x1b[44m\x1b[2J", "xxxx xxxx xxxx"),
        ("\x1b[44m\x1b[2;2H\x1b[J", ".... .xxx xxxx"),
        ("\x1b[44m\x1b[2;2H\x1b[1J", "xxxx xx.. ...."),
        ("\x1b[44m\x1b[2;2H\x1b[K", ".... .xxx ...."),
        ("\x1b[44m\x1b[2;2H\x1b[2X", ".... .xx. ...."),
        ("\x1b[44m\x1b[2J\x1b[0m\x1b[2;2H\x1b[J", "xxxx x... ...."),
        ("\x1b[44mab\x1b[0m\x1b[2J", ".... .... ...."),
    ],
)
def test_erased_cells_have_the_background(output: str, coloured: str) -> None:
    screen = terminal_of(output.encode(), 4, 3)
    rows = ["".join("x" if screen.buffer[row][at].bg == "blue" else "." for at in range(4)) for row in range(3)]
    assert " ".join(rows) == coloured


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        ("a\x1b[3bb", "aaaab"),  # REP, which xterm's terminfo has
        ("\x1b(0lq\x1b[3bk\x1b(B", "┌────┐"),
        ("漢\x1b[2b", "漢漢漢"),
        ("\x1b[3ba\x1b[b\x1b[0b", "aaa"),
        ("a\x1b[9999b", "aaaaaaaa\na"),  # at most one row
        ("a\r\nb\r\nc\x1b[Sd", "b\nc\n d"),
        ("a\r\nb\r\nc\x1b[2Td", "\n\nad"),
        ("a\r\nb\r\nc\x1b[9999S", ""),
        ("a\r\nb\r\nc\x1b[2;3r\x1b[S", "a\nc"),
        ("a\r\nb\r\nc\x1b[1;2r\x1b[T", "\na\nc"),
        ("ab\x1b[scd\x1b[uX", "abXd"),  # as ANSI.SYS had it
        ("ab\x1b[1;5scd\x1b[>1ue", "abcde"),
        ("ab\x1b7cd\x1b8X\x1b8Y", "abYd"),
        ("a\x1b7b\x1b7c\x1b8X\x1b8Y", "abY"),
        ("ab\x1b7\x1b[?1049h\x1b[3;3H\x1b7\x1b[?1049lc\x1b8X", "abX"),
        ("abc\x1b[2`X", "aXc"),
        ("ab\x1b[?1049h\x1b[2JX\x1b[?1049lc", "abc"),  # a full-screen program has ended
        ("ab\x1b[?1049h\x1b[HXY", "XY"),
        ("ab\x1b[?47hX\x1b[?47h\x1b[?47l\x1b[?47lc", "abc"),
        ("X\x1b[?1049lc", "Xc"),  # the output began while it ran
        ("ab\x1b[?1049hX\x1bcd", "d"),
    ],
)
def test_control_sequences_that_pyte_lacks(output: str, shown: str) -> None:
    assert "\n".join(screen_of(output.encode(), 8, 3)).rstrip("\n") == shown


def test_erased_cells_have_no_style() -> None:
    cell = terminal_of(b"\x1b[4;7;9;44ma\x1b[K", 4, 1).buffer[0][2]
    assert (cell.data, cell.underscore, cell.reverse, cell.strikethrough, cell.bg) == (" ", False, False, False, "blue")

"""terminal/screen.py: what pyte alone does not show as terminals do."""

from __future__ import annotations

import os
import random
import subprocess
import unicodedata
from pathlib import Path

import pytest

from sosagent.terminal.screen import screen_of, terminal_of

from ..conftest import installed

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


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        ("ab\x1bEc", "ab\nc"),  # NEL
        ("ab\x1b[2;3rc\r\nd\x1b[re", "eb\nd"),  # removed margins: the first cell too
        ("a\r\nb\r\nc\x1b[2;3r\x1b[2AX", "X\nb\nc"),  # above the upper margin
        ("a\r\nb\r\nc\x1b[2;3r\x1bMX", "X\nb\nc"),
        ("a\r\nb\x1b[1;2r\x1b[3;1H\x1b[BX", "a\nb\nX"),  # below the lower one
        ("\x1b7\x1b[2;3r\x1b8X", "X"),  # the cursor returns to a line outside the margins
        ("\r\n\r\nc\x1b[H\x1b[M", "\nc"),
        ("a\x1b[M", ""),  # nothing was written to the lines below
        ("a\r\n\r\nc\x1b[2;1H\x1b[L", "a"),
        ("a\r\nb\r\nc\x1b[2;1H\x1b[9L", "a"),
        ("a\r\nb\r\nc\x1b[1;2r\x1b[3;1H\x1b[MX", "a\nb\nX"),  # outside the margins
    ],
)
def test_lines_and_margins(output: str, shown: str) -> None:
    assert "\n".join(screen_of(output.encode(), 8, 3)).rstrip("\n") == shown


#: Pieces on which terminals agree.
PIECES = (
    "漢", "ab", "cd", "e\u0301", "─", "q", "\r", "\n", "\r\n", "\b", "\t", "\x1b[7m", "\x1b[2J", "\x1b[H", "x\x1b[3b",
    "\x1b[2S", "\x1b[T", "\x1b[s", "\x1b[u", "\x1b7", "\x1b8", "\x1b[J", "\x1b[1J", "\x1b[1K", "\x1b[2K", "\x1b[3P",
    "\x1b[2@", "\r\x1b[2L", "\r\x1b[M", "\x1b[r", "\x1bD", "\x1bM", "\x1bE", "\x1b[2;5H", "\x1b[2A", "\x1b[B",
    "\x1b[3C", "\x1b[2D", "\x1b[4G", "\x1b[2d",
)  # fmt: skip


def test_screens_are_as_tmux_shows_them(tmp_path: Path) -> None:
    """Ten random outputs, and that of a real program."""
    outputs = {"dialog": (SCREENS / "dialog-linux.out").read_bytes()}
    for seed in range(10):
        chosen = random.Random(seed).choices(PIECES, k=20)
        outputs[str(seed)] = "".join(["\x1b7", *chosen]).encode()
    (tmp_path / "conf").write_text("set -g status off\n")
    tmux = [*installed(["tmux"]), "-S", f"{tmp_path}/tmux", "-f", f"{tmp_path}/conf"]
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "TERM": "xterm"}

    def run(*arguments: str) -> str:
        done = subprocess.run([*tmux, *arguments], env=environment, capture_output=True, text=True, check=True)
        return done.stdout

    try:
        for name, output in outputs.items():
            (tmp_path / name).write_bytes(output)
            # tmux answers the query at the end when it has shown all that comes before it.
            command = (
                f"stty raw -echo; cat {name}; printf '\\033[5n'; head -c 4 >/dev/null; tmux wait-for -S {name}; cat"
            )
            run("new-session", "-d", "-s", name, "-x", "80", "-y", "24", "-c", str(tmp_path), command)
            run("wait-for", name)
            shown = unicodedata.normalize("NFC", run("capture-pane", "-p", "-t", name))
            assert [line.rstrip() for line in shown.splitlines()] == screen_of(output, 80, 24), (name, output)
    finally:
        subprocess.run([*tmux, "kill-server"], env=environment, capture_output=True, check=False)


def test_erased_cells_have_no_style() -> None:
    cell = terminal_of(b"\x1b[4;7;9;44ma\x1b[K", 4, 1).buffer[0][2]
    assert (cell.data, cell.underscore, cell.reverse, cell.strikethrough, cell.bg) == (" ", False, False, False, "blue")

"""The escape of a console by hand, and what of the console reaches the user's terminal: byte by byte."""

from __future__ import annotations

import pytest

from sosagent.errors import UsageError
from sosagent.interactive.escape import (
    PASTE_END,
    PASTE_START,
    Command,
    Escape,
    Input,
    Pasted,
    PasteEdge,
    Typed,
    is_reply,
    parse_escape,
)
from sosagent.terminal.live import Live

SIZES = (1, 7, 10_000)


def fed(data: bytes, size: int, character: bytes | None = b"~") -> list[Input]:
    """What comes of it, with neighbours of one kind as one."""
    escape = Escape(character)
    found: list[Input] = []
    for at in range(0, len(data), size):
        found += escape.feed(data[at : at + size])
    found += escape.flush()
    joined: list[Input] = []
    for one in found:
        if joined and isinstance(one, Typed | Pasted) and type(joined[-1]) is type(one):
            joined[-1] = type(one)(joined[-1].data + one.data)
        else:
            joined.append(one)
    return joined


CASES: dict[str, tuple[bytes, list[Input]]] = {
    "at the start": (b"~.", [Command(".")]),
    "behind Enter": (b"ls\r~?", [Typed(b"ls\r"), Command("?")]),
    "behind a newline": (b"\n~s", [Typed(b"\n"), Command("s")]),
    "in a line": (b"a~.", [Typed(b"a~.")]),
    "twice": (b"\r~~.", [Typed(b"\r~.")]),
    "three times": (b"~~~", [Typed(b"~~")]),
    "unknown letter": (b"\r~x\r~.", [Typed(b"\r~x\r"), Command(".")]),
    "Enter behind it": (b"~\r~.", [Typed(b"~\r"), Command(".")]),
    "one behind another": (b"\r~b~k~.", [Typed(b"\r"), Command("b"), Command("k"), Command(".")]),
    "Esc behind it": (b"~\x1b[A", [Typed(b"~\x1b[A")]),
    "Esc alone": (b"\x1b", [Typed(b"\x1b")]),
    "a key like a bracket": (b"\x1b[2~~.", [Typed(b"\x1b[2~~.")]),
    "a paste": (
        b"\r" + PASTE_START + b"a\r~.\r" + PASTE_END + b"~.",
        [Typed(b"\r"), PasteEdge(True), Pasted(b"a\r~.\r"), PasteEdge(False), Command(".")],
    ),
    "brackets in the wrong order": (
        PASTE_END + PASTE_START + PASTE_START,
        [Typed(PASTE_END), PasteEdge(True), Pasted(PASTE_START)],
    ),
    "where the cursor is, which the shell has asked": (b"\r\x1b[12;7R~.", [Typed(b"\r\x1b[12;7R"), Command(".")]),
    "an answer between": (b"\r~\x1b[?1;2c.", [Typed(b"\r\x1b[?1;2c"), Command(".")]),
    "the mouse": (b"\r\x1b[<0;3;4M~.", [Typed(b"\r\x1b[<0;3;4M"), Command(".")]),
    "an answer within a line": (b"a\x1b[0n~.", [Typed(b"a\x1b[0n~.")]),
    "all bytes": (bytes(range(256)), [Typed(bytes(range(256)))]),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", CASES)
def test_the_escape(name: str, size: int) -> None:
    data, wanted = CASES[name]
    assert fed(data, size) == wanted


def test_a_key_is_not_held_where_nothing_more_is_there() -> None:
    escape = Escape()
    assert escape.feed(b"a") == [Typed(b"a")]
    assert (escape.feed(b"\x1b"), escape.flush()) == ([], [Typed(b"\x1b")])


@pytest.mark.parametrize("size", SIZES)
def test_other_escapes(size: int) -> None:
    assert fed(b"\r~.\r\x1d.", size, b"\x1d") == [Typed(b"\r~.\r"), Command(".")]
    assert fed(b"\r~.", size, None) == [Typed(b"\r~.")]


def test_a_paste_ends_wherever_its_bracket_is_cut() -> None:
    for cut in range(1, len(PASTE_END)):
        escape = Escape()
        found = [
            *escape.feed(PASTE_START + b"text" + PASTE_END[:cut]),
            *escape.flush(),
            *escape.feed(PASTE_END[cut:] + b"\r~."),
        ]
        assert found == [PasteEdge(True), Pasted(b"text"), PasteEdge(False), Typed(b"\r"), Command(".")]


def test_what_only_the_terminal_said() -> None:
    assert is_reply(b"\x1b[1;1R\x1b[?1;2c")
    assert not is_reply(b"\x1b[1;1Rx")
    assert not is_reply(b"\x1b[A")


def test_which_escapes_there_are() -> None:
    assert [parse_escape(text) for text in ("~", "^]", "^a", "%", "none")] == [b"~", b"\x1d", b"\x01", b"%", None]
    for text in ("", "ab", "k", "?", ".", "^M", "^J", "é", " ", "\x1b"):
        with pytest.raises(UsageError):
            parse_escape(text)


def shown(data: bytes, size: int) -> bytes:
    live = Live()
    return b"".join(live.feed(data[at : at + size]) for at in range(0, len(data), size))


PASSES = (
    b"plain \xc3\xa9 \xe2\x9c\x93 \xf0\x9f\x98\x80\r\n\t\x08\x07\x0e\x0f",
    b"\x1b[1;31mred\x1b[m\x1b[2J\x1b[5;10H\x1b[?25l\x1b[?1049h\x1b[1;20r\x1b[3L\x1bM\x1b(0lqk\x1b(B\x1b7\x1b8",
    b"\x1b[6n\x1b[c\x1b[>c\x1b[?12;25h\x1b[2 q\x1b[38;2;1;2;3m\x1b[4:3m",
    b"latin-1 \xe9\xa0 x",
    b"x\x1b[9999b\x1b[32766;32766H",
)
STAYS_OUT = (
    b"\x05", b"\x1b]0;title\x07", b"\x1b]52;c;aGk=\x1b\\", b"\x1bP$qm\x1b\\", b"\x1bP+q544e\x1b\\", b"\x1b_x\x1b\\",
    b"\x1b^x\x1b\\", b"\x1bXx\x1b\\", b"\x1b[21t", b"\x1b[5i", b"\x1b[8;50;50t", b"\x1b[>q", b"\x1b[x", b"\x1b[20h",
    b"\x1b[?9001h", b"\x1b]8;;https://x\x07", b"\x1b]P1ff0000", b"\x1bZ", b"\xc2\x9d52;", b"\x9d", b"\x1b[2h",
    "\u202e".encode(), b"\x1b[?2004h", b"\x1b[>4;2m", b"\x1b[0$}", b"\x1b%@", b"\x7f",
    b"\x1b[99999b", b"\x1b[00099999b", b"\x1b[999999@", b"\x1b[1;999999999L",
)  # fmt: skip


@pytest.mark.parametrize("size", SIZES)
def test_what_paints_passes_as_it_is(size: int) -> None:
    for data in PASSES:
        assert shown(data, size) == data


@pytest.mark.parametrize("size", SIZES)
def test_what_does_more_than_paint_stays_out(size: int) -> None:
    for data in STAYS_OUT:
        kept = shown(b"before " + data + b"\r\nafter", size)
        assert kept in (b"before \r\nafter", b"before 52;\r\nafter"), data
    assert shown(b"\x1b]0;never ended\r\nafter", size) == b"\r\nafter"


@pytest.mark.parametrize("cut", range(1, 12))
def test_nothing_comes_through_at_a_cut(cut: int) -> None:
    data = b"\x1b]52;c;eA==\x1b\\ok"
    live = Live()
    assert live.feed(data[:cut]) + live.feed(data[cut:]) == b"ok"


def test_what_the_console_left_is_undone() -> None:
    live = Live()
    assert live.undo() == b""
    live.feed(b"\x1b[?1049h\x1b[?25l\x1b[?1000h\x1b[1;20r\x1b=\x1b[31m\x1b[?2004h")
    assert live.brackets
    assert live.undo() == b"\x1b[?1049l\x1b[?25h\x1b[?1000l\x1b7\x1b[r\x1b8\x1b>\x1b[m"
    live.feed(b"\x1b[?1049h\x1b[1;31mx\x1b[?1049l\x1b[m\x1b[?2004l")
    assert (live.undo(), live.brackets) == (b"", False)


LEFT = {
    b"\x1b)0\x0ex": b"\x0f\x1b)B",
    b"\x0e": b"\x0f",
    b"\x0e \x0f": b"",
    b"\x1b[1;5;6r": b"\x1b7\x1b[r\x1b8",
    b"\x1b[3g": b"\x1b[?5W",
    b"\x1b[?2026h": b"\x1b[?2026l",
}


@pytest.mark.parametrize("size", SIZES)
def test_line_drawing_regions_and_tab_stops_are_undone(size: int) -> None:
    for data, undone in LEFT.items():
        live = Live()
        for at in range(0, len(data), size):
            live.feed(data[at : at + size])
        assert live.undo() == undone, data


@pytest.mark.parametrize("reset", [b"\x1bc", b"\x1b[!p"])
def test_a_reset_does_not_end_the_brackets_around_pastes(reset: bytes) -> None:
    live = Live()
    live.feed(b"\x1b[?2004h")
    assert live.feed(b"a" + reset + b"b") == b"a" + reset + b"\x1b[?2004hb"
    assert not live.brackets

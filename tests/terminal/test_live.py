"""terminal/live.py: what the user's terminal gets of a console's output, in chunks of any size."""

from __future__ import annotations

import pytest

from sosagent.terminal.live import Live

SIZES = (1, 7, 10_000)


def filtered(data: bytes, size: int) -> bytes:
    live = Live()
    return b"".join(live.feed(data[at : at + size]) for at in range(0, len(data), size))


KEPT = (
    b"plain \xc3\xa9 \xe2\x9c\x93 \xf0\x9f\x98\x80\r\n\t\x08\x07\x0e\x0f",
    b"\x1b[1;31mred\x1b[m\x1b[2J\x1b[5;10H\x1b[?25l\x1b[?1049h\x1b[1;20r\x1b[3L\x1bM\x1b(0lqk\x1b(B\x1b7\x1b8",
    b"\x1b[6n\x1b[c\x1b[>c\x1b[?12;25h\x1b[2 q\x1b[38;2;1;2;3m\x1b[4:3m",
    b"latin-1 \xe9\xa0 x",
    b"x\x1b[9999b\x1b[32766;32766H",
)
DROPPED = (
    b"\x05", b"\x1b]0;title\x07", b"\x1b]52;c;aGk=\x1b\\", b"\x1bP$qm\x1b\\", b"\x1bP+q544e\x1b\\", b"\x1b_x\x1b\\",
    b"\x1b^x\x1b\\", b"\x1bXx\x1b\\", b"\x1b[21t", b"\x1b[5i", b"\x1b[8;50;50t", b"\x1b[>q", b"\x1b[x", b"\x1b[20h",
    b"\x1b[?9001h", b"\x1b]8;;https://x\x07", b"\x1b]P1ff0000", b"\x1bZ", b"\xc2\x9d52;", b"\x9d", b"\x1b[2h",
    "\u202e".encode(), b"\x1b[?2004h", b"\x1b[>4;2m", b"\x1b[0$}", b"\x1b%@", b"\x7f",
    b"\x1b[99999b", b"\x1b[00099999b", b"\x1b[999999@", b"\x1b[1;999999999L",
)  # fmt: skip


@pytest.mark.parametrize("size", SIZES)
def test_painting_sequences_are_kept(size: int) -> None:
    for data in KEPT:
        assert filtered(data, size) == data


@pytest.mark.parametrize("size", SIZES)
def test_other_sequences_are_dropped(size: int) -> None:
    for data in DROPPED:
        kept = filtered(b"before " + data + b"\r\nafter", size)
        assert kept in (b"before \r\nafter", b"before 52;\r\nafter"), data
    assert filtered(b"\x1b]0;never ended\r\nafter", size) == b"\r\nafter"


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_split_sequence_is_dropped(cut: int) -> None:
    data = b"\x1b]52;c;eA==\x1b\\ok"
    live = Live()
    assert live.feed(data[:cut]) + live.feed(data[cut:]) == b"ok"


def test_modes_are_undone() -> None:
    live = Live()
    assert live.undo() == b""
    live.feed(b"\x1b[?1049h\x1b[?25l\x1b[?1000h\x1b[1;20r\x1b=\x1b[31m\x1b[?2004h")
    assert live.brackets
    assert live.undo() == b"\x1b[?1049l\x1b[?25h\x1b[?1000l\x1b7\x1b[r\x1b8\x1b>\x1b[m"
    live.feed(b"\x1b[?1049h\x1b[1;31mx\x1b[?1049l\x1b[m\x1b[?2004l")
    assert (live.undo(), live.brackets) == (b"", False)


UNDONE = {
    b"\x1b)0\x0ex": b"\x0f\x1b)B",
    b"\x0e": b"\x0f",
    b"\x0e \x0f": b"",
    b"\x1b[1;5;6r": b"\x1b7\x1b[r\x1b8",
    b"\x1b[3g": b"\x1b[?5W",
    b"\x1b[?2026h": b"\x1b[?2026l",
}


@pytest.mark.parametrize("size", SIZES)
def test_line_drawing_regions_and_tab_stops_are_undone(size: int) -> None:
    for data, undone in UNDONE.items():
        live = Live()
        for at in range(0, len(data), size):
            live.feed(data[at : at + size])
        assert live.undo() == undone, data


@pytest.mark.parametrize("reset", [b"\x1bc", b"\x1b[!p"])
def test_a_reset_keeps_bracketed_paste(reset: bytes) -> None:
    live = Live()
    live.feed(b"\x1b[?2004h")
    assert live.feed(b"a" + reset + b"b") == b"a" + reset + b"\x1b[?2004hb"
    assert not live.brackets

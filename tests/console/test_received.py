"""The text a console has received, and marks."""

from __future__ import annotations

import pytest

from sosagent.console.received import Mark, ReceivedText


def _received(data: bytes, *kernel_lines: str) -> ReceivedText:
    received = ReceivedText()
    received.feed(data, kernel_lines)
    return received


def test_the_open_line_at_a_mark_is_not_new() -> None:
    received = _received(b"motd\r\nvm login: ")
    mark = received.mark()
    assert received.since(mark) == ([], "")
    assert received.since(received.mark_before_open_line()) == ([], "vm login: ")
    received.feed(b"root")
    assert received.since(mark) == ([], "vm login: root")
    received.feed(b"\r\nvm login: ")
    assert received.since(mark) == (["vm login: root"], "vm login: ")


def test_only_the_last_lines_are_kept() -> None:
    received = _received(b"".join(b"%d\r\n" % number for number in range(500)))
    assert received.line_count == 500
    assert received.since(Mark(0))[0] == [str(number) for number in range(300, 500)]


def test_kernel_lines_are_lines_and_not_counted_as_answers() -> None:
    received = _received(b"# ")
    mark = received.mark()
    received.feed(b"", ["[   12.345678] usb 1-1: new device"])
    received.feed(b"\r\n[   13.345678] usb 1-2: new device\r\n# ")
    assert len(received.since(mark)[0]) == 3
    assert received.count_lines_since(mark) == 1


def test_private_lines_are_replaced() -> None:
    received = ReceivedText()
    received.feed(b"hunter2\r\n# ", private=True)
    assert (received.lines, received.open_line) == (("(not recorded)",), "# ")


def test_a_right_prompt_is_not_part_of_the_open_line() -> None:
    received = _received(b"% " + b" " * 10 + b"12:00" + b"\x1b[15D")
    assert received.open_line == "% "
    assert received.whole_open_line == "%" + " " * 11 + "12:00"
    assert received.right_prompt == (12, "12:00")
    assert _received(b"% ").right_prompt is None


@pytest.mark.parametrize(("written", "just_jumped"), [(b"", True), (b"text", False)])
def test_cursor_jumps(written: bytes, just_jumped: bool) -> None:
    received = _received(b"# ")
    mark = received.mark()
    assert not received.jumped_since(mark)
    received.feed(b"\x1b[5;1H" + written)
    assert (received.jumped_since(mark), received.just_jumped) == (True, just_jumped)
    assert not received.jumped_since(received.mark())


def test_an_echo_can_be_discarded() -> None:
    received = _received(b"# ")
    mark = received.mark()
    received.feed(b"^L^L")
    received.restore_open_line(mark)
    assert received.open_line == "# "
    received.replace_open_line("vm# ")
    assert received.open_line == "vm# "

"""interactive/escape.py: escape commands, keys and pastes are separated, in chunks of any size."""

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

SIZES = (1, 7, 10_000)


def parse(data: bytes, size: int, character: bytes | None = b"~") -> list[Input]:
    """Return the inputs parsed from `data`, with neighbours of one type joined."""
    escape = Escape(character)
    inputs: list[Input] = []
    for at in range(0, len(data), size):
        inputs += escape.feed(data[at : at + size])
    inputs += escape.flush()
    joined: list[Input] = []
    for one in inputs:
        if joined and isinstance(one, Typed | Pasted) and type(joined[-1]) is type(one):
            joined[-1] = type(one)(joined[-1].data + one.data)
        else:
            joined.append(one)
    return joined


CASES: dict[str, tuple[bytes, list[Input]]] = {
    "at the start": (b"~.", [Command(".")]),
    "after Enter": (b"ls\r~?", [Typed(b"ls\r"), Command("?")]),
    "after a newline": (b"\n~s", [Typed(b"\n"), Command("s")]),
    "within a line": (b"a~.", [Typed(b"a~.")]),
    "twice": (b"\r~~.", [Typed(b"\r~.")]),
    "three times": (b"~~~", [Typed(b"~~")]),
    "unknown letter": (b"\r~x\r~.", [Typed(b"\r~x\r"), Command(".")]),
    "Enter after it": (b"~\r~.", [Typed(b"~\r"), Command(".")]),
    "several commands": (b"\r~b~k~.", [Typed(b"\r"), Command("b"), Command("k"), Command(".")]),
    "an arrow key after it": (b"~\x1b[A", [Typed(b"~\x1b[A")]),
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
    "a cursor position report": (b"\r\x1b[12;7R~.", [Typed(b"\r\x1b[12;7R"), Command(".")]),
    "a reply after the escape": (b"\r~\x1b[?1;2c.", [Typed(b"\r\x1b[?1;2c"), Command(".")]),
    "a mouse report": (b"\r\x1b[<0;3;4M~.", [Typed(b"\r\x1b[<0;3;4M"), Command(".")]),
    "a reply within a line": (b"a\x1b[0n~.", [Typed(b"a\x1b[0n~.")]),
    "all bytes": (bytes(range(256)), [Typed(bytes(range(256)))]),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", CASES)
def test_input_is_parsed(name: str, size: int) -> None:
    data, expected = CASES[name]
    assert parse(data, size) == expected


def test_a_key_is_released_when_nothing_follows() -> None:
    escape = Escape()
    assert escape.feed(b"a") == [Typed(b"a")]
    assert (escape.feed(b"\x1b"), escape.flush()) == ([], [Typed(b"\x1b")])


@pytest.mark.parametrize("size", SIZES)
def test_other_escape_characters(size: int) -> None:
    assert parse(b"\r~.\r\x1d.", size, b"\x1d") == [Typed(b"\r~.\r"), Command(".")]
    assert parse(b"\r~.", size, None) == [Typed(b"\r~.")]


def test_the_end_of_a_paste_may_be_split_anywhere() -> None:
    for cut in range(1, len(PASTE_END)):
        escape = Escape()
        inputs = [
            *escape.feed(PASTE_START + b"text" + PASTE_END[:cut]),
            *escape.flush(),
            *escape.feed(PASTE_END[cut:] + b"\r~."),
        ]
        assert inputs == [PasteEdge(True), Pasted(b"text"), PasteEdge(False), Typed(b"\r"), Command(".")]


def test_replies_of_the_terminal_are_recognised() -> None:
    assert is_reply(b"\x1b[1;1R\x1b[?1;2c")
    assert not is_reply(b"\x1b[1;1Rx")
    assert not is_reply(b"\x1b[A")


def test_escape_characters_are_parsed() -> None:
    assert [parse_escape(text) for text in ("~", "^]", "^a", "%", "none")] == [b"~", b"\x1d", b"\x01", b"%", None]
    for text in ("", "ab", "k", "?", ".", "^M", "^J", "é", " ", "\x1b"):
        with pytest.raises(UsageError):
            parse_escape(text)

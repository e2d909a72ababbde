"""The keys that leave a console, as vendors describe them."""

from __future__ import annotations

import pytest

from sosagent.endpoint.hot_key import parse_hot_key

KEYS = {
    "press <Enter>, <Esc>, and then <T> to terminate session": b"\r\x1bT",
    "press <Enter>, <Esc>, and then <T> to terminate session (press the keys in sequence, one after the other)": (
        b"\r\x1bT"
    ),
    "ESC (": b"\x1b(",
    "Press 'ESC (' to return to the CLI Session.": b"\x1b(",
    "~.": b"\r~.",
    "Enter ~.": b"\r~.",
    "Press ~. to exit console": b"\r~.",
    "Press ~.  - terminate connection": b"\r~.",
    "^\\": b"\x1c",
    "Connected to Serial Device 2. To end type: ^\\": b"\x1c",
    "Ctrl-]": b"\x1d",
    "Escape character is ^] (Ctrl + ])": b"\x1d",
    "press Ctrl+O to exit": b"\x0f",
    "press control-O to exit": b"\x0f",
    "Ctrl-] then q": b"\x1dq",
    "^Ec.": b"\x05c.",
}
UNCERTAIN = [
    "", "exit", "q", "Enter", "press a key", "^.", "~~.", "^].", "Press Ctrl-].", "ESC Shift 9", "Ctrl+] or Ctrl+5",
    "Ctrl-Shift-6 x", "ESC (\n", "\x1b(", "ESC " * 60, "ESC ESC ESC ESC ESC ESC ESC ESC ESC", "Ctrl-é",
]  # fmt: skip


@pytest.mark.parametrize("text", KEYS)
def test_hot_keys(text: str) -> None:
    assert parse_hot_key(text) == KEYS[text]


def test_uncertain_texts_are_rejected() -> None:
    assert [text for text in UNCERTAIN if parse_hot_key(text) is not None] == []

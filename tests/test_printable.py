"""Making text from a machine harmless."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sosagent.printable import clean, is_clean, playable, printable


@given(st.text(max_size=200))
def test_printable_returns_one_clean_line(text: str) -> None:
    assert is_clean(printable(text))
    assert is_clean(clean(text))


@given(st.text(alphabet="ab\x1b[]0;1mKPhx\x07\\\r\n\u202e\x9b", max_size=100))
def test_playable_keeps_only_harmless_sequences(text: str) -> None:
    shown = playable(text)
    assert playable(shown) == shown
    assert not set(shown) & {"\u202e", "\x9b", "\x07"}
    for piece in shown.split("\x1b")[1:]:
        assert piece.startswith("[")


def test_printable_escapes_controls_and_keeps_the_end() -> None:
    assert printable("a\x1bb\u202e") == "a\\x1bb\\u202e"
    assert printable("\x07\u00ad\U000e0041") == "\\x07\\xad\\U000e0041"
    assert printable(b"\xffa") == "\ufffda"
    assert printable("x" * 500 + "end", 10) == "…xxxxxxxend"

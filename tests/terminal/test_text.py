"""Converting terminal bytes to lines, in portions of any size."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sosagent.printable import is_clean
from sosagent.terminal.states import classify
from sosagent.terminal.text import OPEN_LINE_LIMIT, Text


def read(data: bytes, size: int = 0, width: int = 80) -> tuple[list[str], str]:
    text = Text(width)
    lines: list[str] = []
    for start in range(0, len(data), size or len(data) or 1):
        lines += text.feed(data[start : start + (size or len(data))])
    return lines, text.open_line


CASES = [
    (b"one\r\ntwo\nthree", ["one", "two"], "three"),
    (b"one\r\r\ntwo\r\r\r\n", ["one", "two"], ""),
    (b"10%\r20%\r100%\r\n", ["100%"], ""),
    (b"abc\bX", [], "abX"),
    (b"\x1b[1;32mroot\x1b[0m@vm:~# ", [], "root@vm:~# "),
    (b"\x1b[?2004hroot@vm:~# \x1b[?2004l", [], "root@vm:~# "),
    (b"\x1b]0;title\x07$ ", [], "$ "),
    (b"\x1b]52;c;aGk=\x1b\\$ ", [], "$ "),
    (b"\x1b]0;cut off\x1b[0m$ ", [], "$ "),
    (b"\x1b]\x1b[A$ ", [], "$ "),
    (b"\x1bPq#0;1\x1b\\ok", [], "ok"),
    (b"\x1b(B\x1b)0ok\x1b=", [], "ok"),
    (b"a\x00b\x07c", [], "abc"),
    ("gr\u00fc\u00df\r\n".encode(), ["grüß"], ""),
    (b"\xff\xfe", [], "\ufffd\ufffd"),
    ("a\u202eb\u2066c\u009b31m".encode(), [], "abc31m"),
    (b"abcdef\x1b[3D\x1b[K", [], "abc"),
    (b"abc\x1b[2Jnew", [], "new"),
    (b"a\tb", [], "a       b"),
    # bash's readline at the right edge: the next character, a return, the character again
    (b"#" * 80 + b"x\rxy", [], "#" * 80 + "xy"),
    # tcsh: a blank and a backspace; zsh: a blank, a return, erase, and the character twice
    (b"#" * 80 + b" \bxy", [], "#" * 80 + "xy"),
    (b"#" * 80 + b" \r\x1b[Kx\rxy", [], "#" * 80 + "xy"),
    # fish moves up a row and back down
    (b"#" * 80 + b"xy\x1b[A\r\r\n\x1b[2Cz", [], "#" * 80 + "xyz"),
    # zsh's mark for a missing newline
    (b"\x1b[7m%\x1b[27m" + b" " * 79 + b"\r \r\r\x1b[J# ", [], "# "),
]


@pytest.mark.parametrize("size", [1, 7, 0])
@pytest.mark.parametrize(("data", "lines", "open_line"), CASES)
def test_resulting_text(data: bytes, lines: list[str], open_line: str, size: int) -> None:
    assert read(data, size) == (lines, open_line)


@given(st.binary(max_size=400), st.integers(1, 9))
def test_any_bytes_in_any_portions_give_the_same_clean_text(data: bytes, size: int) -> None:
    lines, open_line = read(data)
    assert read(data, size) == (lines, open_line)
    assert all(is_clean(line) for line in [*lines, open_line])


@given(st.text(alphabet="ab\r\n\b\t\x1b[]0;5HAKJm\x07\\é\u202e", max_size=200), st.integers(1, 5))
def test_escapes_in_any_portions_give_the_same_text(text: str, size: int) -> None:
    assert read(text.encode(), size) == read(text.encode())


def test_the_open_line_is_bounded() -> None:
    text = Text()
    for _ in range(10_000):
        text.feed(b"x" * 1000)
        assert len(text.open_line) <= OPEN_LINE_LIMIT
    text.feed(b"\r\n# ")
    assert text.open_line == "# "


@pytest.mark.parametrize("start", [b"\x1b]52;c;", b"\x1bP", b"\x1b[" + b"1;" * 5000])
def test_an_unterminated_escape_does_not_grow(start: bytes) -> None:
    text = Text()
    for _ in range(300):
        text.feed(start + b"A" * 999)
    assert len(text._escape) <= 4096
    assert is_clean(text.open_line)


RECORDINGS = Path(__file__).parents[1] / "recordings"


@pytest.mark.sample(3)
@pytest.mark.parametrize("recording", sorted(RECORDINGS.iterdir()), ids=lambda path: path.stem)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 300), min_size=1, max_size=20))
def test_a_recorded_console_reads_the_same_in_any_portions(recording: Path, sizes: list[int]) -> None:
    data = recording.read_bytes()
    whole, parts = Text(), Text()
    lines, in_parts, at, turn = whole.feed(data), list[str](), 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        in_parts += parts.feed(data[at : at + size])
        at, turn = at + size, turn + 1
        if turn % 7 == 0:
            classify(in_parts, parts.open_line)
            classify(in_parts, parts.open_line, screen=True)
    assert (in_parts, parts.open_line, parts.prompt, parts.cursor_jumps) == (
        lines,
        whole.open_line,
        whole.prompt,
        whole.cursor_jumps,
    )
    assert all(map(is_clean, [*lines, whole.open_line]))


@pytest.mark.parametrize(
    "text", [b"\x1b[" + b"1" * 5000 + b"C", b"\x1b[1;" + b"9" * 5000 + b"H", b"\x1b[65536@" * 1000]
)
def test_huge_numbers_in_escapes_are_harmless(text: bytes) -> None:
    shown = Text()
    shown.feed(text + b"x")
    assert len(shown.open_line) <= OPEN_LINE_LIMIT

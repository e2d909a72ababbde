"""What a hostile console costs: every pattern is linear on long lines, and few bytes do not become much text."""

from __future__ import annotations

import re
import time
import tracemalloc
from collections.abc import Callable
from functools import cache

import pytest

from sosagent.console.received import ReceivedText
from sosagent.console.redact import EchoMask, Redactor
from sosagent.secrets.secret import Secret
from sosagent.terminal.expect import Expecter, compile_patterns
from sosagent.terminal.kernel import KernelFilter, without_kernel_lines
from sosagent.terminal.live import Live
from sosagent.terminal.screen import screen_of
from sosagent.terminal.states import STATES, classify
from sosagent.terminal.text import OPEN_LINE_LIMIT, Text

from ..support.patterns import SIZE, Found, all_patterns, hostile_texts

#: Patterns for text of our own or of the user, which nobody else can make long.
OUR_OWN_TEXT = {
    "sosagent.keys.options._VARIABLE": "applied with fullmatch, through a table",
    "sosagent.runbook.template._PLACEHOLDER": "the user's runbook",
    "sosagent.runbook.fields": "the user's runbook",
    "sosagent.shell.programs": "our own programs",
}

#: The cost, in linear scans of a text of the same size, above which it is tested whether a search is linear. That is
#: 50 ms on the slowest machine so far.
_SCANS = 30


def scan_seconds() -> float:
    """The CPU time of a search that is certainly linear in a text of 64 KiB."""
    pattern, text = re.compile(r"(?i)(?:password|login): "), "passwor " * (SIZE // 8)
    return min(cpu_seconds(lambda: pattern.search(text)) for _ in range(5))


def cpu_seconds(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


@cache
def hostile_patterns() -> list[Found]:
    """Return the patterns that are applied to text of a console or of a file."""
    return [found for found in all_patterns() if not found.where.startswith(tuple(OUR_OWN_TEXT))]


@pytest.mark.parametrize("part", range(8))
def test_every_pattern_is_linear(part: int) -> None:
    limit = _SCANS * scan_seconds()
    slow = [found for found in hostile_patterns()[part::8] if _is_slow(found, limit)]
    assert not slow, "\n".join(f"{found.where}: {found.method} {found.pattern.pattern!r}" for found in slow)


def _is_slow(found: Found, limit: float) -> bool:
    for text in hostile_texts(found.pattern):
        # The shorter text first: a quadratic search in the long one might take minutes.
        quarter, whole = text[: SIZE // 4], text
        if _fastest(found, text[: SIZE // 16], limit) > limit:
            return True
        seconds = _fastest(found, quarter, limit)
        if seconds > limit:
            return True
        if seconds < limit / 64:
            continue  # Even a cubic search takes no longer than the limit in the whole.
        # A linear search takes 4 times as long in the whole as in the quarter, a quadratic one 16 times.
        seconds = _fastest(found, whole, limit)
        if seconds > limit and seconds > 8 * min(_fastest(found, quarter, 0) for _ in range(2)):
            return True
    return False


def _fastest(found: Found, text: object, enough: float) -> float:
    """Return the least CPU time of five searches, or the first that is not above `enough` (seconds)."""
    fastest = float("inf")
    for _ in range(5):
        fastest = min(fastest, cpu_seconds(lambda: found.apply(text)))
        if fastest <= enough:
            break
    return fastest


def test_the_patterns_of_the_package_are_found() -> None:
    found = {one.pattern.pattern for one in hostile_patterns()}
    for state in STATES:
        for pattern in (state.prompt, state.above, state.message):
            assert pattern is None or pattern.pattern in found
    modules = {one.where.split(":")[0].rpartition(".")[0] for one in hostile_patterns()}
    expected = {"terminal.kernel", "terminal.text", "login.entrance", "login.redraw", "login.refusals", "shell.frame"}
    assert {f"sosagent.{name}" for name in expected} <= modules
    assert len(hostile_patterns()) > 250


def test_a_quadratic_pattern_is_noticed() -> None:
    limit = _SCANS * scan_seconds()
    for text in (r"\[.*\d\d:\d\d", r" +x"):
        assert _is_slow(Found("here", re.compile(text), "search"), limit), text


def test_a_state_is_found_in_linear_time() -> None:
    limit = len(STATES) * _SCANS * scan_seconds()
    for state in STATES:
        for line in (state.example * (SIZE // max(len(state.example), 1)), f"{state.example}{' ' * SIZE}x"):
            assert cpu_seconds(lambda line=line: classify([line] * 60, line)) < limit  # type: ignore[misc]
            assert cpu_seconds(lambda line=line: classify([line] * 60, line, screen=True)) < limit  # type: ignore[misc]


def test_the_end_of_a_long_line_is_not_its_start() -> None:
    """The middle of a long line is not matched; that does not make a prompt of its end."""
    for size in range(500, 530):
        line = "x" * 2000 + "login: ".rjust(size)
        assert classify([], line).state.name == "unknown"
    assert classify([], "x" * 3000 + "# ").state.name == "shell"


# -- text that arrives in pieces

STREAMS = {
    "letters": b"x", "blanks": b" ", "tabs": b"a\t", "backspaces": b"ab\b", "returns": b"\r",
    "returns and text": b"a\r",
    "line feeds": b"\n", "sequences": b"\x1b[", "parameters": b"\x1b[" + b"1" * SIZE, "strings": b"\x1b]",
    "a string": b"\x1b]" + b"x" * SIZE, "kernel": b"[    1.000000] x", "kernel lines": b"[    1.000000] x\n",
    "brackets": b"[", "half stamps": b"ab[  1.0", "two bytes": "é".encode(), "not UTF-8": b"\xff",
    "far right": b"\x1b[65535Cx\n", "far up": b"x\x1b[65535A\x1b[65535B", "insert": b"x\x1b[D\x1b[80@",
    "erase": b"x\x1b[1K",
    "jumps": b"\x1b[9;9Hx", "secrets": b"hunter2hunter", "half secrets": b"hunter",
}  # fmt: skip


def stream(name: str) -> bytes:
    return (STREAMS[name] * (SIZE // len(STREAMS[name]) + 1))[:SIZE]


def consumers() -> dict[str, Callable[[bytes], object]]:
    """Everything that reads the output of a console piece by piece."""
    patterns = compile_patterns([r"login: $", r"[#$] ?$", r"ready [a-z]+ mark"])
    received, expecter, redactor, mask = ReceivedText(), Expecter(), Redactor(), EchoMask()
    redactor.add(Secret("hunter2hunter2"))
    mask.start()

    def find(data: bytes) -> None:
        expecter.feed(data)
        expecter.find(patterns)

    return {
        "text": Text().feed, "received": received.feed, "expect": find, "kernel": KernelFilter().feed,
        "redaction": redactor.redact_stream, "mask": mask.apply, "live": Live().feed,
    }  # fmt: skip


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", STREAMS)
def test_a_byte_costs_the_same_whatever_came_before(name: str) -> None:
    data = stream(name)[: SIZE // 8]
    scan = scan_seconds()
    part = len(data) // 8
    for consumer, feed in consumers().items():
        spent = [
            cpu_seconds(lambda at=at, feed=feed: [feed(data[n : n + 1]) for n in range(at, at + part)])  # type: ignore[misc]
            for at in range(0, len(data), part)
        ]
        assert min(spent[-3:]) < 5 * max(spent[:2]) + 5 * scan, f"{consumer}: {[round(one / scan) for one in spent]}"


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("size", [256, SIZE])
def test_larger_pieces_are_linear(name: str, size: int) -> None:
    data = stream(name)
    pieces = [data[at : at + size] for at in range(0, SIZE, size)]
    limit = 20 * _SCANS * scan_seconds()  # one quadratic step would take hundreds of times as long

    def spent(consumer: str) -> float:
        feed = consumers()[consumer]
        return cpu_seconds(lambda: [feed(piece) for piece in pieces])

    # A busy machine makes one measurement in a few too long, but not three in a row.
    slow = [consumer for consumer in consumers() if all(spent(consumer) > limit for _ in range(3))]
    assert not slow


def test_kernel_lines_in_a_whole_text() -> None:
    limit = _SCANS * scan_seconds()
    for name in STREAMS:
        text = stream(name)
        assert min(cpu_seconds(lambda text=text: without_kernel_lines(text)) for _ in range(3)) < limit  # type: ignore[misc]


# -- few bytes do not become much text


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("size", [64, SIZE])
def test_memory_is_bounded_by_what_came(name: str, size: int) -> None:
    data = stream(name)
    received = ReceivedText()
    tracemalloc.start()
    try:
        for at in range(0, SIZE, size):
            received.feed(data[at : at + size])
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 64 * SIZE, kept
    assert peak < 200 * SIZE, peak


@pytest.mark.parametrize("final", "@ABCDEFGHIJKLMPSTXZ`abdefg")
@pytest.mark.parametrize("number", ["", "1", "80", "999", "65535", "99999", "4294967296", "9" * 300])
def test_no_sequence_makes_a_long_line(final: str, number: str) -> None:
    """A line is at most a terminal's width longer than what was received for it."""
    sequence = f"\x1b[{number}{final}x".encode()
    for repeats in (1, 10, 500):
        text = Text()
        lines = text.feed(sequence * repeats + b"\n")
        longest = max(map(len, [*lines, text.open_line]))
        assert longest <= 513 * repeats
        assert longest <= OPEN_LINE_LIMIT + 600


def test_many_long_lines_are_kept_up_to_a_limit() -> None:
    received = ReceivedText()
    for _ in range(300):
        received.feed(b"x" * 60_000 + b"\n")
    assert 1 <= len(received.lines) <= 17
    assert received.line_count == 300
    received.feed(b"x\n" * 300)
    assert len(received.lines) == 200


_PICTURES = (*STREAMS.values(), b"\x1b#8", b"\x1b[?5h\x1b[?5l", b"\x1b[9999L", b"\x1b[9999@", b"\x1b[9999b",
    "\u0301".encode(), b"\x9b", b"\x1b[2J", b"\x1b[?3h\x1b[?3l", b"\x1b[9999;9999Hx", b"\x1b[;",
    b"x\x1b[9999b", b"\x1b[9999S", b"\x1b[9999T", b"\x1b[?1049h\x1b[?1049l", b"\x1b[44m\x1b[J", b"\x0e", b"\x1b[s",
    b"\x1b[11m", "\u0e34".encode())  # fmt: skip


@pytest.mark.parametrize("piece", _PICTURES, ids=range(len(_PICTURES)))
def test_the_picture_of_a_screen_is_drawn_in_bounded_time(piece: bytes) -> None:
    data = (piece * (SIZE // len(piece) + 1))[:SIZE]
    assert cpu_seconds(lambda: screen_of(data[: SIZE // 8], 80, 24)) < 1000 * scan_seconds()

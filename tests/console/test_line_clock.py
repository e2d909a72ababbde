"""console/line_clock.py: which lines are slow, how waits grow with them, and how little is sent ahead."""

from __future__ import annotations

import asyncio
import re

import pytest

from sosagent.console import Console
from sosagent.console.line_clock import QUIET_SECONDS, LineClock
from sosagent.lab import Faults, FaultyTransport
from sosagent.transports.memory import memory_pair

pytestmark = pytest.mark.virtual_time

_BANNER = b"Debian GNU/Linux 12 vm ttyS0\r\n\r\nvm login: "


async def clock_after(portions: list[bytes], pause: float, baud: int | None = None) -> LineClock:
    """Return a clock after `portions` arrived with pauses."""
    clock = LineClock(baud)
    for portion in portions:
        await asyncio.sleep(pause)
        clock.note_received(portion)
    return clock


@pytest.mark.parametrize("baud", [300, 600, 1200, 2400])
async def test_the_speed_of_a_slow_line_is_measured(baud: int) -> None:
    clock = await clock_after([bytes([byte]) for byte in _BANNER], 10 / baud)
    assert clock.byte_seconds == pytest.approx(10 / baud, rel=0.05)
    assert clock.quiet_seconds == pytest.approx(QUIET_SECONDS + 40 / baud, rel=0.05)


@pytest.mark.parametrize(
    ("portions", "pause"),
    [
        ([bytes([byte]) for byte in _BANNER], 10 / 9600),
        ([_BANNER] * 10, 0.3),  # a fast line, on which a program prints now and then
        ([b"tick\r\n"] * 20, 0.1),
        ([b"k", b"e", b"y"] * 10, 0.12),  # a person who types
    ],
    ids=["9600 baud", "a program that prints texts", "a program that prints lines", "a person"],
)
async def test_a_fast_line_is_not_slow(portions: list[bytes], pause: float) -> None:
    clock = await clock_after(portions, pause)
    assert (clock.byte_seconds, clock.quiet_seconds, clock.portion) == (0.0, QUIET_SECONDS, None)


@pytest.mark.parametrize("distance", [0.005, 0.02, 0.04, 0.075, 0.3])
async def test_a_distant_machine_is_not_on_a_slow_line(distance: float) -> None:
    """Each answer comes late, and its bytes one after the other."""
    clock = LineClock(None)
    for text in (b"^L", b"root", b"^", b"id -u", b"x", b"exec"):
        clock.note_sent(len(text))
        await asyncio.sleep(distance)
        for byte in text:
            clock.note_received(bytes([byte]))
            await asyncio.sleep(0.0005)
        assert clock.byte_seconds == 0.0


async def test_single_late_bytes_do_not_make_a_line_slow() -> None:
    clock = LineClock(None)
    for number in range(60):
        await asyncio.sleep(0.05 if number % 5 == 0 else 0.0005)
        clock.note_received(b"x")
        assert clock.byte_seconds == 0.0


async def test_a_declared_speed_counts_at_once() -> None:
    clock = LineClock(300)
    assert clock.byte_seconds == pytest.approx(1 / 30)
    assert LineClock(115200).byte_seconds == 0.0


@pytest.mark.parametrize(
    ("baud", "limit", "words"),
    [(300, 120.0, "about 30 bytes per second; .* --timeout 300\\."), (1200, 10.0, "--timeout 120\\.")],
)
async def test_an_error_says_which_time_limit_a_slow_line_needs(baud: int, limit: float, words: str) -> None:
    assert re.search(words, LineClock(baud).time_hint(limit))


@pytest.mark.parametrize(("baud", "limit"), [(300, 300.0), (1200, 120.0), (9600, 1.0), (None, 1.0)])
async def test_a_sufficient_time_limit_is_not_mentioned(baud: int | None, limit: float) -> None:
    assert LineClock(baud).time_hint(limit) == ""


async def test_more_text_at_once_shows_a_fast_line() -> None:
    clock = await clock_after([bytes([byte]) for byte in _BANNER], 1 / 30)
    clock.note_received(b"x" * 100)
    assert clock.byte_seconds == 0.0


async def test_a_wait_starts_when_what_was_sent_has_passed_and_does_not_count_what_arrives() -> None:
    clock = LineClock(300)
    clock.note_sent(30)
    wait = clock.wait(2.0)
    assert wait.remaining == pytest.approx(3.0)
    for _ in range(30):
        await asyncio.sleep(1 / 30)
        clock.note_received(b"x")
    assert wait.remaining == pytest.approx(3.0, abs=0.01)
    await asyncio.sleep(3.1)
    assert wait.passed


@pytest.mark.parametrize("baud", [300, 1200])
async def test_little_is_on_its_way_on_a_slow_line(baud: int) -> None:
    near, far = memory_pair()
    console = Console(FaultyTransport(near, Faults(baud=baud)))
    for byte in _BANNER:
        await far.write(bytes([byte]))
    await console.quiet(0.2, 10.0)
    assert console.open_line == "vm login: "
    sending, arrived = asyncio.ensure_future(console.send(b"x" * 200)), 0
    while not sending.done():
        read = asyncio.ensure_future(far.read())
        await asyncio.wait([read, sending], return_when=asyncio.FIRST_COMPLETED)
        arrived += len(read.result()) if read.done() else 0
    assert (200 - arrived) * 10 / baud < 0.6
    await console.aclose()


async def test_the_parts_of_an_escape_sequence_count_on_a_slow_line() -> None:
    near, far = memory_pair()
    async with Console(FaultyTransport(near, Faults(baud=300))) as console:
        await far.write(b"vm login: " + b"\x1b[C" * 20 + b"x")
        await console.expect("login", 10.0)
        assert await console.quiet(QUIET_SECONDS, 0.5)
        assert console.open_line.endswith("x")


async def test_a_prompt_on_a_slow_line_counts_only_when_it_is_complete() -> None:
    near, far = memory_pair()
    async with Console(FaultyTransport(near, Faults(baud=300))) as console:
        await far.write(_BANNER)
        await console.expect("Debian", 10.0)
        assert await console.quiet(QUIET_SECONDS, 0.5)
        assert console.open_line == "vm login: "

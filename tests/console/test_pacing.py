"""console/pacing.py: paces, and the count of damaged lines."""

from __future__ import annotations

import asyncio

import pytest

from sosagent.console.events import Event
from sosagent.console.line_clock import LineClock
from sosagent.console.pacing import SLOWEST_PACE, Pacer, pace_for_damage
from sosagent.transports.memory import memory_pair

pytestmark = pytest.mark.virtual_time


def test_more_damage_means_a_slower_pace() -> None:
    paces = [pace_for_damage(count) for count in range(13)]
    assert paces == [0, 0, 1, 1, 2, 2, 2, 3, 3, 3, 3, 4, 4]
    assert max(paces) == SLOWEST_PACE


@pytest.mark.parametrize(("pace", "bursts", "seconds"), [(0, 1, 0.0), (2, 4, 0.06), (SLOWEST_PACE, 12, 2.2)])
async def test_bytes_are_written_in_bursts(pace: int, bursts: int, seconds: float) -> None:
    near, far = memory_pair()
    pacer = Pacer(near, pace, lambda event: None, LineClock(None))
    await asyncio.sleep(1)
    start = asyncio.get_running_loop().time()
    await pacer.write(b"x" * 60)
    assert asyncio.get_running_loop().time() - start == pytest.approx(seconds, abs=0.005)
    assert [await far.read() for _ in range(bursts)][-1] == b"x" * {0: 60, 2: 12, SLOWEST_PACE: 5}[pace]


async def test_damaged_lines_slow_typing_down_and_damaged_replies_do_not() -> None:
    events: list[Event] = []
    pacer = Pacer(memory_pair()[0], 0, events.append, LineClock(None))
    for _ in range(5):
        pacer.note_damage(typed=False)
    pacer.note_damage()
    assert (pacer.pace, events) == (0, [])
    pacer.note_damage()
    assert (pacer.pace, [event.kind for event in events]) == (1, ["detail"])
    pacer.slow_down(3)
    pacer.slow_down(2)
    assert pacer.pace == 3


async def test_the_report_names_how_much_is_damaged() -> None:
    pacer = Pacer(memory_pair()[0], 0, lambda event: None, LineClock(None))
    assert pacer.damage_report(5000) == ""
    pacer.note_damage()
    assert "once in 5,000 bytes, at least 1 byte in 5,000" in pacer.damage_report(5000)
    pacer.note_damage(typed=False)
    assert "2 times in 5,000 bytes, at least 1 byte in 2,500" in pacer.damage_report(5000)

"""Bad lines: the simulated faults, and adding a key over each of them."""

from __future__ import annotations

import asyncio

import pytest

import sosagent
from sosagent.lab import Faults, FaultyTransport
from sosagent.transports.memory import memory_pair

from ..support.soak import CLASSES, every, one


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("", Faults()),
        ("drop=1e-3,flip=1e-4,seed=7", Faults(drop=1e-3, flip=1e-4, seed=7)),
        ("klog=20/s, baud=9600,fifo=16", Faults(klog=20, baud=9600, fifo=16)),
        ("longest=255", Faults(longest=255)),
        ("fifo=5/0.2,stall=2@500,cut=4711", Faults(fifo=5, fifo_seconds=0.2, stall=2, stall_after=500, cut=4711)),
    ],
)
def test_faults_are_read(text: str, faults: Faults) -> None:
    assert Faults.parse(text) == faults


@pytest.mark.parametrize("text", ["drop", "drop=2", "lose=1", "baud=fast", "stall=2", "fifo=0.5", "klog=-1"])
def test_invalid_faults_are_rejected(text: str) -> None:
    with pytest.raises(sosagent.UsageError, match="not a valid fault of a line") as caught:
        Faults.parse(text)
    assert "drop=1e-3" in caught.value.hint


async def passed(faults: Faults, data: bytes) -> bytes:
    """Return the part of `data` that arrives at the machine."""
    ours, theirs = memory_pair()
    line = FaultyTransport(ours, faults)
    await line.write(data)
    arrived = b""
    try:
        async with asyncio.timeout(0.3):
            while portion := await theirs.read():
                arrived += portion
    except TimeoutError:
        pass
    await line.aclose()
    return arrived


async def test_each_fault_damages_as_documented() -> None:
    data = bytes(range(32, 127)) * 20
    assert await passed(Faults(), data) == data
    lost = await passed(Faults(drop=0.02), data)
    assert 0 < len(data) - len(lost) < 100
    assert await passed(Faults(drop=0.02), data) == lost  # by seed
    assert await passed(Faults(drop=0.02, seed=1), data) != lost
    assert 0 < len(await passed(Faults(double=0.02), data)) - len(data) < 100
    flipped = await passed(Faults(flip=0.02), data)
    bits = [(one ^ other).bit_count() for one, other in zip(data, flipped, strict=True)]
    assert set(bits) == {0, 1}
    assert await passed(Faults(fifo=16), data) == data[:16]
    assert await passed(Faults(longest=5), b"123456\r1234567\r12345\r") == b"12345\r12345\r12345\r"
    assert await passed(Faults(cut=100), data) == data[:100]


_SEEDS = 10


@pytest.mark.sample(2)
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", CLASSES)
async def test_over_a_bad_line_nothing_is_lost_or_claimed(name: str) -> None:
    """A sample of the seeds; `make soak` runs a thousand of each."""
    faults, least = CLASSES[name]
    outcomes = await every(faults, range(_SEEDS))
    assert not [outcome for outcome in outcomes if outcome.wrong]
    assert sum(outcome.result == "added" for outcome in outcomes) >= int(_SEEDS * least) - 1, outcomes


@pytest.mark.sample(2)
@pytest.mark.parametrize("faults", ["baud=9600", "fifo=16,baud=115200", "fifo=16", "stall=1@700", "klog=5/s,drop=1e-4"])
async def test_the_pace_adapts_to_the_line(faults: str) -> None:
    outcome = await one(Faults.parse(faults))
    assert (outcome.result, outcome.wrong) == ("added", ())

"""(7) Uploads and downloads of random bytes at 115200 baud: seconds, and the share of the line's rate."""

from __future__ import annotations

import asyncio
import random
import tempfile
from pathlib import Path

import sosagent
from sosagent.access import Access
from sosagent.jobs.transfer import Transferred, download, upload
from sosagent.lab import DirectTransport, Faults, FaultyTransport, SimulatedMachine
from sosagent.transports.memory import memory_pair

_BAUD = 115200
_BITS = 10
_SIZE = 1 << 20
_PROBE = 64 * 1024
_PASSWORD = sosagent.Secret("correct horse 5")


def main() -> None:
    """Measure transfers in the lab, over a line of that speed, without the login."""
    print(f"{_SIZE >> 20} MiB of random bytes at {_BAUD} baud, in the lab")
    print(f"  the lab's line itself, whose clock is late under load: {asyncio.run(_line()):.1%} of that rate")
    for word, done in zip(("up", "down"), asyncio.run(_both()), strict=True):
        file = done.file
        rate = _SIZE / file.seconds / (_BAUD / _BITS)
        part = _SIZE / (file.bytes_sent + file.bytes_received)
        print(f"  {word:<4} {file.seconds:6.1f} s, {rate:.1%} of the line's rate; {part:.1%} of the bytes on the line")


async def _line() -> float:
    """Return the share of its nominal rate that the simulated line reaches without other load."""
    ours, theirs = memory_pair()
    line, loop = FaultyTransport(ours, Faults(baud=_BAUD)), asyncio.get_running_loop()
    begun, arrived = loop.time(), 0
    await line.write(bytes(_PROBE))
    while arrived < _PROBE:
        arrived += len(await theirs.read())
    seconds = loop.time() - begun
    await line.aclose()
    return _PROBE / seconds / (_BAUD / _BITS)


async def _both() -> tuple[Transferred, Transferred]:
    data = random.Random(1).randbytes(_SIZE)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o711)
        machine = SimulatedMachine("lab", folder / "root", _PASSWORD)
        machine.power_on()

        def access() -> Access:
            transport = FaultyTransport(DirectTransport(machine), Faults(baud=_BAUD))
            return Access(transport, _PASSWORD, timeout=600.0)

        try:
            sent = await upload(access(), data, "~/file")
            got = await download(access(), "~/file", None)
            assert got.file.data == data
            return sent, got
        finally:
            machine.power_off()

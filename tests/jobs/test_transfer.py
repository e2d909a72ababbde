"""jobs/transfer.py over bad lines: exact in spite of damage, and resumed on a new connection."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import sosagent
from sosagent.access import Access
from sosagent.jobs.transfer import download, upload
from sosagent.lab import DirectTransport, Faults, FaultyTransport, SimulatedMachine

from ..support.transfers import RANDOM

_PASSWORD = sosagent.Secret("correct horse 9")


@asynccontextmanager
async def bad_line(faults: str) -> AsyncIterator[tuple[Path, Access, SimulatedMachine]]:
    """Run a machine behind a line with `faults`."""
    # Its shell may run as the user nobody, which cannot enter the folders of the tests.
    folder = Path(tempfile.mkdtemp(prefix="sosagent-transfer-"))
    folder.chmod(0o711)
    machine = SimulatedMachine("lab", folder / "root", _PASSWORD)
    machine.power_on()
    transport = FaultyTransport(DirectTransport(machine), Faults.parse(faults))
    try:
        yield machine.home, Access(transport, _PASSWORD, timeout=100.0), machine
    finally:
        await transport.aclose()
        machine.power_off()
        shutil.rmtree(folder)


@pytest.mark.sample(2)
@pytest.mark.parametrize("faults", ["drop=1e-3", "double=1e-3", "flip=3e-4", "klog=50/s", "drop=1e-4,klog=10/s"])
@pytest.mark.parametrize("direction", ["up", "down"])
async def test_transfers_over_a_bad_line_are_exact(direction: str, faults: str) -> None:
    data = RANDOM if faults == "klog=50/s" else RANDOM[:1000]
    async with bad_line(f"{faults},seed=11") as (root, access, _):
        if direction == "up":
            done = await upload(access, data, "~/file")
            assert (root / "file").read_bytes() == data
        else:
            (root / "file").write_bytes(data)
            (root / "file").chmod(0o644)
            done = await download(access, "~/file", None)
            assert done.file.data == data
    assert done.logged_out


@pytest.mark.parametrize("direction", ["up", "down"])
async def test_transfer_is_resumed_after_the_line_dies(direction: str, tmp_path: Path) -> None:
    """The machine stays up, with the part that arrived; the next connection resumes after it."""
    here = tmp_path / "here"
    async with bad_line("cut=90000") as (root, access, machine):
        (root / "from").write_bytes(RANDOM)
        (root / "from").chmod(0o644)
        with pytest.raises(sosagent.EndpointLost) as caught:
            await (upload(access, RANDOM, "~/to") if direction == "up" else download(access, "~/from", here))
        assert any("run the command again to resume" in note for note in caught.value.__notes__)
        machine.power_off()
        machine.power_on()
        again = Access(DirectTransport(machine), _PASSWORD, timeout=60.0)
        done = await (upload(again, RANDOM, "~/to") if direction == "up" else download(again, "~/from", here))
        assert (root / "to" if direction == "up" else here).read_bytes() == RANDOM
        assert done.file.resumed_from > 0
        assert max(done.file.bytes_sent, done.file.bytes_received) < len(RANDOM)

"""A serial device that is pulled out, and descriptors that run out, while a job is under way: on real ptys and bash."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

import sosagent
from sosagent.endpoint.target import SerialTarget

from ..conftest import installed

SECONDS = 30.0


class Line:
    """A serial line between a device of this computer, which is a pty, and a bash.

    Attributes:
        device: the path of the device.
    """

    def __init__(self, home: Path) -> None:
        self.device_end, ours = os.openpty()
        self.device = os.ttyname(ours)
        self.child, self.machine_end = os.forkpty()
        if self.child == 0:
            os.execvpe(
                "bash",
                ["bash", "--norc"],
                {"PS1": "root@web1:~# ", "HOME": str(home), "PATH": os.defpath, "TERM": "vt220"},
            )
        self._ours, self._ends = ours, (self.device_end, self.machine_end)
        loop = asyncio.get_running_loop()
        for source, other in (self._ends, self._ends[::-1]):
            os.set_blocking(source, False)
            loop.add_reader(source, self._carry, source, other)

    def _carry(self, source: int, other: int) -> None:
        with suppress(OSError):
            os.write(other, os.read(source, 4096))

    def pull_out(self) -> None:
        """Remove the device."""
        for end in self._ends:
            asyncio.get_running_loop().remove_reader(end)
        os.close(self.device_end)
        os.close(self._ours)

    def end(self) -> None:
        """End bash."""
        os.kill(self.child, signal.SIGKILL)
        os.waitpid(self.child, 0)
        os.close(self.machine_end)


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    installed(["bash"])
    line = Line(tmp_path)
    yield line
    with suppress(OSError):
        line.pull_out()
    line.end()


@pytest.mark.parametrize("moment", ["between programs", "while one runs"])
async def test_a_device_that_is_pulled_out(moment: str, line: Line) -> None:
    """The error comes at once, says what may be open, and closing does not wait for the device."""
    with pytest.raises(sosagent.EndpointLost, match="A shell of ours may be open on the console; it closes itself"):
        async with asyncio.timeout(SECONDS), sosagent.root_shell(
            SerialTarget(line.device), password="x", timeout=1000
        ) as shell:  # fmt: skip
            assert (await shell.run("echo here")).output == b"here"
            if moment == "between programs":
                line.pull_out()
            else:
                asyncio.get_running_loop().call_later(0.2, line.pull_out)
            await shell.run("sleep 100")


async def test_descriptors_that_run_out(line: Line, tmp_path: Path) -> None:
    """What needs no descriptor goes on, what needs one ends with a sentence, and the shell is left as it was."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    events: list[str] = []
    async with asyncio.timeout(SECONDS):
        async with sosagent.root_shell(
            SerialTarget(line.device), password="x", transcript=tmp_path / "cast",
            on_event=lambda event: events.append(event.text) if event.kind != "detail" else None,
        ) as shell:  # fmt: skip
            assert (await shell.run("echo here")).output == b"here"
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
            try:
                assert (await shell.run("echo still here")).output == b"still here"
                await shell.upload(b"contents", "~/up")
                with pytest.raises(sosagent.UsageError, match="Too many open files"):
                    await shell.download("~/up", tmp_path / "down")
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert events[-1] == "left the existing root shell open, as it was"
    assert (tmp_path / "up").read_bytes() == b"contents"

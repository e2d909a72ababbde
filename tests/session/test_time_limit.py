"""A job ends at its time limit plus the ten seconds of the way out, whatever the endpoint does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

import sosagent
from sosagent.lab import DirectTransport, SimulatedMachine
from sosagent.transports import Transport

from ..conftest import new_key

_PASSWORD = "hunter2"
_WAY_OUT_SECONDS = 10.0


@dataclass
class Endpoint:
    """What an endpoint does to a job.

    Fields:
        reads: how many bytes it takes before it stops reading.
        drip: whether it sends a byte every ten seconds.
        closes: whether closing the connection ends.
        lets_in: how far it answers as a machine would: not at all, to a shell that only echoes.
    """

    reads: int = 1 << 30
    drip: bool = False
    closes: bool = True
    lets_in: bool = True


class FarEnd(Transport):
    """An endpoint in memory, with a machine whose shell echoes and runs nothing."""

    def __init__(self, does: Endpoint) -> None:
        self.name = "far end"
        self._does = does
        self._output: asyncio.Queue[bytes] = asyncio.Queue()
        self._prompt, self._line = b"lab login: ", b""
        self._read = 0
        self._drip = asyncio.ensure_future(self._send_drops()) if does.drip else None

    async def _send_drops(self) -> None:
        while True:
            await asyncio.sleep(10)
            self._output.put_nowait(b".")

    async def read(self) -> bytes:
        return await self._output.get()

    async def write(self, data: bytes) -> None:
        for byte in data:
            if self._read >= self._does.reads:
                await asyncio.Event().wait()
            self._read += 1
            self._take(bytes([byte]))
        await asyncio.sleep(0)

    def _take(self, byte: bytes) -> None:
        if not self._does.lets_in:
            return
        if byte != b"\r":
            self._line += byte
            if self._prompt != b"Password: ":
                self._output.put_nowait(byte)
            return
        following = {b"lab login: ": b"Password: ", b"Password: ": b"lab# ", b"lab# ": b"lab# "}
        if self._line.strip(b"\x15\x0c"):
            self._prompt = following[self._prompt]
        self._line = b""
        self._output.put_nowait(b"\r\n" + self._prompt)

    async def aclose(self) -> None:
        if self._drip is not None:
            self._drip.cancel()
        if not self._does.closes:
            await asyncio.Event().wait()


_STUCK = [
    Endpoint(),
    Endpoint(drip=True),
    Endpoint(closes=False),
    Endpoint(lets_in=False),
    Endpoint(lets_in=False, drip=True, closes=False),
    *(Endpoint(reads=many, drip=drip, closes=False) for many in (0, 1, 5, 10, 20, 60, 200) for drip in (False, True)),
]


@pytest.mark.virtual_time
@pytest.mark.parametrize("seconds", [0.2, 1.0, 5.0, 20.0, 100.0])
@pytest.mark.parametrize("does", _STUCK, ids=str)
async def test_no_endpoint_holds_a_job(does: Endpoint, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(sosagent.ConsoleError):
        await sosagent.add_key(FarEnd(does), new_key(), password=_PASSWORD, timeout=seconds)
    assert loop.time() - began <= seconds + _WAY_OUT_SECONDS + 0.01


@pytest.mark.virtual_time
@pytest.mark.parametrize("does", _STUCK, ids=str)
@pytest.mark.parametrize("poke", [False, True])
async def test_no_endpoint_holds_a_look_at_the_state(does: Endpoint, poke: bool) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        await sosagent.console_state(FarEnd(does), poke=poke, timeout=5.0)
    except sosagent.ConsoleError as error:
        assert error.code in ("deadline", "console-silent")
    assert loop.time() - began <= 5.0 + _WAY_OUT_SECONDS + 0.01


@pytest.mark.virtual_time
@pytest.mark.parametrize("after", [0.1, 1.0, 3.0])
async def test_a_cancelled_job_leaves_within_the_way_out(after: float) -> None:
    loop = asyncio.get_running_loop()
    job = asyncio.ensure_future(
        sosagent.add_key(FarEnd(Endpoint(closes=False)), new_key(), password=_PASSWORD, timeout=after + 0.5)
    )
    await asyncio.sleep(after)
    job.cancel()
    began = loop.time()
    with pytest.raises(asyncio.CancelledError):
        await job
    assert loop.time() - began <= 0.5 + _WAY_OUT_SECONDS + 0.01


@asynccontextmanager
async def cut_then_silent(machine: SimulatedMachine, byte: int) -> AsyncIterator[int]:
    """A TCP port: the first connection is cut after `byte` bytes from the machine, later ones are never answered."""
    connections = 0
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        if connections == 1:
            console = DirectTransport(machine)

            async def type_all() -> None:
                while data := await reader.read(4096):
                    await console.write(data)

            tasks.add(typing := asyncio.ensure_future(type_all()))
            sent = 0
            while sent < byte:
                data = await console.read()
                sent += len(data)
                writer.write(data)
            typing.cancel()
            await console.aclose()
            writer.transport.abort()
        else:
            await reader.read()
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def test_connecting_again_to_log_out_has_the_time_of_the_way_out(tmp_path: Path) -> None:
    machine = SimulatedMachine("lab", tmp_path / "root", sosagent.Secret(_PASSWORD))
    machine.power_on()
    try:
        async with cut_then_silent(machine, 60) as port:
            with pytest.raises(sosagent.EndpointLost) as lost:
                await sosagent.add_key(f"socket://127.0.0.1:{port}", new_key(), password=_PASSWORD, timeout=5)
            assert lost.value.shell_open
            # Nine seconds, of which 2.5 are kept for closing.
            assert any("again to log out failed: the deadline of 6 s" in one for one in lost.value.__notes__)
            assert lost.value.message.startswith("A shell of ours may be open on the console. ")
    finally:
        machine.power_off()

"""Waits for text leave out the time that bytes take on a slow line: `Console.expect`, and what is built on it."""

from __future__ import annotations

import asyncio
import re

import pytest

import sosagent
from sosagent.access import LoginSettings
from sosagent.console import Console
from sosagent.lab import Faults, FaultyTransport
from sosagent.login.attempt import Attempt
from sosagent.login.observe import LOGOUT_SECONDS, PROBE_SECONDS
from sosagent.login.own_shells import end_own_shell
from sosagent.login.probe import ask
from sosagent.secrets.secret import Secret
from sosagent.terminal.states import BY_NAME, Observation
from sosagent.transports import Transport
from sosagent.transports.memory import MemoryTransport, memory_pair

pytestmark = pytest.mark.virtual_time

_BAUD = (300, 600, 1200, 2400)
_ANSWER = "a line of a long answer\r\n"
_PROMPT = "root@vm:~# "


class _SlowMachine:
    """Sends text as a UART at `baud` does, `burst` bytes at a time."""

    def __init__(self, transport: Transport, baud: int, burst: int) -> None:
        self._transport, self._baud, self._burst = transport, baud, burst

    async def send(self, text: str) -> None:
        data = text.encode()
        for at in range(0, len(data), self._burst):
            portion = data[at : at + self._burst]
            await asyncio.sleep(10 * len(portion) / self._baud)
            await self._transport.write(portion)


def _console(near: MemoryTransport, baud: int | None) -> Console:
    near.baud = baud
    return Console(near)


@pytest.mark.parametrize("declared", [False, True])
@pytest.mark.parametrize("burst", [1, 16])
@pytest.mark.parametrize("baud", _BAUD)
async def test_a_long_answer_may_take_longer_than_the_limit(baud: int, burst: int, declared: bool) -> None:
    near, far = memory_pair()
    async with _console(near, baud if declared else None) as console:
        machine = asyncio.ensure_future(_SlowMachine(far, baud, burst).send(_ANSWER * 100 + "END"))
        match = await console.expect(["END", sosagent.TIMEOUT], 3.0)
        assert match.before == _ANSWER.replace("\r", "") * 100
        await machine


@pytest.mark.parametrize("declared", [False, True])
@pytest.mark.parametrize("burst", [1, 16])
@pytest.mark.parametrize("baud", _BAUD)
async def test_the_limit_counts_the_silence_alone(baud: int, burst: int, declared: bool) -> None:
    near, far = memory_pair()
    loop, text = asyncio.get_running_loop(), "the start of an answer " * 8
    async with _console(near, baud if declared else None) as console:
        machine = asyncio.ensure_future(_SlowMachine(far, baud, burst).send(text))
        started = loop.time()
        assert (await console.expect(["END", sosagent.TIMEOUT], 5.0)).index == 1
        assert machine.done()
        # The first bytes, by which the line is measured, may count.
        assert loop.time() - started - 5.0 == pytest.approx(len(text) * 10 / baud, abs=2 * burst * 10 / baud + 0.1)


@pytest.mark.parametrize("silent", [False, True])
@pytest.mark.parametrize("baud", _BAUD)
async def test_a_probe_on_a_slow_line(baud: int, silent: bool) -> None:
    """The answer takes longer than the limit, or does not come."""
    near, far = memory_pair()
    lines = 2 * int(PROBE_SECONDS) * baud // 10 // len(_ANSWER)

    async def shell() -> None:
        await far.write(f"Last login: today on this line\r\n{_PROMPT}".encode())
        typed = b""
        while (data := await far.read()) and not typed.endswith(b"\r"):
            typed += data
            await far.write(data.replace(b"\r", b"\r\n"))
            if (nonce := re.search(rb"S\\OS(\w{4})\r", typed)) and not silent:
                await far.write(f"{_ANSWER * lines}SOS{nonce[1].decode()}\r\n{_PROMPT}".encode())

    async with Console(FaultyTransport(near, Faults(baud=baud))) as console:
        playing = asyncio.ensure_future(shell())
        await console.expect("# $", 10.0)
        if silent:
            with pytest.raises(sosagent.ConsoleStateUnknown, match="did not answer as a shell would"):
                await ask(Attempt(console, LoginSettings()), "id")
        else:
            assert [line for line in await ask(Attempt(console, LoginSettings()), "id") if line] == [
                _ANSWER.strip()
            ] * lines
            assert console.open_line == _PROMPT
    await playing


@pytest.mark.parametrize("declared", [False, True])
@pytest.mark.parametrize("baud", _BAUD)
async def test_the_receiver_of_an_interrupted_run_ends_behind_its_late_replies(baud: int, declared: bool) -> None:
    """The line still carries its reply, which takes longer than the receiver may take to end."""
    near, far = memory_pair()
    machine = _SlowMachine(far, baud, 16)
    reply = f":{_ANSWER}" * (2 * int(LOGOUT_SECONDS) * baud // 10 // len(_ANSWER))

    async def receiver() -> None:
        await machine.send("=R\r\n")
        typed = ""
        while not typed.endswith("]Z\r"):
            typed += (await far.read()).decode()
        await machine.send(f"{reply}=1 0 4109833394 3\r\n=Z\r\nvm login: ")
        assert typed.count("]Z\r") == 1

    async with _console(near, baud if declared else None) as console:
        console.set_deadline(1000)
        playing = asyncio.ensure_future(receiver())
        await console.expect("=R\n", 10.0)
        attempt, observed = Attempt(console, LoginSettings()), Observation(BY_NAME["receiver"])
        assert (await end_own_shell(attempt, observed, Secret(""))).state.name == "login"
        await playing

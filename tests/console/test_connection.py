"""Bytes to and from the endpoint: what is not sent, and when waits end."""

from __future__ import annotations

import asyncio

import pytest

import sosagent
from sosagent.console import Console
from sosagent.console.endpoint import Endpoint
from sosagent.console.pacing import SLOWEST_PACE
from sosagent.endpoint.dialects import DIALECTS, PLAIN
from sosagent.errors import DeadlineExceeded, EndpointLost, EndpointRefused
from sosagent.transports.memory import MemoryTransport, memory_pair

pytestmark = pytest.mark.virtual_time


class Stuck(MemoryTransport):
    """A transport that accepts no data."""

    async def write(self, data: bytes) -> None:
        await asyncio.Event().wait()

    async def send_break(self) -> None:
        await asyncio.Event().wait()


def _console(dialect: str) -> tuple[Console, MemoryTransport]:
    near, far = memory_pair()
    console = Console(near, endpoint=Endpoint(DIALECTS[dialect]))
    console.mark_machine_start()
    return console, far


async def test_traffic_is_counted() -> None:
    near, far = memory_pair()
    console = Console(near)
    await console.send("root")
    await console.send("\r")
    await far.write(b"Password: ")
    await console.receive(1)
    assert (console.bytes_sent, console.bytes_received, console.exchanges) == (5, 10, 1)


async def test_received_bytes_are_forwarded_unfiltered() -> None:
    near, far = memory_pair()
    console, forwarded = Console(near), bytearray()
    console.forward_to(forwarded.extend)
    await far.write(b"vm login: [   12.345678] usb\r\n")
    assert await console.receive(1) == b"vm login: "
    console.forward_to(None)
    await far.write(b"x")
    await console.receive(1)
    assert forwarded == b"vm login: [   12.345678] usb\r\n"


@pytest.mark.damages
async def test_nothing_is_sent_that_the_endpoint_would_interpret() -> None:
    console, far = _console("openbmc")
    with pytest.raises(EndpointRefused, match="would interpret itself") as caught:
        await console.send("ls\r~.")
    assert caught.value.hint
    with pytest.raises(EndpointRefused, match="the password contains a sequence") as caught:
        await console.send_secret(sosagent.Secret("\r~.x"))
    assert "~." not in str(caught.value)
    await console.send_interactive(b"\r~.")
    assert await far.read() == b"\r~."


async def test_a_sequence_may_start_in_what_was_sent_before() -> None:
    console, far = _console("openbmc")
    await console.send("\r")
    with pytest.raises(EndpointRefused):
        await console.send("~.")
    await console.send("a~.")
    assert [await far.read(), await far.read()] == [b"\r", b"a~."]


@pytest.mark.parametrize("send", ["send", "send_interactive", "send_break"])
async def test_nothing_is_sent_after_the_endpoint_fell_back_to_its_prompt(send: str) -> None:
    console, far = _console("xcc")
    await far.write(b"\r\nsystem> ")
    with pytest.raises(EndpointLost, match="fell back"):
        await console.receive(5)
    call = console.send_break() if send == "send_break" else getattr(console, send)(b"reboot\r")
    with pytest.raises(EndpointLost, match="fell back"):
        await call
    await console.aclose()
    assert await far.read() == b""


async def test_the_deadline_ends_every_write() -> None:
    console = Console(Stuck())
    console.set_deadline(5)
    with pytest.raises(DeadlineExceeded, match="does not accept more data"):
        await console.send("x")
    with pytest.raises(DeadlineExceeded, match="deadline of 5 s"):
        await console.send("x")
    console.set_deadline(5)
    with pytest.raises(DeadlineExceeded, match="did not accept the BREAK"):
        await console.send_break()
    assert console.time_left() == 0
    console.set_deadline(None)
    assert console.time_left() is None


async def test_an_endpoint_to_which_we_type_slowly_is_not_called_one_that_reads_nothing() -> None:
    ours, _far = memory_pair()
    console = Console(ours)
    console.pacer.slow_down(SLOWEST_PACE)
    console.set_deadline(2)
    with pytest.raises(DeadlineExceeded, match="the deadline of 2 s passed"):
        await console.send("x" * 200)


async def test_another_dialect_starts_its_own_dialogue() -> None:
    endpoint = Endpoint(PLAIN, kick=True)
    endpoint.note_passed()
    endpoint.switch_dialect(DIALECTS["ilo"])
    assert (endpoint.dialect.name, endpoint.passed, endpoint.kick) == ("ilo", False, False)


async def test_an_error_carries_the_state_and_the_last_lines() -> None:
    near, far = memory_pair()
    console = Console(near)
    await far.write(b"Debian\r\n\r\nvm login: ")
    await console.receive(1)
    console.note_state("login")
    error = console.error(sosagent.LoginRefused, "no", "again")
    assert (str(error), error.state, error.tail, error.hint) == ("no", "login", ("Debian", "vm login: "), "again")
    assert console.error(sosagent.LoginRefused, "no").hint == sosagent.LoginRefused.default_hint

"""Typing a line: Enter is pressed only if the echo shows the line exactly as it was typed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import sosagent
from sosagent.console import Console
from sosagent.console.echo import EchoReader, shows_line
from sosagent.transports.memory import MemoryTransport, memory_pair

from ..support.ptys import on_pty

PROMPT = b"vm login: "
virtual_time = pytest.mark.virtual_time


class Machine:
    """A simulated machine with a prompt; a function computes its answer to each write.

    Attributes:
        typed: all bytes that it received.
    """

    def __init__(self, far: MemoryTransport, answer: Callable[[bytes], bytes]) -> None:
        self.typed = b""
        self._far, self._answer = far, answer

    async def run(self) -> None:
        while data := await self._far.read():
            self.typed += data
            await self._far.write(self._answer(data))


@asynccontextmanager
async def _prompted(answer: Callable[[bytes], bytes], prompt: bytes = PROMPT) -> AsyncIterator[tuple[Console, Machine]]:
    near, far = memory_pair()
    console, machine = Console(near), Machine(far, answer)
    console.set_deadline(60)
    await far.write(prompt)
    await console.receive(1)
    task = asyncio.ensure_future(machine.run())
    try:
        yield console, machine
    finally:
        task.cancel()


def _erases(echo: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """Answer ^U with an empty line with the prompt, and other keys with `echo`."""
    return lambda data: b"\r\x1b[K" + PROMPT if data == b"\x15" else echo(data)


def _first(damaged: int) -> Callable[[bytes], bytes]:
    """Damage the first `damaged` echoes."""
    echoes = 0

    def echo(data: bytes) -> bytes:
        nonlocal echoes
        echoes += 1
        return data[1:] if echoes <= damaged else data

    return _erases(echo)


@virtual_time
@pytest.mark.parametrize(
    "echo",
    [
        lambda data: data,
        lambda data: b"[   12.345678] usb 1-1: new device\r\n" + data,
        lambda data: b"\x1b[1;32m" + data + b"\x1b[0m",
        lambda data: b"\r" + PROMPT + data,
    ],
)
async def test_an_intact_echo(echo: Callable[[bytes], bytes]) -> None:
    async with _prompted(echo) as (console, machine):
        assert await console.type_line("root")
        assert machine.typed == b"root"
        assert b"root" in console.typer.last_echo


@virtual_time
async def test_the_blank_of_the_prompt_may_come_with_the_echo() -> None:
    async with _prompted(lambda data: b" " + data, b"root@vm:~#") as (console, _):
        assert await console.type_line(" id", tries=1)
        assert console.open_line == "root@vm:~#  id"


@virtual_time
@pytest.mark.parametrize("seconds", [1.0, 3.0, 5.0])
async def test_an_echo_that_stalls_is_waited_for(seconds: float) -> None:
    """A machine that swaps, or whose disk is stuck, stops in the middle of an echo."""
    near, far = memory_pair()
    console = Console(near)
    console.set_deadline(60)
    await far.write(PROMPT)
    await console.receive(1)

    async def echo() -> None:
        data = await far.read()
        await far.write(data[:20])
        await asyncio.sleep(seconds)
        await far.write(data[20:])

    echoing = asyncio.ensure_future(echo())
    line = "0123456789" * 6
    assert await console.type_line(line, tries=1)
    assert console.open_line.endswith(line)
    await echoing


@virtual_time
@pytest.mark.parametrize(
    "damage", [lambda t: t[:-1], lambda t: t + b"x", lambda t: t.replace(b"o", b"p"), lambda _: b""]
)
async def test_a_line_that_is_always_damaged_gets_no_enter(damage: Callable[[bytes], bytes]) -> None:
    async with _prompted(_erases(damage)) as (console, machine):
        with pytest.raises(sosagent.ConsoleStateUnknown, match="the echo differs"):
            await console.type_line("root")
        assert machine.typed == b"root\x15" * 3


@virtual_time
@pytest.mark.parametrize(("damaged", "pace"), [(0, 0), (1, 0), (2, 1)])
async def test_a_damaged_line_is_typed_again_and_then_slower(damaged: int, pace: int) -> None:
    async with _prompted(_first(damaged)) as (console, machine):
        assert await console.type_line("root")
        assert machine.typed == b"root\x15" * damaged + b"root"
        assert console.pacer.pace == pace
        assert bool(console.damage_report()) == bool(damaged)


@virtual_time
async def test_a_line_that_is_not_required_leaves_an_empty_prompt() -> None:
    async with _prompted(_erases(lambda data: data[1:])) as (console, machine):
        assert not await console.type_line("root", tries=1, required=False)
        assert (machine.typed, console.open_line) == (b"root\x15", PROMPT.decode())
        assert console.damage_report() == ""


@virtual_time
async def test_nothing_is_typed_after_text_that_cannot_be_erased() -> None:
    async with _prompted(lambda data: b"" if data == b"\x15" else b"m x", b"# ") as (console, machine):
        with pytest.raises(sosagent.ConsoleStateUnknown):
            await console.type_line("rm x")
        assert machine.typed == b"rm x\x15"


@virtual_time
async def test_a_new_prompt_replaces_a_line_that_cannot_be_read() -> None:
    """The last attempt to get a prompt is Enter, for terminals that ignore ^C; ^Q and ^U come first."""
    async with _prompted(lambda data: b"\r\n" + PROMPT if data.endswith(b"\r") else b"?") as (console, machine):
        assert not await console.type_line("x", tries=1, new_prompt_keys="\x15\x03", required=False)
        assert machine.typed == b"x\x15\x03\x11\x15\x15\x03\x11\x15\x15\x15\r"
        assert console.open_line == PROMPT.decode()


@virtual_time
async def test_text_behind_the_cursor_that_moves_belongs_to_the_line() -> None:
    """A right prompt stays where it is; the rest of an unfinished line moves right as text is inserted."""
    before = b"# " + b"   rest" + b"\b" * 7

    def insert(data: bytes) -> bytes:
        return data + b"   rest" + b"\b" * 7 if data != b"\x15" else b""

    async with _prompted(insert, before) as (console, machine):
        with pytest.raises(sosagent.ConsoleStateUnknown):
            await console.type_line("ls")
        assert machine.typed == b"ls\x15"


@pytest.mark.parametrize(
    ("echo", "shown"),
    [
        (b"ls -l", True),
        (b"ls  -l", False),
        (b"ls -", False),
        (b"\rprompt# ls -l", True),
        (b"ls -l\x1b[90m --all\x1b[0m\x1b[6D", True),  # fish suggests how the line might continue
        (b"ls -l\r\n", True),
        (b"", False),
    ],
)
def test_echoes(echo: bytes, shown: bool) -> None:
    assert shows_line(echo, "prompt# ", "ls -l") == shown


@pytest.mark.parametrize("width", [40, 80, 132, 999])
def test_an_echo_that_is_wrapped_by_bash(width: int) -> None:
    """At the edge of the screen, bash prints the next character, a carriage return, and the character again."""
    line = "prompt# " + "".join(chr(ord("a") + number % 26) for number in range(200))
    rows = [line[start : start + width] for start in range(0, len(line), width)]
    echo = rows[0][8:] + "".join(f"{row[0]}\r{row}" for row in rows[1:])
    assert shows_line(echo.encode(), line[:8], line[8:])


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize(
    "echo", [b"ls -l", b"\rprompt# ls -l", b"ls\r\r\n\x1b[A\rprompt# ls -l", b"ls\n\x1b[A\rprompt# ls -l"]
)
def test_an_echo_that_arrives_in_pieces(echo: bytes, size: int) -> None:
    assert shows_line(echo, "prompt# ", "ls -l")
    reader = EchoReader("prompt# ", "ls -l")
    for at in range(0, len(echo), size):
        assert not reader.shows_line
        reader.feed(echo[at : at + size])
    assert reader.shows_line


def test_an_echo_of_fish_that_fills_the_row() -> None:
    """fish moves down and up again, and then draws the row a second time."""
    typed = "x" * 72
    echo = typed.encode() + b"\r\r\n\x1b[A\x1b[8C" + typed.encode() + b"\r\r\n\x1b[A\x1b[8C\x1b[72C"
    assert shows_line(echo, "prompt# ", typed, (80,))
    assert not shows_line(echo, "prompt# ", f"{typed}x", (80,))


async def test_output_after_a_long_line_that_was_erased_starts_on_its_own_line(tmp_path: Path) -> None:
    """At ^U, bash clears each row from the top and returns to the first: rows of blanks remain on the screen."""
    async with on_pty(["bash", "--norc", "--noprofile"], tmp_path, PS1="prompt# ") as (console, _):
        await console.expect("prompt# $")
        await console.send("x" * 250)
        await console.quiet(0.3, 5)
        await console.send("\x15")
        await console.quiet(0.3, 5)
        mark = console.mark()
        await console.type_line("echo A\\B;echo C\\D")
        await console.send("\r")
        await console.expect("CD")
        await console.quiet(0.2, 5)
        assert console.since(mark)[0][-2:] == ["AB", "CD"]

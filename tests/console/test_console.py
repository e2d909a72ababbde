"""console/console.py: waiting, expecting, and keeping secrets out of the output."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import sosagent
from sosagent.console import Console
from sosagent.console.transcript import Transcript
from sosagent.transports.memory import MemoryTransport, memory_pair

pytestmark = pytest.mark.virtual_time
PASSWORD = "s3cret-Passw0rd"


def _pair() -> tuple[Console, MemoryTransport]:
    near, far = memory_pair()
    return Console(near), far


async def test_expect_resembles_pexpect() -> None:
    console, far = _pair()
    await far.write(b"Debian\r\nvm login: ")
    match = await console.expect([r"assword: $", r"(\w+) login: $", sosagent.TIMEOUT])
    assert (match.index, match.groups, match.before) == (1, ("vm",), "Debian\n")
    assert (await console.expect([sosagent.TIMEOUT, "x"], 0.01)).index == 0
    await far.aclose()
    assert (await console.expect(["x", sosagent.EOF])).index == 1


async def test_every_wait_ends_with_the_last_lines() -> None:
    console, far = _pair()
    await far.write(b"booting\x1b[31m\r\nstill ")
    with pytest.raises(sosagent.DeadlineExceeded) as caught:
        await console.expect("never", 0.02)
    assert caught.value.tail == ("booting", "still ")
    console.set_deadline(0.02)
    for wait in (console.receive(9), console.expect("x", 9), console.quiet(9, 9), console.type_line("x")):
        with pytest.raises(sosagent.DeadlineExceeded, match="deadline"):
            await wait


async def test_a_cancelled_read_loses_nothing() -> None:
    console, far = _pair()
    task = asyncio.ensure_future(console.expect("word"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await far.write(b"word")
    assert (await console.expect("word")).text == "word"


async def test_the_echo_of_a_secret_is_not_kept(tmp_path: Path) -> None:
    near, far = memory_pair()
    cast = tmp_path / "cast"
    console = Console(near, transcript=Transcript(cast, "t"))
    await far.write(b"Password: ")
    await console.expect("Password: $")
    await console.send_secret(sosagent.Secret(PASSWORD))
    assert await far.read() == PASSWORD.encode() + b"\r"
    for part in (PASSWORD[:4], PASSWORD[4:] + "\r", "\nLast login\r\n# "):
        await far.write(part.encode())
    await console.expect("# $")
    await console.aclose()
    assert PASSWORD[:5] not in cast.read_text() + "".join(console.tail())
    assert console.tail()[-2:] == ("Last login", "# ")


@pytest.mark.parametrize("size", [1, 3, 100])
async def test_a_secret_that_is_quoted_later_is_replaced(tmp_path: Path, size: int) -> None:
    """A password that was typed at a shell: the shell names the unknown command."""
    near, far = memory_pair()
    cast = tmp_path / "cast"
    console = Console(near, transcript=Transcript(cast, "x"))
    console.set_deadline(10)
    await far.write(b"system> ")
    await console.expect("> $")
    await console.send_secret(sosagent.Secret(PASSWORD))
    reply = f"{PASSWORD}\r\nInvalid command: <<{PASSWORD}>>\r\nsh: {PASSWORD}: not found\r\nsystem> ".encode()
    for at in range(0, len(reply), size):
        await far.write(reply[at : at + size])
    await console.expect("system> $")
    assert any("(a secret)" in line for line in console.tail())
    assert PASSWORD not in "".join(console.tail()) + console.output.decode() + cast.read_text()
    await console.aclose()


async def test_ten_megabytes_without_a_newline() -> None:
    near, far = memory_pair()
    console = Console(near)
    console.set_deadline(60)
    for _ in range(160):
        await far.write(b"x" * 65536)
    await far.write(b"\r\nvm login: ")
    await console.expect("login: $", 50)
    assert console.bytes_received > 10_000_000
    assert sum(map(len, console.tail())) < 10_000


async def test_a_kernel_line_before_the_echo_does_not_end_the_mask() -> None:
    console, far = _pair()
    await console.send_secret(sosagent.Secret(PASSWORD))
    for part in (
        b"[   12.345678] usb 1-1: new",
        b" device\r\n[   12.4] again\r\n",
        PASSWORD.encode() + b"\r\n",
        b"in\r\n# ",
    ):
        await far.write(part)
        await console.receive(1)
    assert PASSWORD not in str(console.tail())
    assert PASSWORD.encode() not in console.output
    assert console.tail()[-2:] == ("in", "# ")


async def test_kernel_lines_can_be_ignored_while_waiting() -> None:
    console, far = _pair()
    await far.write(b"[   12.345678] usb 1-1: new device\r\n")
    assert await console.receive(1, ignore_kernel=True) is None
    assert console.received_only_kernel
    await far.write(b"[   13.345678] usb 1-1: new device\r\n")
    await far.write(b"# ")
    assert await console.receive(1, ignore_kernel=True) == b"# "
    assert not console.received_only_kernel


async def test_quiet_waits_until_nothing_comes() -> None:
    console, far = _pair()

    async def print_dots(count: int) -> None:
        for _ in range(count):
            await asyncio.sleep(0.2)
            await far.write(b".")

    for count, is_quiet, shown in ((5, True, "....."), (20, False, "." * 10)):
        console.skip()
        printing = asyncio.ensure_future(print_dots(count))
        mark = console.mark_before_open_line()
        assert await console.quiet(0.5, 2.0) == is_quiet
        assert shown in console.since(mark)[1]
        await printing
        await console.quiet(0.5, 2.0)


async def test_the_start_of_a_kernel_line_is_pending() -> None:
    console, far = _pair()
    await far.write(b"Password: [   12.3")
    await console.receive(1)
    assert (console.kernel_line_pending, console.open_line) == (True, "Password: ")
    await far.write(b"45678] usb 1-1: new device\r\n")
    await console.receive(1)
    assert (console.kernel_line_pending, console.open_line) == (False, "Password: ")


async def test_the_tail_in_private_shows_a_placeholder() -> None:
    console, far = _pair()
    with console.unrecorded():
        await far.write(b"key contents\r\nmore")
        await console.receive(1)
        assert console.tail() == ("(not recorded)",)

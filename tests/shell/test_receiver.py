"""remote/receiver.sh in real shells on real ptys, driven by `Shell`."""

from __future__ import annotations

import asyncio
import random
import termios
from pathlib import Path

import pytest

import sosagent
from sosagent.console import Console
from sosagent.shell.frame import END, Ended, Reply, ReplyReader, checked, request
from sosagent.shell.shell import Result
from sosagent.shell.start_line import MODES_SAVED, start_line

from ..conftest import processes_of, until
from ..support.ptys import bring_up, collector, on_pty, receiver, verified_shell


async def test_output_and_status_are_exact(sh: list[str], tmp_path: Path) -> None:
    async with verified_shell(sh, tmp_path) as (shell, _):
        assert await shell.run("echo one;echo two >&2;exit 3") == Result(3, b"one\ntwo")
        assert await shell.run(":") == Result(0, b"")
        assert (await shell.run("printf '%s\\n' '=3 0 1 2' ':x' '  y'")).lines == ["=3 0 1 2", ":x", "  y"]
        assert (await shell.run("printf 'caf\\303\\251 \\377'")).output == b"caf\xc3\xa9 \xff"
        assert (await shell.run("printf 'a\\r\\nb\\\\c'")).output == b"a\r\nb\\c"
        assert (await shell.run("x=1;echo $HOME")).output == str(tmp_path).encode()
        big = (await shell.run("i=0;while [ $i -lt 3000 ];do echo line $i of many;i=$((i+1));done")).lines
        assert big == [f"line {number} of many" for number in range(3000)]
        assert (await shell.run("cat;echo end")).output == b"end"  # its standard input is empty
        await shell.close()


def unusual_seconds() -> int:
    """Return a number by which a test recognises its own sleep among those of other tests."""
    return random.SystemRandom().randrange(10_000, 99_999)


async def test_a_long_program_of_many_lines(sh: list[str], tmp_path: Path) -> None:
    words = " ".join(f"word{number}" for number in range(600))
    async with verified_shell(sh, tmp_path) as (shell, _):
        assert (await shell.run(f"echo {words}")).output.decode() == words
        await shell.close()


async def test_tty_modes_are_restored_and_no_process_stays(sh: list[str], tmp_path: Path) -> None:
    seconds = unusual_seconds()
    start = start_line("7f3a", replace=False, modes=MODES_SAVED)
    async with on_pty(["dash", "-i"], tmp_path, PS1="prompt# ") as (console, transport):
        await console.expect("prompt# $")
        before = transport.modes
        (tmp_path / "collector").write_text(collector(start))
        await console.send(f"{' '.join(sh)} {tmp_path}/collector\r")
        await console.expect(start.ready)
        local, control = transport.modes[3], transport.modes[6]
        assert not local & (termios.ECHO | termios.ICANON | termios.ISIG)
        # A read ends after 25.5 s of silence (termios(3)), and with it a shell whose line has died.
        assert [control[termios.VMIN], control[termios.VTIME]] == [0, 255]
        await bring_up(console, receiver(seconds))
        await until(lambda: processes_of(f"sleep {seconds}"))
        await console.send(END)
        await console.expect("prompt# $")
        assert transport.modes == before
        await until(lambda: not processes_of(f"sleep {seconds}"))


async def event_after(console: Console, reader: ReplyReader, data: bytes, kind: type) -> object:
    """Send `data` and return the first event of `kind`."""
    await console.send(data)
    while (received := await console.receive(10)) is not None:
        for event in reader.feed(received):
            if isinstance(event, kind):
                return event
    raise AssertionError(console.tail())


@pytest.mark.damages
async def test_a_damaged_request_does_not_run_and_a_repeated_one_runs_once(sh: list[str], tmp_path: Path) -> None:
    start = start_line("7f3a", replace=False, modes=MODES_SAVED)
    done = tmp_path / "done"
    good = request(0, f"echo x >>{done};echo ran")
    choice = random.Random(1)
    async with on_pty([*sh, "-c", collector(start)], tmp_path) as (console, _):
        await console.expect(start.ready)
        reader = await bring_up(console, receiver())
        for _ in range(25):
            bad = bytearray(good)
            at = choice.randrange(len(bad) - 1)
            if choice.random() < 0.4:
                del bad[at]
            elif choice.random() < 0.5:
                bad.insert(at, bad[at])
            else:
                bad[at] ^= 1 << choice.randrange(7)
            # The Enter ends a line that was split or joined by the damage; the rest asks for an answer.
            event = await event_after(console, reader, bytes(bad) + b"\r]\r", Reply)
            assert isinstance(event, Reply)
            assert event.number == 0, bytes(bad)
            assert not done.exists(), bytes(bad)
            await console.quiet(0.05, 1)
            reader.feed(b"\n")
        for _ in range(3):
            event = await event_after(console, reader, good, Reply)
            assert event == Reply(1, 0, b"ran")
        assert done.read_text() == "x\n"
        assert isinstance(await event_after(console, reader, END, Ended), Ended)


async def test_a_damaged_receiver_is_not_evaluated(sh: list[str], tmp_path: Path) -> None:
    start = start_line("7f3a", replace=False, modes=MODES_SAVED)
    good = checked(receiver())
    async with on_pty([*sh, "-c", collector(start)], tmp_path) as (console, _):
        await console.expect(start.ready)
        for at in range(0, len(good) - 1, 41):
            bad = good[:at] + good[at + 1 :]
            await console.send(b"\r\r" + bad)
            with pytest.raises(sosagent.DeadlineExceeded):
                await console.expect("=R", 0.03)
        await console.send(b"\r\r")
        await bring_up(console, receiver())


async def test_the_dead_mans_switch_ends_a_silent_and_a_busy_shell(sh: list[str], tmp_path: Path) -> None:
    sleep = f"sleep {unusual_seconds()}"
    for program in ("", sleep):
        async with verified_shell(sh, tmp_path, seconds=3) as (shell, transport):
            if program:
                task = asyncio.create_task(shell.run(program))
                await until(lambda: processes_of(sleep))
                with pytest.raises(sosagent.EndpointLost):
                    await task
            else:
                await shell.run(":")
                with pytest.raises(sosagent.EndpointLost):
                    while True:
                        await shell.console.receive(10)
            await until(lambda: not transport.child.isalive())
            await until(lambda: not processes_of(sleep))


async def test_the_watchdog_ends_a_program_that_hangs(sh: list[str], tmp_path: Path) -> None:
    sleep = f"sleep {unusual_seconds()}"
    async with verified_shell(sh, tmp_path, patience=1) as (shell, _):
        result = await shell.run(f"exec {sleep}")
        assert result.status == 128 + 9
        assert (await shell.run("echo alive")).output.endswith(b"alive")
        await until(lambda: not processes_of(sleep))
        await shell.close()


async def test_close_ends_a_shell_that_has_no_receiver_yet(sh: list[str], tmp_path: Path) -> None:
    async with verified_shell(sh, tmp_path) as (shell, transport):
        await shell.console.send(")half a line")
        await shell.close()
        await until(lambda: not transport.child.isalive())


async def test_close_after_part_of_a_request(sh: list[str], tmp_path: Path) -> None:
    async with verified_shell(sh, tmp_path) as (shell, transport):
        await shell.run(":")
        await shell.console.send(")echo half")
        await shell.close()
        await until(lambda: not transport.child.isalive())

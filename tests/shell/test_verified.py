"""shell/verified.py in virtual time: requests, retries and the end of the shell, with a receiver in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest

import sosagent
from sosagent.console import Console
from sosagent.shell.shell import Result, Shell
from sosagent.transports.memory import memory_pair

from ..support.receiver import Ran, SimulatedReceiver

pytestmark = pytest.mark.virtual_time


def echo(text: str) -> Ran:
    """Run ``echo TEXT``; ``slow`` takes 20 s."""
    return Ran(text.removeprefix("echo "), seconds=20 if "slow" in text else 0)


@asynccontextmanager
async def connected(program: Callable[[str], Ran] = echo) -> AsyncIterator[tuple[Shell, SimulatedReceiver]]:
    """A shell whose start line was entered, and the simulated collector."""
    near, far = memory_pair()
    receiver = SimulatedReceiver(far, program)
    task = asyncio.create_task(receiver.serve())
    async with Console(near) as console:
        console.set_deadline(600)
        shell = Shell(console, replace=True, keep_modes=False, dead_man=60)
        shell.adopt_collector()
        yield shell, receiver
    task.cancel()


def first(count: int, change: Callable[[str], str]) -> Callable[[str], str]:
    """Apply `change` to the first `count` texts only."""
    remaining: Iterator[int] = iter(range(count))
    return lambda text: change(text) if next(remaining, None) is not None else text


async def test_run_returns_status_and_output() -> None:
    async with connected(lambda text: Ran("one\ntwo", 3)) as (shell, receiver):
        assert await shell.run("x") == Result(3, b"one\ntwo")
        assert await shell.run("y") == Result(3, b"one\ntwo")
        await shell.close()
        assert (receiver.programs, receiver.ended, shell.started) == (["x", "y"], True, False)


async def test_receiver_and_first_program_take_one_exchange() -> None:
    async with connected() as (shell, _):
        before = shell.console.exchanges
        await shell.run("echo one")
        assert shell.console.exchanges == before + 1


async def test_damaged_receiver_is_sent_again() -> None:
    async with connected() as (shell, receiver):
        receiver.damage_in = first(1, lambda line: line[:-5])
        assert (await shell.run("echo one")).output == b"one"
        assert receiver.programs == ["echo one"]


async def test_damaged_program_is_sent_again_and_runs_once() -> None:
    async with connected() as (shell, receiver):
        await shell.run("echo one")
        receiver.damage_in = first(1, lambda line: line.replace("t", "T"))
        assert (await shell.run("echo two")).output == b"two"
        assert receiver.programs == ["echo one", "echo two"]


async def test_damaged_reply_is_asked_for_and_the_program_runs_once() -> None:
    async with connected() as (shell, receiver):
        await shell.run("echo one")
        receiver.damage_out = first(3, lambda reply: reply.replace("w", "v"))
        assert (await shell.run("echo two")).output == b"two"
        assert receiver.programs == ["echo one", "echo two"]


async def test_lost_reply_is_asked_for() -> None:
    async with connected() as (shell, receiver):
        await shell.run("echo one")
        receiver.damage_out = first(2, lambda reply: "")
        assert (await shell.run("echo two")).output == b"two"
        assert receiver.programs == ["echo one", "echo two"]


async def test_slow_program_is_waited_for() -> None:
    async with connected() as (shell, receiver):
        loop = asyncio.get_running_loop()
        started = loop.time()
        assert (await shell.run("echo slow")).output == b"slow"
        assert 20 <= loop.time() - started < 30
        assert receiver.programs == ["echo slow"]


async def test_late_replies_are_not_taken_for_damage() -> None:
    """A busy machine replies to every question about a slow program, when the next request is under way."""
    async with connected() as (shell, receiver):
        for number in range(3):
            assert (await shell.run(f"echo slow {number}")).output == f"slow {number}".encode()
            assert (await shell.run(f"echo quick {number}")).output == f"quick {number}".encode()
            assert receiver.sent_lines.count(f")echo quick {number}") == 1
        assert shell.console.pacer.pace == 0


async def test_a_damaged_request_behind_late_replies_is_sent_again() -> None:
    async with connected() as (shell, receiver):
        await shell.run("echo slow")
        receiver.damage_in = first(1, lambda line: line.replace("t", "T"))
        assert (await shell.run("echo two")).output == b"two"
        assert receiver.programs == ["echo slow", "echo two"]


async def test_lost_replies_do_not_hide_later_damage() -> None:
    async with connected() as (shell, receiver):
        receiver.damage_out = first(4, lambda reply: "")
        await shell.run("echo slow")
        for number in range(3):
            receiver.damage_in = first(1, lambda line: line.replace("t", "T"))
            assert (await shell.run(f"echo two {number}")).output == f"two {number}".encode()
        assert len(receiver.programs) == 4


async def test_work_seconds_delay_the_first_question() -> None:
    async with connected() as (shell, receiver):
        await shell.run("echo one")
        receiver.sent_lines.clear()
        await shell.run("echo slow", work_seconds=30)
        assert "]" not in receiver.sent_lines
        await shell.run("echo slow 2")
        await asyncio.sleep(0.1)  # the questions are read when the program has ended
        assert "]" in receiver.sent_lines


async def test_late_reply_is_not_taken_for_the_next_one() -> None:
    """Questions about a slow program bring its reply more than once."""
    async with connected() as (shell, _):
        await shell.run("echo slow")
        assert (await shell.run("echo two", tries=1)).output == b"two"
        assert (await shell.run("echo three")).output == b"three"


async def test_program_that_never_arrives_is_reported_as_not_run() -> None:
    async with connected() as (shell, receiver):
        await shell.run("echo one")
        receiver.damage_in = lambda line: line.replace("two", "tow")
        with pytest.raises(sosagent.LineDamaged, match="was not run") as caught:
            await shell.run("echo two")
        assert "The line damaged" in caught.value.hint
        assert receiver.programs == ["echo one"]
        assert (await shell.run("echo three")).output == b"three"


async def test_reply_that_never_arrives_is_reported_as_unknown() -> None:
    async with connected() as (shell, receiver):
        await shell.run("echo one")
        receiver.damage_out = lambda reply: reply.replace("w", "v")
        with pytest.raises(sosagent.NotVerified, match="did not arrive intact"):
            await shell.run("echo two", tries=3)
        assert receiver.programs == ["echo one", "echo two"]
        receiver.damage_out = lambda reply: reply
        assert (await shell.run("echo three")).output == b"three"


async def test_program_that_never_ends_is_reported_as_unknown() -> None:
    async with connected(lambda text: Ran(seconds=500 if text == "hang" else 0)) as (shell, _):
        await shell.run("echo one")
        with pytest.raises(sosagent.NotVerified):
            await shell.run("hang")


async def test_receiver_that_never_arrives_is_called_damage_only_if_damage_was_seen() -> None:
    for seen in (False, True):
        async with connected() as (shell, receiver):
            receiver.damage_in = lambda line: line[:-1]
            if seen:
                shell.console.pacer.note_damage()
            expected = sosagent.LineDamaged if seen else sosagent.ConsoleStateUnknown
            with pytest.raises(expected, match="nothing was changed") as raised:
                await shell.run("echo one")
            assert ("damage" in raised.value.message) == seen
            assert ("Lower its speed" in raised.value.hint) == seen


async def test_machine_without_cksum_is_adapted_to() -> None:
    """The receiver that it prints intact is run; one that differs is sent again."""
    async with connected() as (shell, receiver):
        receiver.tool = "md5sum"
        receiver.damage_out = first(3, lambda reply: reply.replace("export", "expert"))
        assert (await shell.run("echo one")).output == b"one"
        assert (await shell.run("echo two")).output == b"two"
        assert receiver.programs == ["echo one", "echo two"]
        assert receiver.sent_lines.count("]G") == 1
        await shell.close()


@pytest.mark.parametrize(
    ("shown", "error"),
    [
        ("\n\nDebian GNU/Linux 12 vm ttyS0\n\nvm login: ", sosagent.MachineRestarted),
        ("[    0.000000] Linux version 6.1.0\n", sosagent.MachineRestarted),
        ("[  OK  ] Reached target reboot.target\n", sosagent.MachineRestarted),
        ("[SOS Session Busy]\n", sosagent.EndpointBusy),
        ("already active on another session\n", sosagent.EndpointBusy),
    ],
)
async def test_console_that_is_gone_ends_the_job(shown: str, error: type[sosagent.ConsoleError]) -> None:
    async with connected() as (shell, receiver):
        await shell.run("echo one")
        receiver.ended = True
        await receiver.say(shown)
        await asyncio.sleep(0.1)
        task = asyncio.create_task(shell.run("echo two"))
        await asyncio.sleep(0.5)
        await receiver.say(shown)
        with pytest.raises(error):
            await task


@pytest.mark.parametrize(
    "shown", ["reboot: x\n", "Linux version 6.1.0\n", "[  OK  ] Reached target x\n", "\nweb-1 login: "]
)
async def test_output_that_looks_like_a_restart_does_not_end_the_job(shown: str) -> None:
    """Another program prints it while ours runs, and our shell still answers."""
    async with connected(lambda text: Ran(text.removeprefix("echo "), seconds=6)) as (shell, receiver):
        task = asyncio.create_task(shell.run("echo two"))
        await asyncio.sleep(0.5)
        await receiver.say(shown)
        assert (await task).output == b"two"


async def cancel_run(shell: Shell, text: str) -> None:
    """Run a program, and cancel it after 3 s."""
    task = asyncio.create_task(shell.run(text))
    await asyncio.sleep(3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_cancelled_program_is_waited_for_before_the_next() -> None:
    async with connected() as (shell, receiver):
        await cancel_run(shell, "echo slow")
        assert (await shell.run("echo two")).output == b"two"
        assert receiver.programs == ["echo slow", "echo two"]


async def test_close_after_a_cancelled_program() -> None:
    async with connected() as (shell, receiver):
        await cancel_run(shell, "echo slow")
        await shell.close()
        assert receiver.ended


async def test_close_does_not_ask_again_for_a_reply_that_arrives() -> None:
    """At 9600 baud, a piece of a file takes 12 s."""
    async with connected(lambda text: Ran("x" * 9000)) as (shell, receiver):
        await shell.run("one")
        print_at_once = receiver.say

        async def print_slowly(text: str) -> None:
            for at in range(0, len(text), 96):
                await print_at_once(text[at : at + 96])
                await asyncio.sleep(0.1)

        receiver.say = print_slowly  # type: ignore[method-assign]
        await cancel_run(shell, "two")
        await shell.close()
        assert receiver.ended and "]" not in receiver.sent_lines


async def test_close_sends_the_receiver_if_none_runs() -> None:
    """The collector itself would end only after some silence."""
    async with connected() as (shell, receiver):
        await shell.close()
        assert receiver.ended


async def test_close_repeats_a_lost_end() -> None:
    async with connected() as (shell, receiver):
        await shell.run("echo one")
        receiver.damage_in = first(4, lambda line: line[:-1])
        await shell.close()
        assert receiver.ended


async def test_close_sees_the_prompt_if_the_confirmation_is_lost() -> None:
    async with connected() as (shell, receiver):
        await shell.run("echo one")
        receiver.damage_out = lambda reply: reply.replace("=Z", "-Z")
        await shell.close()
        assert receiver.sent_lines.count("]Z") == 1


async def test_close_without_a_confirmation_is_an_error() -> None:
    async with connected() as (shell, receiver):
        await shell.run("echo one")
        receiver.prompt = None
        with pytest.raises(sosagent.ConsoleStateUnknown, match="did not confirm"):
            await shell.close()


async def test_close_without_a_start_sends_nothing() -> None:
    near, _ = memory_pair()
    async with Console(near) as console:
        await Shell(console, replace=True, keep_modes=False, dead_man=60).close()
        assert console.bytes_sent == 0


async def test_line_speed_is_learnt_from_a_long_program() -> None:
    async with connected() as (shell, _):
        await shell.run("echo " + "x" * 3000)
        assert 0 <= shell.byte_seconds < 0.001

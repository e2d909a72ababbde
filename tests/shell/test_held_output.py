"""Replies that do not arrive intact as a whole: their output is fetched in portions, and the program runs once."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import sosagent
from sosagent.console import Console
from sosagent.shell.frame import Reply, ReplyReader, cksum
from sosagent.shell.held_output import HOLDS
from sosagent.shell.programs import program
from sosagent.shell.shell import Result, Shell
from sosagent.shell.start_line import MODES_SAVED, start_line
from sosagent.transports.memory import memory_pair

from ..support.ptys import collector, on_pty, verified_shell
from ..support.receiver import Ran, SimulatedReceiver

_WORDS = "words of a line that is longer than a screen of eighty columns is wide, as sshd prints some"
_LINES = [f"line {number} {_WORDS}" for number in range(200)]
#: Notes that it runs, and prints `_LINES`.
_PROGRAM = f'echo x >>~/ran;i=0;while [ $i -lt 200 ];do echo "line $i {_WORDS}";i=$((i+1));done;exit 3'


def with_room(room: int) -> Callable[[bytes], bytes]:
    """Let a reply of more than `room` bytes lose its middle: everything after them, up to its last line."""
    partial, size = b"", 0

    def change(data: bytes) -> bytes:
        nonlocal partial, size
        *lines, partial = (partial + data).split(b"\n")
        kept = b""
        for line in lines:
            size = (0 if line.startswith(b":") else size) + len(line) + 1
            if size <= room or line.startswith(b"="):
                kept += line + b"\n"
        return kept

    return change


@pytest.mark.damages
async def test_a_console_with_little_room(sh: list[str], tmp_path: Path) -> None:
    async with verified_shell(sh, tmp_path) as (shell, transport):
        assert await shell.run("echo one") == Result(0, b"one")
        transport.change = with_room(900)
        assert (await shell.run(_PROGRAM)).lines == _LINES
        assert (tmp_path / "ran").read_text() == "x\n"
        # Every byte, and an end with newlines inside a portion.
        octal = "".join(f"\\{number:03o}" for number in range(1, 256))
        text = f"printf '{octal}{octal}\\n\\n\\n{octal}{octal}'"
        assert (await shell.run(text)).output == bytes(range(1, 256)) * 2 + b"\n\n\n" + bytes(range(1, 256)) * 2
        assert (await shell.run("echo two;exit 9")) == Result(9, b"two")
        await shell.close()


@pytest.mark.damages
async def test_a_machine_without_tools_prints_portions_by_its_shell(
    sh: list[str], tmp_path: Path, few_programs: str
) -> None:
    for name in ("od", "head"):
        Path(few_programs, name).unlink()
    path = {"PATH": few_programs}
    shell_path = subprocess.check_output(["/bin/sh", "-c", f"command -v {sh[0]}"], text=True).strip()
    async with verified_shell([shell_path, *sh[1:]], tmp_path, env=path) as (shell, transport):
        assert await shell.run("echo one") == Result(0, b"one")
        transport.change = with_room(400)
        result = await shell.run(_PROGRAM)
        assert (result.status, result.lines) == (3, _LINES)
        assert (tmp_path / "ran").read_text() == "x\n"
        await shell.close()


@pytest.mark.damages
async def test_a_portion_that_does_not_arrive_is_fetched_in_smaller_ones(tmp_path: Path) -> None:
    async with verified_shell(["dash"], tmp_path) as (shell, transport):
        assert await shell.run("echo one") == Result(0, b"one")
        transport.change = with_room(250)  # 64 bytes need 200
        assert (await shell.run(f"echo x >>~/ran;echo '{_WORDS}';echo '{_WORDS * 8}'")).lines == [_WORDS, _WORDS * 8]
        assert (tmp_path / "ran").read_text() == "x\n"
        transport.change = with_room(60)
        with pytest.raises(sosagent.NotVerified, match="did not arrive intact"):
            await shell.run(f"echo '{_WORDS}'")
        transport.change = bytes
        assert await shell.run("echo two") == Result(0, b"two")
        await shell.close()


@pytest.mark.damages
async def test_a_program_that_exits_like_one_for_portions_is_not_taken_for_its_predecessor(tmp_path: Path) -> None:
    async with verified_shell(["dash"], tmp_path) as (shell, transport):
        assert await shell.run("echo one") == Result(0, b"one")
        transport.change = with_room(300)
        with pytest.raises(sosagent.NotVerified, match="did not arrive intact"):
            await shell.run(f"echo '{_WORDS * 4}';exit {HOLDS}")
        assert (await shell.run(f"echo '{_WORDS * 4}'")).output.decode() == _WORDS * 4
        await shell.close()


# -- terminal multiplexers ------------------------------------------------------------------------


def _screen(folder: Path, command: str) -> list[str]:
    return ["screen", "-c", "/dev/null", "/bin/sh", "-c", command]


def _tmux(folder: Path, command: str) -> list[str]:
    return ["tmux", "-S", f"{folder}/tmux", "-f", "/dev/null", "new-session", command]


@pytest.mark.damages
@pytest.mark.parametrize("multiplexer", [_screen, _tmux])
async def test_inside_a_terminal_multiplexer(multiplexer: Callable[[Path, str], Sequence[str]], tmp_path: Path) -> None:
    """Both skip lines that come faster than they draw, and tmux draws each line at its place."""
    start = start_line("7f3a", replace=False, modes=MODES_SAVED)
    (tmp_path / "collector").write_text(collector(start))
    (tmp_path / "sockets").mkdir(mode=0o700)
    command = multiplexer(tmp_path, f"exec /bin/sh {tmp_path}/collector")
    async with on_pty(command, tmp_path, SCREENDIR=f"{tmp_path}/sockets") as (console, _):
        console.set_deadline(180)
        await console.expect(start.ready)
        shell = Shell(console, replace=False, keep_modes=True, dead_man=180, patience=60)
        shell.adopt_collector()
        result = await shell.run(_PROGRAM)
        assert (result.status, result.lines) == (3, _LINES)
        assert (tmp_path / "ran").read_text() == "x\n"
        assert (await shell.run("printf 'a\\n\\nb\\tc'")).output == b"a\n\nb\tc"
        await shell.close()


_DRAWN = [
    b":one\x1b[K\r\ntwo\x1b[K\r\n\x1b[K\x1b[1;24r\x1b[23;1H\x1b[1;23r\x1b[23;1H\n\x1b[A%s\r\n\x1b[K",
    b"\x1b[1;23r\x1b[23;1H\n\n\n\x1b[4A:one\r\ntwo\x1b[K\r\n%s\x1b[K\r\n",
    b"\x1b[5;1H:one\x1b[6;1Htwo\x1b[7;1H%s\x1b[8;1H\r\n",
    b"\x1b(B\x0f\x1b[m:one\x1b[0m\r\n\x1b[1;31mtwo\x1b[m\r\n%s\r\n",
    b"\x1b[5d:one\r\n[   12.345678] usb 1-1: new\r\ntwo\x1b[K\r\n%s\x1b[K\r\n",
]


@pytest.mark.parametrize("size", [1, 7, 4096])
@pytest.mark.parametrize("drawn", _DRAWN)
def test_a_reply_that_a_multiplexer_draws(drawn: bytes, size: int) -> None:
    data = drawn % f"=4 0 {cksum(b'4 0 one' + bytes([10]) + b'two')}".encode()
    reader = ReplyReader()
    events = [event for at in range(0, len(data), size) for event in reader.feed(data[at : at + size])]
    assert events == [Reply(4, 0, b"one\ntwo")]


def test_escape_sequences_of_the_output_itself_stay() -> None:
    output = b"\x1b[31mred\x1b[m\n\x1b[5;1H:x"
    reader = ReplyReader()
    data = b":" + output.replace(b"\n", b"\r\n") + f"\r\n=1 0 {cksum(b'1 0 ' + output)}\r\n".encode()
    assert reader.feed(data) == [Reply(1, 0, output)]


# -- in virtual time ------------------------------------------------------------------------------


class _Machine:
    """Runs programs in a real /bin/sh as remote/receiver.sh does, with the output that it holds."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self._held, self._status = b"", 0

    def run(self, text: str) -> Ran:
        """Run a program; its output is ASCII."""
        self.ran.append(text)
        before = f"r={self._status};{program('sum_with_cksum')};"
        done = subprocess.run(
            ["/bin/sh", "-c", before + text], env={"p": self._held.decode(), "PATH": "/usr/bin:/bin"},
            stdout=subprocess.PIPE, check=False,
        )  # fmt: skip
        output = done.stdout.rstrip(b"\n")
        self._status = done.returncode
        if done.returncode != HOLDS:
            self._held = output
        return Ran(output.decode(), done.returncode)


@asynccontextmanager
async def _connected() -> AsyncIterator[tuple[Shell, SimulatedReceiver, _Machine]]:
    near, far = memory_pair()
    machine = _Machine()
    receiver = SimulatedReceiver(far, machine.run)
    task = asyncio.create_task(receiver.serve())
    async with Console(near) as console:
        console.set_deadline(600)
        shell = Shell(console, replace=True, keep_modes=False, dead_man=600)
        shell.adopt_collector()
        yield shell, receiver, machine
    task.cancel()


def _without_middle(most: int) -> Callable[[str], str]:
    return lambda reply: reply if len(reply) <= most else reply[: most // 2] + reply[-most // 2 :]


def _without_end(most: int) -> Callable[[str], str]:
    return lambda reply: reply[:most]


_LOSSES = [_without_middle(1500), _without_middle(900), _without_middle(300), _without_end(1500), _without_end(250)]


@pytest.mark.virtual_time
@pytest.mark.parametrize("loss", _LOSSES)
async def test_a_burst_loses_a_part(loss: Callable[[str], str]) -> None:
    text = "i=0;while [ $i -lt 200 ];do echo number $i;i=$((i+1));done;exit 4"
    async with _connected() as (shell, receiver, machine):
        await shell.run("echo one")
        receiver.damage_out = loss
        for _ in range(2):
            result = await shell.run(text)
            assert (result.status, result.lines) == (4, [f"number {number}" for number in range(200)])
        assert machine.ran.count(text) == 2
        await shell.close()
        assert receiver.ended

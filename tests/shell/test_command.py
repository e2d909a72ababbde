"""Commands whose output is exact, in real shells."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import signal
from contextlib import suppress
from pathlib import Path

import pytest

import sosagent
from sosagent.shell import command as module
from sosagent.shell.command import Command, command_script, execute
from sosagent.shell.shell import Shell

from ..support.transfers import shell_in

BINARY = random.Random(1).randbytes(70_000)


async def run(shell: Shell, *words: str, stdin: bytes = b"", **settings: object) -> tuple[int, bytes, bytes]:
    script = command_script(words, **settings)  # type: ignore[arg-type]
    done = await execute(shell, Command(script, stdin))
    return done.status, done.stdout, done.stderr


def script(text: str) -> Command:
    return Command(command_script(text.encode()))


async def gone(found: list[int]) -> None:
    """Wait until none of these processes is alive."""
    while any(map(alive, found)):
        await asyncio.sleep(0.05)


def alive(process: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2][0] != "Z"
    return False


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> str:
    """The random part of the name of each command's folder."""
    chosen = os.urandom(6).hex()
    monkeypatch.setattr(secrets, "token_hex", lambda _: chosen)
    return chosen


async def removed(token: str) -> None:
    """Wait until the folder of a command is gone."""
    while any(Path(place, f".sosagent-{token}").exists() for place in ("/run", "/dev/shm", "/tmp", "/var/tmp")):
        await asyncio.sleep(0.05)


async def test_streams_and_status_are_exact(sh: list[str], home: Path) -> None:
    (home / "data").write_bytes(BINARY)
    async with shell_in(sh, home) as shell:
        assert await run(shell, "cat", "data") == (0, BINARY, b"")
        assert await run(shell, "sh", "-c", "cat data >&2;exit 3") == (3, b"", BINARY)
        assert await run(shell, "cat", stdin=BINARY) == (0, BINARY, b"")
        assert await run(shell, "cat") == (0, b"", b"")
        assert await run(shell, "printf", "no newline") == (0, b"no newline", b"")
        assert (await run(shell, "sh", "-c", "kill -9 $$"))[:2] == (137, b"")
        done = await execute(shell, script("echo out;echo err >&2\nexit 255"))
        assert (done.status, done.stdout, done.stderr) == (255, b"out\n", b"err\n")


async def test_every_status_is_passed_on(home: Path) -> None:
    async with shell_in(["/bin/sh"], home) as shell:
        for status in (0, 1, 2, 126, 127, 128, 137, 254, 255):
            assert (await execute(shell, script(f"exit {status}"))).status == status
        assert (await execute(shell, script("kill -TERM $$"))).status == 128 + signal.SIGTERM


async def test_words_reach_the_command_unchanged(sh: list[str], home: Path) -> None:
    odd = ["", " ", "a b", "'", '"', "\\", "$HOME", "`id`", "*", "~", "-n", "--", "a\nb", "\t", "é", "%s", "!", "\\n"]
    letters = "ab \t\n'\"\\$`!*?[]{}()<>|&;#~%-=\x01\x1b\x7fé😀"
    rest = random.Random(2)
    odd += ["".join(rest.choices(letters, k=rest.randint(1, 12))) for _ in range(200)]
    async with shell_in(sh, home) as shell:
        _, output, _ = await run(shell, "printf", r"%s\0", *odd)
        assert output.decode().split("\0")[:-1] == odd


async def test_folder_and_environment(sh: list[str], home: Path) -> None:
    (home / "a b").mkdir()
    async with shell_in(sh, home) as shell:
        assert await run(shell, "pwd") == (0, f"{home}\n".encode(), b"")
        assert await run(shell, "pwd", chdir=str(home / "a b")) == (0, f"{home}/a b\n".encode(), b"")
        status, output, complaint = await run(shell, "pwd", chdir="/no/such")
        assert (status != 0, output) == (True, b"") and b"/no/such" in complaint
        assert await run(shell, "sh", "-c", 'printf %s "$X"', env={"X": "a 'b'\n$c"}) == (0, b"a 'b'\n$c", b"")
        status, output, _ = await run(shell, "sh", "-c", "echo $PATH")
        assert output.strip().endswith(b":/bin")
    for name in ("a-b", "1", "", "a=b"):
        with pytest.raises(sosagent.UsageError, match="environment variable"):
            command_script(["true"], env={name: ""})
    with pytest.raises(sosagent.UsageError, match="NUL"):
        command_script(["a\0b"])


async def test_output_comes_while_the_command_runs(home: Path) -> None:
    async with shell_in(["/bin/sh"], home) as shell:
        pipe = home / "pipe"
        os.mkfifo(pipe)
        seen: list[tuple[str, bytes]] = []

        def on_output(stream: str, data: bytes) -> None:
            seen.append((stream, data))
            if len(seen) == 1:
                os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))  # the command goes on

        done = await execute(shell, script(f"echo first\ncat {pipe}\necho second >&2"), on_output)
        assert seen == [("stdout", b"first\n"), ("stderr", b"second\n")]
        assert done.status == 0


async def test_long_scripts_and_inputs_are_copied(home: Path) -> None:
    async with shell_in(["/bin/sh"], home) as shell:
        long = "".join(f"x{number}=abcdefghij\n" for number in range(500)) + "echo $x499; wc -c\n"
        done = await execute(shell, Command(command_script(long.encode()), BINARY[:6000]))
        assert done.stdout.split() == [b"abcdefghij", b"6000"]


@pytest.mark.sample(3)
@pytest.mark.parametrize("stubborn", ["", "trap '' TERM HUP;"])
async def test_a_command_ends_with_the_shell(sh: list[str], home: Path, stubborn: str, token: str) -> None:
    started: list[int] = []

    def on_output(_: str, data: bytes) -> None:
        started.extend(map(int, data.split()))

    async with shell_in(sh, home) as shell:
        task = asyncio.ensure_future(
            execute(shell, script(f"{stubborn}sh -c '{stubborn}while :;do sleep 1;done' & echo $$ $!\nwait"), on_output)
        )
        while not started:
            await asyncio.sleep(0.05)
        assert all(map(alive, started))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await gone(started)
    await removed(token)


async def test_a_program_that_was_left_in_the_background_stays(home: Path, token: str) -> None:
    async with shell_in(["/bin/sh"], home) as shell:
        done = await execute(shell, script("sleep 600 >/dev/null 2>&1 & echo $!"))
    await removed(token)
    process = int(done.stdout)
    assert alive(process)
    os.kill(process, signal.SIGKILL)


async def test_too_much_output_ends_the_command(home: Path, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_OUTPUT", 1 << 20)
    async with shell_in(["/bin/sh"], home) as shell:
        with pytest.raises(sosagent.EditRefused, match="printed more than 1 MiB"):
            await execute(shell, script("yes | head -c 3000000; sleep 600"))
    await removed(token)


async def test_machines_without_base64_and_setsid(few_programs: str, home: Path, token: str) -> None:
    started: list[int] = []

    def on_output(_: str, data: bytes) -> None:
        started.append(int(data))

    async with shell_in(["/bin/sh"], home, few_programs) as shell:
        data = bytes(range(256)) * 8
        assert await run(shell, "cat", stdin=data) == (0, data, b"")
        task = asyncio.ensure_future(execute(shell, script("echo $$; exec sleep 600"), on_output))
        while not started:
            await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await gone(started)
    await removed(token)

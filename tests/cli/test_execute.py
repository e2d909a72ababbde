"""`sosagent exec` as a process, with the lab's machine."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
from pathlib import Path
from typing import BinaryIO

import pytest

import sosagent
from sosagent.lab import Lab

from ..support.forks import forked

BINARY = random.Random(3).randbytes(20_000)


async def start(
    lab: Lab, arguments: list[str], *words: str, stdin: bytes | BinaryIO | None = None
) -> asyncio.subprocess.Process:
    job = await asyncio.create_subprocess_exec(
        *forked(), "exec", *arguments, *words,
        env={**os.environ, "SOS_PASSWORD": lab.password.reveal()},
        stdin=asyncio.subprocess.PIPE if isinstance(stdin, bytes) else stdin or asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    if isinstance(stdin, bytes) and job.stdin is not None:
        job.stdin.write(stdin)
        job.stdin.close()
    return job


async def run_cli(lab: Lab, arguments: list[str], *words: str, stdin: bytes | None = None) -> tuple[int, bytes, str]:
    job = await start(lab, arguments, *words, stdin=stdin)
    assert job.stdout is not None and job.stderr is not None
    out, err, _ = await asyncio.gather(job.stdout.read(), job.stderr.read(), job.wait())
    return job.returncode or 0, out, err.decode()


async def test_streams_and_status_are_those_of_the_command(lab: Lab, arguments: list[str]) -> None:
    (lab.machine.home / "data").write_bytes(BINARY)
    assert await run_cli(lab, arguments, "--", "cat", "data") == (0, BINARY, "")
    assert await run_cli(lab, arguments, "--", "sh", "-c", "echo a; echo b >&2; exit 7") == (7, b"a\n", "b\n")
    assert await run_cli(lab, arguments, "--stdin", "--", "cat", stdin=BINARY) == (0, BINARY, "")


async def test_folder_environment_and_scripts(lab: Lab, arguments: list[str], tmp_path: Path) -> None:
    code, out, err = await run_cli(lab, arguments, "--env", "A=1 2", "--chdir", "/", "--", "sh", "-c", 'echo "$A"; pwd')
    assert (code, out, err) == (0, b"1 2\n/\n", "")
    file = tmp_path / "script"
    file.write_text("for x in 1 2; do\n  echo $x\ndone\nfalse\n")
    assert await run_cli(lab, arguments, "--script", str(file)) == (1, b"1\n2\n", "")
    assert await run_cli(lab, arguments, "--script", "-", stdin=b"echo script\n") == (0, b"script\n", "")
    code, out, err = await run_cli(lab, arguments, "--", "echo a b")
    assert code == 127 and "exec HOST -- sh -c 'echo a b'" in err


async def test_json(lab: Lab, arguments: list[str]) -> None:
    code, out, _ = await run_cli(lab, arguments, "--json", "--", "printf", "\x1b[1mé\\377")
    done = json.loads(out)
    assert (code, done["status"], done["exit_status"], done["logged_out"]) == (0, "exited", 0, True)
    assert (done["stdout"], done["stdout_base64"], done["stderr"]) == (None, "G1sxbcOp/w==", "")
    code, out, _ = await run_cli(lab, arguments, "--json", "--", "echo", "é")
    assert (code, json.loads(out)["stdout"]) == (0, "é\n")
    code, out, _ = await run_cli(lab, arguments, "--json", "--login", "nobody", "--", "true")
    assert (code, json.loads(out)["exit_status"], json.loads(out)["error"]["code"]) == (255, None, "login-refused")


async def test_input_without_an_end_is_refused(lab: Lab, arguments: list[str], tmp_path: Path) -> None:
    """It is read up to the limit only: the file is larger than any memory."""
    file = tmp_path / "endless"
    with file.open("wb") as opened:
        opened.truncate(1 << 42)
    for words in (("--script", str(file)), ("--stdin", "--", "cat")):
        with file.open("rb") as stdin:
            job = await start(lab, arguments, "-q", *words, stdin=stdin)
            out, err = await job.communicate()
        assert (job.returncode, out) == (255, b"") and "more than 16 MiB" in err.decode(), err


async def test_the_help_says_who_runs_the_command(lab: Lab, arguments: list[str]) -> None:
    _, out, _ = await run_cli(lab, [], "--help")
    assert "Run the command as NAME" in out.decode() and "authorized_keys" not in out.decode()


async def test_a_failure_before_the_command_is_255(lab: Lab, arguments: list[str], tmp_path: Path) -> None:
    for words, message in (
        ((), "no command"),
        (("--script", "x", "--", "true"), "exclude each other"),
        (("--script", str(tmp_path / "none")), "No such file"),
        (("--stdin", "--script", "-"), "both read standard input"),
        (("--env", "A", "--", "true"), "has no value"),
        (("--env", "1=2", "--", "true"), "environment variable"),
        (("--user", "a b", "--", "true"), "not a user name"),
    ):
        code, out, err = await run_cli(lab, arguments, *words)
        assert (code, out) == (255, b"") and message in err, err


@pytest.mark.sample(2)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_the_command_on_the_machine(lab: Lab, arguments: list[str], number: signal.Signals) -> None:
    job = await start(lab, arguments, "--", "sh", "-c", "echo $$; exec sleep 600")
    assert job.stdout is not None
    process = int(await job.stdout.readline())
    os.kill(process, 0)
    job.send_signal(number)
    _, err = await job.communicate()
    assert job.returncode == 255 and b"stopped by" in err
    assert b"before you run it again" in err and b"what has already been done" not in err
    while Path(f"/proc/{process}").exists():
        await asyncio.sleep(0.05)


async def test_the_time_limit_ends_the_command(lab: Lab, arguments: list[str]) -> None:
    code, out, err = await run_cli(lab, arguments, "--timeout", "5", "--", "sh", "-c", "echo $$; exec sleep 600")
    assert code == 255 and "deadline" in err and "--timeout" in err
    while Path(f"/proc/{int(out)}").exists():
        await asyncio.sleep(0.05)


async def test_exec_in_the_library(lab: Lab, lab_target: sosagent.SshTarget) -> None:
    seen: list[tuple[str, bytes]] = []
    done = await sosagent.exec(
        lab_target, ["sh", "-c", "echo a; cat >&2"], password=lab.password, stdin=b"b",
        on_output=lambda stream, data: seen.append((stream, data)),
    )  # fmt: skip
    assert (done.status, done.stdout, done.stderr, done.logged_out) == (0, b"a\n", b"b", True)
    assert sorted(seen) == [("stderr", b"b"), ("stdout", b"a\n")]
    assert (await sosagent.exec(lab_target, "exit 4\n", password=lab.password)).status == 4
    with pytest.raises(sosagent.UsageError, match="no command"):
        await sosagent.exec(lab_target, [], password=lab.password)

"""The commands as a user runs them: real processes, their output, their exit codes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

import sosagent
from sosagent.lab import Lab
from sosagent.printable import is_clean

from ..conftest import new_key, processes_of, until

COMMAND = str(Path(sys.executable).with_name("sos-addkey"))
PASSWORD = "wrong-p4ssword"


async def run(
    *arguments: object, stdin: bytes | None = None, command: str = COMMAND, **env: str
) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        command, *map(str, arguments),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **env},
    )  # fmt: skip
    out, err = await process.communicate(stdin or b"")
    assert process.returncode is not None
    assert b"Traceback" not in out + err
    return process.returncode, out.decode(), err.decode()


@pytest.fixture
def keyfile(tmp_path: Path) -> Path:
    path = tmp_path / "id.pub"
    path.write_text(new_key("me@here").line + "\n")
    return path


async def test_plain_output_for_a_pipe(arguments: list[str], keyfile: Path, lab: Lab) -> None:
    status, out, err = await run(*arguments, keyfile)
    assert (status, lab.authorized_keys.read_text()) == (0, keyfile.read_text())
    key = sosagent.parse_public_keys(keyfile.read_bytes())[0]
    assert f"  added     {key.fingerprint} me@here" in out
    assert "This should work now:  ssh root@" in out
    assert "logged in as root" in err
    assert all(map(is_clean, [*out.splitlines(), *err.splitlines()]))
    status, out, err = await run(*arguments, "-q", "-", stdin=keyfile.read_bytes())
    assert (status, err) == (0, "")
    assert "present" in out


async def test_json_is_one_object_always(arguments: list[str], keyfile: Path, tmp_path: Path) -> None:
    status, out, _ = await run(*arguments, keyfile, "--json")
    done = json.loads(out)
    assert (status, done["status"], done["error"], done["keys_after"]) == (0, "added", None, 1)
    fields = set(done)
    assert fields >= {
        "status", "host", "user", "file", "keys", "state_found", "logged_out", "keys_before", "keys_after", "machine",
        "seconds", "bytes_sent", "bytes_received", "error",
    }  # fmt: skip
    assert set(done["keys"][0]) >= {"type", "fingerprint", "comment", "result"}
    assert set(done["machine"]) == {"hostname", "machine_id"}
    failures: list[tuple[int, list[object]]] = [
        (2, [*arguments, tmp_path / "none", "--json"]),
        (2, ["--json"]),
        (2, [*arguments, keyfile, "--json", "--no-such-option"]),
        (3, ["-F", arguments[1], "--known-hosts", tmp_path / "x", "127.0.0.1:1", keyfile, "--json"]),
    ]
    for code, call in failures:
        status, out, _ = await run(*call, SOS_PASSWORD=PASSWORD)
        failed = json.loads(out)
        assert (status, failed["status"], set(failed)) == (code, "failed", fields)
        assert set(failed["error"]) == {"code", "message", "state", "hint", "tail"}


async def test_usage_errors(arguments: list[str], keyfile: Path, tmp_path: Path) -> None:
    private = tmp_path / "id"
    private.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    bad: list[tuple[list[object], str]] = [
        ([*arguments, private], "private key"),
        ([*arguments, keyfile, "--host-key", "maybe"], "strict or accept-new"),
        ([*arguments, keyfile, "--timeout", "0"], "--timeout"),
        ([*arguments, keyfile, "--transcript", "/no/such/dir/x"], "transcript"),
        (["http://x", keyfile], "unknown console type"),
        ([keyfile], "HOST"),
        ([*arguments], "KEYFILE is missing"),
        (["x@y", keyfile], "no password"),
    ]
    for call, words in bad:
        status, out, err = await run(*call)
        assert (status, out) == (2, ""), call
        assert words in err


async def test_a_wrong_password_is_exit_5_and_stands_nowhere(
    arguments: list[str], keyfile: Path, tmp_path: Path
) -> None:
    file = arguments.index("--password-file")
    call = arguments[:file] + arguments[file + 2 :]
    cast = tmp_path / "cast"
    for extra in ([], ["--json"], ["-v"]):
        status, out, err = await run(*call, keyfile, "--transcript", cast, *extra, SOS_PASSWORD=PASSWORD)
        assert status == 5
        assert PASSWORD not in out + err + cast.read_text()
        assert "Login incorrect" in out + err


async def test_the_password_is_on_no_command_line(arguments: list[str], keyfile: Path, lab: Lab) -> None:
    task = asyncio.ensure_future(run(*arguments, keyfile))
    seen = 0
    while not task.done():
        seen += len(processes_of("sos-addkey"))
        assert not processes_of(lab.password.reveal())
        await asyncio.sleep(0.01)
    assert (await task)[0] == 0
    assert seen


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("step", ["connected", "console state", "logged in", "shell ready", "added"])
async def test_a_signal_logs_out_first(
    step: str, number: signal.Signals, arguments: list[str], keyfile: Path, lab: Lab
) -> None:
    process = await asyncio.create_subprocess_exec(
        COMMAND, *arguments, str(keyfile), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    said = b""
    while step.encode() not in said:
        line = await process.stderr.readline()
        assert line, said
        said += line
    process.send_signal(number)
    _, err = await process.communicate()
    # The last step may have been the end already.
    assert process.returncode == 130 or (step == "added" and process.returncode == 0), said + err
    assert b"Traceback" not in err
    await until(lambda: lab.machine.on_output is None)
    assert lab.machine._shell is None
    assert (await run(*arguments, keyfile))[0] == 0


def test_on_a_terminal_it_asks_without_echo_and_shows_steps(keyfile: Path, tmp_path: Path) -> None:
    """The demo's lab in a process of its own, the command on a real terminal."""
    lab_command = str(Path(sys.executable).with_name("sosagent"))
    with subprocess.Popen([lab_command, "lab", "--machine", "web-1"], stdout=subprocess.PIPE, text=True) as lab:
        assert lab.stdout is not None
        try:
            lines = [lab.stdout.readline() for _ in range(6)]
            password = lines[1].split()[-1]
            words = lines[4].split()
            at = words.index("--password-file")
            call = words[1:at] + words[at + 2 : -1]
            child = pexpect.spawn(COMMAND, [*call, str(keyfile)], timeout=20, encoding="utf-8")
            child.expect("root's password on the machine: ")
            child.sendline(password)
            child.expect("logged in as root")
            child.expect("logged out")
            child.expect("This should work now")
            child.expect(pexpect.EOF)
            shown = child.before or ""
            child.close()
            assert child.exitstatus == 0
            assert password not in shown
        finally:
            lab.send_signal(signal.SIGINT)
            assert lab.wait(10) == 0


async def test_a_console_is_looked_at(arguments: list[str], lab: Lab, tmp_path: Path) -> None:
    sosagent_command = str(Path(sys.executable).with_name("sosagent"))
    file = arguments.index("--password-file")
    call = arguments[:file] + arguments[file + 2 :]
    status, out, err = await run("state", *call, "--quiet-for", "0.2", command=sosagent_command)
    assert (status, err) == (0, "")
    assert out.startswith("silent: no output from the machine\n")
    assert "SOS Session Ready" in out
    status, out, err = await run("state", *call, "--poke", "--json", command=sosagent_command)
    seen = json.loads(out)
    assert (status, seen["name"], seen["hostname"], seen["error"]) == (0, "login", "lab", None)
    assert set(seen) == {"host", "name", "title", "would", "hint", "hostname", "tail", "error"}
    svg, png = tmp_path / "a.svg", tmp_path / "a.png"
    status, out, err = await run("screen", *call, "--poke", "--svg", svg, "--png", png, command=sosagent_command)
    assert (status, out, err) == (0, "", "")
    assert "login:" in svg.read_text()
    assert png.read_bytes().startswith(b"\x89PNG")
    status, out, _ = await run("screen", *call, "--poke", "--size", "40x10", command=sosagent_command)
    assert out.rstrip().endswith("lab login:")
    for bad in (["--size", "x"], ["--svg", "/no/such/folder/x"], ["--host-key", "maybe"], ["--timeout", "0"]):
        status, out, err = await run("screen", *call, *bad, "--quiet-for", "0.1", command=sosagent_command)
        assert (status, out) == (2, ""), bad
        assert err.startswith("sosagent: ")
    status, out, err = await run("state", "-F", call[1], "--json", "127.0.0.1:1", command=sosagent_command)
    assert (status, json.loads(out)["error"]["code"]) == (3, "endpoint-unreachable")


async def test_help_version_and_completion() -> None:
    status, out, _ = await run("--help")
    assert status == 0
    for option in ("--login", "--user", "--identity", "--ssh-config", "--known-hosts", "--host-key", "--password-file",
                   "--password-command", "--timeout", "--expect-host", "--dry-run", "--json", "--transcript",
                   "--install-completion", "--become", "--become-password-file", "--take-over", "--remount",
                   "--continue-boot"):  # fmt: skip
        assert option in out
    assert (await run("--version"))[1] == f"sosagent {sosagent.__version__}\n"


async def test_what_nobody_foresaw_is_one_line(keyfile: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "sitecustomize.py").write_text(
        "import sosagent.jobs.add_key as m\nasync def add_keys(*a, **k): raise ZeroDivisionError('x\\x1b[31m')\n"
        "m.add_keys = add_keys\n"
    )
    status, out, err = await run("x@y", keyfile, PYTHONPATH=str(broken), SOS_PASSWORD=PASSWORD)
    assert (status, out) == (1, "")
    assert "unexpected error: ZeroDivisionError: x\\x1b[31m" in err
    assert PASSWORD not in err


def test_output_into_a_closed_pipe_is_no_traceback(keyfile: Path) -> None:
    done = subprocess.run(
        f"{COMMAND} --help | head -c 1",
        shell=True,
        capture_output=True,
        check=False,
        env={**os.environ, "COLUMNS": "80"},
    )
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("end", ["ctrl-c", "time limit"])
def test_a_question_that_nobody_answers_can_be_left(end: str, keyfile: Path, tmp_path: Path) -> None:
    identity = tmp_path / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", identity], check=True)
    (tmp_path / "password").write_text("x\n")
    (tmp_path / "password").chmod(0o600)
    options = ["-F", "/dev/null", "-i", str(identity), "--password-file", str(tmp_path / "password")]
    options += ["--timeout", "2" if end == "time limit" else "60"]
    child = pexpect.spawn(COMMAND, ["u@127.0.0.1:1", str(keyfile), *options], timeout=20, encoding="utf-8")
    child.expect("Passphrase of .*: ")
    child.waitnoecho()
    if end == "ctrl-c":
        child.sendintr()
    child.expect(pexpect.EOF)
    assert "Traceback" not in (child.before or "")
    child.close()
    assert child.exitstatus == (130 if end == "ctrl-c" else 8), child.before

"""`sos-addkey` and `sosagent state|screen`: output, exit codes, signals, and the terminal."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

import sosagent
from sosagent.lab import Lab, ThreadedLab, lab_in_thread
from sosagent.printable import is_clean

from ..conftest import new_key, processes_of, until
from ..support.commands import ADDKEY, SOSAGENT, invoke, run_process

PASSWORD = "wrong-p4ssword"


@pytest.fixture(scope="module")
def shared_lab() -> Iterator[ThreadedLab]:
    """One lab for all tests that run commands inside the test's process."""
    with lab_in_thread() as lab:
        yield lab


@pytest.fixture
def without_password(shared_lab: ThreadedLab) -> list[str]:
    """Options and HOST of the shared lab, without the password."""
    arguments = shared_lab.arguments
    at = arguments.index("--password-file")
    return arguments[:at] + arguments[at + 2 :]


@pytest.fixture
def keyfile(tmp_path: Path) -> Path:
    """A file with one public key."""
    path = tmp_path / "id.pub"
    path.write_text(new_key("me@here").line + "\n")
    return path


async def test_plain_output_to_a_pipe(arguments: list[str], keyfile: Path, lab: Lab) -> None:
    status, out, err = await run_process(*arguments, keyfile)
    assert (status, lab.authorized_keys.read_text()) == (0, keyfile.read_text())
    key = sosagent.parse_public_keys(keyfile.read_bytes())[0]
    assert f"  added     {key.fingerprint} me@here" in out
    assert "This should work now:  ssh root@" in out
    assert "logged in as root" in err
    assert all(map(is_clean, [*out.splitlines(), *err.splitlines()]))
    status, out, err = await run_process(*arguments, "-q", "-", stdin=keyfile.read_bytes())
    assert (status, err) == (0, "")
    assert "present" in out


def test_json_is_always_one_object(shared_lab: ThreadedLab, keyfile: Path, tmp_path: Path) -> None:
    arguments = shared_lab.arguments
    before = len(shared_lab.authorized_keys.splitlines())
    status, out, _ = invoke("addkey", *arguments, keyfile, "--json")
    result = json.loads(out)
    assert (status, result["status"], result["error"]) == (0, "added", None)
    assert result["keys_after"] == before + 1
    fields = set(result)
    assert fields >= {
        "status", "host", "user", "file", "keys", "state_found", "logged_out", "keys_before", "keys_after", "machine",
        "seconds", "bytes_sent", "bytes_received", "error",
    }  # fmt: skip
    assert set(result["keys"][0]) >= {"type", "fingerprint", "comment", "result"}
    assert set(result["machine"]) == {"hostname", "machine_id"}
    failures: list[tuple[int, list[object]]] = [
        (2, [*arguments, tmp_path / "none", "--json"]),
        (3, ["-F", arguments[1], "--known-hosts", tmp_path / "x", "127.0.0.1:1", keyfile, "--json"]),
    ]
    for code, call in failures:
        status, out, _ = invoke("addkey", *call, env={"SOS_PASSWORD": PASSWORD})
        _check_failure(out, fields)
        assert status == code


async def test_json_of_a_wrong_command_line_has_the_same_fields(keyfile: Path, tmp_path: Path) -> None:
    _, out, _ = await run_process("user@host", tmp_path / "none", "--json")
    fields = set(json.loads(out))
    for call in (["--json"], ["user@host", keyfile, "--json", "--no-such-option"]):
        status, out, _ = await run_process(*call)
        assert status == 2
        _check_failure(out, fields)


def _check_failure(out: str, fields: set[str]) -> None:
    failure = json.loads(out)
    assert failure["status"] == "failed"
    assert set(failure) == fields
    assert set(failure["error"]) == {"code", "message", "state", "hint", "tail"}


def test_usage_errors(shared_lab: ThreadedLab, keyfile: Path, tmp_path: Path) -> None:
    arguments = shared_lab.arguments
    private = tmp_path / "id"
    private.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    calls: list[tuple[list[object], str]] = [
        ([*arguments, private], "private key"),
        ([*arguments, keyfile, "--host-key", "maybe"], "strict or accept-new"),
        ([*arguments, keyfile, "--timeout", "0"], "--timeout"),
        ([*arguments, keyfile, "--transcript", "/no/such/dir/x"], "transcript"),
        (["http://x", keyfile], "unknown console type"),
        ([keyfile], "HOST"),
        ([*arguments], "KEYFILE is missing"),
        (["x@y", keyfile], "no password"),
    ]
    for call, message in calls:
        status, out, err = invoke("addkey", *call)
        assert (status, out) == (2, ""), call
        assert message in err


def test_a_wrong_password_exits_with_5_and_is_shown_nowhere(
    without_password: list[str], keyfile: Path, tmp_path: Path
) -> None:
    cast = tmp_path / "cast"
    for extra in ([], ["--json"], ["-v"]):
        call = [*without_password, keyfile, "--transcript", cast, *extra]
        status, out, err = invoke("addkey", *call, env={"SOS_PASSWORD": PASSWORD})
        assert status == 5
        assert PASSWORD not in out + err + cast.read_text()
        assert "Login incorrect" in out + err


async def test_the_password_is_on_no_command_line(arguments: list[str], keyfile: Path, lab: Lab) -> None:
    task = asyncio.ensure_future(run_process(*arguments, keyfile))
    processes = 0
    while not task.done():
        processes += len(processes_of("sos-addkey"))
        assert not processes_of(lab.password.reveal())
        await asyncio.sleep(0.01)
    assert (await task)[0] == 0
    assert processes


@pytest.mark.sample(2)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("step", ["connected", "console state", "logged in", "shell ready", "added"])
async def test_a_signal_logs_out_first(
    step: str,
    number: signal.Signals,
    arguments: list[str],
    keyfile: Path,
    lab: Lab,
    lab_target: sosagent.SshTarget,
) -> None:
    process = await asyncio.create_subprocess_exec(
        ADDKEY, *arguments, str(keyfile), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    progress = b""
    while step.encode() not in progress:
        line = await process.stderr.readline()
        assert line, progress
        progress += line
    process.send_signal(number)
    _, err = await process.communicate()
    # After the last step, the command may have ended already.
    assert process.returncode == 130 or (step == "added" and process.returncode == 0), progress + err
    assert b"Traceback" not in err
    await until(lambda: lab.machine.on_output is None)
    assert not lab.machine.in_use
    again = await sosagent.add_key(lab_target, keyfile.read_text(), password=lab.password)
    assert (again.state_found, again.logged_out) == ("login", True)


def test_on_a_terminal_it_asks_without_echo_and_shows_steps(keyfile: Path) -> None:
    """A lab as another process, and the command on a real terminal."""
    with subprocess.Popen([SOSAGENT, "lab", "--machine", "web-1"], stdout=subprocess.PIPE, text=True) as lab:
        assert lab.stdout is not None
        try:
            lines = list(itertools.takewhile(lambda line: not line.startswith("Press"), lab.stdout))
            password = lines[1].split()[-1]
            words = lines[-1].split()
            at = words.index("--password-file")
            call = words[1:at] + words[at + 2 : -1]
            child = pexpect.spawn(ADDKEY, [*call, str(keyfile)], timeout=20, encoding="utf-8")
            child.expect("root's password on the machine: ")
            child.sendline(password)
            child.expect("logged in as root")
            child.expect("logged out")
            child.expect("This should work now")
            child.expect(pexpect.EOF)
            output = child.before or ""
            child.close()
            assert child.exitstatus == 0
            assert password not in output
        finally:
            lab.send_signal(signal.SIGINT)
            assert lab.wait(10) == 0


def test_state(without_password: list[str]) -> None:
    status, out, err = invoke("state", *without_password, "--quiet-for", "0.2")
    assert (status, err) == (0, "")
    assert out.startswith("silent: no output from the machine\n")
    assert "SOS Session Ready" in out
    status, out, err = invoke("state", *without_password, "--poke", "--json")
    state = json.loads(out)
    assert (status, state["name"], state["hostname"], state["error"]) == (0, "login", "lab", None)
    assert set(state) == {"schema", "host", "name", "title", "would", "hint", "hostname", "tail", "error"}
    status, out, err = invoke("state", "-F", without_password[1], "--json", "127.0.0.1:1")
    assert (status, json.loads(out)["error"]["code"]) == (3, "endpoint-unreachable")


def test_screen(without_password: list[str], tmp_path: Path) -> None:
    svg, png = tmp_path / "a.svg", tmp_path / "a.png"
    status, out, err = invoke("screen", *without_password, "--poke", "--svg", svg, "--png", png)
    assert (status, out, err) == (0, "", "")
    assert "login:" in svg.read_text()
    assert re.search(r"<title>\S+ \(lab\) · \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC</title>", svg.read_text())
    assert png.read_bytes().startswith(b"\x89PNG")
    status, out, _ = invoke("screen", *without_password, "--poke", "--size", "40x10")
    assert out.rstrip().endswith("lab login:")
    for wrong in (["--size", "x"], ["--svg", "/no/such/folder/x"], ["--host-key", "maybe"], ["--timeout", "0"]):
        status, out, err = invoke("screen", *without_password, *wrong, "--quiet-for", "0.1")
        assert (status, out) == (2, ""), wrong
        assert err.startswith("sosagent: ")


async def test_help_and_version() -> None:
    status, out, _ = await run_process("--help", COLUMNS="80")
    assert status == 0
    for option in ("--login", "--user", "--identity", "--ssh-config", "--known-hosts", "--host-key", "--password-file",
                   "--password-command", "--timeout", "--expect-host", "--dry-run", "--json", "--transcript",
                   "--log-file", "--become", "--become-password-file", "--take-over", "--remount",
                   "--continue-boot"):  # fmt: skip
        assert option in out
    assert max(map(len, out.splitlines())) <= 80
    assert (await run_process("--version"))[1] == f"sosagent {sosagent.__version__}\n"


async def test_an_unexpected_exception_is_reported_in_one_line(keyfile: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "sitecustomize.py").write_text(
        "import sosagent.jobs.add_key as m\nasync def add_keys(*a, **k): raise ZeroDivisionError('x\\x1b[31m')\n"
        "m.add_keys = add_keys\n"
    )
    status, out, err = await run_process("x@y", keyfile, PYTHONPATH=str(broken), SOS_PASSWORD=PASSWORD)
    assert (status, out) == (1, "")
    assert "unexpected error: ZeroDivisionError: x\\x1b[31m" in err
    assert PASSWORD not in err


def test_output_to_a_closed_pipe_prints_no_traceback() -> None:
    done = subprocess.run(
        f"{ADDKEY} --help | head -c 1",
        shell=True,
        capture_output=True,
        check=False,
        env={**os.environ, "COLUMNS": "80"},
    )
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("end", ["ctrl-c", "time limit"])
def test_a_prompt_without_an_answer_can_be_interrupted(end: str, keyfile: Path, tmp_path: Path) -> None:
    identity = tmp_path / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", identity], check=True)
    (tmp_path / "password").write_text("x\n")
    (tmp_path / "password").chmod(0o600)
    options = ["-F", "/dev/null", "-i", str(identity), "--password-file", str(tmp_path / "password")]
    options += ["--timeout", "2" if end == "time limit" else "60"]
    child = pexpect.spawn(ADDKEY, ["u@127.0.0.1:1", str(keyfile), *options], timeout=20, encoding="utf-8")
    child.expect("Passphrase of .*: ")
    child.waitnoecho()
    if end == "ctrl-c":
        child.sendintr()
    child.expect(pexpect.EOF)
    assert "Traceback" not in (child.before or "")
    child.close()
    assert child.exitstatus == (130 if end == "ctrl-c" else 8), child.before


def test_a_time_limit_that_was_set_is_not_extended(shared_lab: ThreadedLab, tmp_path: Path) -> None:
    keys = tmp_path / "keys.pub"
    keys.write_text("".join(f"{new_key(f'key {number}').line}\n" for number in range(60)))
    for options, extended in ((["--timeout", "120"], False), ([], True)):
        status, _, err = invoke("addkey", *shared_lab.arguments, str(keys), *options)
        assert (status, "the time limit is now" in err) == (0, extended), err


def test_access_that_does_not_end_is_exit_7(shared_lab: ThreadedLab, keyfile: Path) -> None:
    arguments = [*shared_lab.arguments, str(keyfile)]
    assert invoke("addkey", *arguments)[0] == 0
    status, out, _ = invoke("addkey", *arguments, "--expires", "2h")
    assert status == 7
    assert "its access does not end" in out and "--replace" in out and "This should work" not in out
    status, out, _ = invoke("addkey", *arguments, "--expires", "2h", "--json")
    result = json.loads(out)
    assert (status, result["status"], len(result["problems"]), result["error"]) == (7, "present", 1, None)
    status, out, _ = invoke("addkey", *arguments, "--expires", "2h", "--replace")
    assert status == 0, out
    assert "  replaced  " in out and "This should work until " in out and "backup of the old file: " in out
    status, out, _ = invoke("addkey", *arguments, "--dry-run")
    assert (status, "This should work" in out) == (0, False)


def test_the_claim_has_the_address_of_the_machines_file(
    shared_lab: ThreadedLab, keyfile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machines = tmp_path / "machines.toml"
    host = shared_lab.arguments[-1]
    machines.write_text(f'[machines.web]\nconsole = "{host}"\naddress = "192.0.2.7:2222"\n')
    monkeypatch.setenv("SOSAGENT_CONFIG", str(machines))
    status, out, err = invoke("addkey", *shared_lab.arguments[:-1], "web", keyfile)
    assert status == 0, err
    assert "This should work now:  ssh -p 2222 root@192.0.2.7\n" in out

"""Failures on this computer while a job has a shell open: full disks, closed streams, a dead terminal, signals."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pexpect
import pytest

import sosagent
from sosagent.console.events import Event
from sosagent.console.transcript import Transcript
from sosagent.lab import Faults, Lab, open_lab
from sosagent.replace_file import append_line, replace_contents, replace_file

from ..conftest import new_key, target_of, until
from ..support.authorized_keys import as_root
from ..support.commands import ADDKEY, PACKAGES, SOSAGENT, invoke

_FULL = "No space left on device"


@pytest.fixture
def keyfile(tmp_path: Path) -> Path:
    """A file with one public key."""
    path = tmp_path / "id.pub"
    path.write_text(new_key("me@here").line + "\n")
    return path


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one page."""
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "none", folder], check=False).returncode:
        pytest.skip("cannot mount file systems here")
    yield folder
    subprocess.run(["umount", folder], check=True)


async def run_in_shell(command: str) -> tuple[int, str, str]:
    """Run a command line of sh, so that it can close and redirect streams."""
    environment = {**os.environ, "PYTHONPATH": PACKAGES}
    done = await asyncio.to_thread(
        subprocess.run,
        ["sh", "-c", command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        env=environment,
    )
    assert b"Traceback" not in done.stdout + done.stderr
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@as_root
async def test_a_recording_on_a_full_disk_ends_with_a_note(small_disk: Path, lab: Lab) -> None:
    cast, events = small_disk / "cast", list[Event]()
    lab.machine.home.joinpath(".profile").write_text("head -c 6000 /dev/zero | tr '\\0' '.'\n")
    done = await sosagent.add_key(
        target_of(lab), new_key(), password=lab.password, transcript=cast, on_event=events.append
    )
    assert (done.status, done.logged_out, lab.machine.in_use) == ("added", True, False)
    notes = [event.text for event in events if event.kind == "note"]
    assert any(_FULL in text and str(cast) in text for text in notes), notes
    assert any(_FULL in text for text in done.warnings)
    for line in cast.read_text().splitlines():
        json.loads(line)


@as_root
async def test_no_recording_can_be_started_on_a_full_disk(small_disk: Path, lab: Lab) -> None:
    (small_disk / "filler").write_bytes(b"x" * 4096)
    with pytest.raises(sosagent.UsageError, match=_FULL):
        await sosagent.add_key(target_of(lab), new_key(), password=lab.password, transcript=small_disk / "cast")
    assert lab.machine.on_output is None  # nothing was connected


@as_root
def test_on_a_full_disk_nothing_old_is_lost(small_disk: Path) -> None:
    """A recording, a picture and known_hosts: the old file stays as it was, and nothing else is left behind."""
    first = small_disk / "cast"
    Transcript(first, "old").close()
    old = first.read_bytes()
    with pytest.raises(sosagent.UsageError, match=_FULL):
        Transcript(first, "new")
    with pytest.raises(sosagent.UsageError, match=_FULL):
        replace_contents(first, b"x" * 100)
    with pytest.raises(sosagent.UsageError, match=_FULL):
        replace_file(first, "x" * 100)
    assert (first.read_bytes(), [*small_disk.iterdir()]) == (old, [first])
    with pytest.raises(OSError, match=_FULL):
        append_line(first, b"x" * 9000)
    assert first.read_bytes() == old


@pytest.mark.parametrize("contents", [b"", b"# no newline", b"# a line\n"])
def test_a_limit_of_file_sizes_leaves_no_part_of_a_line(contents: bytes, tmp_path: Path) -> None:
    """Part of a known_hosts line would make the host known, with a key that cannot be read."""
    file = tmp_path / "known_hosts"
    file.write_bytes(contents)
    program = (
        "import resource, sys; from pathlib import Path; from sosagent.replace_file import append_line\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20, 20)); append_line(Path(sys.argv[1]), b'h' * 30)"
    )
    done = subprocess.run([sys.executable, "-c", program, file], capture_output=True, check=False, text=True)
    assert "File too large" in done.stderr
    assert file.read_bytes() == contents


async def test_a_host_key_that_cannot_be_recorded_is_an_error(lab: Lab, tmp_path: Path) -> None:
    """It comes before anything is typed on the console."""
    folder = tmp_path / "read-only"
    folder.mkdir()
    target = replace(target_of(lab), known_hosts=folder / "known_hosts" / "x", host_key="accept-new")
    (folder / "known_hosts").write_text("")
    with pytest.raises(sosagent.UsageError, match="known_hosts"):
        await sosagent.add_key(target, new_key(), password=lab.password)
    assert lab.machine.on_output is None


@as_root
async def test_a_full_disk_under_the_state_folder_does_not_matter(
    small_disk: Path, arguments: list[str], keyfile: Path, lab: Lab
) -> None:
    with (small_disk / "filler").open("wb", buffering=0) as filler, pytest.raises(OSError, match=_FULL):
        while True:
            filler.write(b"x" * 1024)
    words = " ".join(map(str, [ADDKEY, *arguments, keyfile]))
    status, _, err = await run_in_shell(f"XDG_STATE_HOME={small_disk} {words}")
    assert (status, lab.authorized_keys.read_text()) == (0, keyfile.read_text()), err


async def test_a_callback_that_fails_does_not_end_the_job(lab: Lab) -> None:
    def fail(event: Event) -> None:
        raise ZeroDivisionError(event.text)

    done = await sosagent.add_key(target_of(lab), new_key(), password=lab.password, on_event=fail)
    assert (done.status, done.logged_out, lab.machine.in_use) == ("added", True, False)
    assert [text for text in done.warnings if "on_event failed: ZeroDivisionError" in text]
    with pytest.raises(sosagent.LoginRefused) as refused:
        await sosagent.add_key(target_of(lab), new_key(), password="wrong", on_event=fail)
    assert any("on_event failed: ZeroDivisionError" in note for note in refused.value.__notes__)


async def test_a_progress_callback_that_fails_does_not_end_a_transfer(lab: Lab, tmp_path: Path) -> None:
    def fail(done: int, total: int) -> None:
        raise ZeroDivisionError

    (tmp_path / "file").write_bytes(b"x" * 5000)
    async with sosagent.root_shell(target_of(lab), password=lab.password) as shell:
        await shell.upload(tmp_path / "file", "~/copy", on_progress=fail)
        assert (await shell.download("~/copy", None, on_progress=fail)).data == b"x" * 5000
    assert not lab.machine.in_use


@pytest.mark.parametrize(
    "streams", [">&-", "2>&-", "<&- >&- 2>&-", ">/dev/full", "2>/dev/full", ">/dev/full 2>/dev/full"]
)
async def test_closed_and_full_streams(streams: str, arguments: list[str], keyfile: Path, lab: Lab) -> None:
    words = " ".join(map(str, [ADDKEY, *arguments, keyfile]))
    status, out, err = await run_in_shell(f"{words} {streams}")
    assert (status, lab.authorized_keys.read_text()) == (0, keyfile.read_text()), err
    await until(lambda: not lab.machine.in_use)
    assert bool(out) == (not any(one in streams.split() for one in (">&-", ">/dev/full")))
    if "2>" not in streams:
        assert "cannot write to standard output: " + ("it is closed" if "&" in streams else _FULL) in err


# Every command: test_every_command.py.
@pytest.mark.parametrize("words", ["--version", "--help", "state HOST --quiet-for 0.1"])
@pytest.mark.parametrize("streams", [">&-", ">/dev/full 2>&-"])
async def test_output_that_cannot_be_written_is_an_error(
    words: str, streams: str, arguments: list[str], keyfile: Path
) -> None:
    at = arguments.index("--password-file")
    host = " ".join(arguments[:at] + arguments[at + 2 :])
    filled = words.replace("KEY", str(keyfile)).replace("HOST", host)
    status, _, err = await run_in_shell(f"{SOSAGENT} {filled} {streams}")
    assert status == 2, err
    assert ("cannot write to standard output" in err) == ("2>" not in streams)


async def test_an_error_keeps_its_status_if_nothing_can_be_printed(keyfile: Path) -> None:
    for streams in ("2>&-", "2>/dev/full", ">&- 2>&-"):
        status, _, _ = await run_in_shell(f"{ADDKEY} -F /dev/null socket://127.0.0.1:1 {keyfile} --json {streams}")
        assert status == 2, streams  # no password
        command = f"SOS_PASSWORD=x {ADDKEY} -F /dev/null socket://127.0.0.1:1 {keyfile} --json {streams}"
        assert (await run_in_shell(command))[0] == 3, streams


async def test_standard_error_that_nobody_reads_does_not_stop_the_job(
    arguments: list[str], keyfile: Path, lab: Lab
) -> None:
    """As on a terminal that was stopped with ^S."""
    unread, full = os.pipe()
    os.set_blocking(full, False)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(full, b"x" * 65536)
    os.set_blocking(full, True)
    process = await asyncio.create_subprocess_exec(
        ADDKEY, *arguments, str(keyfile), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=full
    )
    out, _ = await process.communicate()
    os.close(unread)
    os.close(full)
    assert process.returncode == 0
    assert "This should work now" in out.decode()
    assert not lab.machine.in_use


async def hang_up(child: pexpect.spawn[str]) -> int:
    """Close the terminal of a command, as a user closes a window, and return its exit status."""
    os.close(child.child_fd)  # SIGHUP, and every write fails with EIO
    status = await asyncio.to_thread(child.wait)
    child.closed, child.child_fd = True, -1
    return int(status)


@pytest.mark.parametrize("words", ["addkey HOST KEY", "upload HOST FILE /root/x", "exec HOST -- sleep 60"])
async def test_closing_the_terminal_logs_out(words: str, arguments: list[str], keyfile: Path, lab: Lab) -> None:
    (keyfile.parent / "file").write_bytes(os.urandom(100_000))
    filled = words.replace("KEY", str(keyfile)).replace("FILE", str(keyfile.parent / "file"))
    filled = filled.replace("/root", str(lab.machine.home)).replace("HOST", " ".join(arguments))
    child = pexpect.spawn(SOSAGENT, filled.split(), timeout=60)
    await asyncio.to_thread(child.expect, "logged in as root")
    # 0: the job had ended already; 255: there is no exit status of the command on the machine.
    assert await hang_up(child) in ((255, 0) if words.startswith("exec") else (130, 0))
    await until(lambda: not lab.machine.in_use)


async def test_closing_the_terminal_of_a_lab_ends_it() -> None:
    child = pexpect.spawn(SOSAGENT, ["lab"], timeout=60)
    await asyncio.to_thread(child.expect, "Ctrl-C")
    assert await hang_up(child) in (0, 130)


async def test_a_second_sigterm_ends_a_job_that_cannot_log_out(keyfile: Path, tmp_path: Path) -> None:
    async with open_lab(faults=Faults(stall=100.0, stall_after=800)) as lab:
        (tmp_path / "config").touch()
        process = await asyncio.create_subprocess_exec(
            ADDKEY, "-F", str(tmp_path / "config"), *lab.arguments, str(keyfile), stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stderr is not None
        printed = b""
        while b"shell ready" not in printed:
            printed += await process.stderr.readline()
        process.send_signal(signal.SIGINT)
        while b"logging out first" not in printed:
            printed += await process.stderr.readline()
        ended = asyncio.ensure_future(process.communicate())
        while not ended.done():
            with suppress(ProcessLookupError):  # send_signal of a process that has just ended takes its status away
                os.kill(process.pid, signal.SIGTERM)
            await asyncio.wait([ended], timeout=0.2)
        _, err = await ended
        assert process.returncode == 130
        assert "before the log-out had ended: a shell may be open on the console" in err.decode()


async def test_a_process_that_is_stopped_for_longer_than_its_limit(keyfile: Path, tmp_path: Path) -> None:
    """As by ^Z, or on a computer that sleeps: it ends when it continues, with the error of its time limit."""
    async with open_lab(faults=Faults(stall=100.0, stall_after=800)) as lab:
        (tmp_path / "config").touch()
        limit = 3
        process = await asyncio.create_subprocess_exec(
            ADDKEY, "-F", str(tmp_path / "config"), *lab.arguments, str(keyfile), "--timeout", str(limit),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stderr is not None
        await process.stderr.readline()
        process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(limit)
        process.send_signal(signal.SIGCONT)
        async with asyncio.timeout(10 + 10):  # the way out may take 10 s
            _, err = await process.communicate()
        assert process.returncode == 8
        assert "Traceback" not in err.decode()


@pytest.mark.parametrize("files", [8, 10, 13, 16, 23])
@pytest.mark.parametrize("words", ["addkey HOST KEY", "state HOST", "hostkeys HOST", "console --read-only HOST"])
async def test_too_few_open_files_are_an_error_before_anything_is_sent(
    words: str, files: int, arguments: list[str], keyfile: Path, lab: Lab
) -> None:
    host = " ".join(arguments if words.startswith(("addkey", "hostkeys")) else arguments[:6] + arguments[8:])
    filled = words.replace("KEY", str(keyfile)).replace("HOST", host)
    status, out, err = await run_in_shell(f"ulimit -n {files}; exec {SOSAGENT} {filled}")
    assert (status, out) == (2, "")
    assert f"may open only {files} files" in err
    assert lab.machine.on_output is None


async def test_a_low_limit_of_open_files_is_raised_as_far_as_allowed(
    arguments: list[str], keyfile: Path, lab: Lab
) -> None:
    words = " ".join(map(str, [ADDKEY, *arguments, keyfile]))
    status, _, err = await run_in_shell(f"ulimit -S -n 10; exec {words}")
    assert (status, lab.authorized_keys.read_text()) == (0, keyfile.read_text()), err


_LONG = "a" * 64


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        (_LONG, "more than 63 characters"),
        (f"u@{_LONG}.example.net", "more than 63 characters"),
        (f"ssh://u@x.{_LONG}:22", "more than 63 characters"),
        ("ssh://u@a..b", "is empty"),
        (f"socket://{_LONG}:5", "more than 63 characters"),
        ("telnet://a..b", "is empty"),
        (f"rfc2217://bücher.{_LONG}:5", "more than 63 characters"),
        ("alias", "more than 63 characters"),
    ],
)
def test_a_host_name_that_cannot_be_looked_up(host: str, reason: str, keyfile: Path, tmp_path: Path) -> None:
    (tmp_path / "config").write_text(f"Host alias\n  HostName {_LONG}\n")
    for command in ("addkey", "state"):
        words = [host, keyfile] if command == "addkey" else [host]
        status, out, err = invoke(command, "-F", tmp_path / "config", *words, env={"SOS_PASSWORD": "x"})
        assert (status, out) == (2, "")
        assert "is not a valid host name" in err
        assert reason in err


@pytest.mark.parametrize("option", ["--known-hosts", "-i", "--config"])
def test_the_home_of_a_user_who_does_not_exist_is_a_clear_error(option: str) -> None:
    """The shell leaves such a ~ as it is."""
    status, _, err = invoke("state", "-F", "/dev/null", option, "~no-such-user/x", "root@127.0.0.1:1")
    assert (status, "~no-such-user/x: ~ has no meaning here" in err) == (2, True), err

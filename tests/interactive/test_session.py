"""`sosagent console HOST` as a user runs it: the real command in a real tmux, on the lab."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import termios
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pexpect
import pytest

from sosagent.lab import Faults, Lab, open_lab

from ..conftest import installed, new_key, until
from ..support.accounts import set_home

HERE = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "sosagent", "console"]
SECONDS = 30.0
#: The shell in the window, with a prompt that the tests recognise.
SHELL = "PS1='here> ' exec sh -i"


class Window:
    """A tmux server with one window, which runs a shell."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._tmux = ["tmux", "-f", "/dev/null", "-S", str(folder / "t")]
        self.tmux("new-session", "-d", "-x", "80", "-y", "24", SHELL)

    def tmux(self, *words: str) -> str:
        # The window has a size of its own, and must not inherit that of the terminal the tests run in.
        env = {key: value for key, value in os.environ.items() if key not in ("TMUX", "COLUMNS", "LINES")}
        done = subprocess.run([*self._tmux, *words], capture_output=True, text=True, cwd=self.folder, env=env)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def text(self) -> str:
        """Return the screen and its history, with wrapped lines joined."""
        return self.tmux("capture-pane", "-p", "-J", "-S", "-500")

    def screen(self) -> str:
        return self.tmux("capture-pane", "-p")

    def keys(self, *keys: str) -> None:
        """Press keys, by their names in tmux, or type text."""
        self.tmux("send-keys", *keys)

    def write(self, text: str) -> None:
        self.tmux("send-keys", "-l", "--", text)

    async def sees(self, pattern: str, *, seconds: float = SECONDS, screen: bool = False) -> str:
        """Wait until `pattern` matches, and return the whole text."""
        end = asyncio.get_running_loop().time() + seconds
        while True:
            text = self.screen() if screen else self.text()
            if re.search(pattern, text, re.M):
                return text
            assert asyncio.get_running_loop().time() < end, f"no {pattern!r} in:\n{text}"
            await asyncio.sleep(0.05)

    async def repeats(self, text: str, pattern: str) -> None:
        """Type `text` until `pattern` is on the screen."""
        while not re.search(pattern, self.text().replace("\n", "")):
            self.write(text)
            await asyncio.sleep(0.1)

    async def opens(self, arguments: list[str], *more: object) -> None:
        """Start the command, and wait until it is connected to the console."""
        words = shlex.join([*COMMAND, *map(str, more), *arguments])
        await self.sees("^here> $")
        self.write(f"clear; stty -a >before; {words}; echo status=$?; stty -a >after\r")
        await self.sees(r"\[sosagent: connected to the console of")

    async def logs_in(self, lab: Lab) -> None:
        self.keys("Enter")
        await self.sees("lab login: $")
        self.write("root\r")
        await self.sees("Password: *$")
        self.write(f"{lab.password.reveal()}\r")
        await self.sees(r"root@lab:~# $")

    async def leaves(self) -> str:
        """Leave with ``~.``, and return the whole text as one line."""
        self.keys("Enter", "~", ".")
        return await self.ends()

    async def ends(self) -> str:
        """Wait until the command has ended and the terminal is restored, and return the whole text as one line."""
        text = await self.sees(r"^status=\d+")
        await until((self.folder / "after").exists)
        await self.sees("^here> ?$", screen=True)
        modes = [(self.folder / name).read_text() for name in ("before", "after")]
        before, after = (re.sub(r"rows \d+; columns \d+", "", text) for text in modes)
        assert (before, bool(before)) == (after, True)
        return " ".join(text.split())


@pytest.fixture
def endpoint(arguments: list[str]) -> list[str]:
    """The options for the lab, and HOST. The option for the password exists only for jobs."""
    return without_password(arguments)


def without_password(arguments: list[str]) -> list[str]:
    at = arguments.index("--password-file")
    return arguments[:at] + arguments[at + 2 :]


@pytest.fixture
def window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Window]:
    installed(["tmux"])
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    window = Window(tmp_path)
    yield window
    subprocess.run(["tmux", "-S", str(tmp_path / "t"), "kill-server"], capture_output=True)


@pytest.fixture
def keyfile(tmp_path: Path) -> Path:
    path = tmp_path / "id.pub"
    path.write_text(new_key("me@here").line + "\n")
    return path


async def test_a_user_logs_in_edits_a_file_and_leaves(window: Window, endpoint: list[str], lab: Lab) -> None:
    installed(["vi"])
    await window.opens(endpoint)
    await window.logs_in(lab)
    window.write("vi -u NONE notes\r")
    await window.sees("^~$", screen=True)
    window.write("ifirst line")
    window.keys("Enter")
    window.write("second line")
    window.keys("Escape")
    await window.sees("^second line$", screen=True)
    window.write(":wq\r")
    await until((lab.machine.home / "notes").exists)
    await window.sees(r"root@lab:~# $")
    assert (lab.machine.home / "notes").read_text() == "first line\nsecond line\n"
    text = await window.leaves()
    assert "root's shell at lab is still logged in: root@lab:~#" in text
    assert "status=0" in text


async def test_help_status_break_and_literal_escapes(window: Window, endpoint: list[str], lab: Lab) -> None:
    await window.opens(endpoint)
    window.keys("Enter")
    await window.sees("lab login: $")
    window.keys("Enter", "~", "?")
    await window.sees(r"\[sosagent: Enter ~ ~  send one ~ to the console\]")
    window.keys("~", "s")
    text = await window.sees("set it in a shell there: stty rows 24 cols 80")
    assert re.search(r"the console shows a login prompt; \d+ bytes received, \d+ sent", text.replace("\n", ""))
    window.keys("~", "b")
    await window.sees("a BREAK was sent")
    await window.logs_in(lab)
    for keys, sent in (("~~~", "~~"), ("~x", "~x")):
        window.write(f"\r{keys}")
        await window.sees(rf"(?:^|# ){sent}(?:root|/bin|$)")
    await window.leaves()


async def test_unfinished_output_leaves_the_login_unknown(window: Window) -> None:
    host = f'exec:{sys.executable} -c \'import time; print("words of ", end="", flush=True); time.sleep(100)\''
    await window.opens([host])
    await window.sees("words of")
    assert "sosagent cannot determine whether a shell is open on the console" in await window.leaves()


async def test_at_the_login_prompt_no_user_is_logged_in(window: Window, endpoint: list[str]) -> None:
    await window.opens(endpoint)
    window.keys("Enter")
    await window.sees("lab login: $")
    assert "the console is at the login prompt; nobody is logged in" in await window.leaves()


@pytest.fixture(params=["baud=9600,fifo=16", "fifo=32"])
async def slow_lab(request: pytest.FixtureRequest) -> AsyncIterator[Lab]:
    """A lab with a slow line, or with a fast one that loses bytes when the UART is full."""
    async with open_lab(faults=Faults.parse(request.param)) as running:
        (running.folder / "config").touch()
        yield running


@pytest.mark.quiet  # the FIFO of the line overflows if this process gets no time for a while
@pytest.mark.parametrize("brackets", [["-p"], []], ids=["bracketed", "burst"])
async def test_a_paste_arrives_intact_on_a_slow_line(window: Window, slow_lab: Lab, brackets: list[str]) -> None:
    lab = slow_lab
    await window.opens(["-F", str(lab.folder / "config"), *without_password(lab.arguments)])
    await window.logs_in(lab)
    window.write("stty -echo; cat >pasted\r")
    lines = [f"{number:04} " + "".join(chr(33 + (number * 7 + at) % 90) for at in range(94)) for number in range(20)]
    lines[3] = "~."  # has no meaning in a bracketed paste; the other paste does not contain it
    text = "\n".join(lines if brackets else [line.lstrip("~") for line in lines]) + "\n"
    (window.folder / "text").write_text(text)
    window.tmux("load-buffer", str(window.folder / "text"))
    pasted = lab.machine.home / "pasted"
    await until(pasted.exists, SECONDS)  # earlier, the shell would read the paste
    window.tmux("paste-buffer", *brackets)
    await until(lambda: pasted.stat().st_size >= len(text), SECONDS)
    window.keys("C-d")
    assert pasted.read_text() == text
    await window.leaves()


async def test_a_shell_that_requests_bracketed_paste_gets_it(window: Window) -> None:
    installed(["script"])
    (window.folder / "text").write_text("echo o''ne\necho t''wo\n")
    await window.opens(["exec:script -qc 'stty sane; bash --norc -i' /dev/null"])
    await window.sees(r"bash-\S+[#$] $")
    window.tmux("load-buffer", str(window.folder / "text"))
    window.tmux("paste-buffer", "-p")
    text = await window.sees("echo t''wo")
    assert "one\n" not in text  # it waits for Enter
    window.keys("Enter")
    await window.sees("^one\ntwo$")
    await window.leaves()


async def test_a_job_stopped_by_a_signal_logs_out_first(window: Window, slow_lab: Lab, keyfile: Path) -> None:
    lab = slow_lab
    arguments = ["-F", str(lab.folder / "config"), *without_password(lab.arguments)]
    await window.opens(arguments, "-v")
    window.keys("Enter")
    await window.sees("lab login: $")
    window.write("\r~kid.pub\r")
    await window.sees("root's password on the machine: $")
    window.write(f"{lab.password.reveal()}\r")
    await until(lambda: lab.machine.in_use)
    (process,) = processes_with(arguments[-1])
    os.kill(process, signal.SIGTERM)
    text = await window.ends()
    assert "status=130" in text
    assert "the console is at the login prompt; nobody is logged in" in text
    assert not lab.machine.in_use


async def test_interrupting_a_paste_drops_the_rest(window: Window, endpoint: list[str], lab: Lab) -> None:
    (window.folder / "text").write_text("".join(f"line {number}\n" for number in range(2000)))
    await window.opens(endpoint, "--pace", "3")
    await window.logs_in(lab)
    window.write("cat >pasted\r")
    window.keys("Enter", "~", "p")
    await window.sees("send FILE: $")
    window.write("text\r")
    await window.sees("^line 1$")
    window.keys("C-c")
    await window.sees(r"\[sosagent: the rest of the paste was dropped, \d+ bytes\]")
    await window.sees(r"\^C\n+root@lab:~# $")
    assert (lab.machine.home / "pasted").stat().st_size < 2000
    window.write("echo al''ive\r")
    await window.sees("alive$")
    await window.leaves()


async def test_only_text_files_are_sent(window: Window, endpoint: list[str], lab: Lab) -> None:
    (window.folder / "text").write_text("echo one >f1\necho two >f2\n")
    (window.folder / "odd").write_bytes(b"\x1b]0;x\x07")
    await window.opens(endpoint)
    await window.logs_in(lab)
    for name, message in (
        ("odd", "contains control characters"),
        ("none", "cannot read none: No such file"),
        ("text", "f2"),
    ):
        window.keys("Enter", "~", "p")
        await window.sees("send FILE: $")
        window.write(f"{name}\r")
        await window.sees(message)
    await until((lab.machine.home / "f2").exists)
    assert (lab.machine.home / "f1").read_text() == "one\n"
    await window.leaves()


async def test_a_key_is_added_from_the_login_prompt(
    window: Window, endpoint: list[str], lab: Lab, keyfile: Path, tmp_path: Path
) -> None:
    cast = tmp_path / "cast"
    await window.opens(endpoint, "--record", cast)
    window.keys("Enter")
    await window.sees("lab login: $")
    window.keys("Enter", "~", "k")
    await window.sees("^KEYFILE: $")
    window.write("-\r")
    await window.sees("only files are accepted here, not -")
    window.keys("Enter", "~", "k")
    await window.sees("^KEYFILE: $")
    window.write("ix")
    window.keys("BSpace")  # edited by the terminal driver
    window.write("d.pub\r")
    await window.sees("root's password on the machine: $")
    window.write(f"{lab.password.reveal()}\r")
    text = await window.sees(r"\[sosagent: added SHA256:\S+ me@here in /root\S*|\[sosagent: added SHA256:\S+ me@here")
    assert lab.authorized_keys.read_text() == keyfile.read_text()
    assert lab.password.reveal() not in text + cast.read_text()
    await until(lambda: not lab.machine.in_use)
    await window.sees(r"login: $")
    assert "the console is at the login prompt" in await window.leaves()
    assert lab.password.reveal() not in window.text() + cast.read_text()


@pytest.mark.skipif(os.getuid() != 0, reason="needs root: only root's shell is used, with a home of its own")
async def test_a_key_is_added_from_an_open_shell_that_stays(window: Window, keyfile: Path, tmp_path: Path) -> None:
    set_home("root", Path("/root"))
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / ".bashrc").write_text("PS1='root@vm:\\w# '\nkept=no\n")
    script = tmp_path / "console"
    script.write_text(
        f"#!/bin/sh\nmount --make-rprivate / && mount --bind {home} /root && cd /root && HOME=/root exec bash -i\n"
    )
    script.chmod(0o755)
    installed(["script"])  # provides a pty with echo; the pty of exec: is raw
    await window.opens([f"exec:script -qc 'stty sane; unshare -m {script}' /dev/null"])
    await window.sees(r"root@vm:~# $")
    window.write("cd /usr; kept=yes\r")
    await window.sees(r"root@vm:/usr# $")
    window.write("\r~kid.pub\r")
    await window.sees(r"\[sosagent: added SHA256:\S+ me@here in /root/.ssh/authorized_keys")
    assert (home / ".ssh/authorized_keys").read_text() == keyfile.read_text()
    await window.sees(r"root@vm:/usr# $")
    window.write("echo $kept $PWD\r")
    await window.sees("^yes /usr$")
    window.write("\r~k")
    await window.sees("KEYFILE: $")
    window.write("id.pub\r")
    await window.sees(r"\[sosagent: present SHA256:\S+ me@here")
    assert "root's shell at vm is still logged in" in await window.leaves()


async def test_a_cancelled_prompt_and_a_wrong_password_leave_the_console_usable(
    window: Window, endpoint: list[str], lab: Lab, keyfile: Path
) -> None:
    await window.opens(endpoint)
    window.keys("Enter", "~", "k")
    await window.sees("^KEYFILE: $")
    window.keys("C-c")
    await window.sees("no key was added")
    window.keys("Enter", "~", "k")
    window.write("id.pub\r")
    await window.sees("root's password on the machine: $")
    window.write("wr0ng-password\r")
    await window.sees("Check the password. It was tried only once")
    await window.logs_in(lab)
    assert not lab.authorized_keys.exists()
    await window.leaves()


async def test_a_recording_contains_output_and_no_password(window: Window, endpoint: list[str], lab: Lab) -> None:
    cast = window.folder / "cast"
    await window.opens(endpoint)
    window.keys("Enter", "~", "r")
    await window.sees("record to FILE: $")
    window.write("cast\r")
    await window.sees("recording to cast")
    await window.logs_in(lab)
    window.tmux("resize-window", "-x", "101", "-y", "31")
    await until(lambda: '"r"' in cast.read_text())
    window.write("echo rec''orded\r")
    await window.sees("recorded\n")
    window.keys("Enter", "~", "r")
    await window.sees("recorded: cast")
    window.write("echo after''wards\r")
    await window.sees("afterwards")
    await window.leaves()
    header, *events = [json.loads(line) for line in cast.read_text().splitlines()]
    assert (header["version"], header["width"], header["height"]) == (2, 80, 24)
    assert all(len(event) == 3 and event[1] in "or" for event in events)
    assert [event[0] for event in events] == sorted(event[0] for event in events)
    assert [event[2] for event in events if event[1] == "r"] == ["101x31"]
    shown = "".join(event[2] for event in events if event[1] == "o")
    assert "recorded\r\n" in shown
    assert "afterwards" not in shown
    assert lab.password.reveal() not in cast.read_text()
    assert cast.stat().st_mode & 0o077 == 0


async def test_a_password_that_the_machine_echoes_is_not_recorded(
    window: Window, endpoint: list[str], lab: Lab
) -> None:
    await window.opens(endpoint, "--record", "cast")
    await window.logs_in(lab)
    window.write("printf 'Pass''phrase: '; read it; echo go''ne\r")
    await window.sees("^Passphrase: $")
    window.write("s3cr3t-words\r")
    await window.sees("^gone")
    await window.leaves()
    recorded = (window.folder / "cast").read_text()
    assert "gone" in recorded
    assert "s3cr3t" not in recorded


def processes_with(text: str) -> list[int]:
    processes = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"sosagent" in words and b"console" in words and text.encode() in words:
                processes.append(int(entry.name))
    return processes


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
async def test_a_signal_restores_the_terminal(window: Window, endpoint: list[str], name: str, lab: Lab) -> None:
    await window.opens(endpoint)
    await window.logs_in(lab)
    window.write("printf '\\033[?1000h\\033[?25l\\033[5;9r'\r")
    await until(lambda: window.tmux("display-message", "-p", "#{cursor_flag}").strip() == "0")
    (process,) = processes_with(endpoint[-1])
    os.kill(process, getattr(signal, name))
    text = await window.ends()
    assert f"stopped by {name}" in text
    assert "root's shell at lab is still logged in" in text
    assert "status=130" in text
    flags = window.tmux(
        "display-message", "-p", "#{mouse_any_flag} #{cursor_flag} #{scroll_region_upper} #{scroll_region_lower}"
    )
    assert flags.split() == ["0", "1", "0", "23"]


async def test_the_command_ends_when_the_terminal_is_closed(window: Window, endpoint: list[str]) -> None:
    await window.opens(endpoint)
    assert processes_with(endpoint[-1])
    window.tmux("kill-server")
    await until(lambda: not processes_with(endpoint[-1]))


async def test_job_control_keys_go_to_the_machine(window: Window, endpoint: list[str], lab: Lab) -> None:
    await window.opens(endpoint)
    await window.logs_in(lab)
    window.write("cat\r")
    window.write("one\r")
    await window.sees("^one\none$")
    window.keys("C-z")
    await window.sees("Stopped")
    window.write("fg\r")
    await window.sees("^cat$")
    window.write("two\r")
    await window.sees(r"^two\n(?:cat\n)?two$")
    window.keys("C-c")
    await window.sees(r"\^C\n+root@lab:~# $")
    await window.leaves()


async def test_a_closed_connection_is_reported(window: Window, endpoint: list[str], lab: Lab) -> None:
    await window.opens(endpoint)
    await window.logs_in(lab)
    lab.hang_up()
    text = await window.ends()
    assert "closed the connection" in text
    assert "root's shell at lab is still logged in" in text
    assert "status=3" in text


async def test_a_read_only_session_types_nothing(window: Window, endpoint: list[str], lab: Lab) -> None:
    typed: list[bytes] = []
    lab.machine.type = typed.append  # type: ignore[assignment]
    await window.opens(endpoint, "--read-only")
    assert lab.machine.on_output is not None
    lab.machine.on_output(b"from the machine\r\n")
    await window.sees("^from the machine")
    window.write("root\rsecret\r")
    text = await window.sees("your keys are ignored")
    for letter in "bkp":
        window.write(f"\r~{letter}")
    await window.sees("(nothing is typed[^$]*){3}")
    assert text.count("keys are ignored") == 1
    await window.leaves()
    assert typed == []


async def test_a_read_only_session_does_not_answer_the_endpoint(window: Window) -> None:
    async with open_lab(front="idrac") as lab:
        (lab.folder / "config").touch()
        await window.opens(["-F", str(lab.folder / "config"), *without_password(lab.arguments)], "--read-only")
        await window.sees("racadm>>")
        window.write("connect com2\r")
        await window.sees("your keys are ignored")
        await window.leaves()
        assert lab.commands == []


async def test_the_endpoints_own_prompt_is_passed(window: Window) -> None:
    async with open_lab(front="idrac") as lab:
        (lab.folder / "config").touch()
        await window.opens(["-F", str(lab.folder / "config"), *without_password(lab.arguments)])
        await window.logs_in(lab)
        assert "root's shell at lab is still logged in" in await window.leaves()
        assert lab.commands == ["connect com2", "exit"]


async def test_earlier_input_is_sent_before_a_command_asks(window: Window, endpoint: list[str], lab: Lab) -> None:
    await window.opens(endpoint)
    await window.logs_in(lab)
    window.write("touch made\r~r")
    await window.sees("record to FILE: $")
    await until((lab.machine.home / "made").exists)
    window.keys("C-d")
    await window.leaves()


async def test_without_a_terminal(endpoint: list[str], lab: Lab) -> None:
    async def run(*more: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *COMMAND, *more, *endpoint, cwd=HERE,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip

    refused = await run()
    _, err = await refused.communicate()
    assert (refused.returncode, b"standard input is not a terminal" in err) == (2, True)
    reader = await run("--read-only")
    assert reader.stdout is not None
    await until(lambda: lab.machine.on_output is not None)
    assert lab.machine.on_output is not None
    lab.machine.on_output(b"from the machine\r\n")
    async with asyncio.timeout(SECONDS):
        await reader.stdout.readuntil(b"from the machine\r\n")
    reader.send_signal(signal.SIGTERM)
    _, err = await reader.communicate()
    assert reader.returncode == 130
    assert b"Traceback" not in err


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (["--escape", "ab"], "--escape cannot be"),
        (["--escape", "?"], "--escape cannot be"),
        (["--pace", "9"], "--pace must be from 0 to 4"),
        (["--record", "/no/such/folder/x"], "cannot write the transcript"),
    ],
    ids=["long", "letter", "pace", "record"],
)
async def test_invalid_options_are_refused(endpoint: list[str], option: list[str], words: str) -> None:
    def run() -> tuple[int | None, str]:
        child = pexpect.spawn(
            COMMAND[0], [*COMMAND[1:], *option, *endpoint], cwd=str(HERE), encoding="utf-8", timeout=30
        )
        before = termios.tcgetattr(child.child_fd)
        output = child.read()
        child.close()
        assert before
        return child.exitstatus, output

    status, output = await asyncio.to_thread(run)
    assert (status, words in " ".join(output.split())) == (2, True), output


async def test_another_escape_character(window: Window, endpoint: list[str], lab: Lab) -> None:
    await window.opens(endpoint, "--escape", "^]")
    await window.logs_in(lab)
    window.write("\r~.")
    await window.sees(r"~\.")
    window.keys("C-c")
    window.keys("Enter", "C-]", "s")
    await window.sees("stty rows 24 cols 80")
    window.keys("Enter", "C-]", ".")
    await window.ends()


async def test_a_job_cannot_use_the_console_of_a_session(
    window: Window, endpoint: list[str], arguments: list[str], keyfile: Path
) -> None:
    await window.opens(endpoint)
    job = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sosagent", "addkey", *arguments, str(keyfile), cwd=HERE, stderr=asyncio.subprocess.PIPE
    )
    _, err = await job.communicate()
    assert job.returncode == 3
    assert b"in an interactive session (sosagent console, process" in err
    await window.leaves()


PROGRAM = """\
import os, signal, sys, time, tty
tty.setraw(0)
def report(*_):
    os.write(1, b"size %d %d\\r\\n" % tuple(os.get_terminal_size(0)))
signal.signal(signal.SIGWINCH, report)
report()
while (key := os.read(0, 100)) not in (b"", b"q"):
    os.write(1, b"key %r\\r\\n" % key)
    if key == b"Q":
        os.write(1, b"\\x1b[6n")
"""


@pytest.mark.parametrize("option", [[], ["--read-only"]])
async def test_a_shell_that_queries_the_terminal_at_each_prompt_can_be_left(window: Window, option: list[str]) -> None:
    asks = r"stty raw -echo; while :; do printf '\033[6n'; sleep 0.02; done"
    await window.opens([f"exec:sh -c {shlex.quote(asks)}"], *option)
    window.keys("Enter")
    await asyncio.sleep(0.3)
    window.keys("~")
    await asyncio.sleep(0.3)
    window.keys(".")
    text = await window.ends()
    assert "status=0" in text
    assert text.count("keys are ignored") == len(option)  # for Enter, but not for the terminal's replies


async def test_an_endpoint_that_accepts_no_input_can_be_left(window: Window) -> None:
    (window.folder / "text").write_text("x" * 400_000)
    await window.opens(["exec:sh -c 'stty raw -echo; echo up; sleep 100'"], "--pace", "0")
    await window.sees("^ *up")
    window.tmux("load-buffer", str(window.folder / "text"))
    window.tmux("paste-buffer", "-p")
    window.keys("Enter")
    answers = "cannot send a BREAK", "does not accept the input typed before"
    text = ""
    while answers[1] not in text:  # until the paste has filled the pty's buffer
        asked = sum(map(text.count, answers))
        window.write("~b")
        text = await window.sees(rf"(?s)(?:(?:{'|'.join(answers)}).*){{{asked + 1}}}")
    assert "status=0" in await window.leaves()


async def test_a_program_gets_the_new_size_and_the_terminals_reply(window: Window) -> None:
    (window.folder / "program.py").write_text(PROGRAM)
    host = f"exec:{sys.executable} {window.folder / 'program.py'}"
    await window.opens([host])
    await window.sees("^size 80 24")
    window.tmux("resize-window", "-x", "101", "-y", "31")
    await window.sees("^size 101 31")
    window.write("Q")
    await window.sees(r"^key b'\\x1b\[\d+;\d+R'")
    window.write("q")
    text = await window.ends()
    assert "closed the connection" in text
    assert "status=3" in text

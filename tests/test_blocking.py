"""The public functions without asyncio."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import sosagent
import sosagent.blocking
from sosagent.authorized_keys.outcome import KeyOutcome
from sosagent.lab import Lab, ThreadedLab, lab_in_thread

from .conftest import new_key

PACKAGE = Path(sosagent.__file__).parent


@pytest.fixture
def far_lab() -> Iterator[ThreadedLab]:
    """A lab in another thread."""
    with lab_in_thread() as running:
        yield running


def logged_in(lab: ThreadedLab) -> bool:
    """Whether the machine is in use. A function, because mypy assumes that a property does not change."""
    return lab.in_use


def test_the_blocking_functions(far_lab: ThreadedLab) -> None:
    key, kept = new_key("twin"), new_key("kept")
    call = sosagent.blocking
    assert call.console_state(far_lab.target, poke=True).name == "login"
    done = call.add_key(far_lab.target, [key, kept], password=far_lab.password)
    assert (done.status, far_lab.authorized_keys) == ("added", f"{key.line}\n{kept.line}\n")
    assert all(isinstance(outcome, KeyOutcome) for outcome in done.keys)
    assert len(call.list_keys(far_lab.target, password=far_lab.password).keys) == 2
    assert call.remove_key(far_lab.target, key, password=far_lab.password).remaining == 1
    with pytest.raises(sosagent.LoginRefused):
        call.host_keys(far_lab.target, password="wrong")
    assert not logged_in(far_lab)


def test_a_blocking_shell(far_lab: ThreadedLab) -> None:
    with sosagent.blocking.root_shell(far_lab.target, password=far_lab.password) as shell:
        assert shell.run("echo $((6*7))").output == b"42"
        assert logged_in(far_lab)
        time.sleep(0.3)
        assert shell.run("exit 7").status == 7
    assert not logged_in(far_lab)
    with (
        pytest.raises(ValueError, match="mine"),
        sosagent.blocking.root_shell(far_lab.target, password=far_lab.password),
    ):
        raise ValueError("mine")
    assert not logged_in(far_lab)
    with pytest.raises(sosagent.LoginRefused), sosagent.blocking.root_shell(far_lab.target, password="wrong"):
        pass


def test_a_callback_that_exits_logs_out_first(far_lab: ThreadedLab) -> None:
    def leave(event: sosagent.Event) -> None:
        if event.text == "shell ready":
            assert logged_in(far_lab)
            sys.exit(3)

    for call in (sosagent.blocking.list_keys, lambda *a, **b: sosagent.blocking.root_shell(*a, **b).__enter__()):
        with pytest.raises(SystemExit):
            call(far_lab.target, password=far_lab.password, on_event=leave)
        assert not logged_in(far_lab)


async def test_a_blocking_function_in_a_running_loop(lab: Lab, lab_target: sosagent.SshTarget) -> None:
    """As in a notebook. The lab's own loop must keep running, so the call is in another thread."""

    async def call() -> str:
        return sosagent.blocking.console_state(lab_target, poke=True).name

    assert await asyncio.to_thread(lambda: asyncio.run(call())) == "login"


INTERRUPTED = """
import sys, threading, time, sosagent, sosagent.blocking
def wait(console):
    try:
        console.expect("never", 60)
    except RuntimeError as error:
        print(error, flush=True)
def console(what):
    with sosagent.blocking.connect(target, timeout=100, on_event=say) as one:
        one.login(sosagent.find_password())
        if what == "thread":
            other = threading.Thread(target=wait, args=[one])
            other.start()
        print("working", flush=True)
        if what == "expect":
            one.expect("never", 60)
        time.sleep(60)
def shell():
    return sosagent.blocking.root_shell(target, password=sosagent.find_password(), on_event=say)
def say(event):
    if event.kind != "detail":
        print(event.text, flush=True)
target = sosagent.parse_target(sys.argv[1])
try:
    if sys.argv[2] == "add":
        sosagent.blocking.add_key(target, open(sys.argv[3]).read(), password=sosagent.find_password(), on_event=say)
    elif sys.argv[2] in ("expect", "asleep", "thread"):
        console(sys.argv[2])
    else:
        with shell() as one:
            if sys.argv[2] == "run":
                print("working", flush=True)
                one.run("sleep 2")
            elif sys.argv[2] == "between":
                print("working", flush=True)
                time.sleep(60)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def as_users(lab: ThreadedLab, home: Path) -> dict[str, str]:
    """Return the environment of a user whose ssh_config has the lab as "web1-sos"."""
    folder = home / ".ssh"
    folder.mkdir(mode=0o700, parents=True)
    port = lab.host.rpartition(":")[2]
    (folder / "config").write_text(
        f"Host web1-sos\n HostName 127.0.0.1\n Port {port}\n User lab\n IdentityFile {lab.identity}\n"
        f" UserKnownHostsFile {lab.known_hosts}\n"
    )
    (folder / "known_hosts").write_bytes(lab.known_hosts.read_bytes())
    return {
        **os.environ,
        "HOME": str(home),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(PACKAGE.parent), os.environ.get("PYTHONPATH")])),
        "SOS_PASSWORD": lab.password.reveal(),
        "PYTHONWARNINGS": "error",
    }


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("what", "moment", "last"),
    [
        ("enter", "logged in as root", "log out"),
        ("run", "working", "logged out"),
        ("between", "working", "logged out"),
        ("add", "shell ready", "logged out"),
        ("expect", "working", ""),
        ("asleep", "working", ""),
        ("thread", "working", "the block that opened this console has ended"),
    ],
    ids=["enter", "run", "between", "add", "expect", "asleep", "thread"],
)
def test_ctrl_c_logs_out(what: str, moment: str, last: str, far_lab: ThreadedLab, tmp_path: Path) -> None:
    public = tmp_path / "key.pub"
    public.write_text(new_key().line)
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, "web1-sos", what, str(public)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=as_users(far_lab, tmp_path / "home"),
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(moment):
            break
    assert logged_in(far_lab)
    for _ in range(3):
        process.send_signal(signal.SIGINT)
        time.sleep(0.05)
    said, trouble = process.communicate(timeout=40)
    assert said.splitlines()[-2:] == [*filter(None, [last]), "interrupted"], (said, trouble)
    assert not logged_in(far_lab)


def test_threads_that_share_a_shell_take_turns(far_lab: ThreadedLab) -> None:
    with (
        sosagent.blocking.root_shell(far_lab.target, password=far_lab.password) as shell,
        ThreadPoolExecutor(4) as pool,
    ):
        results = list(pool.map(lambda number: list(shell.run(f"echo {number}").lines), range(8)))
    assert results == [[str(number)] for number in range(8)]


def test_a_blocking_console(far_lab: ThreadedLab, tmp_path: Path) -> None:
    events = list[sosagent.Event]()
    cast = tmp_path / "cast"
    with sosagent.blocking.connect(far_lab.target, timeout=60, transcript=cast, on_event=events.append) as console:
        console.send("\r")
        assert console.expect([r"never", r"login: $"], 20).index == 1
        assert console.open_line.endswith("login: ")
        assert sosagent.blocking.console_state(console, seconds=0.1).name == console.state == "login"
        console.login(far_lab.password.reveal())
        assert logged_in(far_lab)
        console.type_line("echo $((40 + 2))")
        console.send("\r")
        assert console.expect(r"\n(42)\n").groups == ("42",)
        assert any("root@lab" in row for row in console.screen())
        assert console.quiet(0.1, 5.0)
        with console.unrecorded(sosagent.Secret("hunter22")):
            console.send("echo hunter22\r")
            console.expect("\nhunter22")
        console.skip()
        assert console.expect([sosagent.TIMEOUT, "hunter22"], 0.1).index == 0
        console.set_deadline(30)
        assert 0 < (console.time_left() or 0) <= 30
        console.mark_recording("here")
        console.logout()
        assert not logged_in(far_lab)
        with sosagent.blocking.root_shell(console, password=far_lab.password) as shell:
            assert shell.run("echo one").output == b"one"
            assert (console.bytes_sent > 100, console.bytes_received > 100, console.exchanges > 3) == (True,) * 3
        assert not logged_in(far_lab)
        with pytest.raises(sosagent.UsageError, match="already connected"):
            sosagent.blocking.root_shell(console, password="x", timeout=3).__enter__()
        console.login(far_lab.password)
    assert not logged_in(far_lab)
    assert "connected to" in events[1].text
    assert b"hunter22" not in console_bytes(cast)
    for late in (lambda: console.send("x"), lambda: console.open_line, lambda: shell.run("true")):
        with pytest.raises(RuntimeError):
            late()


def console_bytes(cast: Path) -> bytes:
    """Return a recording."""
    assert b'"here"' in cast.read_bytes()
    return cast.read_bytes()


@pytest.mark.parametrize("error", [KeyError("mine"), SystemExit(3)])
def test_a_blocking_console_logs_out_after_an_error(error: BaseException, far_lab: ThreadedLab) -> None:
    with pytest.raises(type(error)), sosagent.blocking.connect(far_lab.target, timeout=60) as console:
        console.login(far_lab.password)
        assert logged_in(far_lab)
        raise error
    assert not logged_in(far_lab)
    with pytest.raises(sosagent.DeadlineExceeded), sosagent.blocking.connect(far_lab.target, timeout=0.01):
        pass


def test_threads_that_share_a_console_take_turns(far_lab: ThreadedLab) -> None:
    """Their calls do not overlap; what a thread still waits for when the block ends raises RuntimeError."""
    with ThreadPoolExecutor(4) as pool:
        with sosagent.blocking.connect(far_lab.target, timeout=60) as console:
            console.login(far_lab.password)
            assert len(set(pool.map(lambda _: console.screen()[0], range(8)))) == 1
            list(pool.map(lambda number: console.quiet(0.05, 5.0), range(8)))
            waiting = [pool.submit(console.expect, "never", 50.0) for _ in range(2)]
            while not all(one.running() for one in waiting):
                time.sleep(0.01)
        for one in waiting:
            with pytest.raises(RuntimeError, match="has ended"):
                one.result(timeout=20)
    assert not logged_in(far_lab)


def test_a_thread_in_a_shell_when_the_console_is_left(far_lab: ThreadedLab) -> None:
    """Its call raises RuntimeError, and its shell is closed before the console is."""
    opened = threading.Event()

    def in_thread(console: sosagent.blocking.Console) -> None:
        with sosagent.blocking.root_shell(console, password=far_lab.password) as shell:
            opened.set()
            shell.run("sleep 2")  # what still runs is waited for

    with ThreadPoolExecutor(1) as pool:
        with sosagent.blocking.connect(far_lab.target, timeout=60) as console:
            thread = pool.submit(in_thread, console)
            assert opened.wait(30)
        assert not logged_in(far_lab)
        with pytest.raises(RuntimeError, match="has ended"):
            thread.result(timeout=20)


def test_a_shell_is_left_while_another_thread_waits_on_the_console(far_lab: ThreadedLab) -> None:
    with ThreadPoolExecutor(1) as pool, sosagent.blocking.connect(far_lab.target, timeout=60) as console:
        with sosagent.blocking.root_shell(console, password=far_lab.password):
            waiting = pool.submit(console.expect, [sosagent.TIMEOUT, "never"], 1.0)
            while not waiting.running():
                time.sleep(0.01)
        assert not logged_in(far_lab)
        assert waiting.result(timeout=20).index == 0

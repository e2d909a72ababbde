"""The public functions without asyncio."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
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
import sys, time, sosagent, sosagent.blocking
def shell():
    return sosagent.blocking.root_shell(target, password=sosagent.find_password(), on_event=say)
def say(event):
    if event.kind != "detail":
        print(event.text, flush=True)
target = sosagent.parse_target(sys.argv[1])
try:
    if sys.argv[2] == "add":
        sosagent.blocking.add_key(target, open(sys.argv[3]).read(), password=sosagent.find_password(), on_event=say)
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


@pytest.mark.parametrize(
    ("what", "moment", "last"),
    [
        ("enter", "logged in as root", "log out"),
        ("run", "working", "logged out"),
        ("between", "working", "logged out"),
        ("add", "shell ready", "logged out"),
    ],
    ids=["enter", "run", "between", "add"],
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
    assert said.splitlines()[-2:] == [last, "interrupted"], (said, trouble)
    assert not logged_in(far_lab)


def test_threads_that_share_a_shell_take_turns(far_lab: ThreadedLab) -> None:
    with (
        sosagent.blocking.root_shell(far_lab.target, password=far_lab.password) as shell,
        ThreadPoolExecutor(4) as pool,
    ):
        results = list(pool.map(lambda number: list(shell.run(f"echo {number}").lines), range(8)))
    assert results == [[str(number)] for number in range(8)]

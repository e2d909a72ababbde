"""Fixtures for all tests: a lab, keys, and shells on real ptys."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import gc
import os
import shutil
import signal
import subprocess
import tempfile
import termios
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import asyncssh
import pytest

import sosagent
from sosagent.console import Console
from sosagent.endpoint.dialects import DIALECTS
from sosagent.lab import Lab, open_lab
from sosagent.transports import Transport

from .support.accounts import set_home, use_own_accounts
from .support.forks import share_server
from .support.order import ordered
from .support.samples import mark_samples
from .support.virtual_time import loop_factory

#: Real shells that may be the /bin/sh which runs the programs of remote/. mksh, the /bin/sh of Android, is excluded:
#: its `wait` sometimes misses the end of a job, and then waits for the watchdog's timeout.
SHELLS = {
    "dash": ["dash"],
    "bash": ["bash", "--posix"],
    "busybox": ["busybox", "ash"],
}


def pytest_configure(config: pytest.Config) -> None:
    """Let ^C interrupt Python and what it starts, also where a shell started the tests in the background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    use_own_accounts()
    if config.getoption("numprocesses", None):
        share_server()
    # Commands under test must not ask the person who runs the tests.
    with contextlib.suppress(OSError):
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
        fcntl.ioctl(terminal, termios.TIOCNOTTY)
        os.close(terminal)
    # A file of keys in memory causes a warning, which the tests do not expect.
    words = ["stat", "-f", "-c", "%T", tempfile.gettempdir()]
    if subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip() == "tmpfs":
        tempfile.tempdir = "/var/tmp"


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect without the garbage collector: it would look through thousands of tests again and again, in vain."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None, object, object]:
    mark_samples(items)
    result = yield
    # Those that are not to run have been removed.
    items[:] = ordered(items, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to the report of a failure what the console showed."""
    report = yield
    if call.excinfo is not None and isinstance(error := call.excinfo.value, sosagent.ConsoleError):
        report.sections.append(("the end of the console's output", "\n".join([f"state {error.state}", *error.tail])))
    return report


def new_key(comment: str = "you@laptop", algorithm: str = "ssh-ed25519") -> sosagent.PublicKey:
    """Return a new public key."""
    private = asyncssh.generate_private_key(algorithm, comment)
    return sosagent.parse_public_keys(private.export_public_key(), "generated")[0]


def installed(command: list[str]) -> list[str]:
    """Return `command`, or skip the test if its program is not installed."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    return command


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run a test marked `virtual_time` on a loop in virtual time."""
    return loop_factory(item.get_closest_marker("virtual_time") is not None)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """``write(text, name, mode)`` writes a file in the test's folder, and returns its path."""
    from .support.commands import writer

    return writer(tmp_path)


@pytest.fixture(params=SHELLS)
def sh(request: pytest.FixtureRequest) -> list[str]:
    """The command of a real shell, for each installed one."""
    return installed(SHELLS[request.param])


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    """A running lab."""
    async with open_lab() as running:
        yield running


@pytest.fixture
def key() -> sosagent.PublicKey:
    """A new public key."""
    return new_key()


def target_of(lab: Lab) -> sosagent.SshTarget:
    """Return the lab's endpoint, without the configuration of the user who runs the tests."""
    config = lab.folder / "ssh_config"
    config.touch()
    return sosagent.SshTarget(
        "127.0.0.1",
        "lab",
        int(lab.host.rpartition(":")[2]),
        identities=(lab.identity,),
        ssh_config=config,
        known_hosts=lab.known_hosts,
    )


@pytest.fixture
def lab_target(lab: Lab) -> sosagent.SshTarget:
    """The `lab` fixture as a target."""
    return target_of(lab)


@pytest.fixture
def arguments(lab: Lab) -> list[str]:
    """The `lab` fixture as command-line options and HOST."""
    config = lab.folder / "config"
    config.touch()
    return ["-F", str(config), *lab.arguments]


@pytest.fixture(autouse=True)
def quiet_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide the agent, the password and the home folder of the user who runs the tests."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.delenv("SOS_PASSWORD", raising=False)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    set_home("root", tmp_path)


#: Keys that some endpoints interpret but that every other console needs: ^Z suspends programs, ^A d detaches screen,
#: and ^\\ ends programs.
_NEEDED_ELSEWHERE = (b"\x1a", b"\x01", b"\x1c")
_INTERPRETED = sorted({one for row in DIALECTS.values() for one in row.forbidden} - set(_NEEDED_ELSEWHERE))


@pytest.fixture(autouse=True)
def nothing_forbidden_is_sent(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Check that no console sends a byte sequence that its endpoint would interpret itself."""
    found: list[str] = []
    make = Console.__init__

    def spied(console: Console, transport: Transport, **options: Any) -> None:
        make(console, transport, **options)
        row, write = console.endpoint.dialect, transport.write
        sent = bytearray(b"\r")

        async def watched(data: bytes) -> None:
            if data not in (row.leave, row.breaks, console.endpoint.dialect.leave):
                sent.extend(data)
                taken = {*_INTERPRETED, *console.endpoint.dialect.forbidden}
                found.extend(f"{one!r} in {bytes(sent[-80:])!r}" for one in taken if one in sent[-len(data) - 8 :])
            await write(data)

        monkeypatch.setattr(transport, "write", watched)

    if request.node.get_closest_marker("damages") is None:
        monkeypatch.setattr(Console, "__init__", spied)
    yield
    assert not found, found[:3]


async def until(condition: object, seconds: float = 30.0) -> None:
    """Poll a condition until it is true, such as one in another process, which offers no event to wait for."""
    assert callable(condition)
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


def processes_of(uid_or_text: str) -> list[str]:
    """Return the command lines of processes that contain `uid_or_text`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if uid_or_text in line:
                found.append(line)
    return found


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[str]:
    """The socket of a real ssh-agent without keys."""
    installed(["ssh-agent"])
    # The length of a socket path is limited, so the socket is not in tmp_path.
    socket = f"/tmp/sosagent-agent-{tmp_path.name[-30:]}"
    server = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL)
    while not Path(socket).exists():
        assert server.poll() is None
    yield socket
    server.terminate()
    server.wait()
    Path(socket).unlink(missing_ok=True)

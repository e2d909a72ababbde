"""What other programs call: shells, keys, cancellation, the twins without asyncio, and what is said of each call."""

from __future__ import annotations

import asyncio
import inspect
import os
import re
import signal
import subprocess
import sys
import sysconfig
import threading
import time
import venv
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import sosagent
import sosagent.blocking
from sosagent.access import Access, AccessOptions, ConnectOptions, ConnectSettings, Permissions, access_to
from sosagent.authorized_keys.append import KeyOutcome
from sosagent.endpoint.target import SshOptions, SshSettings
from sosagent.lab import Lab, ThreadedLab, lab_in_thread
from sosagent.loop_thread import LoopThread
from sosagent.terminal.screen import screen_of

from .conftest import new_key, until

HERE = Path(__file__).parent
PACKAGE = Path(sosagent.__file__).parent


@pytest.fixture
def far_lab() -> Iterator[ThreadedLab]:
    """A lab beside blocking code."""
    with lab_in_thread() as running:
        yield running


def logged_in(lab: ThreadedLab) -> bool:
    """Whether somebody is: mypy takes a property for something that stays."""
    return lab.in_use


async def at_login(lab: Lab) -> None:
    """Nobody has the console, and nobody is logged in."""
    await until(lambda: lab.machine.on_output is None)
    assert not lab.machine.in_use


# -- a shell --------------------------------------------------------------------------------------


async def test_a_shell_by_host_alone(lab: Lab, lab_target: sosagent.SshTarget) -> None:
    async with sosagent.root_shell(lab_target, password=lab.password) as shell:
        assert lab.machine.in_use
        result = await shell.run("echo one; echo two; exit 3")
        assert (result.status, result.lines) == (3, ["one", "two"])
    await at_login(lab)


async def test_a_shell_on_a_console_that_goes_on_afterwards(lab: Lab, lab_target: sosagent.SshTarget) -> None:
    async with sosagent.connect(lab_target, timeout=100) as console:
        assert console.state == "unknown"
        seen = await sosagent.console_state(console, poke=True)
        assert (seen.name, seen.hostname, console.state) == ("login", "lab", "login")
        for _ in range(2):
            async with sosagent.root_shell(console, password=lab.password.reveal()) as shell:
                assert (await shell.run("echo here")).output == b"here"
            assert not lab.machine.in_use
        left = console.time_left()
        assert left is not None
        assert 60 < left < 100  # not what logging out was given
        assert (await sosagent.console_state(console, seconds=0.2)).name == "login"
        assert console.screen(40, 10)[-1] == "lab login:"


async def test_the_machines_name_is_compared_on_a_console_too(lab: Lab, lab_target: sosagent.SshTarget) -> None:
    async with sosagent.connect(lab_target, timeout=30) as console:
        with pytest.raises(sosagent.WrongMachine):
            async with sosagent.root_shell(console, password=lab.password, expect_host="web-7"):
                pass
        async with sosagent.root_shell(console, password=lab.password, expect_host="") as shell:
            assert (await shell.run("echo in")).output == b"in"
    await at_login(lab)


@pytest.mark.parametrize("name", ["timeout", "transcript", "on_event", "ask", "kick"])
async def test_what_is_said_to_connect_is_refused_where_the_console_is_there(
    name: str, lab: Lab, lab_target: sosagent.SshTarget
) -> None:
    async with sosagent.connect(lab_target, timeout=20) as console:
        options: dict[str, Any] = {"password": lab.password, name: None}
        with pytest.raises(sosagent.UsageError, match=f"{name}: .*already connected"):
            async with sosagent.root_shell(console, **options):
                pass
        with pytest.raises(sosagent.PasswordMissing):
            async with sosagent.root_shell(console, password=None):
                pass
        assert console.bytes_sent == 0


async def test_an_error_in_the_block_logs_out_and_goes_on(lab: Lab, lab_target: sosagent.SshTarget) -> None:
    with pytest.raises(KeyError, match="mine"):
        async with sosagent.root_shell(lab_target, password=lab.password):
            raise KeyError("mine")
    await at_login(lab)


async def test_a_shell_waits_for_an_endpoint_that_is_read_only(
    lab: Lab, lab_target: sosagent.SshTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sosagent.session.machine._READ_ONLY_SECONDS", 0.1)
    lab.machine.read_only_sessions = 2
    async with sosagent.root_shell(lab_target, password=lab.password) as shell:
        assert (await shell.run("echo in")).output == b"in"
    assert lab.machine.read_only_sessions == 0
    await at_login(lab)


def test_a_screen_is_what_a_terminal_shows() -> None:
    rows = screen_of(b"first\r\n\x1b[31mred\x1b[0m\x1b[3;2Hthird\x1b[=1;2c\x1b[2;1Hr", 20, 4)
    assert rows == ["first", "red", " third", ""]


# -- keys -----------------------------------------------------------------------------------------


async def test_keys_are_listed_and_removed_by_host(lab: Lab, lab_target: sosagent.SshTarget) -> None:
    one, two, three = new_key("one"), new_key("two"), new_key("three")
    await sosagent.add_key(lab_target, [one, two, three], password=lab.password)
    listing = await sosagent.list_keys(lab_target, password=lab.password, expect_host="lab")
    assert [listed.entry.key for listed in listing.keys if listed.entry] == [one, two, three]
    assert (listing.user, listing.logged_out) == ("root", True)
    done = await sosagent.remove_key(lab_target, two.fingerprint, password=lab.password)
    assert done.removed == (two.line,)
    with pytest.raises(sosagent.EditRefused, match="no key would be left"):
        await sosagent.remove_key(lab_target, [one, three.line], password=lab.password)
    await sosagent.remove_key(lab_target, [one, three.line], password=lab.password, force=True)
    assert lab.authorized_keys.read_text() == ""
    for nothing in ("", ()):
        with pytest.raises(sosagent.UsageError):
            await sosagent.remove_key(lab_target, nothing, password=lab.password)
    await at_login(lab)


async def test_host_keys_by_host(lab: Lab, lab_target: sosagent.SshTarget) -> None:
    """The lab's shell sees this computer's files, as nobody."""
    public = [path.read_text() for path in sorted(Path("/etc/ssh").glob("ssh_host_*_key.pub"))]
    if not public:
        with pytest.raises(sosagent.EditRefused, match="no SSH host key"):
            await sosagent.host_keys(lab_target, password=lab.password)
    else:
        found = await sosagent.host_keys(lab_target, password=lab.password)
        assert {key.base64 for key in found.keys} <= {line.split()[1] for line in public}
    await at_login(lab)


# -- cancellation ---------------------------------------------------------------------------------

MOMENTS = ["console state", "logged in as root", "shell ready"]


@pytest.mark.parametrize("moment", MOMENTS)
async def test_an_add_that_is_cancelled_logs_out(moment: str, lab: Lab, lab_target: sosagent.SshTarget) -> None:
    loop = asyncio.get_running_loop()
    said: list[str] = []
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(None) as limit:

            def tell(event: sosagent.Event) -> None:
                said.append(event.text)
                if event.text.startswith(moment):
                    limit.reschedule(loop.time())

            await sosagent.add_key(lab_target, new_key(), password=lab.password, on_event=tell)
    assert said[-1] == {"console state": "log in as root", "logged in as root": "log out"}.get(moment, "logged out")
    await at_login(lab)


async def test_a_block_that_is_cancelled_logs_out(lab: Lab, lab_target: sosagent.SshTarget) -> None:
    for work in ("sleep 1", ""):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(None) as limit:
                async with sosagent.root_shell(lab_target, password=lab.password) as shell:
                    limit.reschedule(asyncio.get_running_loop().time() + 0.2)
                    assert lab.machine.in_use
                    await (shell.run(work) if work else asyncio.sleep(30))
        await at_login(lab)


# -- without asyncio ------------------------------------------------------------------------------


def test_the_twins_do_the_same(far_lab: ThreadedLab) -> None:
    key, kept = new_key("twin"), new_key("kept")
    call = sosagent.blocking
    assert call.console_state(far_lab.target, poke=True).name == "login"
    done = call.add_key(far_lab.target, [key, kept], password=far_lab.password)
    assert (done.status, far_lab.authorized_keys) == ("added", f"{key.line}\n{kept.line}\n")
    assert all(isinstance(outcome, KeyOutcome) for outcome in done.keys)
    assert len(call.list_keys(far_lab.target, password=far_lab.password).keys) == 2
    assert call.remove_key(far_lab.target, key, password=far_lab.password).left == 1
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


def test_a_callback_that_ends_the_program_logs_out_first(far_lab: ThreadedLab) -> None:
    def leave(event: sosagent.Event) -> None:
        if event.text == "shell ready":
            assert logged_in(far_lab)
            sys.exit(3)

    for call in (sosagent.blocking.list_keys, lambda *a, **b: sosagent.blocking.root_shell(*a, **b).__enter__()):
        with pytest.raises(SystemExit):
            call(far_lab.target, password=far_lab.password, on_event=leave)
        assert not logged_in(far_lab)


async def test_a_twin_works_where_a_loop_runs_already(lab: Lab, lab_target: sosagent.SshTarget) -> None:
    """As in a notebook; here the lab's loop must go on meanwhile, so another thread waits."""

    async def call() -> str:
        return sosagent.blocking.console_state(lab_target, poke=True).name

    assert await asyncio.to_thread(lambda: asyncio.run(call())) == "login"


INTERRUPTED = """
import sys, time, sosagent, sosagent.blocking
def shell():
    return sosagent.blocking.root_shell(target, password=sosagent.find_password(), on_event=say)
def say(event):
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
    """The environment of a user whose ssh_config leads to the lab by the name "web1-sos"."""
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
def test_ctrl_c_logs_out_however_often(what: str, moment: str, last: str, far_lab: ThreadedLab, tmp_path: Path) -> None:
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


def test_what_still_runs_at_the_end_of_a_thread_is_cancelled() -> None:
    ended: list[str] = []

    async def begin() -> asyncio.Task[None]:
        async def long() -> None:
            try:
                await asyncio.sleep(60)
            finally:
                ended.append("long")

        task = asyncio.create_task(long())
        await asyncio.sleep(0)
        return task

    async def fails() -> None:
        raise KeyError("x")

    with LoopThread("test") as loop:
        loop.call(begin())
        with pytest.raises(KeyError, match="x"):
            loop.call(fails())
    assert ended == ["long"]


def test_an_interruption_before_the_first_step_ends_it() -> None:
    ended: list[str] = []

    async def work() -> None:
        ended.append("begun")
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("ended")

    with LoopThread("test") as loop:

        async def busy() -> None:
            asyncio.get_running_loop().call_soon(time.sleep, 0.4)

        loop.call(busy())
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
        begun = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            loop.call(work())
    assert ended in (["begun", "ended"], [])
    assert time.monotonic() - begun < 30


def test_a_callback_and_who_comes_too_late_are_told() -> None:
    async def nothing() -> int:
        return 1

    with LoopThread("test") as loop:

        async def within() -> int:
            return loop.call(nothing())

        with pytest.raises(RuntimeError, match="test cannot wait for itself"):
            loop.call(within())
        assert loop.call(nothing()) == 1
    with pytest.raises(RuntimeError, match="test has ended"):
        loop.call(nothing())


def test_threads_that_share_a_shell_wait_for_each_other(far_lab: ThreadedLab) -> None:
    with (
        sosagent.blocking.root_shell(far_lab.target, password=far_lab.password) as shell,
        ThreadPoolExecutor(4) as pool,
    ):
        results = list(pool.map(lambda number: list(shell.run(f"echo {number}").lines), range(8)))
    assert results == [[str(number)] for number in range(8)]


# -- what is said of it ---------------------------------------------------------------------------


def test_every_public_name_is_documented() -> None:
    missing = []
    for name in sosagent.__all__:
        value = getattr(sosagent, name)
        said = value if inspect.isclass(value) or inspect.isroutine(value) else type(value)
        if not (said.__dict__.get("__doc__") or (inspect.isroutine(value) and value.__doc__)):
            missing.append(name)
    assert not missing


def public_functions() -> list[tuple[str, Any]]:
    modules = {"sosagent": sosagent, "blocking": sosagent.blocking}
    found = [
        (f"{place}.{name}", getattr(module, name))
        for place, module in modules.items()
        for name in module.__all__
        if inspect.isroutine(getattr(module, name))
    ]
    return [*found, ("Shell.run", sosagent.blocking.Shell.run)]


@pytest.mark.parametrize(("name", "function"), [pytest.param(*one, id=one[0]) for one in public_functions()])
def test_every_parameter_is_documented(name: str, function: Any) -> None:
    said = inspect.getdoc(function) or ""
    listed = re.findall(r"^    ([\w, ]+): ", said.partition("Args:")[2].partition("\n\n")[0], re.MULTILINE)
    told = {word for words in listed for word in words.split(", ")}
    assert told >= set(inspect.signature(function).parameters) - {"self"}
    assert "Raises:" in said
    assert inspect.signature(function).return_annotation != inspect.Signature.empty


def documented(options: type) -> list[str]:
    text = (inspect.getdoc(options) or "").partition("Fields:")[2]
    return re.findall(r"\w+", " ".join(re.findall(r"^    ([\w, ]+): ", text, re.MULTILINE)))


def names(settings: type) -> set[str]:
    return {one.name for one in fields(settings)}


def test_every_option_is_a_documented_keyword() -> None:
    for options, settings in (
        (ConnectOptions, names(ConnectSettings)),
        (AccessOptions, names(Access) - {"target", "permissions"} | names(Permissions)),
        (SshOptions, names(SshSettings)),
    ):
        assert set(options.__annotations__) == settings
    for options in (ConnectOptions, AccessOptions):
        assert set(documented(options)) == set(options.__annotations__)


def test_keywords_become_an_access() -> None:
    access = access_to("x", password="one", become_password="two", allow_immutable=True, timeout=3.0)
    assert (access.target, access.login, access.timeout) == ("x", "root", 3.0)
    assert access.known_password.reveal() == "one"
    assert access.become_password is not None
    assert access.become_password.reveal() == "two"
    assert access.permissions == Permissions(allow_immutable=True)
    with pytest.raises(TypeError, match="pasword"):
        access_to("x", pasword="x")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="password"):
        access_to("x")  # type: ignore[call-arg]


def test_a_users_program_is_typed(tmp_path: Path) -> None:
    """By mypy --strict, against the package as it is installed elsewhere; and its mistakes are found."""
    venv.create(tmp_path / "venv", with_pip=False)
    (site,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    (site / "sosagent").symlink_to(PACKAGE)
    (site / "others.pth").write_text(sysconfig.get_paths()["purelib"])
    text = (HERE / "support" / "user_program.py").read_text()
    (tmp_path / "right.py").write_text(text)
    wrong = [(tmp_path / f"wrong{number}.py", line) for number, line in enumerate(re.findall(r"# WRONG: (.*)", text))]
    for path, line in wrong:
        path.write_text(f"import sosagent, sosagent.blocking\n{line}\n")
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MYPYPATH")}
    done = subprocess.run(
        [
            sys.executable, "-m", "mypy", "--strict", "--config-file", os.devnull,
            "--python-executable", str(tmp_path / "venv/bin/python"), "--cache-dir", str(tmp_path / "cache"),
            "right.py", *(path.name for path, _ in wrong),
        ],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "right.py" not in done.stdout, done.stdout
    assert wrong
    for path, line in wrong:
        assert f"{path.name}:2: error" in done.stdout, (line, done.stdout)


async def test_a_login_as_pexpect_has_them(lab: Lab, lab_target: sosagent.SshTarget) -> None:
    def in_use() -> bool:
        return lab.machine.in_use

    async with sosagent.connect(lab_target, timeout=60) as console:
        await console.login(lab.password)
        assert in_use()
        await console.send("echo $((40 + 2))\r")
        assert (await console.expect(r"\n(42)\n")).groups == ("42",)
        with pytest.raises(sosagent.UsageError, match="logged in already"):
            await console.login(lab.password)
        await console.expect(r"# $")
        await console.logout()
        assert not in_use()
        await console.login(lab.password)  # and again
        assert any("root@lab" in row for row in console.screen())
    assert not in_use()


@pytest.mark.parametrize("left", ["an error", "a cancellation", "a half typed line", "a wrong password"])
async def test_a_login_is_left_on_every_way_out(left: str, lab: Lab, lab_target: sosagent.SshTarget) -> None:
    async def use() -> None:
        async with sosagent.connect(lab_target, timeout=60) as console:
            await console.login(sosagent.Secret("not this") if left == "a wrong password" else lab.password)
            if left == "an error":
                raise KeyError(left)
            await console.send("echo half")
            if left == "a cancellation":
                await asyncio.sleep(60)

    if left == "a cancellation":
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2):
                await use()
    elif left == "a half typed line":
        await use()
    else:
        with pytest.raises((KeyError, sosagent.LoginRefused)):
            await use()
    assert not lab.machine.in_use

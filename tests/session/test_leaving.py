"""Leaving real login shells behind a real getty and login: none stays open, or the error's first sentence says so."""

from __future__ import annotations

import asyncio
import fcntl
import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import sosagent
from sosagent.lab import Faults, FaultyTransport

from ..conftest import until
from ..support.logins import PASSWORD, RealConsole, real_console

_TIOCVHANGUP = 0x5437  # ioctl_tty(2)


@dataclass(frozen=True)
class Account:
    """Root's account on a machine.

    Fields:
        shell: the login shell; a text that starts with ``#!`` is a program.
        files: files in root's home, and their contents.
        error: the class of the job's error; None where the shell can be used.
        hidden: a program that the machine does not have.
    """

    shell: str
    files: dict[str, str] = field(default_factory=dict)
    error: type[sosagent.SosError] | None = None
    hidden: str = ""


def _bash(profile: str, error: type[sosagent.SosError] | None = None) -> Account:
    return Account("/bin/bash", {".bash_profile": f"{profile}\n"}, error)


def _dash(profile: str, error: type[sosagent.SosError] | None = None) -> Account:
    return Account("/bin/dash", {".profile": f"{profile}\n"}, error)


_ZSH = """bindkey -v; PS1='x# '; RPS1='[ins]'
zle-keymap-select() { RPS1="[$KEYMAP]"; zle reset-prompt; }; zle -N zle-keymap-select
"""
_ALIASES = "alias exit='echo no' exec='echo no' stty='echo no' printf='echo no' env='echo no' echo='printf no'"
_MENU = """#!/bin/sh
while :; do echo '1) Reboot'; printf 'Enter an option: '; read a || exit; [ "$a" != 1 ] || echo >"$HOME/chosen"; done
"""
_BUSYBOX = "#!/bin/sh\nexec /bin/busybox ash -l\n"

ACCOUNTS = {
    "bash": _bash(""),
    "dash": _dash(""),
    "ash": Account(_BUSYBOX),
    "zsh": Account("/usr/bin/zsh", {".zshrc": "\n"}),
    "fish": Account("/usr/bin/fish"),
    "tcsh": Account("/usr/bin/tcsh"),
    "bash, empty prompt": _bash("PS1="),
    "dash, empty prompt": _dash("PS1=''"),
    "bash, prompt like a login's": _bash("PS1='vm login: '"),
    "dash, prompt like a login's": _dash("PS1='vm login: '"),
    "bash, prompt like a login's, end of file ignored": _bash("PS1='login: '; IGNOREEOF=99"),
    "bash, prompt like a login's, end of file ignored, exit is a function": _bash(
        "exit() { echo no; }; PS1='login: '; IGNOREEOF=99"
    ),
    "dash, no echo": _dash("stty -echo"),
    "bash, aliases": _bash(_ALIASES),
    "dash, aliases": _dash(_ALIASES),
    "bash, no echo, exit is a function, end of file ignored": _bash(
        "exit() { echo no; }; IGNOREEOF=99; set +o emacs; stty -echo"
    ),
    "zsh, vi mode and a right prompt": Account("/usr/bin/zsh", {".zshrc": _ZSH}),
    "tcsh, exit is an alias": Account("/usr/bin/tcsh", {".tcshrc": "alias exit 'echo no'\n"}),
    "fish, exit is a function": Account("/usr/bin/fish", {".config/fish/config.fish": "function exit; echo no; end\n"}),
    "dash, no cksum": Account("/bin/dash", hidden="/usr/bin/cksum"),
    "a menu": Account(_MENU, error=sosagent.ConsoleStateUnknown),
}


async def run(console: RealConsole, timeout: float = 90.0) -> sosagent.SosError | None:
    """Run one program in a root shell; return the error."""
    try:
        async with sosagent.connect(console, timeout=timeout) as connected:
            async with sosagent.root_shell(connected, password=PASSWORD) as shell:
                assert (await shell.run("echo A B")).output == b"A B"
    except sosagent.SosError as error:
        return error
    return None


async def announced_or_closed(console: RealConsole, error: BaseException | None) -> None:
    """Check that no shell is open, unless the error begins with that."""
    if not str(error).startswith("A shell of ours may be open"):
        await until(lambda: not console.shell_open)


@pytest.mark.sample(3)
@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", ACCOUNTS)
async def test_no_login_shell_stays_open(name: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    account = ACCOUNTS[name]
    shell = account.shell
    if shell.startswith("#!"):
        (tmp_path / "shell").write_text(shell)
        (tmp_path / "shell").chmod(0o755)
        shell = str(tmp_path / "shell")
    async with real_console(tmp_path, shell, account.files, account.hidden) as console:
        error = await run(console)
        assert type(error) is (account.error or type(None)), error
        await until(lambda: not console.shell_open)
        assert not (tmp_path / "home" / "chosen").exists()


@pytest.mark.parametrize(
    ("shell", "profile"), [("/bin/bash", ".bash_profile"), ("/bin/dash", ".profile")], ids=["bash", "dash"]
)
async def test_our_shell_ends_if_the_tty_is_hung_up(shell: str, profile: str, tmp_path: Path) -> None:
    """Every read ends at once then, and the signal may be ignored."""
    tmp_path.chmod(0o755)
    async with real_console(tmp_path, shell, {profile: "trap '' HUP\n"}) as machine:
        with suppress(sosagent.SosError):
            async with sosagent.connect(machine, timeout=60) as connected:
                async with sosagent.root_shell(connected, password=PASSWORD) as opened:
                    number = (await opened.run("echo $$")).output.decode()
                    assert Path(f"/proc/{number}").exists()
                    tty = os.open(machine.tty, os.O_RDWR | os.O_NOCTTY)
                    fcntl.ioctl(tty, _TIOCVHANGUP)
                    os.close(tty)
                    await until(lambda: not Path(f"/proc/{number}").exists())
                    connected.set_deadline(1)


@pytest.mark.parametrize("after", [0.0, 0.05, 0.3])
async def test_cancelled_after_the_password(after: float, tmp_path: Path) -> None:
    """The outcome of the login is unknown; an empty prompt shows nothing."""
    tmp_path.chmod(0o755)
    async with real_console(tmp_path, "/bin/dash", {".profile": "PS1=''\n"}) as console:
        asked = asyncio.Event()
        write = console.write

        async def watched(data: bytes) -> None:
            await write(data)
            if PASSWORD.encode() in data:
                asked.set()

        console.write = watched  # type: ignore[method-assign]
        job = asyncio.create_task(run(console))
        await asked.wait()
        await asyncio.sleep(after)
        job.cancel()
        (error,) = await asyncio.gather(job, return_exceptions=True)
        assert isinstance(error, asyncio.CancelledError)
        await until(lambda: not console.shell_open)


@pytest.mark.parametrize("shown", ["reboot: x", "Linux version 6", "vm login: "])
async def test_output_that_looks_like_a_restart(shown: str, tmp_path: Path) -> None:
    """Another program prints it on the console. The job goes on, and logs out."""
    tmp_path.chmod(0o755)
    async with real_console(tmp_path, "/bin/bash") as console:
        async with sosagent.connect(console, timeout=60) as connected:
            async with sosagent.root_shell(connected, password=PASSWORD) as shell:
                await shell.run("true")
                result = await shell.run(
                    f"printf '\\n%s' '{shown}' >{console.tty}; sleep 4; echo >{console.tty}; echo A"
                )
                assert result.output == b"A"
        await until(lambda: not console.shell_open)


@pytest.mark.sample(4)
@pytest.mark.parametrize("shell", ["/bin/bash", "/bin/dash"])
@pytest.mark.parametrize(("baud", "after"), [(1200, 0.4), (1200, 1.5), (2400, 0.3)])
@pytest.mark.parametrize("how", ["cancelled", "out of time"])
async def test_stopped_while_the_start_line_is_typed(
    how: str, baud: int, after: float, shell: str, tmp_path: Path
) -> None:
    """`after` seconds after the first byte of the start line on a slow line."""
    tmp_path.chmod(0o755)
    async with real_console(tmp_path, shell) as machine:
        line = FaultyTransport(machine, Faults(baud=baud))
        typing = asyncio.Event()
        write = line.write

        async def watched(data: bytes) -> None:
            await write(data)
            if b"HIST" in data:
                typing.set()

        line.write = watched  # type: ignore[method-assign]

        async def job() -> None:
            async with sosagent.connect(line, timeout=120) as connected:
                if how == "out of time":
                    expiry = asyncio.ensure_future(end_time(connected))
                try:
                    async with sosagent.root_shell(connected, password=PASSWORD):
                        pytest.fail("the start line was typed to its end")
                finally:
                    if how == "out of time":
                        expiry.cancel()

        async def end_time(connected: sosagent.ConnectedConsole) -> None:
            await typing.wait()
            connected.set_deadline(after)

        task = asyncio.ensure_future(job())
        if how == "cancelled":
            started = asyncio.ensure_future(typing.wait())
            await asyncio.wait([task, started], return_when=asyncio.FIRST_COMPLETED)
            await asyncio.sleep(after)
            task.cancel()
        (error,) = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(error, asyncio.CancelledError if how == "cancelled" else sosagent.DeadlineExceeded), error
        assert not getattr(error, "open_shell", ""), error
        await until(lambda: not machine.shell_open)

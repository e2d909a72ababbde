"""login/leftover.py: distinguish a shell that an interrupted run left from another person's, on a real login."""

from __future__ import annotations

from pathlib import Path

import pytest

import sosagent
from sosagent.login.record import OpenLogin
from sosagent.shell.start_line import lines_to_plain_shell
from sosagent.terminal.own_text import PLAIN_SHELL_READY

from ..conftest import until
from ..support.logins import PASSWORD, USER, CutConsole, RealConsole, real_console

SHELLS = pytest.mark.parametrize("shell", ["/bin/bash", "/bin/dash"])
LEFT = "an interrupted run of sosagent left this shell open; logging it out"


async def log_in_and_cut(console: RealConsole, user: str) -> None:
    """Log in with sosagent, and lose the connection at the shell's prompt."""
    transport = CutConsole(console)
    with pytest.raises(sosagent.EndpointLost):
        async with sosagent.connect(transport, timeout=60) as there:
            await there.login(PASSWORD, login=user)
            transport.cut = True
            await there.expect("never")
    assert console.shell_open


async def log_in_by_hand(console: RealConsole, user: str, *lines: str) -> None:
    """Log in as somebody would without sosagent, and type `lines`."""
    async with sosagent.connect(console, timeout=60) as there:
        await there.send("\r")
        await there.expect("login: ")
        await there.send(f"{user}\r")
        await there.expect("Password: ")
        await there.send(f"{PASSWORD}\r")
        await there.expect("[#$] $")
        for line in lines:
            await there.send(f"{line}\r")
            await there.expect("[#$] $")


async def run(console: RealConsole, user: str) -> list[str]:
    """Run a job as `user`; return the notes."""
    notes: list[str] = []
    async with sosagent.root_shell(
        console, password=PASSWORD, login=user, timeout=60,
        on_event=lambda event: notes.append(event.text) if event.kind == "note" else None,
    ) as shell:  # fmt: skip
        assert (await shell.run("id -un")).lines == [user]
    return notes


@pytest.mark.sample(2)
@SHELLS
@pytest.mark.parametrize("user", ["root", USER])
async def test_the_next_run_closes_what_a_cut_run_left(shell: str, user: str, tmp_path: Path) -> None:
    async with real_console(tmp_path, shell) as console:
        await log_in_and_cut(console, user)
        assert LEFT in await run(console, user)
        assert not console.shell_open
        assert OpenLogin(console.place).seconds() is None


@pytest.mark.sample(3)
@SHELLS
@pytest.mark.parametrize("line", lines_to_plain_shell(replace=True), ids=["exec", "another exec", "on top"])
async def test_the_next_run_ends_the_plain_shell_of_a_cut_run(shell: str, line: str, tmp_path: Path) -> None:
    """Some shells do not accept the start line, and a run starts a shell without a line editor there first."""
    async with real_console(tmp_path, shell) as console:
        transport = CutConsole(console)
        with pytest.raises(sosagent.EndpointLost):
            async with sosagent.connect(transport, timeout=60) as there:
                await there.login(PASSWORD)
                await there.send(f"{line}\r")
                await there.expect(rf"\n{PLAIN_SHELL_READY}\n")
                transport.cut = True
                await there.expect("never")
        assert console.shell_open
        await run(console, "root")
        await until(lambda: not console.shell_open)
        assert OpenLogin(console.place).seconds() is None


@pytest.mark.parametrize("user", ["root", USER])
async def test_another_persons_shell_of_the_same_moment_stays(user: str, tmp_path: Path) -> None:
    """It was opened while our record says that our login is open, and a program of theirs is suspended there."""
    async with real_console(tmp_path, "/bin/bash") as console:
        await log_in_by_hand(console, user, "sleep 1000 &")
        OpenLogin(console.place).remember(is_open=True)
        if user == "root":
            assert LEFT not in await run(console, user)
        else:
            with pytest.raises(sosagent.ConsoleOccupied, match="who is not root"):
                await run(console, user)
        assert console.shell_open
        assert OpenLogin(console.place).seconds() is None


async def test_a_shell_without_a_record_of_ours_stays(tmp_path: Path) -> None:
    async with real_console(tmp_path, "/bin/bash") as console:
        await log_in_by_hand(console, USER)
        with pytest.raises(sosagent.ConsoleOccupied, match="who is not root"):
            await run(console, USER)
        assert console.shell_open

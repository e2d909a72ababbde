"""Text on the console that looks like a prompt gets no password; a real prompt among kernel lines does."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest

import sosagent
from sosagent.access import LoginSettings
from sosagent.console import Console
from sosagent.login.observe import settle
from sosagent.login.transitions import Login
from sosagent.session.root_shell import root_shell
from sosagent.shell.shell import Shell
from sosagent.terminal.states import Action

from ..conftest import until
from ..support.attacks import PASSWORD, VICTIMS, WatchedPty, attack, create_files, on_victim

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="needs root, to start programs as root and as nobody")
KERNEL = "[   12.345678] usb 1-1: new high-speed USB device number 2\r\n"

#: Seeds for each victim. Of the first 264 seeds, 22 got a password when kernel lines could open a line; these are among
#: them, except for the victims that were never caught.
SEEDS = {
    "bash": (99, 0),
    "bash, half a command": (56, 221),
    "tail": (68, 79),
    "tail alone": (234, 3),
    "cat": (4, 92),
    "cat alone": (181, 247),
    "vim": (72, 6),
    "vim, inserting": (40, 51),
    "agetty": (184, 217),
    "sulogin": (9, 20),
    "BusyBox sulogin": (10, 21),
}


def installed(victim: str) -> None:
    for program in VICTIMS[victim].needs:
        if shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None:
            pytest.skip(f"{program} is not installed")


async def kernel_lines(transport: WatchedPty, pause: float | None) -> None:
    """Print a kernel line, and then another one every `pause` seconds."""
    transport.print(KERNEL)
    while pause is not None:
        await asyncio.sleep(pause)
        transport.print(KERNEL)


@pytest.mark.sample(3)
@needs_root
@pytest.mark.parametrize("victim", SEEDS)
async def test_a_printed_prompt_gets_no_password(victim: str) -> None:
    """A sample; `make soak` tries 500 seeds."""
    installed(victim)
    outcomes = await asyncio.gather(*(attack(victim, seed) for seed in SEEDS[victim]))
    assert [outcome for outcome in outcomes if outcome.typed_at] == []


@pytest.mark.sample(2)
@needs_root
@pytest.mark.parametrize("pause", [None, 0.5, 0.05], ids=["one kernel line", "a few", "many"])
@pytest.mark.parametrize("victim", ["sulogin", "sulogin -e", "BusyBox sulogin"])
async def test_a_real_maintenance_prompt_among_kernel_lines_is_answered(
    victim: str, pause: float | None, tmp_path: Path
) -> None:
    installed(victim)
    create_files(tmp_path)
    async with on_victim(victim, tmp_path) as transport:
        printing = asyncio.ensure_future(kernel_lines(transport, pause))
        await asyncio.sleep(0)
        async with Console(transport) as console:
            console.set_deadline(60)
            async with root_shell(console, sosagent.Secret(PASSWORD)) as session:
                assert (await session.shell.run("id -u")).output == b"0"
            assert (session.left, session.trouble, session.root, session.ours) == (True, "", True, False)
            assert transport.hides_input
            assert transport.child.isalive()
        printing.cancel()
    assert transport.typed_at == ""


@needs_root
@pytest.mark.parametrize("pause", [None, 0.05], ids=["one kernel line", "many"])
async def test_a_real_login_prompt_among_kernel_lines_is_answered(pause: float | None, tmp_path: Path) -> None:
    installed("agetty")
    create_files(tmp_path)
    async with on_victim("agetty", tmp_path) as transport:
        printing = asyncio.ensure_future(kernel_lines(transport, pause))
        await asyncio.sleep(0)
        async with Console(transport) as console:
            console.set_deadline(60)
            with pytest.raises(sosagent.LoginRefused):
                async with root_shell(console, sosagent.Secret(PASSWORD)):
                    pass
        printing.cancel()
    assert (tmp_path / "names").read_text() == "-- root\n"
    assert (tmp_path / "answers").read_text() == f"{PASSWORD}\n"
    assert transport.typed_at == ""


@pytest.mark.sample(2)
@needs_root
@pytest.mark.parametrize("moment", ["before the start line", "after it"])
@pytest.mark.parametrize("victim", ["sulogin", "BusyBox sulogin"])
async def test_sulogin_asks_again_after_a_lost_connection(victim: str, moment: str, tmp_path: Path) -> None:
    """The dead-man's switch ends our shell; before it runs, the next connection closes the maintenance shell."""
    installed(victim)
    create_files(tmp_path)
    async with on_victim(victim, tmp_path) as transport, Console(transport) as console:
        console.set_deadline(60)
        login = Login(console, LoginSettings())
        await login.enter(sosagent.Secret(PASSWORD))
        assert (login.is_root, login.may_be_open) == (True, True)
        if moment == "after it":
            shell = Shell(console, replace=False, keep_modes=True, dead_man=2, then=login.afterwards)
            await shell.start()
            await shell.run("true")
        else:
            await Login(console, LoginSettings()).close_open_shell(login.maintenance)
        await until(lambda: transport.hides_input)
        state = await settle(console, 10, mark=console.mark_before_open_line(), until=(Action.MAINTAIN,))
        assert state.state.name == "maintenance"
        assert transport.child.isalive()

"""A console on which nobody logs in: init starts a shell there again and again. Real gettys, logins and shells."""

from __future__ import annotations

from pathlib import Path

import pytest

import sosagent
from sosagent.access import LoginSettings
from sosagent.console import Console
from sosagent.secrets.secret import Secret
from sosagent.session.root_shell import root_shell
from sosagent.terminal.states import classify

from ..conftest import until
from ..support.logins import USER, real_console
from .test_activation import askfirst

NEVER = Secret("never typed")
_TTY = "/dev/{tty} >/dev/{tty} 2>&1"
GETTYS = {
    "agetty --autologin": "/sbin/agetty --autologin root -L 115200 {tty} vt220",
    "agetty --autologin without an issue": "/sbin/agetty --autologin root --noissue --noclear -L 115200 {tty} vt220",
    "agetty -n -l /bin/sh": "/sbin/agetty -n -l /bin/sh -L 115200 {tty} vt220",
    "login -f": f"login -f root <{_TTY}",
    "a shell": f"sh -i <{_TTY}",
}


async def _use_twice(console: Console, state: str, *, plain: bool = False) -> None:
    """Use the console's shell in two runs, and check that it is left as it was.

    Args:
        console: the console.
        state: the state that is found.
        plain: the shell has no line editor, so that only take_over finds out that it is one.
    """
    console.set_deadline(100)
    for _ in range(2):
        async with root_shell(console, NEVER, settings=LoginSettings(take_over=plain)) as session:
            assert (await session.shell.run("echo in")).output == b"in"
        assert session.left, session.trouble
        assert session.state_found == state
        assert classify(console.received.lines, console.open_line).state.name == state


@pytest.mark.sample(2)
@pytest.mark.parametrize(("name", "shell"), [*((name, "/bin/bash") for name in GETTYS), ("login -f", "/bin/dash")])
async def test_a_root_shell_that_starts_by_itself_is_left_open(name: str, shell: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    async with real_console(tmp_path, shell, {".profile": "PS1='# '"}, getty=GETTYS[name]) as machine:
        await machine.started()
        async with Console(machine) as console:
            await console.quiet(1.0, 20.0)
            await _use_twice(console, "shell", plain=shell == "/bin/dash" or name == "a shell")
        assert machine.sessions == 1


async def test_agetty_waits_for_enter_before_an_automatic_login(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    getty = "/sbin/agetty --autologin root --login-pause -L 115200 {tty} vt220"
    async with real_console(tmp_path, "/bin/bash", {".profile": "PS1='# '"}, getty=getty) as machine:
        await machine.started()
        async with Console(machine) as console:
            await _use_twice(console, "activation")
        await until(lambda: not machine.shell_open)


async def test_a_shell_of_busybox_init_without_a_question(tmp_path: Path) -> None:
    async with askfirst(tmp_path, "respawn:-/bin/busybox ash") as console:
        await console.quiet(1.0, 20.0)
        await _use_twice(console, "shell")


@pytest.mark.parametrize("take_over", [False, True])
async def test_another_user_is_logged_in_again_and_again(take_over: bool, tmp_path: Path) -> None:
    """No password is typed. With take_over, the error says that the user is there again."""
    tmp_path.chmod(0o755)
    getty = f"/sbin/agetty --autologin {USER} -L 115200 {{tty}} vt220"
    async with real_console(tmp_path, "/bin/bash", {".profile": ""}, getty=getty) as machine:
        await machine.started()
        async with Console(machine) as console:
            await console.quiet(1.0, 20.0)
            message = "is on the console again" if take_over else "a shell of operator, who is not root"
            with pytest.raises(sosagent.ConsoleOccupied, match=message) as caught:
                async with root_shell(console, NEVER, settings=LoginSettings(take_over=take_over)):
                    pass
            assert "may be open" not in f"{caught.value.message} {caught.value.hint}"
            assert machine.sessions == 1 or take_over

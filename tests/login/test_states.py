"""Checks the table of console states with real programs on ptys. Detection types no key here."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from sosagent.jobs.state import console_state
from sosagent.login.detect import find_state
from sosagent.login.listen import listen
from sosagent.shell.shell import Shell

from ..conftest import installed
from ..support.ptys import PtyTransport, on_pty

ENV = {"TERM": "vt220", "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}


@dataclass(frozen=True)
class Shown:
    """A program and the console state that it shows.

    Fields:
        command: the program and its arguments.
        state: the state's name; several are separated by `|`.
        typed: keys to type into it first.
        root: whether it needs root.
    """

    command: tuple[str, ...]
    state: str
    typed: str = ""
    root: bool = False


SHOWN = {
    "bash": Shown(("bash", "--norc"), "shell"),
    "dash": Shown(("dash", "-i"), "shell"),
    "mksh": Shown(("mksh",), "shell"),
    "zsh": Shown(("zsh", "-f"), "shell"),
    "fish": Shown(("fish", "-N"), "shell"),
    "tcsh": Shown(("tcsh", "-f"), "shell"),
    "BusyBox ash": Shown(("busybox", "ash"), "shell"),
    "bash, an open quote": Shown(("bash", "--norc"), "continuation", "echo 'a\r"),
    "zsh, an open quote": Shown(("zsh", "-f"), "continuation", "echo 'a\r"),
    "zsh, a heredoc": Shown(("zsh", "-f"), "continuation", "cat << X\r"),
    "zsh, a loop": Shown(("zsh", "-f"), "continuation", "for i in 1\r"),
    "tcsh, a loop": Shown(("tcsh", "-f"), "continuation", "foreach i (1)\r"),
    "python": Shown(("python3", "-q"), "repl"),
    "python, a block": Shown(("python3", "-q"), "repl", "if 1:\r"),
    "less": Shown(("less", "-X", "/etc/passwd"), "pager", "j"),
    "more": Shown(("more", "/etc/login.defs"), "pager"),
    "top": Shown(("top",), "full-screen", " "),
    "vim": Shown(("vim", "-u", "NONE", "/etc/passwd"), "full-screen"),
    "nano": Shown(("nano", "/etc/passwd"), "nano"),
    "tmux": Shown(("tmux", "-f", "/dev/null", "-L", "sosagent-test", "new-session", "sleep 9"), "multiplexer"),
    "a question of bash": Shown(("bash", "-c", "read -p 'Continue? [Y/n] ' x"), "question"),
    "a question of ssh": Shown(("bash", "-c", "read -p 'Are you sure (yes/no/[fingerprint])? ' x"), "question"),
    "passwd": Shown(("passwd",), "password-expired"),
    "su": Shown(("setpriv", "--reuid=65534", "--clear-groups", "su"), "password", root=True),
    "login": Shown(("login",), "login", root=True),
    "login, a name entered": Shown(("login",), "password", "nobody\r", root=True),
    # If root has no password, it asks for Enter.
    "sulogin": Shown(("sulogin", "-e"), "maintenance|maintenance-enter", root=True),
    "BusyBox sulogin": Shown(("busybox", "sulogin"), "maintenance", root=True),
}


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", SHOWN)
async def test_a_program_shows_its_state(name: str, tmp_path: Path) -> None:
    shown = SHOWN[name]
    if shown.root and os.getuid() != 0:
        pytest.skip("needs root")
    if shutil.which(shown.command[0], path=ENV["PATH"]) is None:
        pytest.skip(f"{shown.command[0]} is not installed")
    async with on_pty(shown.command, tmp_path, **ENV) as (console, transport):
        await console.quiet(0.4, 5)
        for key in shown.typed:
            await console.send(key)
        await console.quiet(0.4, 5)
        typed = console.bytes_sent
        assert (await listen(console, 0.2)).state.name in shown.state.split("|"), console.tail()
        assert console.bytes_sent == typed
        assert transport.child.isalive()


async def test_the_question_of_vim_about_a_swap_file(tmp_path: Path) -> None:
    command = installed(["vim", "-u", "NONE", str(tmp_path / "f")])
    async with on_pty(command, tmp_path, **ENV) as (console, transport):
        await console.quiet(0.5, 5)
        await console.send("itext\x1b:preserve\r")
        await console.quiet(0.5, 5)
        transport.child.kill(9)
    assert list(tmp_path.glob(".f.sw*"))
    async with on_pty(command, tmp_path, **ENV) as (console, transport):
        await console.quiet(0.5, 5)
        # vim.tiny only reports it and waits for Enter.
        assert (await listen(console, 0.2)).state.name in ("vim-swap", "pager"), console.tail()
        assert transport.child.isalive()


@pytest.mark.parametrize("shell", ["zsh", "fish"])
async def test_a_prompt_at_the_right_margin(shell: str, tmp_path: Path) -> None:
    """Text at the right margin is not an unfinished command."""
    command, setting = {
        "zsh": (["zsh", "-f"], "RPROMPT='[at the right]'\r"),
        "fish": (["fish", "-N"], "function fish_right_prompt; echo '[at the right]'; end\r"),
    }[shell]
    async with on_pty(installed(command), tmp_path, **ENV) as (console, _):
        await console.quiet(0.5, 5)
        await console.send(setting)
        await console.quiet(0.5, 5)
        observed = await find_state(console)
        assert observed.state.name == "shell"
        verified = Shell(console, replace=False, keep_modes=True, dead_man=60)
        await verified.start()
        assert (await verified.run("echo in")).output == b"in"
        await verified.close()


async def test_console_state_of_a_program_types_no_key(tmp_path: Path) -> None:
    transport = PtyTransport(["bash", "-c", "printf 'web-1 login: '; read x"], {**ENV, "HOME": str(tmp_path)})
    observed = await console_state(transport, seconds=0.3)
    assert (observed.name, observed.hostname, observed.tail) == ("login", "web-1", ("web-1 login: ",))

"""The start line in real login shells: the echo is compared, programs run, and the shell and its tty are restored."""

from __future__ import annotations

from pathlib import Path

import pytest

import sosagent
from sosagent.shell.shell import Shell

from ..conftest import installed
from ..support.ptys import on_pty
from ..support.starts import INTERACTIVE, harm_of, sample


@pytest.fixture(params=INTERACTIVE)
def interactive(request: pytest.FixtureRequest) -> list[str]:
    return installed(INTERACTIVE[request.param])


@pytest.mark.sample(2)
@pytest.mark.parametrize("width", [80, 132])
async def test_as_a_child_of_an_open_shell(interactive: list[str], width: int, tmp_path: Path) -> None:
    async with on_pty(interactive, tmp_path, PS1="prompt# ") as (console, transport):
        transport.child.setwinsize(24, width)
        await console.quiet(0.5, 5)
        modes = transport.modes
        shell = Shell(console, replace=False, keep_modes=True, dead_man=60)
        await shell.start()
        assert (await shell.run("echo it works;echo $-")).lines[0] == "it works"
        await shell.close()
        await console.quiet(0.5, 5)
        # zsh pads its mark for a missing newline to the width that it knows, which may be the new one by now.
        assert console.open_line.rstrip().endswith(("prompt#", "#"))
        assert transport.modes == modes
        await console.type_line("echo A\\B")
        await console.send("\r")
        await console.expect("AB")


@pytest.mark.parametrize("name", ["bash", "dash", "busybox", "zsh"])
async def test_replacing_a_login_shell(name: str, tmp_path: Path) -> None:
    command = installed(INTERACTIVE[name])
    async with on_pty(command, tmp_path, PS1="prompt# ", HISTFILE=str(tmp_path / "history")) as (console, _):
        await console.quiet(0.5, 5)
        shell = Shell(console, replace=True, keep_modes=False, dead_man=60)
        await shell.start()
        assert (await shell.run("echo $HOME")).output == str(tmp_path).encode()
        await shell.close()
        with pytest.raises(sosagent.EndpointLost):
            while True:
                await console.receive(10)
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or b"stty" not in file.read_bytes(), file


async def test_enter_is_not_pressed_if_the_echo_differs(tmp_path: Path) -> None:
    """`stty olcuc` makes the echo come back in capitals; no command may run."""
    async with on_pty(["dash", "-i"], tmp_path, PS1="prompt# ") as (console, _):
        await console.expect("prompt# $")
        await console.send("stty olcuc\r")
        await console.quiet(0.3, 5)
        mark = tmp_path / "mark"
        with pytest.raises(sosagent.ConsoleStateUnknown, match="the echo differs"):
            await console.type_line(f"touch {mark}")
        await console.send("\r")
        await console.quiet(0.3, 5)
        assert not mark.exists()


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", ["bash", "dash", "busybox", "zsh", "fish", "tcsh"])
async def test_echo_is_recognised_at_any_row_width(name: str, tmp_path: Path) -> None:
    """Each shell draws a line that fills its row exactly in its own manner, with the cursor in the next row."""
    command = installed(INTERACTIVE[name])
    for columns in (78, 79, 80, 81, 82, 159, 160, 161):
        async with on_pty(command, tmp_path, PS1="prompt# ") as (console, _):
            await console.quiet(0.5, 5)
            assert await console.type_line("x" * (columns - len(console.open_line))), columns


@pytest.mark.sample(3)
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", INTERACTIVE)
async def test_start_line_with_one_damaged_byte_is_harmless(name: str, tmp_path: Path) -> None:
    """The damages that make a key which a shell acts on, and a sample of the others; `make soak` tries every one."""
    installed(INTERACTIVE[name])
    assert await harm_of(name, sample(name), tmp_path) == []

"""What others left on a console is neither run, nor changed, nor logged out: real shells and editors on ptys."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import sosagent
from sosagent.console import Console
from sosagent.login.detect import find_state
from sosagent.login.transitions import Entry, Login
from sosagent.session.root_shell import root_shell

from ..conftest import installed, until
from ..support.ptys import PtyTransport, on_pty, verified_shell

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="needs root: only root's shell is used")
NOBODY = sosagent.Secret("never typed")


@asynccontextmanager
async def left_open(
    command: list[str], home: Path, *typed: str, seen: bool = False
) -> AsyncIterator[tuple[Console, PtyTransport]]:
    """A shell in which somebody typed, and whose screen so far nobody has seen unless `seen`."""
    (home / ".bashrc").write_text("PS1='root@vm:\\w# '\n")
    (home / ".inputrc").write_text("set enable-bracketed-paste off\n")
    async with on_pty(command, home, TERM="vt220") as (before, transport):
        await before.quiet(0.5, 5)
        for text in typed:
            await before.send(text)
            await before.quiet(0.5, 5)
        async with Console(transport) as console:
            if seen:
                transport._data.put_nowait(bytes(before.output))
            console.set_deadline(60)
            yield console, transport


@needs_root
@pytest.mark.parametrize(
    ("half", "keys"),
    [
        ("touch $HOME/ran", ""),
        ("  true; touch $HOME/ran", "\x01"),
        ("true; touch $HOME/ran #", "\x01"),
        ("echo hi  && touch $HOME/ran", "\x01" + "\x06" * 7),
    ],
)
async def test_a_half_typed_command_is_never_run(half: str, keys: str, tmp_path: Path) -> None:
    async with left_open(["bash"], tmp_path, half, keys) as (console, _):
        way = Login(console, Entry())
        try:
            await way.enter(NOBODY)
        except sosagent.ConsoleError as error:
            assert keys, error  # with its cursor at the end it is erased, and the shell is used
        await way.leave()
    assert not (tmp_path / "ran").exists()


async def saved(console: Console, file: Path, keys: str) -> None:
    """Type `keys` in vim, and save what is there."""
    await console.send(keys)
    await console.quiet(0.3, 3)
    await console.send(":wq\r")
    await until(file.exists)


@needs_root
@pytest.mark.parametrize("seen", [False, True])
async def test_an_editor_in_insert_mode_keeps_its_text_and_its_mode(seen: bool, tmp_path: Path) -> None:
    installed(["vim"])
    file = tmp_path / "f"
    typed = (f"vim -u NONE -N -i NONE {file}\r", "iprecious te")
    async with left_open(["bash"], tmp_path, *typed, seen=seen) as (console, _):
        async with root_shell(console, NOBODY) as session:
            assert (await session.shell.run("echo in")).output == b"in"
        assert session.left
        await saved(console, file, "xt\x1b")
    assert file.read_text() == "precious text\n"


@needs_root
async def test_a_look_leaves_nothing_in_an_editor(tmp_path: Path) -> None:
    installed(["vim"])
    file = tmp_path / "f"
    async with left_open(["bash"], tmp_path, f"vim -u NONE -N -i NONE {file}\r", "iprecious") as (console, _):
        assert (await find_state(console)).state.name == "editor-insert"
        await saved(console, file, "\x1b")
    assert file.read_text() == "precious\n"


@needs_root
async def test_cancelled_while_it_suspends_the_program_comes_back(tmp_path: Path) -> None:
    async with left_open(["bash"], tmp_path, f"cat > {tmp_path}/f\r") as (console, _):
        way = Login(console, Entry())
        task = asyncio.ensure_future(way.enter(NOBODY))
        await until(lambda: b"Stopped" in console.output)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await way.leave()
        await console.send("text\r")
        await until(lambda: (tmp_path / "f").read_text() == "text\n")


@needs_root
async def test_cancelled_while_su_is_answered_its_shell_is_ended(tmp_path: Path) -> None:
    """A user's shell that was found stays; root's over it, which we opened, does not."""
    (tmp_path / "su").write_text("#!/bin/sh\nprintf 'Password: '; read x; PS1='root# ' exec sh -i\n")
    (tmp_path / "id").write_text("#!/bin/sh\n[ $1 = -un ] && echo alice || echo 1000\n")
    for name in ("su", "id"):
        (tmp_path / name).chmod(0o755)
    async with left_open(["bash"], tmp_path, f"PATH={tmp_path}:$PATH; PS1='alice$ '\r") as (console, _):
        way = Login(console, Entry(login="alice", become="su", become_password=sosagent.Secret("right")))
        task = asyncio.ensure_future(way.enter(NOBODY))
        await until(lambda: b"root# " in console.output)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await way.leave()
        assert console.open_line == "alice$ "
        assert b"right" not in console.output


async def test_a_cancelled_programs_reply_is_not_the_next_ones(tmp_path: Path) -> None:
    async with verified_shell(["dash"], tmp_path) as (shell, _):
        await shell.run("true")
        task = asyncio.ensure_future(shell.run("sleep 0.5; echo first"))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await shell.run(f"touch {tmp_path}/second; echo second")).output == b"second"
        assert (tmp_path / "second").exists()
        await shell.close()


async def test_a_question_that_nobody_knows_stops_a_boot_and_gets_no_enter(tmp_path: Path) -> None:
    said = tmp_path / "said"
    lines = 'for i in 1 2 3 4; do echo "[    $i.000000] usb 1-1: new device"; sleep 0.5; done'
    boot = f"{lines}; printf 'Which of them? '; read x; echo \"$x\" > {said}"
    async with on_pty(["sh", "-c", boot], tmp_path) as (console, _):
        with pytest.raises(sosagent.ConsoleStateUnknown):
            async with root_shell(console, NOBODY):
                pass
        await console.quiet(0.3, 3)
    assert not said.exists()

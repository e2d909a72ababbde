"""A login leaves existing shells and programs unchanged. Real shells and editors run on ptys."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import pytest

import sosagent
from sosagent.access import LoginSettings
from sosagent.console import Console
from sosagent.login.detect import find_state
from sosagent.login.transitions import Login
from sosagent.session.root_shell import root_shell

from ..conftest import installed, until
from ..support.ptys import PtyTransport, on_pty, verified_shell
from ..support.roots import ROOTS

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="needs root: only root's shell is used")
NO_PASSWORD = sosagent.Secret("never typed")


@asynccontextmanager
async def open_shell(
    command: list[str], home: Path, *typed: str, shown: bool = False
) -> AsyncIterator[tuple[Console, PtyTransport]]:
    """Start a shell, type into it, and connect a console.

    Args:
        command: the shell.
        home: its home folder.
        typed: what another user typed there.
        shown: whether the new console receives the output so far.
    """
    (home / ".bashrc").write_text("PS1='root@vm:\\w# '\n")
    (home / ".inputrc").write_text("set enable-bracketed-paste off\n")
    async with on_pty(command, home, TERM="vt220") as (before, transport):
        await before.quiet(0.5, 5)
        for text in typed:
            await before.send(text)
            await before.quiet(0.5, 5)
        async with Console(transport) as console:
            if shown:
                transport._data.put_nowait(bytes(before.output))
            console.set_deadline(60)
            yield console, transport


@needs_root
@pytest.mark.parametrize(
    ("unfinished", "keys"),
    [
        ("touch $HOME/ran", ""),
        ("  true; touch $HOME/ran", "\x01"),
        ("true; touch $HOME/ran #", "\x01"),
        ("echo hi  && touch $HOME/ran", "\x01" + "\x06" * 7),
    ],
)
async def test_an_unfinished_command_is_never_run(unfinished: str, keys: str, tmp_path: Path) -> None:
    async with open_shell(["bash"], tmp_path, unfinished, keys) as (console, _):
        login = Login(console, LoginSettings())
        try:
            await login.enter(NO_PASSWORD)
        except sosagent.ConsoleError as error:
            assert keys, error  # with the cursor at its end, the command is erased and the shell is used
        await login.leave()
    assert not (tmp_path / "ran").exists()


async def saved(console: Console, file: Path, keys: str) -> None:
    """Type `keys` in vim, and save the file."""
    await console.send(keys)
    await console.quiet(0.3, 3)
    await console.send(":wq\r")
    await until(file.exists)


@needs_root
@pytest.mark.parametrize("shown", [False, True])
async def test_an_editor_in_insert_mode_keeps_its_text_and_its_mode(shown: bool, tmp_path: Path) -> None:
    installed(["vim"])
    file = tmp_path / "f"
    typed = (f"vim -u NONE -N -i NONE {file}\r", "iprecious te")
    async with open_shell(["bash"], tmp_path, *typed, shown=shown) as (console, _):
        async with root_shell(console, NO_PASSWORD) as session:
            assert (await session.shell.run("echo in")).output == b"in"
        assert session.left
        await saved(console, file, "xt\x1b")
    assert file.read_text() == "precious text\n"


@needs_root
async def test_detection_leaves_no_text_in_an_editor(tmp_path: Path) -> None:
    installed(["vim"])
    file = tmp_path / "f"
    async with open_shell(["bash"], tmp_path, f"vim -u NONE -N -i NONE {file}\r", "iprecious") as (console, _):
        assert (await find_state(console)).state.name == "editor-insert"
        await saved(console, file, "\x1b")
    assert file.read_text() == "precious\n"


#: Draws its screen again and again, and misses the first ^Z, as a program of curses that is drawing.
_CLOCK = """import os, signal, time
signal.signal(signal.SIGTSTP, lambda *_: signal.signal(signal.SIGTSTP, signal.SIG_DFL))
os.system("stty -echo -icanon")
shown = 0
while shown < 100:
    os.write(1, b"\\x1b[H\\x1b[JEvery 0.5s: date\\x1b[1;60H%02d\\x1b[24;80H" % shown)
    shown += 1
    time.sleep(0.5)
"""


@needs_root
async def test_a_program_that_draws_again_and_again_may_miss_a_key(tmp_path: Path) -> None:
    (tmp_path / "clock.py").write_text(_CLOCK)
    async with open_shell(["bash"], tmp_path, f"python3 {tmp_path}/clock.py\r") as (console, _):
        async with root_shell(console, NO_PASSWORD) as session:
            assert session.state_found == "full-screen"
        await console.send("\x03")
        assert (await console.expect("KeyboardInterrupt", 10)).index == 0  # it had been resumed


@needs_root
async def test_a_program_is_resumed_after_a_cancellation_during_its_suspension(tmp_path: Path) -> None:
    async with open_shell(["bash"], tmp_path, f"cat > {tmp_path}/f\r") as (console, _):
        login = Login(console, LoginSettings())
        task = asyncio.ensure_future(login.enter(NO_PASSWORD))
        await until(lambda: b"Stopped" in console.output)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await login.leave()
        await console.send("text\r")
        await until(lambda: (tmp_path / "f").read_text() == "text\n")


@pytest.mark.sample(3)
@needs_root
@pytest.mark.parametrize("language", ["C", "de_DE", "ja_JP"])
async def test_the_shell_beneath_a_program_has_an_odd_prompt(language: str, tmp_path: Path) -> None:
    """The shell's message, in any language, shows that ^Z has suspended the program."""
    locales = ROOTS["bookworm"].folder / "usr" / "lib" / "locale"
    setting = f"export LOCPATH={locales} LANG={language}.UTF-8; PS1='vm: '\r"
    async with open_shell(["bash"], tmp_path, setting, f"cat > {tmp_path}/f\r") as (console, _):
        async with root_shell(console, NO_PASSWORD) as session:
            assert (await session.shell.run("echo in")).output == b"in"
        assert session.left, session.trouble
        await console.send("text\r")
        await until(lambda: (tmp_path / "f").read_text() == "text\n")


@pytest.mark.parametrize("take_over", [False, True])
@pytest.mark.parametrize("become", ["sudo", "su"])
async def test_no_password_is_typed_in_a_shell_that_was_open(
    become: Literal["sudo", "su"], take_over: bool, tmp_path: Path
) -> None:
    """Its `sudo` may be any program. With take_over it is logged out."""
    program = "#!/bin/sh\nprintf 'Password: '; stty -echo; read x; echo \"$x\" > $HOME/caught\n"
    for name, text in {
        "su": program,
        "sudo": program,
        "id": "#!/bin/sh\n[ $1 = -un ] && echo alice || echo 1000\n",
    }.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    async with open_shell(["bash"], tmp_path, f"PATH={tmp_path}:$PATH; PS1='alice$ '\r") as (console, transport):
        login = Login(console, LoginSettings(login="alice", become=become, take_over=take_over))
        with pytest.raises(sosagent.EndpointLost if take_over else sosagent.ConsoleOccupied):
            await login.enter(NO_PASSWORD)
        assert not (tmp_path / "caught").exists()
        if take_over:
            await until(lambda: not transport.child.isalive())
        else:
            await login.leave()
            assert console.open_line == "alice$ "


async def test_the_reply_to_a_cancelled_program_is_not_taken_for_the_next_reply(tmp_path: Path) -> None:
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


async def test_an_unknown_question_during_a_boot_gets_no_enter(tmp_path: Path) -> None:
    answer = tmp_path / "answer"
    lines = 'for i in 1 2 3 4; do echo "[    $i.000000] usb 1-1: new device"; sleep 0.5; done'
    boot = f"{lines}; printf 'Which of them? '; read x; echo \"$x\" > {answer}"
    async with on_pty(["sh", "-c", boot], tmp_path) as (console, _):
        # On a slow computer nothing is shown yet when we listen, and then it is a program that reads lines.
        with pytest.raises((sosagent.ConsoleStateUnknown, sosagent.ConsoleOccupied)):
            async with root_shell(console, NO_PASSWORD):
                pass
        await console.quiet(0.3, 3)
    assert not answer.exists()


async def history_of(console: Console) -> list[str]:
    """The commands in the history of the bash on the console, without the one that prints them."""
    console.skip()
    await console.send("\x15HISTTIMEFORMAT= history|sed 's/^ *[0-9]* *//;$d';echo E'N'D\r")
    shown = (await console.expect("END", 10)).before
    await console.quiet(0.2, 5)
    return [line.strip() for line in shown.splitlines()[1:] if line.strip()]


@pytest.mark.sample(2)
@needs_root
@pytest.mark.parametrize("control", ["", "ignorespace", "ignoredups", "erasedups"])
@pytest.mark.parametrize("left", ["the prompt", "cat"])
async def test_our_lines_do_not_stay_in_the_history_of_a_found_bash(control: str, left: str, tmp_path: Path) -> None:
    setting = f"unset HISTFILE; HISTCONTROL={control} HISTTIMEFORMAT='%F %T '\r"
    typed = (setting, "echo one\r", "echo two\r", *(["cat\r"] if left == "cat" else []))
    async with open_shell(["bash"], tmp_path, *typed) as (console, _):
        async with root_shell(console, NO_PASSWORD) as session:
            assert (await session.shell.run("true")).status == 0
        assert session.left, session.trouble
        console.set_deadline(60)
        if left == "cat":
            await console.send("\x04")
            await console.quiet(0.3, 5)
        recorded = await history_of(console)
    assert recorded == [setting.strip(), "echo one", "echo two", *(["cat"] if left == "cat" else [])]


@needs_root
async def test_our_lines_do_not_stay_if_it_is_the_wrong_machine(tmp_path: Path) -> None:
    async with open_shell(["bash"], tmp_path, "unset HISTCONTROL HISTFILE\r", "echo one\r") as (console, _):
        login = Login(console, LoginSettings(expect_host="another-machine"))
        with pytest.raises(sosagent.WrongMachine):
            await login.enter(NO_PASSWORD)
        await login.leave()
        assert (await history_of(console))[-1] == "echo one"


_READS = {
    "a question of a script": [
        "bash",
        "-c",
        "trap '' TSTP; read -p 'Delete everything? [Y/n] ' answer; echo \"<$answer>\"",
    ],
    "a question of the first program": ["sh", "-c", "printf 'Name: '; read -r answer; echo \"<$answer>\""],
    "a plain shell": ["dash", "-i"],
}


@pytest.mark.sample(2)
@needs_root
@pytest.mark.parametrize("does", ["looks", "logs in"])
@pytest.mark.parametrize(
    ("reads", "before"), [("a question of a script", "ye"), ("a question of the first program", "")]
)
async def test_nothing_is_typed_into_a_question(reads: str, does: str, before: str, tmp_path: Path) -> None:
    """Its text is not visible on the new connection."""
    async with open_shell(installed(_READS[reads]), tmp_path, *([before] if before else [])) as (console, _):
        if does == "looks":
            await find_state(console)
            kept = before
        else:
            login = Login(console, LoginSettings())
            with pytest.raises(sosagent.ConsoleOccupied, match="reads lines") as occupied:
                await login.enter(NO_PASSWORD)
            assert "Enter would answer a question" in occupied.value.hint
            await login.leave()
            kept = ""  # ^Z discards what was typed
        console.skip()
        await console.send("rest\r")
        assert (await console.expect(r"<(.*)>\n", 5)).groups == (f"{kept}rest",)


@needs_root
async def test_take_over_presses_enter_in_a_plain_shell(tmp_path: Path) -> None:
    async with open_shell(installed(_READS["a plain shell"]), tmp_path) as (console, _):
        async with root_shell(console, NO_PASSWORD, settings=LoginSettings(take_over=True)) as session:
            assert session.state_found == "shell"
        assert session.left, session.trouble

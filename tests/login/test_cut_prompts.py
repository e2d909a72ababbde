"""A run connects while the machine prints a prompt: only its end is seen. Anybody's question gets no Enter."""

from __future__ import annotations

from pathlib import Path

import pytest

from sosagent.access import LoginSettings
from sosagent.errors import ConsoleStateUnknown, SosError, WrongMachine
from sosagent.secrets.secret import Secret
from sosagent.session.root_shell import root_shell
from sosagent.terminal.translations import is_end_of_prompt

from ..support.ptys import on_pty
from .conversation import (
    ASK_LOGIN,
    CLEAR,
    LOG_IN,
    LOG_OUT,
    LOGIN,
    READS_LINES,
    REDRAW,
    REDRAWN,
    SUSPEND,
    TAKE_OVER,
    WAKE,
    Case,
    key,
    play,
)

_AT_LOGIN = key(WAKE, "\r\n" + LOGIN) + LOG_IN
_HOST = LoginSettings(expect_host="web-1.example.com")
CASES = {
    **{
        f"{end!r} of a getty": Case((end,), key(CLEAR) + key(REDRAW, "\x0c") + _AT_LOGIN, LOG_OUT, state="login")
        for end in (": ", "n: ", "in: ", "gin: ", "ogin: ", "gin:", "eldung: ")
    },
    "the end of a getty's prompt, which answers nothing": Case(
        ("gin: ",), key(CLEAR) + key(REDRAW) + _AT_LOGIN, LOG_OUT, state="login"
    ),
    "the end of a password prompt": Case(
        ("word: ",), key(CLEAR) + key(REDRAW) + key(WAKE, "\r\nLogin incorrect\r\n" + LOGIN) + LOG_IN, LOG_OUT,
        state="login",
    ),
    "the end of a password prompt in German": Case(
        ("ort: ",), key(CLEAR) + key(REDRAW) + key(WAKE, "\r\nAnmeldung falsch\r\n" + LOGIN) + LOG_IN, LOG_OUT,
        state="login",
    ),
    "a program that reads lines": Case(
        ("in: ",), key(CLEAR) + READS_LINES, state="unknown", error=ConsoleStateUnknown, message="does not recognise",
    ),
    "a program that reads lines, behind an interrupted run": Case(
        ("in: ",), key(CLEAR) + READS_LINES + key(SUSPEND, "^Z") + key(CLEAR) + key(WAKE, "\r\n" + LOGIN) + ASK_LOGIN
        + LOG_IN, LOG_OUT, state="login", interrupted=True,
    ),
    "a program that reads lines, with permission to press Enter": Case(
        ("in: ",), key(CLEAR) + READS_LINES + key(SUSPEND, "^Z") + key(CLEAR) + key(WAKE, "\r\n" + LOGIN) + ASK_LOGIN
        + LOG_IN, LOG_OUT, TAKE_OVER, state="login",
    ),
    "a shell with such a prompt": Case(
        ("in: ",), key(CLEAR) + key(REDRAW, REDRAWN + "in: "), state="unknown", error=ConsoleStateUnknown,
    ),
    "text in front of it": Case(
        ("Which file?\r\nin: ",), key(CLEAR), state="unknown", error=ConsoleStateUnknown, message="does not recognise",
    ),
    "another prompt": Case(
        ("main: ",), key(CLEAR), state="unknown", error=ConsoleStateUnknown, message="does not recognise",
    ),
    **{
        f"{shown!r}, where a host is expected": Case((shown,), ASK_LOGIN + LOG_IN, LOG_OUT, _HOST, state="login")
        for shown in ("login: ", " login: ", "1 login: ", "eb-1 login: ")
    },
    "another host, whose name is cut": Case(("b-1 login: ",), key(REDRAW, "\x0c") + key(WAKE, "\r\ndb-1 login: "),
        settings=_HOST, state="login", error=WrongMachine, message="the machine is db-1, not web-1"),
    "another host": Case(("db-1 login: ",), settings=_HOST, state="login", error=WrongMachine),
}  # fmt: skip


@pytest.mark.virtual_time
@pytest.mark.parametrize("name", CASES)
async def test_the_end_of_a_prompt(name: str) -> None:
    await play(CASES[name])


@pytest.mark.sample(2)
@pytest.mark.parametrize("end", ["in: ", "ord: "])
async def test_a_users_question_gets_no_enter(end: str, tmp_path: Path) -> None:
    program = f"read -p '{end}' x; echo \"<$x>\""
    async with on_pty(["bash", "-c", program], tmp_path) as (console, _):
        await console.expect(f"{end}$")
        with pytest.raises(SosError):
            async with root_shell(console, Secret("never typed"), settings=LoginSettings()):
                pass
        console.set_deadline(60)
        await console.send("rest\r")
        assert (await console.expect(r"<(.*)>\n", 20.0)).groups == ("rest",)


@pytest.mark.parametrize(
    ("text", "is_end"),
    [
        ("login: ", True), ("in: ", True), (": ", True), ("ord:", True), ("ort: ", True), ("aseña: ", True),
        ("ワード: ", True), ("vm login: ", False), ("main: ", False), (":", False), ("", False), ("in", False),
        ("Name: ", False), ("Continue? ", False),
    ],
)  # fmt: skip
def test_the_ends_of_prompts(text: str, is_end: bool) -> None:
    assert is_end_of_prompt(text) is is_end

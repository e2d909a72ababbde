"""The transitions of a login at login prompts: for each case, the keys typed in and out, and the outcome."""

from __future__ import annotations

import pytest

from sosagent.access import LoginSettings
from sosagent.errors import ConsoleOccupied, ConsoleStateUnknown, LoginRefused, WrongMachine

from ..support.dialogue import NONCE, Exchange, command, typed
from .conversation import (
    ASK_LOGIN,
    CLEAR,
    END,
    EXIT,
    FIND_SHELL,
    INTERRUPT,
    KILL,
    LOG_IN,
    LOG_OUT,
    LOGIN,
    PASSWORD,
    READS_LINES,
    REDRAW,
    REDRAWN,
    ROOT,
    SUSPEND,
    TAKE_OVER,
    TYPE_NAME,
    TYPE_PASSWORD,
    WAKE,
    Case,
    answer,
    find_shell,
    key,
    play,
)

pytestmark = pytest.mark.virtual_time
#: The login is silent, so silence is probed; what was typed is run once the shell has started.
PROBED_TOO_EARLY = (
    *READS_LINES,
    Exchange(FIND_SHELL, (FIND_SHELL,)),
    Exchange("\r", ("\r\n", 30.0, f"{ROOT}{FIND_SHELL}\r\nSOS{NONCE}\r\n{ROOT}")),
)
#: A shell's prompt that says nothing about it.
FIND_ODD_SHELL = (
    key(REDRAW, REDRAWN + "ready: ") + find_shell("ready: ") + command("id -u;id -un", "0", "root", prompt="ready: ")
)

CASES = {
    # -- a login prompt
    "login": Case((LOGIN,), ASK_LOGIN + LOG_IN, LOG_OUT, state="login"),
    "silent login": Case((), key(REDRAW) + key(WAKE, "\r\n" + LOGIN) + LOG_IN, LOG_OUT, state="login"),
    "silent login whose getty echoes ^L": Case(
        (), key(REDRAW, REDRAW) + key(WAKE, "\r\n" + LOGIN) + LOG_IN, LOG_OUT, state="login"
    ),
    "login without a password": Case(
        (LOGIN,), ASK_LOGIN + typed("root", ROOT) + command("id -u;id -un", "0", "root", prompt=ROOT),
        LOG_OUT, state="login"
    ),
    "login without a password, to an odd prompt, where ^L is in the text of the getty": Case(
        ("Press ^L to redraw\r\n" + LOGIN,), ASK_LOGIN + typed("root", "ready: ") + FIND_ODD_SHELL, KILL, state="login"
    ),
    "login without a password, to an odd prompt, where the terminal echoed until the getty read": Case(
        (LOGIN,), key(REDRAW, "^L") + ASK_LOGIN + typed("root", "ready: ") + FIND_ODD_SHELL, KILL, state="login"
    ),
    "login without a password, to an odd prompt, behind another user's program": Case(
        (), READS_LINES + key(SUSPEND, "^Z") + key(CLEAR) + key(WAKE, "\r\n" + LOGIN) + ASK_LOGIN
        + typed("root", "ready: ") + FIND_ODD_SHELL, KILL, TAKE_OVER, state="login",
    ),
    "exit is needed twice": Case(
        (LOGIN,),
        ASK_LOGIN + LOG_IN,
        key(CLEAR) + key(EXIT, "\r\nThere are jobs.\r\n" + ROOT) + key(END, "\r\n" + LOGIN),
        state="login",
    ),
    "the shell has ended, and the login prompt needs Enter": Case(
        (LOGIN,), ASK_LOGIN + LOG_IN, key("\r", "\r\n" + LOGIN), state="login", ended=True
    ),
    "the shell has ended, and no login prompt comes": Case(
        (LOGIN,), ASK_LOGIN + LOG_IN,
        key("\r"), state="login", ended=True, logout_error="the login prompt did not come back"
    ),
    "the name's echo is damaged": Case(
        (LOGIN,), ASK_LOGIN + key("root", "rxot") + key(CLEAR, "\b\b\b\b    \b\b\b\b") + LOG_IN, LOG_OUT, state="login"
    ),
    "a ^L comes before the name": Case(
        (), key(REDRAW) + key(WAKE, "\r\n" + LOGIN + "\x0c") + key("root", "root")
        + key(CLEAR, "\b\b\b\b\b     \b\b\b\b\b") + LOG_IN, LOG_OUT, state="login",
    ),
    "a ^Z comes before the name": Case(
        (), key(REDRAW) + key(WAKE, "\r\n" + LOGIN + "\x1a") + key("root", "root")
        + key(CLEAR, "\b\b\b\b\b     \b\b\b\b\b") + LOG_IN, LOG_OUT, state="login",
    ),
    "the line stalls in the answer to Enter": Case(
        (LOGIN,), ASK_LOGIN + key("root", "root") + key("\r", "\r", 1.5, "\nPassword: ") + TYPE_PASSWORD,
        LOG_OUT, state="login",
    ),
    "the line stalls in the prompt for the password": Case(
        (LOGIN,), ASK_LOGIN + key("root", "root") + key("\r", "\r\nPassw", 5.0, "ord: ") + TYPE_PASSWORD,
        LOG_OUT, state="login",
    ),
    "Enter is lost after the name": Case(
        (LOGIN,), ASK_LOGIN + key("root", "root") + key("\r") + key("\r", "\r\nPassword: ") + TYPE_PASSWORD,
        LOG_OUT, state="login",
    ),
    "Enter is answered late, and so is the second one": Case(
        (LOGIN,),
        ASK_LOGIN + key("root", "root") + key("\r")
        + key("\r", 1.0, "\r\nPassword: ", 3.0, "\r\nLogin incorrect\r\n" + LOGIN) + LOG_IN,
        LOG_OUT, state="login",
    ),
    "keys of another run answer the password prompt": Case(
        (LOGIN,),
        ASK_LOGIN + typed("root", "Password: ", "\r\n\r\nLogin incorrect\r\n" + LOGIN) + LOG_IN,
        LOG_OUT, state="login",
    ),
    "keys of another run answer the password prompt each time": Case(
        (LOGIN,),
        ASK_LOGIN + 2 * typed("root", "Password: ", "\r\n\r\nLogin incorrect\r\n" + LOGIN),
        state="login", error=LoginRefused, message="the machine refused the login: Login incorrect",
    ),
    "Enter is lost after the password": Case(
        (LOGIN,), ASK_LOGIN + TYPE_NAME + answer(PASSWORD) + key("\r", "\r\n" + ROOT), LOG_OUT, state="login"
    ),
    "the login takes 40 s": Case(
        (LOGIN,), ASK_LOGIN + TYPE_NAME + answer(PASSWORD, "\r\n") + PROBED_TOO_EARLY, KILL, state="login"
    ),
    "an empty prompt": Case(
        (LOGIN,),
        ASK_LOGIN + TYPE_NAME + answer(PASSWORD, "\r\nLast login: today\r\n")
        + key(REDRAW, REDRAWN) + find_shell(""),
        KILL, state="login",
    ),
    "silence after the password": Case(
        (LOGIN,), ASK_LOGIN + TYPE_NAME + answer(PASSWORD, "\r\n") + key(REDRAW),
        key(CLEAR) + key(EXIT) + key(END, "\r\n" + LOGIN), state="login", cancelled=True,
    ),
    "a function replaces exit, and the end of file is ignored": Case(
        (LOGIN,), ASK_LOGIN + LOG_IN,
        key(CLEAR) + key(EXIT, "\r\nno\r\n" + ROOT) + key(END, '\r\nUse "exit" to leave the shell.\r\n' + ROOT)
        + key(INTERRUPT, "^C\r\n" + ROOT) + key("\x15builtin exit\r", "\r\nbuiltin: not found\r\n" + ROOT)
        + key(INTERRUPT, "^C\r\n" + ROOT) + key("\x15kill -9 $$\r", "\r\n" + LOGIN),
        state="login",
    ),
    "a pager shows the message of the day": Case(
        (LOGIN,), ASK_LOGIN + TYPE_NAME + answer(PASSWORD, "\r\n--More--(50%)") + key("q", "\r\n" + ROOT),
        LOG_OUT, state="login",
    ),
    "an unusual prompt whose shell redraws": Case(
        (LOGIN,), ASK_LOGIN + TYPE_NAME + answer(PASSWORD, "\r\nready! ") + key(REDRAW, REDRAWN + "ready! ")
        + find_shell("ready! "),
        KILL, state="login",
    ),
    "a prompt like a login's": Case(
        (LOGIN,), ASK_LOGIN + TYPE_NAME + answer(PASSWORD, "\r\n" + LOGIN) + key(REDRAW, REDRAWN + LOGIN)
        + find_shell(LOGIN),
        key(END, "\r\n" + LOGIN), state="login",
    ),
    "a prompt like that of a boot loader": Case(
        (LOGIN,), ASK_LOGIN + TYPE_NAME + answer(PASSWORD, "\r\nuboot => ") + READS_LINES + find_shell("uboot => "),
        KILL, state="login",
    ),
    "a program that reads lines": Case(
        (LOGIN,), ASK_LOGIN + TYPE_NAME + answer(PASSWORD, "\r\n1) Reboot\r\nYour choice: ")
        + READS_LINES + typed(FIND_SHELL, "no such choice\r\nYour choice: ")
        + (READS_LINES + typed(FIND_SHELL.replace("HISTFILE=;", ""), "no such choice\r\nYour choice: ")) * 2
        + key(INTERRUPT, "\r\n" + LOGIN),
        key(INTERRUPT, "\r\n" + LOGIN), state="login",
        error=ConsoleStateUnknown, message="a program that reads lines and is no shell, such as a menu in place of",
    ),
    "a program that reads keys": Case(
        (LOGIN,), ASK_LOGIN + TYPE_NAME + answer(PASSWORD, "\r\n1) Reboot\r\nPress r: ")
        + key(REDRAW, "\r\nno such key\r\nPress r. ") + key(REDRAW, "\r\nno such key\r\nPress r: ")
        + key(INTERRUPT, "\r\n" + LOGIN),
        key(INTERRUPT, "\r\n" + LOGIN), state="login",
        error=ConsoleStateUnknown, message="a program that fills the screen or reads keys, such as a menu in place of",
    ),
    "the password prompt goes away before the password": Case(
        (LOGIN,), ASK_LOGIN + typed("root", "Password: ", 0.05, "\r\nLogin timed out after 60 seconds\r\n" + LOGIN),
        state="login",
        logout=(), error=LoginRefused, message="the login timed out: Login timed out",
    ),
    "wrong password": Case(
        (LOGIN,), ASK_LOGIN + TYPE_NAME + answer(PASSWORD, 2.0, "\r\nLogin incorrect\r\n" + LOGIN),
        state="login", error=LoginRefused, message="the machine refused the password: Login incorrect",
    ),
    "wrong password, without a word": Case(
        (LOGIN,), ASK_LOGIN + TYPE_NAME + answer(PASSWORD, "\r\n" + LOGIN) + key(REDRAW, REDRAW) * 2,
        key(END, "\r\n" + LOGIN),
        state="login", error=LoginRefused, message="the machine refused the login",
    ),
    "expired password": Case(
        (LOGIN,), ASK_LOGIN + TYPE_NAME + answer(PASSWORD, "\r\nYour password has expired.\r\nCurrent password: ")
        + key("^") + key(CLEAR),
        key("\r", "\r\n" + LOGIN),
        state="login", error=LoginRefused, message="the password has expired: Your password has expired.",
    ),
    "two passwords": Case(
        (LOGIN,), ASK_LOGIN + TYPE_NAME + answer(PASSWORD, "\r\nPassword: ") + key("^") + key(CLEAR),
        key("\r", "\r\n" + LOGIN),
        state="login", error=LoginRefused, message="the machine refused the login",
    ),
    "nologin": Case(
        (LOGIN,), ASK_LOGIN + TYPE_NAME + answer(PASSWORD, "\r\nThis account is currently not available.\r\n" + LOGIN),
        state="login", error=LoginRefused, message="this account may not log in",
    ),
    "locked after the name": Case(
        (LOGIN,), ASK_LOGIN + typed("root", "Account locked due to 3 failed logins\r\n" + LOGIN),
        state="login", error=LoginRefused, message="the account is locked",
    ),
    "reboot after the password": Case(
        (LOGIN,), ASK_LOGIN + TYPE_NAME + answer(PASSWORD, "\r\nKernel panic - not syncing: dead\r\n"),
        key(INTERRUPT) + key("\x1c") + key(END) + key(INTERRUPT) + key(END),
        state="login", error=ConsoleOccupied, message="a kernel panic",
        logout_error="the login prompt did not come back",
    ),
    "expected host": Case(
        (LOGIN,), ASK_LOGIN + LOG_IN,
        LOG_OUT, LoginSettings(expect_host="WEB-1.example.org"), state="login",
    ),
    "another host": Case(
        (LOGIN,), settings=LoginSettings(expect_host="db-1"), state="login", error=WrongMachine,
        message="the machine is web-1, not db-1",
    ),
    "no host name to compare": Case(
        ("login: ",), key(REDRAW, "\x0c") + key(WAKE, "\r\nlogin: "), settings=LoginSettings(expect_host="db-1"),
        state="login", error=WrongMachine, message="no host name",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
async def test_at_a_login_prompt(name: str) -> None:
    await play(CASES[name])

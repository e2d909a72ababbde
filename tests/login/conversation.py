"""A login against a scripted machine: the keys that it types, in order, and its outcome."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from sosagent.access import LoginSettings
from sosagent.console import Console
from sosagent.errors import ConsoleError
from sosagent.login.record import OpenLogin
from sosagent.login.transitions import Login
from sosagent.secrets.secret import Secret
from sosagent.transports.memory import memory_pair

from ..support.dialogue import NONCE, Exchange, FarEnd, command, typed

PASSWORD = "s3cret"
LOGIN, ROOT, ALICE = "web-1 login: ", "root@web-1:~# ", "alice@web-1:~$ "
CLEAR, REDRAW, WAKE, SUSPEND = "\x15", "\x0c", "\x15\r", "\x1a"
TAKE_OVER = LoginSettings(take_over=True)


def key(keys: str, *reply: str | float) -> tuple[Exchange, ...]:
    """One exchange."""
    return (Exchange(keys, reply),)


def answer(password: str, *reply: str | float) -> tuple[Exchange, ...]:
    """At a password prompt: a character that is not shown, ^U, and the password."""
    return key("^") + key(CLEAR) + key(f"{password}\r", *reply)


def identify(uid: int, name: str, prompt: str, *hostname: str) -> tuple[Exchange, ...]:
    """At a shell's prompt: ^U, and the command that prints its user."""
    line = "id -u;id -un" + (";uname -n" if hostname else "")
    return key(CLEAR) + command(line, str(uid), name, *hostname, prompt=prompt)


def find_shell(prompt: str) -> tuple[Exchange, ...]:
    """At a shell's prompt: the command that only a shell answers."""
    return (Exchange(FIND_SHELL, (FIND_SHELL,)), Exchange("\r", (f"\r\nSOS{NONCE}\r\n{prompt}",)))


def in_shell(program: str, prompt: str) -> tuple[Exchange, ...]:
    """At an existing shell's prompt: the command that prints the program of the shell."""
    return command("sh -c 'readlink /proc/$PPID/exe'", program, prompt=prompt)


def no_initramfs(prompt: str) -> tuple[Exchange, ...]:
    """At root's prompt: the command that shows whether this is an initramfs."""
    return command("cat /proc/1/cmdline;echo", "/sbin/init", prompt=prompt)


#: A login prompt that was there before is asked for again.
ASK_LOGIN = key(REDRAW, "\x0c") + key(WAKE, "\r\n" + LOGIN)
TYPE_NAME = typed("root", "Password: ")
TYPE_PASSWORD = answer(PASSWORD, "\r\nLast login: today\r\n" + ROOT)
LOG_IN = TYPE_NAME + TYPE_PASSWORD
EXIT, END, INTERRUPT = "\\exit\r", "\x04", "\x03"
LOG_OUT = key(CLEAR) + key(EXIT, "\r\n" + LOGIN)

#: A program that reads lines: ^L is echoed, and erased again.
READS_LINES = key(REDRAW, "^L") * 8 + key("\x7f" * 8, "\b \b\b \b" * 8)

#: The start of a shell's answer to ^L.
REDRAWN = "\x1b[H\x1b[2J"
ROOT_SHELL = key(REDRAW, REDRAWN + ROOT) + identify(0, "root", ROOT) + no_initramfs(ROOT)

#: The command that only a shell answers, after our password.
FIND_SHELL = f" HISTFILE=;/bin/sh -c 'echo S\\OS{NONCE}'"
#: A shell in whose history lines of ours may be is killed.
KILL = key("\x15kill -9 $$\r", "\r\n" + LOGIN)

TOP = "\x1b[2J\x1b[3;1Htop - 12:00:00 up 3 days\x1b[5;1H  PID USER\x1b[4;1H"
STOPPED = "\r\n[1]+  Stopped                 top\r\n" + ROOT
#: A program is suspended, and root's shell answers.
SUSPEND_TO_ROOT = key(SUSPEND, STOPPED) + identify(0, "root", ROOT) + no_initramfs(ROOT)
RESUME = typed(" fg", TOP)


@dataclass(frozen=True)
class Case:
    """A console, and the keys that a login types there.

    Fields:
        shows: what the machine sends before any key arrives; numbers are pauses in seconds.
        login: the keys that `Login.enter` types, in order, and the machine's replies.
        logout: the same for `Login.leave`, which follows success, failure and cancellation.
        settings: how to log in.
        state: the name of the initial state; empty if the login fails before it is detected.
        error: the class of the login's error; None for success.
        message: a part of the error's message.
        logout_error: a part of the message of leaving; empty for success.
        ended: our shell has ended already when we leave.
        cancelled: the login is cancelled after the last of its exchanges.
        interrupted: an earlier run recorded its login, and not its end.
    """

    shows: tuple[str | float, ...]
    login: tuple[Exchange, ...] = ()
    logout: tuple[Exchange, ...] = ()
    settings: LoginSettings = field(default_factory=LoginSettings)
    state: str = ""
    error: type[ConsoleError] | None = None
    message: str = ""
    logout_error: str = ""
    ended: bool = False
    cancelled: bool = False
    interrupted: bool = False


async def play(case: Case) -> ConsoleError | None:
    """Log in and out, and compare the keys and the outcome. Return the login's error."""
    near, far = memory_pair()
    if case.interrupted:
        OpenLogin(near.name).remember(is_open=True)
    machine = FarEnd(far, case.shows, case.login)
    playing = asyncio.ensure_future(machine.run())
    async with Console(near) as console:
        console.set_deadline(300)
        login = Login(console, case.settings)
        entering = asyncio.ensure_future(login.enter(Secret(PASSWORD)))
        if case.cancelled:
            while machine.remaining:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.02)
            entering.cancel()
        (error,) = await asyncio.gather(entering, return_exceptions=True)
        assert (machine.remaining, machine.unexpected) == ([], ""), (machine.typed, error)
        if case.cancelled:
            assert isinstance(error, asyncio.CancelledError)
        else:
            assert type(error) is (case.error or type(None)), error
            assert case.message in getattr(error, "message", "")
        assert login.initial_state == case.state
        machine.then(case.logout)
        trouble = ""
        try:
            await login.leave(ended=case.ended)
        except ConsoleError as failure:
            trouble = failure.message
        assert (machine.remaining, machine.unexpected) == ([], ""), trouble
        assert case.logout_error in trouble
        assert bool(case.logout_error) == bool(trouble)
    await playing
    return error if isinstance(error, ConsoleError) else None

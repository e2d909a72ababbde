"""The transitions of a login from existing shells and programs."""

from __future__ import annotations

import pytest

from sosagent.access import LoginSettings
from sosagent.errors import (
    ConsoleOccupied,
    ConsoleSilent,
    ConsoleStateUnknown,
    EndpointBusy,
    LoginRefused,
    WrongMachine,
)
from sosagent.login.history import FORGET
from sosagent.terminal.own_text import PLAIN_SHELL
from sosagent.terminal.states import STATES, Action, State

from ..support.dialogue import Exchange, typed
from .conversation import (
    ALICE,
    ASK_LOGIN,
    CLEAR,
    LOG_IN,
    LOG_OUT,
    LOGIN,
    READS_LINES,
    REDRAW,
    REDRAWN,
    RESUME,
    ROOT,
    ROOT_SHELL,
    STOPPED,
    SUSPEND,
    SUSPEND_TO_ROOT,
    TAKE_OVER,
    TOP,
    WAKE,
    Case,
    identify,
    in_shell,
    key,
    no_initramfs,
    play,
)

pytestmark = pytest.mark.virtual_time

#: At the plain shell of an interrupted run.
END_PLAIN_SHELL = key(CLEAR) + typed("exit", LOGIN) + ASK_LOGIN + LOG_IN
#: After an interrupted run, ^C takes the place of ^U: a long line may be typed there.
SUSPEND_BEHIND_A_RUN = (
    key(SUSPEND, STOPPED) + key("\x03", "^C\r\n" + ROOT) + identify(0, "root", ROOT)[1:] + no_initramfs(ROOT)
)

CASES = {
    # -- an existing shell
    "root's shell": Case((), ROOT_SHELL, state="shell"),
    "root's shell, whose prompt is shown": Case(
        (ROOT,), identify(0, "root", ROOT) + no_initramfs(ROOT), state="shell"
    ),
    "root's shell without line editor": Case(
        (), READS_LINES + key(SUSPEND, "^Z") + key(CLEAR) + key(WAKE, "\r\n# ")
        + identify(0, "root", "# ") + no_initramfs("# "), settings=TAKE_OVER, state="shell",
    ),
    "root's shell on another host": Case(
        (ROOT,), identify(0, "root", ROOT, "web-1") + in_shell("/usr/bin/dash", ROOT),
        settings=LoginSettings(expect_host="db-1"), state="shell",
        error=WrongMachine,
        message="the machine is web-1, not db-1",
    ),
    "root's shell on the expected host": Case(
        (ROOT,), identify(0, "root", ROOT, "web-1") + no_initramfs(ROOT), settings=LoginSettings(expect_host="web-1"),
        state="shell",
    ),
    "a user's shell": Case(
        (ALICE,), identify(1000, "alice", ALICE) + in_shell("/usr/bin/dash", ALICE), state="shell",
        error=ConsoleOccupied, message="a shell of alice",
    ),
    "a user's bash, whose history is cleaned": Case(
        (ALICE,), identify(1000, "alice", ALICE) + in_shell("/usr/bin/bash", ALICE) + typed(FORGET, ALICE),
        state="shell", error=ConsoleOccupied, message="a shell of alice",
    ),
    "a user's shell is logged out": Case(
        (ALICE,), identify(1000, "alice", ALICE) + in_shell("", ALICE) + LOG_OUT + LOG_IN, LOG_OUT, TAKE_OVER,
        state="shell",
    ),
    "no shell answers at its prompt": Case(
        (ROOT,), key(CLEAR) + typed(" id -u;id -un;echo S\\OS{nonce}", "> "),
        state="shell", error=ConsoleStateUnknown, message="did not answer",
    ),
    "^U does not erase": Case(
        (ROOT,), key(CLEAR, "^U"), state="shell", error=ConsoleStateUnknown, message="does not erase a line at ^U"
    ),
    "an unfinished command is erased": Case(
        (), key(REDRAW, REDRAWN + ROOT + "rm -rf /tmp/x y") + key(CLEAR, "\b" * 15 + "\x1b[K")
        + identify(0, "root", ROOT) + no_initramfs(ROOT), state="shell",
    ),
    "text that ^U does not erase": Case(
        (), key(REDRAW, REDRAWN + "hello world") + key(CLEAR),
        state="unknown", error=ConsoleStateUnknown, message="does not recognise",
    ),
    "an unfinished quote": Case(
        ("> ",), key("\x03", "^C\r\n" + ROOT) + identify(0, "root", ROOT) + no_initramfs(ROOT),
        state="continuation",
    ),
    "a prompt like that of an unfinished command": Case(
        ("> ",), key("\x03", "^C\r\n> ") + identify(0, "root", "> ") + no_initramfs("> "), state="continuation"
    ),
    # -- an existing program
    "top": Case((TOP,), key(REDRAW, TOP) + SUSPEND_TO_ROOT, RESUME, state="full-screen"),
    "silent top": Case((), key(REDRAW, TOP) + SUSPEND_TO_ROOT, RESUME, state="full-screen"),
    "top does not come back": Case(
        (TOP,), key(REDRAW, TOP) + SUSPEND_TO_ROOT, typed(" fg", "fg: no current job\r\n" + ROOT), state="full-screen",
        logout_error="did not come back to the foreground",
    ),
    "top cannot be suspended": Case(
        (TOP,), key(REDRAW, TOP) + key(SUSPEND), state="full-screen", error=ConsoleOccupied,
        message="a full-screen program",
    ),
    "firmware draws its screen, and then its shell starts": Case(
        (TOP,), key(REDRAW, TOP) + key(SUSPEND, "\r\nShell> "), state="uefi-shell", error=ConsoleOccupied,
        message="the UEFI shell",
    ),
    "top cannot be suspended, and is ended": Case(
        (TOP,), key(REDRAW, TOP) + key(SUSPEND) + key("\x03", "\r\n" + ROOT) + identify(0, "root", ROOT)
        + no_initramfs(ROOT), settings=TAKE_OVER, state="full-screen",
    ),
    "a shell in tmux": Case(
        (TOP,), key(REDRAW, TOP) + key(SUSPEND, "\x1b[2;1H" + ROOT + "\x1b[2;15H"),
        state="multiplexer", error=ConsoleOccupied, message="tmux or screen",
    ),
    "vim in insert mode": Case(
        (), key(REDRAW, "^L\x1b[5;9H") + key("\x7f", "\x1b[5;7H") + key("\x1b") + SUSPEND_TO_ROOT,
        typed(" fg", TOP) + key("gi"), state="editor-insert",
    ),
    "less": Case(
        ("(END)",), key(SUSPEND, STOPPED) + identify(0, "root", ROOT) + no_initramfs(ROOT),
        typed(" fg", "\r\n(END)"), state="pager",
    ),
    "cat": Case((), READS_LINES + key(SUSPEND, "^Z" + STOPPED) + identify(0, "root", ROOT)
        + no_initramfs(ROOT), typed(" fg", "cat\r\n"), state="running"),
    "a program that only echoes": Case(
        (), READS_LINES + key(SUSPEND, "^Z") + READS_LINES, state="reading", error=ConsoleOccupied,
        message="a program that reads lines",
    ),
    "the start line of an interrupted run": Case(
        (), key(REDRAW, REDRAWN + ROOT + ' type env&&HISTFILE= "exec" env "-i') + key("\x03", "^C\r\n" + ROOT)
        + identify(0, "root", ROOT) + no_initramfs(ROOT), state="shell",
    ),
    "the probe of an interrupted run": Case(
        (), key(REDRAW, REDRAWN + ROOT + " id -u;id -un;echo S\\OS12") + key("\x03", "^C\r\n" + ROOT)
        + identify(0, "root", ROOT) + no_initramfs(ROOT), state="shell",
    ),
    "the receiver of an interrupted run, in the middle of a request": Case(
        (), key(REDRAW) + key(WAKE, ":\r\n=0  4109833394 3\r\n") + key("]Z\r", "=Z\r\n" + LOGIN)
        + LOG_IN, LOG_OUT, state="receiver",
    ),
    "a late reply to an interrupted run": Case(
        (), key(REDRAW, ":t vm 22\r\nk ssh-ed", 1.5, "25519 AAAA\r\n", 1.5, "=1 0 4109833394 3\r\n") + key(REDRAW)
        + key("\r]Z\r", "=Z\r\n" + LOGIN) + LOG_IN, LOG_OUT, state="receiver", interrupted=True,
    ),
    "a late reply to an interrupted run, after Enter": Case(
        (), key(REDRAW) + key(WAKE, ":t vm 22\r\nk ssh-ed", 1.5, "25519 AAAA\r\n", 1.5, "=1 0 4109833394 3\r\n")
        + key("]Z\r", "=Z\r\n" + LOGIN) + LOG_IN, LOG_OUT, state="receiver", interrupted=True,
    ),
    "two replies to an interrupted run": Case(
        ("=1 0 4109833394 3\r\n", 1.0, "=R\r\n"), key(REDRAW) + key("\r]Z\r", "=Z\r\n" + LOGIN) + LOG_IN, LOG_OUT,
        state="receiver", interrupted=True,
    ),
    # -- the plain shell of an interrupted run
    "the plain shell of an interrupted run, whose mark is shown": Case(
        ("@\r\n",), READS_LINES + END_PLAIN_SHELL, LOG_OUT, state="plain-shell", interrupted=True,
    ),
    "the plain shell of an interrupted run, after Enter": Case(
        (), READS_LINES + key(SUSPEND, "^Z") + key(CLEAR) + key(WAKE, "\r\n@\r\n") + END_PLAIN_SHELL, LOG_OUT,
        state="plain-shell", interrupted=True,
    ),
    "the plain shell of an interrupted run, suspended": Case(
        (), READS_LINES + key(SUSPEND, f"^Z\r\n[1]+  Stopped                 {PLAIN_SHELL}\r\n{ROOT}")
        + typed(" fg", f"{PLAIN_SHELL}\r\n") + END_PLAIN_SHELL, LOG_OUT, state="plain-shell", interrupted=True,
    ),
    "the plain shell of an interrupted run, suspended in dash": Case(
        (), READS_LINES + key(SUSPEND, f"^Z[1] + Stopped                    {PLAIN_SHELL}\r\n# ")
        + typed(" fg", f"{PLAIN_SHELL}\r\n") + END_PLAIN_SHELL, LOG_OUT, state="plain-shell", interrupted=True,
    ),
    "the plain shell of an interrupted run, suspended in zsh": Case(
        (), READS_LINES + key(SUSPEND, f"^Z\r\nzsh: suspended  {PLAIN_SHELL}\r\n{ROOT}")
        + typed(" fg", f"[1]  + continued  {PLAIN_SHELL}\r\n") + END_PLAIN_SHELL, LOG_OUT, state="plain-shell",
        interrupted=True,
    ),
    "the mark of a plain shell, without an interrupted run": Case(
        ("@\r\n",), READS_LINES + SUSPEND_TO_ROOT, RESUME, state="running",
    ),
    "the mark of a plain shell, and then other output": Case(
        ("@\r\nnumbers\r\n",), READS_LINES + SUSPEND_BEHIND_A_RUN, RESUME, state="running", interrupted=True,
    ),
    "another program is suspended where the line of a plain shell is shown": Case(
        (f"{ROOT} {PLAIN_SHELL}^C\r\n",), READS_LINES + SUSPEND_BEHIND_A_RUN, RESUME, state="running", interrupted=True,
    ),
    "a shell that was slow to start": Case(
        (), READS_LINES + key(SUSPEND, "^Z") + key(REDRAW, REDRAWN + ROOT) + identify(0, "root", ROOT)
        + no_initramfs(ROOT), state="shell",
    ),
    "a shell that was slow to start, with an unfinished command": Case(
        (), READS_LINES + key(SUSPEND, "^Z") + key(REDRAW, REDRAWN + ROOT + "rm -rf /tmp")
        + key(CLEAR, "\b" * 11 + "\x1b[K")
        + identify(0, "root", ROOT) + no_initramfs(ROOT), state="shell",
    ),
    "a program that only echoes, with another erase key": Case(
        (), key(REDRAW, "^L") * 8 + key("\x7f" * 8, "^?" * 8) + key(CLEAR) + key(SUSPEND, "^Z")
        + READS_LINES, state="reading",
        error=ConsoleOccupied, message="a program that reads lines",
    ),
    "a program that only echoes, with permission to press Enter": Case(
        (), READS_LINES + key(SUSPEND, "^Z") + key(CLEAR, "") + key(WAKE, "\r\n") + key("\x03"), settings=TAKE_OVER,
        state="running", error=ConsoleSilent, message="",
    ),
    "a silent boot": Case(
        (), READS_LINES + key(SUSPEND, "^Z") + key(REDRAW, "^L") * 8
        + key("\x7f" * 8, "\b \b\b \b" * 8, 15.0, "\r\n" + LOGIN) + ASK_LOGIN + LOG_IN, LOG_OUT, state="login",
    ),
    "a program that prints": Case(
        ("line\r\n", 0.02) * 1500, key(SUSPEND, STOPPED) + identify(0, "root", ROOT) + no_initramfs(ROOT),
        typed(" fg", "line\r\n"), state="running",
    ),
    "another user types": Case(
        (LOGIN + "x", 0.3, "y", 0.3, "z", 0.3, "z", 0.3, "y"), error=ConsoleOccupied, message="another user is typing"
    ),
    # -- another user's password prompt
    "password prompt": Case(
        ("Password: ",), key(REDRAW) + key(WAKE, "\r\nLogin incorrect\r\n" + LOGIN) + LOG_IN, LOG_OUT, state="password"
    ),
    "password prompt that stays": Case(
        ("Password: ",), key(REDRAW) + key(WAKE, "\r\nPassword: "), state="password", error=ConsoleOccupied,
        message="password prompt",
    ),
    # -- the receiver of an interrupted run
    "receiver": Case(
        ("=R\r\n",), key(REDRAW) + key("\r]Z\r", "=R\r\n=Z\r\n", LOGIN) + LOG_IN, LOG_OUT, state="receiver"
    ),
    "receiver on a machine without cksum": Case(
        ("=Rcrc32\r\n",), key(REDRAW) + key("\r]Z\r", "=Rcrc32\r\n=Z\r\n", LOGIN) + LOG_IN, LOG_OUT, state="receiver"
    ),
    "receiver on a machine without cksum, after Enter": Case(
        (), key(REDRAW) + key(WAKE, "=Rsh\r\n") + key("]Z\r", "=Z\r\n" + LOGIN) + LOG_IN, LOG_OUT, state="receiver"
    ),
    "receiver that does not end": Case(
        ("=R\r\n",), key(REDRAW) + 2 * key("\r]Z\r"), state="receiver", error=ConsoleOccupied, message="does not end"
    ),
    "the mark of a receiver in front of a user's shell": Case(
        ("=R\r\n",), key(REDRAW, REDRAWN + ALICE) + identify(1000, "alice", ALICE) + in_shell("", ALICE),
        state="receiver",
        error=ConsoleOccupied, message="a shell of alice",
    ),
    "receiver of an active run": Case(
        ("=R\r\n", 1.0, "=1 0 12 34\r\n"), error=EndpointBusy, message="another run of sosagent"
    ),
    "receiver of an active run on a machine without cksum": Case(
        ("=Rmd5sum\r\n", 1.0, "=1 0 d41d8cd98f00b204e9800998ecf8427e 34\r\n"), error=EndpointBusy,
        message="another run of sosagent",
    ),
    # -- discarded with --take-over
    "python is suspended": Case(
        (">>> ",), key(SUSPEND, STOPPED) + identify(0, "root", ROOT) + no_initramfs(ROOT), typed(" fg", ">>> "),
        state="repl",
    ),
    "a question is answered with no": Case(
        ("Do you want to continue? [Y/n] ",), key("n\r", "n\r\nAbort.\r\n" + ROOT) + identify(0, "root", ROOT)
        + no_initramfs(ROOT), settings=TAKE_OVER, state="question",
    ),
    "nano is ended": Case(
        ("\x1b[1;2HGNU nano 7.2\x1b[3;1H",), key("\x18", "\x1b[24;1HSave modified buffer?") + key("n", "\r\n" + ROOT)
        + identify(0, "root", ROOT) + no_initramfs(ROOT), settings=TAKE_OVER, state="nano",
    ),
    "a question that nothing ends": Case(
        ("Do you want to continue? [Y/n] ",),
        (key("n\r", "n\r\nContinue? [Y/n] ") + key("\x03", "^C\r\nContinue? [Y/n] ")) * 8,
        settings=TAKE_OVER, state="question", error=ConsoleStateUnknown, message="no shell prompt after 8 steps",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
async def test_from_a_shell_or_program(name: str) -> None:
    await play(CASES[name])


def shown(state: State) -> str:
    """The state's example, positioned on the screen if the state only counts there."""
    text = state.example.replace("\n", "\r\n")
    return f"\x1b[2;1H{text}\x1b[4;1H" if state.screen else text


#: States that end the login with an error, unless --take-over discards them. No key is typed.
ENDS = {
    state.name: Case(
        (shown(state),),
        state=state.name,
        error=LoginRefused if state.action is Action.REFUSED else ConsoleOccupied,
        message=state.title,
    )
    for state in STATES
    if state.action in (Action.STOP, Action.REFUSED)
}
#: States that --take-over discards by keys: the last of them brings a shell's prompt.
DISCARDED = {
    state.name: Case(
        (shown(state),),
        tuple(Exchange(keys) for keys in state.force[:-1])
        + key(state.force[-1], "\r\n" + ROOT)
        + identify(0, "root", ROOT)
        + no_initramfs(ROOT),
        state=state.name,
        settings=TAKE_OVER,
    )
    for state in STATES
    if state.force and state.action is Action.STOP
}


@pytest.mark.parametrize("name", ENDS)
async def test_a_state_ends_the_login(name: str) -> None:
    await play(ENDS[name])


@pytest.mark.parametrize("name", DISCARDED)
async def test_take_over_discards_a_state(name: str) -> None:
    await play(DISCARDED[name])

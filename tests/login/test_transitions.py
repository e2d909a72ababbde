"""The transitions of a login: for each console state, the keys typed on the way to a shell and back, and the outcome.

The machine is a script on a memory transport, and time is virtual.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from sosagent.console import Console
from sosagent.errors import (
    ConsoleError,
    ConsoleOccupied,
    ConsoleSilent,
    ConsoleStateUnknown,
    EditRefused,
    EndpointBusy,
    EndpointReadOnly,
    EndpointRefused,
    LoginRefused,
    WrongMachine,
)
from sosagent.login.attempt import Undo
from sosagent.login.entry import Entry
from sosagent.login.transitions import STEPS, UNDO_STEPS, Login
from sosagent.secrets.secret import Secret
from sosagent.terminal.states import STATES, State, Way
from sosagent.transports.memory import memory_pair

from ..support.dialogue import Exchange, FarEnd, command, typed

pytestmark = pytest.mark.virtual_time

PASSWORD = "s3cret"
ROOT, ALICE = "root@web-1:~# ", "alice@web-1:~$ "
LOGIN = "web-1 login: "
CLEAR, REDRAW, WAKE, SUSPEND = "\x15", "\x0c", "\x15\r", "\x1a"
#: A shell redraws its prompt after ^L.
DREW = "\x1b[H\x1b[2J"


@dataclass(frozen=True)
class Case:
    """A console, and what a login does with it.

    Fields:
        shows: what the machine sends before any key arrives; numbers are pauses in seconds.
        login: the keys that the login types, in order, and the machine's replies.
        logout: the same for leaving, after success or failure.
        entry: how to log in.
        state: the state that was found first; empty where the login fails before that.
        error: what the login raises; None for success.
        message: part of its message.
        logout_error: part of the message of leaving; empty where leaving succeeds.
    """

    shows: tuple[str | float, ...]
    login: tuple[Exchange, ...] = ()
    logout: tuple[Exchange, ...] = ()
    entry: Entry = field(default_factory=Entry)
    state: str = ""
    error: type[ConsoleError] | None = None
    message: str = ""
    logout_error: str = ""
    ended: bool = False
    cancelled: bool = False


def key(keys: str, *reply: str | float) -> tuple[Exchange, ...]:
    return (Exchange(keys, reply),)


def whose(uid: int, name: str, prompt: str, *hostname: str) -> tuple[Exchange, ...]:
    """The line is cleared, and the shell is asked whose it is."""
    line = "id -u;id -un" + (";uname -n" if hostname else "")
    return key(CLEAR) + command(line, str(uid), name, *hostname, prompt=prompt)


def initramfs(*found: str, prompt: str) -> tuple[Exchange, ...]:
    return command("ls -1d /etc/initrd-release /conf/conf.d", *found, prompt=prompt)


MOUNTS = (
    "ls -1d /root/etc/passwd /root/dev/null /sysroot/etc/passwd /sysroot/dev/null;"
    "grep -E ' (/root|/sysroot) ' /proc/mounts"
)
SECRET = key(f"{PASSWORD}\r", "\r\nLast login: today\r\n" + ROOT)
NAME = typed("root", "Password: ")
LOGGED_OUT = key(CLEAR) + typed("exit", LOGIN)
ROOT_SHELL = key(REDRAW, DREW + ROOT) + whose(0, "root", ROOT) + initramfs(prompt=ROOT)
EXEC_SUDO = " exec sudo -H -p 'SOS{nonce}: ' /bin/sh"
LOGGED_IN = NAME + SECRET
SECRET_AS_ALICE = key(f"{PASSWORD}\r", "\r\n" + ALICE)
OTHER = Secret("0ther")
TAKE_OVER = Entry(take_over=True)
SU, SUDO = Entry("alice", become="su"), Entry("alice", become="sudo", become_password=OTHER)
MAINTENANCE = "Give root password for maintenance\r\n(or press Control-D to continue): "
PRESS_ENTER = "Press Enter for maintenance\r\n(or press Control-D to continue): "
GRUB_COUNTDOWN = "\x1b[21;1H" + " " * 60 + "\x1b[21;1H"
TOP = "\x1b[2J\x1b[3;1Htop - 12:00:00 up 3 days\x1b[5;1H  PID USER\x1b[4;1H"
STOPPED = "\r\n[1]+  Stopped                 top\r\n" + ROOT
#: A program is suspended, and root's shell answers.
SUSPENDED = key(SUSPEND, STOPPED) + whose(0, "root", ROOT) + initramfs(prompt=ROOT)
FG = typed(" fg", TOP)

CASES = {
    # -- a login prompt
    "login": Case((LOGIN,), LOGGED_IN, LOGGED_OUT, state="login"),
    "silent login": Case((), key(REDRAW) + key(WAKE, "\r\n" + LOGIN) + LOGGED_IN, LOGGED_OUT, state="login"),
    "silent login whose getty echoes ^L": Case(
        (), key(REDRAW, REDRAW) + key(WAKE, "\r\n" + LOGIN) + LOGGED_IN, LOGGED_OUT, state="login"
    ),
    "login without a password": Case((LOGIN,), typed("root", ROOT), LOGGED_OUT, state="login"),
    "exit is asked for twice": Case(
        (LOGIN,),
        LOGGED_IN,
        key(CLEAR) + typed("exit", "There are jobs.\r\n" + ROOT) + typed("exit", LOGIN),
        state="login",
    ),
    "the shell has ended, and the login prompt needs Enter": Case(
        (LOGIN,), LOGGED_IN, key("\r", "\r\n" + LOGIN), state="login", ended=True
    ),
    "the shell has ended, and no login prompt comes": Case(
        (LOGIN,), LOGGED_IN, key("\r"), state="login", ended=True, logout_error="the login prompt did not come back"
    ),
    "the name's echo is damaged": Case(
        (LOGIN,), key("root", "rxot") + key(CLEAR, "\b\b\b\b    \b\b\b\b") + LOGGED_IN, LOGGED_OUT, state="login"
    ),
    "a ^L comes before the name": Case(
        (), key(REDRAW) + key(WAKE, "\r\n" + LOGIN + "\x0c") + key("root", "root")
        + key(CLEAR, "\b\b\b\b\b     \b\b\b\b\b") + LOGGED_IN, LOGGED_OUT, state="login",
    ),
    "Enter is lost after the name": Case(
        (LOGIN,), key("root", "root") + key("\r") + key("\r", "\r\nPassword: ") + SECRET, LOGGED_OUT, state="login"
    ),
    "Enter is lost after the password": Case(
        (LOGIN,), NAME + key(f"{PASSWORD}\r") + key("\r", "\r\n" + ROOT), LOGGED_OUT, state="login"
    ),
    "the login takes 40 s": Case(
        (LOGIN,), NAME + key(f"{PASSWORD}\r", "\r\n", 40.0, ROOT), LOGGED_OUT, state="login"
    ),
    "a pager shows the message of the day": Case(
        (LOGIN,), NAME + key(f"{PASSWORD}\r", "\r\n--More--(50%)") + key("q", "\r\n" + ROOT), LOGGED_OUT, state="login"
    ),
    "an unusual prompt whose shell redraws": Case(
        (LOGIN,), NAME + key(f"{PASSWORD}\r", "\r\nready! ") + key(REDRAW, DREW + "ready! "),
        key(CLEAR) + typed("exit", LOGIN), state="login",
    ),
    "text behind the password that is not a prompt": Case(
        (LOGIN,), NAME + key(f"{PASSWORD}\r", "\r\nready! ") + key(REDRAW, REDRAW) + key(CLEAR), state="login",
        error=ConsoleStateUnknown, message="unknown text follows the password",
    ),
    "the password prompt goes away before the password": Case(
        (LOGIN,), typed("root", "Password: ", 0.05, "\r\nLogin timed out after 60 seconds\r\n" + LOGIN), state="login",
        logout=(), error=LoginRefused, message="the login timed out: Login timed out",
    ),
    "wrong password": Case(
        (LOGIN,), NAME + key(f"{PASSWORD}\r", 2.0, "\r\nLogin incorrect\r\n" + LOGIN),
        state="login", error=LoginRefused, message="the machine refused the password: Login incorrect",
    ),
    "wrong password, without a word": Case(
        (LOGIN,), NAME + key(f"{PASSWORD}\r", "\r\n" + LOGIN),
        state="login", error=LoginRefused, message="the machine refused the login",
    ),
    "expired password": Case(
        (LOGIN,), NAME + key(f"{PASSWORD}\r", "\r\nYour password has expired.\r\nCurrent password: "),
        key("\r", "\r\n" + LOGIN),
        state="login", error=LoginRefused, message="the password has expired: Your password has expired.",
    ),
    "two passwords": Case(
        (LOGIN,), NAME + key(f"{PASSWORD}\r", "\r\nPassword: "), key("\r", "\r\n" + LOGIN),
        state="login", error=LoginRefused, message="the machine refused the login",
    ),
    "nologin": Case(
        (LOGIN,), NAME + key(f"{PASSWORD}\r", "\r\nThis account is currently not available.\r\n" + LOGIN),
        state="login", error=LoginRefused, message="this account may not log in",
    ),
    "locked after the name": Case(
        (LOGIN,), typed("root", "Account locked due to 3 failed logins\r\n" + LOGIN),
        state="login", error=LoginRefused, message="the account is locked",
    ),
    "reboot after the password": Case(
        (LOGIN,), NAME + key(f"{PASSWORD}\r", "\r\nKernel panic - not syncing: dead\r\n"), key("\r") * 4,
        state="login", error=ConsoleOccupied, message="a kernel panic",
        logout_error="the login prompt did not come back",
    ),
    "expected host": Case((LOGIN,), LOGGED_IN, LOGGED_OUT, Entry(expect_host="WEB-1.example.org"), state="login"),
    "another host": Case(
        (LOGIN,), entry=Entry(expect_host="db-1"), state="login", error=WrongMachine,
        message="the machine is web-1, not db-1",
    ),
    "no host name to compare": Case(
        ("login: ",), entry=Entry(expect_host="db-1"), state="login", error=WrongMachine, message="no host name"
    ),
    # -- becoming root
    "su": Case(
        (LOGIN,),
        typed("alice", "Password: ") + SECRET_AS_ALICE + typed(" exec su", "Password: ")
        + key(f"{PASSWORD}\r", "\r\n# ") + command("id -u;id -un", "0", "root", prompt="# "),
        key(CLEAR) + typed("exit", LOGIN), SU, state="login",
    ),
    "sudo": Case(
        (LOGIN,),
        typed("alice", "Password: ") + SECRET_AS_ALICE
        + typed(EXEC_SUDO, "SOS{nonce}: ")
        + key("0ther\r", "\r\n# ") + command("id -u;id -un", "0", "root", prompt="# "),
        key(CLEAR) + typed("exit", LOGIN), SUDO, state="login",
    ),
    "sudo without a password": Case(
        (LOGIN,),
        typed("alice", "Password: ") + SECRET_AS_ALICE + typed(EXEC_SUDO, "# ")
        + command("id -u;id -un", "0", "root", prompt="# "),
        key(CLEAR) + typed("exit", LOGIN), SUDO, state="login",
    ),
    "sudo refuses": Case(
        (LOGIN,),
        typed("alice", "Password: ") + SECRET_AS_ALICE + typed(EXEC_SUDO, "SOS{nonce}: ")
        + key("0ther\r", "\r\nalice is not in the sudoers file.\r\n" + LOGIN),
        entry=SUDO, state="login", error=LoginRefused, message="this user may not become root: alice is not in",
    ),
    "su makes somebody else": Case(
        (LOGIN,),
        typed("alice", "Password: ") + SECRET_AS_ALICE + typed(" exec su", "$ ")
        + command("id -u;id -un", "1000", "alice", prompt="$ "),
        key(CLEAR) + typed("exit", LOGIN),
        SU, state="login", error=LoginRefused, message="su did not make alice root",
    ),
    "su over the open shell of that user": Case(
        (ALICE,),
        whose(1000, "alice", ALICE) + typed(" su", "Password: ") + key(f"{PASSWORD}\r", "\r\n# ")
        + command("id -u;id -un", "0", "root", prompt="# "),
        typed("exit", ALICE), SU, state="shell",
    ),
    "su refuses over an open shell": Case(
        (ALICE,),
        whose(1000, "alice", ALICE) + typed(" su", "Password: ")
        + key(f"{PASSWORD}\r", 2.0, "\r\nsu: Authentication failure\r\n" + ALICE)
        + command("id -u;id -un", "1000", "alice", prompt=ALICE),
        entry=SU, state="shell", error=LoginRefused, message="the machine refused the password: su: Auth",
    ),
    "sudo in an open shell shows no prompt": Case(
        (ALICE,),
        whose(1000, "alice", ALICE) + typed(" sudo -H -p 'SOS{nonce}: ' /bin/sh", "Which of them? "),
        key("\x03", "^C\r\n" + ALICE), SUDO, state="shell", error=LoginRefused, message="sudo did not make alice root",
    ),
    # -- an open shell
    "root's shell": Case((), ROOT_SHELL, state="shell"),
    "root's shell, whose prompt is shown": Case(
        (ROOT,), whose(0, "root", ROOT) + initramfs(prompt=ROOT), state="shell"
    ),
    "root's shell without line editor": Case(
        (), key(REDRAW, "^L") * 7 + key(SUSPEND, "^Z") + key(CLEAR) + key(WAKE, "\r\n# ")
        + whose(0, "root", "# ") + initramfs(prompt="# "), state="shell",
    ),
    "root's shell on another host": Case(
        (ROOT,), whose(0, "root", ROOT, "web-1"), entry=Entry(expect_host="db-1"), state="shell", error=WrongMachine,
        message="the machine is web-1, not db-1",
    ),
    "root's shell on the expected host": Case(
        (ROOT,), whose(0, "root", ROOT, "web-1") + initramfs(prompt=ROOT), entry=Entry(expect_host="web-1"),
        state="shell",
    ),
    "a user's shell": Case(
        (ALICE,), whose(1000, "alice", ALICE), state="shell", error=ConsoleOccupied, message="a shell of alice"
    ),
    "a user's shell is logged out": Case(
        (ALICE,), whose(1000, "alice", ALICE) + LOGGED_OUT + LOGGED_IN, LOGGED_OUT, TAKE_OVER, state="shell"
    ),
    "no shell answers at its prompt": Case(
        (ROOT,), key(CLEAR) + typed(" id -u;id -un;echo S\\OS{nonce}", "> "),
        state="shell", error=ConsoleStateUnknown, message="did not answer",
    ),
    "^U does not erase": Case(
        (ROOT,), key(CLEAR, "^U"), state="shell", error=ConsoleStateUnknown, message="does not erase a line at ^U"
    ),
    "an unfinished command is erased": Case(
        (), key(REDRAW, DREW + ROOT + "rm -rf /tmp/x y") + key(CLEAR, "\b" * 15 + "\x1b[K")
        + whose(0, "root", ROOT) + initramfs(prompt=ROOT), state="shell",
    ),
    "text that ^U does not erase": Case(
        (), key(REDRAW, DREW + "hello world") + key(CLEAR),
        state="unknown", error=ConsoleStateUnknown, message="does not recognise",
    ),
    "an unfinished quote": Case(
        ("> ",), key("\x03", "^C\r\n" + ROOT) + whose(0, "root", ROOT) + initramfs(prompt=ROOT), state="continuation"
    ),
    "a prompt like that of an unfinished command": Case(
        ("> ",), key("\x03", "^C\r\n> ") + whose(0, "root", "> ") + initramfs(prompt="> "), state="continuation"
    ),
    # -- programs
    "top": Case((TOP,), key(REDRAW, TOP) + SUSPENDED, FG, state="full-screen"),
    "silent top": Case((), key(REDRAW, TOP) + SUSPENDED, FG, state="full-screen"),
    "top does not come back": Case(
        (TOP,), key(REDRAW, TOP) + SUSPENDED, typed(" fg", "fg: no current job\r\n" + ROOT), state="full-screen",
        logout_error="did not come back to the foreground",
    ),
    "top cannot be suspended": Case(
        (TOP,), key(REDRAW, TOP) + key(SUSPEND), state="full-screen", error=ConsoleOccupied,
        message="a program that fills the screen",
    ),
    "top cannot be suspended, and is ended": Case(
        (TOP,), key(REDRAW, TOP) + key(SUSPEND) + key("\x03", "\r\n" + ROOT) + whose(0, "root", ROOT)
        + initramfs(prompt=ROOT), entry=TAKE_OVER, state="full-screen",
    ),
    "a shell in tmux": Case(
        (TOP,), key(REDRAW, TOP) + key(SUSPEND, "\x1b[2;1H" + ROOT + "\x1b[2;15H"),
        state="multiplexer", error=ConsoleOccupied, message="tmux or screen",
    ),
    "vim in insert mode": Case(
        (), key(REDRAW, "^L\x1b[5;9H") + key("\x7f", "\x1b[5;7H") + key("\x1b") + SUSPENDED,
        typed(" fg", TOP) + key("gi"), state="editor-insert",
    ),
    "less": Case(
        ("(END)",), key(SUSPEND, STOPPED) + whose(0, "root", ROOT) + initramfs(prompt=ROOT),
        typed(" fg", "\r\n(END)"), state="pager",
    ),
    "cat": Case((), key(REDRAW, "^L") * 7 + key(SUSPEND, "^Z" + STOPPED) + whose(0, "root", ROOT)
        + initramfs(prompt=ROOT), typed(" fg", "cat\r\n"), state="running"),
    "a program that only echoes": Case(
        (), key(REDRAW, "^L") * 7 + key(SUSPEND, "^Z") + key(CLEAR, "") + key(WAKE, "\r\n") , state="running",
        error=ConsoleOccupied, message="a program that runs",
    ),
    "a silent boot": Case(
        (), key(REDRAW, "^L") * 7 + key(SUSPEND, "^Z") + key(CLEAR, "") + key(WAKE, "\r\n", 15.0, LOGIN)
        + LOGGED_IN, LOGGED_OUT, state="login",
    ),
    "a program that prints": Case(
        ("line\r\n", 0.02) * 1500, key(SUSPEND, STOPPED) + whose(0, "root", ROOT) + initramfs(prompt=ROOT),
        typed(" fg", "line\r\n"), state="running",
    ),
    "somebody types": Case(
        (LOGIN + "x", 0.3, "y", 0.3, "z", 0.3, "z", 0.3, "y"), error=ConsoleOccupied, message="another user is typing"
    ),
    # -- prompts of others
    "password prompt": Case(
        ("Password: ",), key("\r", "\r\nLogin incorrect\r\n" + LOGIN) + LOGGED_IN, LOGGED_OUT, state="password"
    ),
    "password prompt that stays": Case(
        ("Password: ",), key("\r", "\r\nPassword: "), state="password", error=ConsoleOccupied, message="password prompt"
    ),
    # -- maintenance
    "maintenance": Case(
        (MAINTENANCE,), key(f"{PASSWORD}\r", "\r\n" + ROOT) + initramfs(prompt=ROOT), state="maintenance"
    ),
    "maintenance, and the boot continues": Case(
        (MAINTENANCE,), key(f"{PASSWORD}\r", "\r\n" + ROOT) + initramfs(prompt=ROOT), key("exit\r", "exit\r\n"),
        Entry(continue_boot=True), state="maintenance",
    ),
    "maintenance, wrong password": Case(
        (MAINTENANCE,), key(f"{PASSWORD}\r", "\r\nLogin incorrect\r\n" + MAINTENANCE), state="maintenance",
        error=LoginRefused, message="the machine refused the password",
    ),
    "maintenance as a user": Case(
        (MAINTENANCE,), entry=Entry("alice"), state="maintenance", error=ConsoleOccupied, message="only root can log in"
    ),
    "maintenance on an expected host": Case(
        (MAINTENANCE,), entry=Entry(expect_host="web-1"), state="maintenance", error=WrongMachine,
        message="no host name",
    ),
    "maintenance without a password": Case(
        (PRESS_ENTER,), key("\r", "\r\n" + ROOT) + initramfs(prompt=ROOT), state="maintenance-enter"
    ),
    "maintenance of a locked root": Case(
        ("Cannot open access to console, the root account is locked.\r\nPress Enter to continue.\r\n",),
        state="maintenance-locked", error=LoginRefused, message="root is locked",
    ),
    "initramfs": Case(
        ("(initramfs) ",),
        whose(0, "root", "(initramfs) ")
        + command(MOUNTS, "/root/etc/passwd", "/dev/vda1 /root ext4 ro,relatime 0 0", prompt="(initramfs) ")
        + command("mount -o remount,rw /root;grep ' /root ' /proc/mounts",
                  "/dev/vda1 /root ext4 rw,relatime 0 0", prompt="(initramfs) ")
        + command("mount -o bind /dev /root/dev", prompt="(initramfs) "),
        command("umount /root/dev", prompt="(initramfs) ")
        + command("mount -o remount,ro /root", prompt="(initramfs) "),
        Entry(remount=True), state="initramfs",
    ),
    "initramfs, and the boot continues": Case(
        ("(initramfs) ",),
        key(CLEAR) + command("id -u;id -un", prompt="(initramfs) ")
        + command(MOUNTS, "/root/etc/passwd", "/root/dev/null", "/dev/vda1 /root ext4 ro 0 0", prompt="(initramfs) "),
        key("exit\r", "\r\n"), Entry(continue_boot=True), state="initramfs",
    ),
    "initramfs without a root file system": Case(
        ("(initramfs) ",), whose(0, "root", "(initramfs) ") + command(MOUNTS, prompt="(initramfs) "),
        state="initramfs", error=EditRefused, message="its root file system is not mounted",
    ),
    "initramfs whose root cannot be written to": Case(
        ("(initramfs) ",),
        whose(0, "root", "(initramfs) ")
        + command(MOUNTS, "/root/etc/passwd", "/root/dev/null", "/dev/vda1 /root ext4 ro 0 0", prompt="(initramfs) ")
        + command("mount -o remount,rw /root;grep ' /root ' /proc/mounts", "/dev/vda1 /root ext4 ro 0 0",
                  prompt="(initramfs) "),
        command("mount -o remount,ro /root", prompt="(initramfs) "),
        Entry(remount=True), state="initramfs", error=EditRefused, message="cannot be remounted",
    ),
    # -- our own receiver
    "receiver": Case(
        ("=R\r\n",), key("]Z\r", "=Z\r\n", LOGIN) + LOGGED_IN, LOGGED_OUT, state="receiver"
    ),
    "receiver that does not end": Case(
        ("=R\r\n",), key("]Z\r"), state="receiver", error=ConsoleOccupied, message="does not end"
    ),
    "receiver at work": Case(
        ("=R\r\n", 1.0, "=1 0 12 34\r\n"), error=EndpointBusy, message="another run of sosagent"
    ),
    # -- not yet a login
    "boot menu": Case(
        ("The highlighted entry will be executed automatically in 5s.\r\n", 5.0,
         "[    0.000000] Linux version 6.1.0\r\n", 1.5, "Starting cron ...\r\n", 1.0, LOGIN),
        LOGGED_IN, LOGGED_OUT, state="login",
    ),
    "booting in silence": Case(
        ("Starting cron ...\r\n",), key(WAKE, "\r\n" + LOGIN) + LOGGED_IN, LOGGED_OUT, state="login"
    ),
    "kernel messages of a machine that runs": Case(
        ("[ 1234.567890] usb 1-1: new device\r\n",), key(REDRAW, REDRAW) + key(WAKE, "\r\n" + LOGIN) + LOGGED_IN,
        LOGGED_OUT, state="login",
    ),
    "GRUB counts down in silence": Case(
        (), key(REDRAW, GRUB_COUNTDOWN) + key("\r", "\r\nBooting `Debian'\r\n", 1.0, LOGIN) + LOGGED_IN,
        LOGGED_OUT, state="login",
    ),
    "U-Boot counts down in silence": Case(
        (), key(REDRAW, "\b\b\b 0 \r\n=> ") + key("boot\r", "boot\r\nStarting kernel ...\r\n", 1.0, LOGIN) + LOGGED_IN,
        LOGGED_OUT, state="login",
    ),
    # -- silence
    "nothing": Case((), key(REDRAW) + key(WAKE) * 3, error=ConsoleSilent, message="nothing answers on it"),
    "no answer to Enter": Case(
        ("Debian GNU/Linux\r\n",), key(REDRAW) + key(WAKE) * 3, error=ConsoleSilent,
        message="no prompt appeared after Enter",
    ),
    "garbled": Case(("\x00\x00\x00\x00" * 4,), key(REDRAW) + key(WAKE) * 3, error=ConsoleOccupied, message="no sense"),
    "a damaged login prompt": Case(
        (), key(REDRAW) + key(WAKE, "\r\nweb-1 lgin: ") + key(WAKE, "\r\n" + LOGIN) + LOGGED_IN, LOGGED_OUT,
        state="login",
    ),
    "text without meaning": Case(("Hello. ",), key(CLEAR), state="unknown", error=ConsoleStateUnknown),
    # -- the endpoint's own words
    "read-only endpoint": Case(
        ("[Read-only SOS Session. Use ~? for help.]\r\n",), state="endpoint-read-only", error=EndpointReadOnly
    ),
    "busy endpoint": Case(
        ("Virtual Serial Port is currently in use by another session.\r\n",), state="endpoint-busy", error=EndpointBusy
    ),
    "closed endpoint": Case(("Info: SOL payload disabled\r\n",), state="endpoint-closed", error=EndpointRefused),
    "an endpoint's own prompt": Case(("racadm>>",), error=ConsoleOccupied, message="the endpoint's own prompt"),
    # -- taken over
    "python is suspended": Case(
        (">>> ",), key(SUSPEND, STOPPED) + whose(0, "root", ROOT) + initramfs(prompt=ROOT), typed(" fg", ">>> "),
        state="repl",
    ),
    "a question is answered with no": Case(
        ("Do you want to continue? [Y/n] ",), key("n\r", "n\r\nAbort.\r\n" + ROOT) + whose(0, "root", ROOT)
        + initramfs(prompt=ROOT), entry=TAKE_OVER, state="question",
    ),
    "nano is ended": Case(
        ("\x1b[1;2HGNU nano 7.2\x1b[3;1H",), key("\x18", "\x1b[24;1HSave modified buffer?") + key("n", "\r\n" + ROOT)
        + whose(0, "root", ROOT) + initramfs(prompt=ROOT), entry=TAKE_OVER, state="nano",
    ),
    "a question that nothing ends": Case(
        ("Do you want to continue? [Y/n] ",),
        (key("n\r", "n\r\nContinue? [Y/n] ") + key("\x03", "^C\r\nContinue? [Y/n] ")) * 8,
        entry=TAKE_OVER, state="question", error=ConsoleStateUnknown, message="no shell prompt after 8 steps",
    ),
    # -- cancelled
    "cancelled after the name": Case(
        (LOGIN,), NAME, key("\r", "\r\nLogin incorrect\r\n" + LOGIN), state="login", cancelled=True
    ),
    "cancelled after the password": Case(
        (LOGIN,), NAME + key(f"{PASSWORD}\r", "\r\n", 5.0, ROOT), LOGGED_OUT, state="login", cancelled=True
    ),
    "cancelled after a password that is refused": Case(
        (LOGIN,), NAME + key(f"{PASSWORD}\r", "\r\n", 5.0, LOGIN), state="login", cancelled=True
    ),
    "cancelled while su asks": Case(
        (ALICE,), whose(1000, "alice", ALICE) + typed(" su", "Password: "), key("\x03", "\r\n" + ALICE), SU,
        state="shell", cancelled=True,
    ),
    "cancelled while su works": Case(
        (ALICE,), whose(1000, "alice", ALICE) + typed(" su", "Password: ") + key(f"{PASSWORD}\r", "\r\n", 2.0, "# "),
        typed("exit", ALICE), SU, state="shell", cancelled=True,
    ),
    "cancelled while su works in a shell of ours": Case(
        (LOGIN,), typed("alice", "Password: ") + SECRET_AS_ALICE + typed(" exec su", 2.0, "# "),
        LOGGED_OUT, SU, state="login", cancelled=True,
    ),
    "cancelled while top is suspended": Case(
        (TOP,), key(REDRAW, TOP) + key(SUSPEND, 0.5, STOPPED), FG, state="full-screen", cancelled=True
    ),
}  # fmt: skip


async def play(case: Case) -> None:
    """Log in and out, and compare."""
    near, far = memory_pair()
    machine = FarEnd(far, case.shows, case.login)
    task = asyncio.ensure_future(machine.run())
    async with Console(near) as console:
        console.set_deadline(300)
        login = Login(console, case.entry)
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
        elif case.error is None:
            assert error is None
        else:
            assert type(error) is case.error, error
            assert case.message in error.message
        assert login.initial_state == case.state
        machine.then(case.logout)
        message = ""
        try:
            await login.leave(ended=case.ended)
        except ConsoleError as failure:
            message = failure.message
        assert (machine.remaining, machine.unexpected) == ([], ""), message
        assert case.logout_error in message
        assert bool(case.logout_error) == bool(message)
    await task


@pytest.mark.parametrize("name", CASES)
async def test_a_state_leads_to_a_shell_and_back(name: str) -> None:
    await play(CASES[name])


def shown(state: State) -> str:
    """The state's example, drawn at a row of the screen where only that counts."""
    text = state.example.replace("\n", "\r\n")
    return f"\x1b[2;1H{text}\x1b[4;1H" if state.screen else text


#: States that end the login with an error, unless --take-over discards them. No key is typed.
ENDS = {
    state.name: Case(
        (shown(state),),
        state=state.name,
        error=LoginRefused if state.way is Way.REFUSED else ConsoleOccupied,
        message=state.title,
    )
    for state in STATES
    if state.way in (Way.STOP, Way.REFUSED)
}
#: States that --take-over discards by keys: the last of them brings a shell's prompt.
DISCARDED = {
    state.name: Case(
        (shown(state),),
        tuple(Exchange(keys) for keys in state.force[:-1])
        + key(state.force[-1], "\r\n" + ROOT)
        + whose(0, "root", ROOT)
        + initramfs(prompt=ROOT),
        state=state.name,
        entry=TAKE_OVER,
    )
    for state in STATES
    if state.force and state.way is Way.STOP
}


def test_every_action_and_every_change_has_a_step() -> None:
    assert set(STEPS) == set(Way)
    assert set(UNDO_STEPS) == set(Undo)


@pytest.mark.parametrize("name", DISCARDED)
async def test_take_over_discards_a_state(name: str) -> None:
    await play(DISCARDED[name])


@pytest.mark.parametrize("name", ENDS)
async def test_a_state_that_nothing_leads_out_of(name: str) -> None:
    await play(ENDS[name])

"""The transitions of a login to root: by sudo or su, at a maintenance prompt, and in an initramfs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sosagent.access import LoginSettings, Permissions
from sosagent.errors import ConsoleOccupied, ConsoleStateUnknown, EditRefused, LoginRefused, WrongMachine
from sosagent.secrets.secret import Secret

from ..support.dialogue import Exchange, command, typed
from .conversation import (
    ALICE,
    ASK_LOGIN,
    CLEAR,
    KILL,
    LOG_IN,
    LOG_OUT,
    LOGIN,
    PASSWORD,
    REDRAW,
    REDRAWN,
    RESUME,
    ROOT,
    STOPPED,
    SUSPEND,
    TOP,
    TYPE_NAME,
    WAKE,
    Case,
    answer,
    find_shell,
    identify,
    in_shell,
    key,
    no_initramfs,
    play,
)

pytestmark = pytest.mark.virtual_time

SU = LoginSettings(login="alice", become="su")
SUDO = LoginSettings(login="alice", become="sudo", become_password=Secret("0ther"))
SUDO_COMMAND = " exec sudo -H -p 'SOS{nonce}: ' /bin/sh"
TYPE_PASSWORD_AS_ALICE = answer(PASSWORD, "\r\n" + ALICE)

MAINTENANCE = "Give root password for maintenance\r\n(or press Control-D to continue): "
BUSYBOX = "Give root password for system maintenance\r\n(or type Control-D for normal startup):"
SYSV = "Give root password for maintenance\r\n(or type Control-D to continue): "
PRESS_ENTER = "Press Enter for maintenance\r\n(or press Control-D to continue): "
KERNEL = "[   12.345678] usb 1-1: new device\r\n"
ASKED_AGAIN = "\r\nLogin incorrect\r\n\r\n" + MAINTENANCE
ASK_AGAIN = key(REDRAW) + key(WAKE, ASKED_AGAIN)
FIND_SULOGIN = "command -v sulogin;readlink -f `command -v sulogin`;tty;busybox --list|grep -x sulogin"
SULOGIN = command(FIND_SULOGIN, "/sbin/sulogin", "/usr/sbin/sulogin", "/dev/ttyS0", prompt=ROOT)
ROOT_ANSWERS = command("id -u;id -un", "0", "root", prompt=ROOT) + no_initramfs(ROOT)
LOG_IN_FOR_MAINTENANCE = ASK_AGAIN + answer(PASSWORD, "\r\n" + ROOT) + ROOT_ANSWERS
OPEN_MAINTENANCE = LOG_IN_FOR_MAINTENANCE + SULOGIN
CLOSE_MAINTENANCE = typed(' exec "/sbin/sulogin" "/dev/ttyS0"', MAINTENANCE)
#: The command that shows the mounts of an initramfs.
MOUNTS = "sh -c 'while read l;do echo $l;done</proc/mounts'"
IN_MEMORY = ("rootfs / rootfs rw 0 0", "proc /proc proc rw 0 0")
DISK = "/dev/vda1 /root ext4 {} 0 0"
_PROMPT = "(initramfs) "


def in_initramfs(*lines: str, files: tuple[str, ...] = ()) -> tuple[Exchange, ...]:
    """In an initramfs: the commands that find the root file system, these mounts, and the files there."""
    asked = command("cat /proc/1/cmdline;echo", "/bin/sh/init", prompt=_PROMPT)
    asked += command(MOUNTS, *IN_MEMORY, *lines, prompt=_PROMPT)
    if not lines:
        return asked
    look = "sh -c 'for f in etc/passwd dev/null;do [ -e /root/$f ]&&echo $f;done'"
    return asked + command(look, *files, prompt=_PROMPT)


CASES = {
    # -- becoming root
    "su": Case(
        (LOGIN,),
        ASK_LOGIN + typed("alice", "Password: ") + TYPE_PASSWORD_AS_ALICE + typed(" exec su", "Password: ")
        + answer(PASSWORD, "\r\n# ") + command("id -u;id -un", "0", "root", prompt="# "),
        LOG_OUT, SU, state="login",
    ),
    "sudo": Case(
        (LOGIN,),
        ASK_LOGIN + typed("alice", "Password: ") + TYPE_PASSWORD_AS_ALICE
        + typed(SUDO_COMMAND, "SOS{nonce}: ")
        + answer("0ther", "\r\n# ") + command("id -u;id -un", "0", "root", prompt="# "),
        LOG_OUT, SUDO, state="login",
    ),
    "sudo without a password": Case(
        (LOGIN,),
        ASK_LOGIN + typed("alice", "Password: ") + TYPE_PASSWORD_AS_ALICE + typed(SUDO_COMMAND, "# ")
        + command("id -u;id -un", "0", "root", prompt="# "),
        LOG_OUT, SUDO, state="login",
    ),
    "sudo refuses": Case(
        (LOGIN,),
        ASK_LOGIN + typed("alice", "Password: ") + TYPE_PASSWORD_AS_ALICE + typed(SUDO_COMMAND, "SOS{nonce}: ")
        + answer("0ther", "\r\nalice is not in the sudoers file.\r\n" + LOGIN), key("\x04", "\r\n" + LOGIN),
        settings=SUDO, state="login", error=LoginRefused, message="this user may not become root: alice is not in",
    ),
    "sudo asks after a while, behind its lecture": Case(
        (LOGIN,),
        ASK_LOGIN + typed("alice", "Password: ") + TYPE_PASSWORD_AS_ALICE
        + typed(SUDO_COMMAND, 12.0, "We trust you have received the usual lecture.\r\n\r\nSOS{nonce}: ")
        + answer("0ther", 8.0, "\r\n# ") + command("id -u;id -un", "0", "root", prompt="# "),
        LOG_OUT, SUDO, state="login",
    ),
    "sudo asks between kernel lines": Case(
        (LOGIN,),
        ASK_LOGIN + typed("alice", "Password: ") + TYPE_PASSWORD_AS_ALICE
        + typed(SUDO_COMMAND, 2.0, KERNEL, 2.0, KERNEL, 4.0, KERNEL, "SOS{nonce}: ")
        + answer("0ther", 2.0, KERNEL, 4.0, "\r\n", KERNEL, "# ") + command("id -u;id -un", "0", "root", prompt="# "),
        LOG_OUT, SUDO, state="login",
    ),
    "sudo asks again": Case(
        (LOGIN,),
        ASK_LOGIN + typed("alice", "Password: ") + TYPE_PASSWORD_AS_ALICE + typed(SUDO_COMMAND, "SOS{nonce}: ")
        + answer("0ther", "\r\nSorry, try again.\r\nSOS{nonce}: "),
        key("\x03", "\r\nsudo: 1 incorrect password attempt\r\n" + LOGIN) + key("\x04", "\r\n" + LOGIN),
        settings=SUDO, state="login", error=LoginRefused, message="Sorry, try again",
    ),
    "su is silent, and its shell has an odd prompt": Case(
        (LOGIN,),
        ASK_LOGIN + typed("alice", "Password: ") + TYPE_PASSWORD_AS_ALICE + typed(" exec su", 15.0, "Password: ")
        + answer(PASSWORD, 15.0, "\r\nready: ")
        + key(REDRAW, REDRAWN + "ready: ") + find_shell("ready: ")
        + command("id -u;id -un", "0", "root", prompt="ready: "),
        KILL, SU, state="login",
    ),
    "su leads to another user": Case(
        (LOGIN,),
        ASK_LOGIN + typed("alice", "Password: ") + TYPE_PASSWORD_AS_ALICE + typed(" exec su", "$ ")
        + command("id -u;id -un", "1000", "alice", prompt="$ "),
        LOG_OUT,
        SU, state="login", error=LoginRefused, message="su did not make alice root",
    ),
    "su in an existing shell of that user": Case(
        (ALICE,), identify(1000, "alice", ALICE) + in_shell("/usr/bin/dash", ALICE), settings=SU, state="shell",
        error=ConsoleOccupied,
        message="no password is typed there for su",
    ),
    "sudo after an existing shell of that user was logged out": Case(
        (ALICE,),
        identify(1000, "alice", ALICE) + in_shell("", ALICE) + LOG_OUT
        + typed("alice", "Password: ") + TYPE_PASSWORD_AS_ALICE
        + typed(SUDO_COMMAND, "SOS{nonce}: ")
        + answer("0ther", "\r\n# ") + command("id -u;id -un", "0", "root", prompt="# "),
        LOG_OUT, replace(SUDO, take_over=True), state="shell",
    ),
    "sudo shows what is typed": Case(
        (LOGIN,),
        ASK_LOGIN + typed("alice", "Password: ") + TYPE_PASSWORD_AS_ALICE + typed(SUDO_COMMAND, "SOS{nonce}: ")
        + (key("^", "^") + key(CLEAR, "\b \b")) * 3,
        key("\x03", "^C\r\n" + ALICE) + LOG_OUT, SUDO, state="login", error=ConsoleStateUnknown,
        message="shows what is typed at its password prompt; the password was not typed",
    ),
    "sudo shows a star for each character": Case(
        (LOGIN,),
        ASK_LOGIN + typed("alice", "Password: ") + TYPE_PASSWORD_AS_ALICE + typed(SUDO_COMMAND, "SOS{nonce}: ")
        + key("^", "*") + key(CLEAR, "\b \b") + key("0ther\r", "\r\n# ")
        + command("id -u;id -un", "0", "root", prompt="# "),
        LOG_OUT, SUDO, state="login",
    ),
    # -- maintenance
    "maintenance": Case((MAINTENANCE,), OPEN_MAINTENANCE, CLOSE_MAINTENANCE, state="maintenance"),
    "maintenance, and the boot continues": Case(
        (MAINTENANCE,), OPEN_MAINTENANCE, key("exit\r", "exit\r\n"), LoginSettings(continue_boot=True),
        state="maintenance",
    ),
    "maintenance of BusyBox, where an empty answer would continue the boot": Case(
        (BUSYBOX,),
        key(REDRAW) + key("\x15^\r", "\r\nLogin incorrect\r\n" + BUSYBOX) + answer(PASSWORD, "\r\n" + ROOT)
        + ROOT_ANSWERS + command(FIND_SULOGIN, "/sbin/sulogin", "/bin/busybox", "/dev/ttyS0", prompt=ROOT),
        typed(' exec "/sbin/sulogin" "/dev/ttyS0"', BUSYBOX), state="maintenance",
    ),
    "maintenance of SysV init": Case(
        (SYSV,),
        key(REDRAW) + key(WAKE, "\r\nLogin incorrect.\r\n" + SYSV) + answer(PASSWORD, "\r\n" + ROOT)
        + ROOT_ANSWERS + SULOGIN,
        typed(' exec "/sbin/sulogin" "/dev/ttyS0"', SYSV), state="maintenance",
    ),
    "maintenance without sulogin": Case(
        (MAINTENANCE,), LOG_IN_FOR_MAINTENANCE + command(FIND_SULOGIN, "/dev/ttyS0", prompt=ROOT), state="maintenance",
        logout_error="a root shell is open on the console, since there is no sulogin",
    ),
    "maintenance where sulogin does not start": Case(
        (MAINTENANCE,), OPEN_MAINTENANCE,
        typed(' exec "/sbin/sulogin" "/dev/ttyS0"', "bash: /sbin/sulogin: Exec format error\r\n" + ROOT),
        state="maintenance", logout_error="a root shell is open on the console, since sulogin did not start",
    ),
    "maintenance with a kernel line behind the prompt": Case(
        (MAINTENANCE + KERNEL,), key(REDRAW) + key(CLEAR) + key(WAKE, ASKED_AGAIN) + OPEN_MAINTENANCE,
        CLOSE_MAINTENANCE, state="maintenance",
    ),
    "maintenance with kernel lines everywhere": Case(
        (MAINTENANCE,),
        key(REDRAW, KERNEL) + key(WAKE, "\r\n" + KERNEL + "Login incorrect\r\n\r\n" + KERNEL + MAINTENANCE + KERNEL)
        + key("^", KERNEL) + key(CLEAR) + key(f"{PASSWORD}\r", KERNEL + "\r\n" + ROOT) + ROOT_ANSWERS + SULOGIN,
        CLOSE_MAINTENANCE, state="maintenance",
    ),
    "maintenance, wrong password": Case(
        (MAINTENANCE,), ASK_AGAIN + answer(PASSWORD, "\r\nLogin incorrect\r\n" + MAINTENANCE), state="maintenance",
        error=LoginRefused, message="the machine refused the password",
    ),
    "maintenance as a user": Case(
        (MAINTENANCE,), settings=LoginSettings(login="alice"), state="maintenance", error=ConsoleOccupied,
        message="only root can log in",
    ),
    "maintenance on an expected host": Case(
        (MAINTENANCE,), settings=LoginSettings(expect_host="web-1"), state="maintenance", error=WrongMachine,
        message="no host name",
    ),
    "maintenance without a password": Case(
        (PRESS_ENTER,),
        key(REDRAW) + key(WAKE, "\r\n" + ROOT) + ROOT_ANSWERS + SULOGIN,
        typed(' exec "/sbin/sulogin" "-e" "/dev/ttyS0"', PRESS_ENTER), state="maintenance-enter",
    ),
    "maintenance of BusyBox": Case(
        (MAINTENANCE,),
        LOG_IN_FOR_MAINTENANCE + command(FIND_SULOGIN, "not a tty", "sulogin", prompt=ROOT),
        typed(" exec busybox sulogin", MAINTENANCE), state="maintenance",
    ),
    "maintenance where sulogin has followed our shell": Case(
        (MAINTENANCE,),
        LOG_IN_FOR_MAINTENANCE + command(FIND_SULOGIN, "/sbin/sulogin", prompt=MAINTENANCE),
        state="maintenance",
    ),
    "maintenance where sulogin has followed our shell, and the boot continues": Case(
        (MAINTENANCE,),
        LOG_IN_FOR_MAINTENANCE + command(FIND_SULOGIN, "/sbin/sulogin", prompt=MAINTENANCE),
        key("\x04", "\r\n"), LoginSettings(continue_boot=True), state="maintenance",
    ),
    # -- a maintenance prompt that anybody may have printed
    "maintenance in front of a login prompt": Case(
        (MAINTENANCE,), key(REDRAW, "\x0c") + key(WAKE, "\r\n" + LOGIN) + LOG_IN, LOG_OUT, state="maintenance"
    ),
    "maintenance in front of a user's shell": Case(
        (MAINTENANCE,), key(REDRAW, REDRAWN + ALICE) + identify(1000, "alice", ALICE) + in_shell("", ALICE),
        state="maintenance",
        error=ConsoleOccupied, message="a shell of alice",
    ),
    "maintenance that a user's shell follows": Case(
        (MAINTENANCE,), ASK_AGAIN + answer(PASSWORD, "\r\n" + ALICE)
        + command("id -u;id -un", "1000", "alice", prompt=ALICE) + in_shell("", ALICE), state="maintenance",
        error=ConsoleOccupied, message="a shell of alice, who is not root, follows the maintenance prompt",
    ),
    "maintenance that is printed again and again": Case(
        (MAINTENANCE,), (key(REDRAW) + key(WAKE, "\r\nmail: retrying\r\n" + MAINTENANCE)) * 3, state="maintenance",
        error=ConsoleStateUnknown,
    ),
    "maintenance that shows what is typed": Case(
        (MAINTENANCE,), ASK_AGAIN + (key("^", "^") + key(CLEAR, "\b \b")) * 3, state="maintenance",
        error=ConsoleStateUnknown, message="the password was not typed",
    ),
    "maintenance whose echo is hidden in a kernel line": Case(
        (MAINTENANCE,),
        ASK_AGAIN + (key("^", "[    1.000000] ^", 0.1, "\r\n") + key(CLEAR)) * 3, state="maintenance",
        error=ConsoleStateUnknown, message="the password was not typed",
    ),
    "a finished maintenance line in front of a user's shell": Case(
        (MAINTENANCE + KERNEL,), key(REDRAW, REDRAWN + ALICE) + identify(1000, "alice", ALICE) + in_shell("", ALICE),
        state="shell",
        error=ConsoleOccupied, message="a shell of alice",
    ),
    "a finished login line in front of a user's shell": Case(
        (LOGIN + KERNEL,), key(REDRAW, REDRAWN + ALICE) + identify(1000, "alice", ALICE) + in_shell("", ALICE),
        state="shell",
        error=ConsoleOccupied, message="a shell of alice",
    ),
    "a login prompt in front of a user's shell": Case(
        (LOGIN,), ASK_LOGIN + typed("root", "root: not found\r\n" + ALICE)
        + command("id -u;id -un", "1000", "alice", prompt=ALICE) + in_shell("", ALICE),
        state="login", error=ConsoleOccupied, message="a shell of alice answers at what looked like a login prompt",
    ),
    "maintenance of a locked root": Case(
        ("Cannot open access to console, the root account is locked.\r\nPress Enter to continue.\r\n",),
        state="maintenance-locked", error=LoginRefused, message="account locked",
    ),
    "initramfs": Case(
        ("(initramfs) ",),
        identify(0, "root", "(initramfs) ")
        + in_initramfs(DISK.format("ro,relatime"), files=("etc/passwd",))
        + command(f"mount -o remount,rw /root;{MOUNTS}", DISK.format("rw,relatime"), prompt=_PROMPT)
        + command("mount -o bind /dev /root/dev", prompt="(initramfs) "),
        command("umount /root/dev", prompt="(initramfs) ")
        + command("mount -o remount,ro /root", prompt="(initramfs) "),
        LoginSettings(permissions=Permissions(remount=True)), state="initramfs",
    ),
    "initramfs, and the boot continues": Case(
        ("(initramfs) ",),
        key(CLEAR) + command("id -u;id -un", prompt=_PROMPT) + command("echo $((127*379))", "48133", prompt=_PROMPT)
        + command("ls -ldn /proc/$$", "dr-xr-xr-x 9 0 0 0 Nov 28 05:00 /proc/140", prompt=_PROMPT)
        + in_initramfs(DISK.format("ro"), files=("etc/passwd", "dev/null")),
        key("exit\r", "\r\n"), LoginSettings(continue_boot=True), state="initramfs",
    ),
    "initramfs without a root file system": Case(
        ("(initramfs) ",), identify(0, "root", _PROMPT) + in_initramfs(),
        state="initramfs", error=EditRefused, message="its root file system is not mounted",
    ),
    "initramfs whose root cannot be written to": Case(
        ("(initramfs) ",),
        identify(0, "root", "(initramfs) ")
        + in_initramfs(DISK.format("ro"), files=("etc/passwd", "dev/null"))
        + command(f"mount -o remount,rw /root;{MOUNTS}", DISK.format("ro"), prompt=_PROMPT),
        command("mount -o remount,ro /root", prompt="(initramfs) "),
        LoginSettings(permissions=Permissions(remount=True)), state="initramfs", error=EditRefused,
        message="cannot be remounted",
    ),
    # -- cancellation
    "cancelled after the name": Case(
        (LOGIN,), ASK_LOGIN + TYPE_NAME, key("\r", "\r\nLogin incorrect\r\n" + LOGIN), state="login", cancelled=True
    ),
    "cancelled after the password": Case(
        (LOGIN,), ASK_LOGIN + TYPE_NAME + answer(PASSWORD, "\r\n", 5.0, ROOT), LOG_OUT, state="login", cancelled=True
    ),
    "cancelled after a password that is refused": Case(
        (LOGIN,), ASK_LOGIN + TYPE_NAME + answer(PASSWORD, "\r\n", 5.0, LOGIN), key("\x04", "\r\n" + LOGIN),
        state="login", cancelled=True,
    ),
    "cancelled while su asks": Case(
        (LOGIN,), ASK_LOGIN + typed("alice", "Password: ") + TYPE_PASSWORD_AS_ALICE + typed(" exec su", "Password: "),
        key("\x03", "\r\n" + LOGIN) + key("\x04", "\r\n" + LOGIN), SU, state="login", cancelled=True,
    ),
    "cancelled after su, in a shell with a prompt like a login's": Case(
        (LOGIN,), ASK_LOGIN + typed("alice", "Password: ") + TYPE_PASSWORD_AS_ALICE + typed(" exec su", 2.0, LOGIN),
        key("\x04", "\r\nUse \"exit\" to leave the shell.\r\n" + LOGIN) + key(CLEAR) + key("\\exit\r", "\r\n" + LOGIN)
        + key("\x04", "\r\n" + LOGIN),
        SU, state="login", cancelled=True,
    ),
    "cancelled while su works in our shell": Case(
        (LOGIN,), ASK_LOGIN + typed("alice", "Password: ") + TYPE_PASSWORD_AS_ALICE + typed(" exec su", 2.0, "# "),
        LOG_OUT, SU, state="login", cancelled=True,
    ),
    "cancelled while top is suspended": Case(
        (TOP,), key(REDRAW, TOP) + key(SUSPEND, 0.5, STOPPED), RESUME, state="full-screen", cancelled=True
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
async def test_to_root(name: str) -> None:
    await play(CASES[name])

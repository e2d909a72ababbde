"""The transitions of a login to root: by sudo or su, at a maintenance prompt, and in an initramfs."""

from __future__ import annotations

import pytest

from sosagent.access import LoginSettings, Permissions
from sosagent.errors import ConsoleOccupied, EditRefused, LoginRefused, WrongMachine
from sosagent.secrets.secret import Secret

from ..support.dialogue import command, typed
from .conversation import (
    ALICE,
    CLEAR,
    LOG_OUT,
    LOGIN,
    PASSWORD,
    REDRAW,
    RESUME,
    ROOT,
    STOPPED,
    SUSPEND,
    TOP,
    TYPE_NAME,
    Case,
    identify,
    key,
    no_initramfs,
    play,
)

pytestmark = pytest.mark.virtual_time

SU = LoginSettings(login="alice", become="su")
SUDO = LoginSettings(login="alice", become="sudo", become_password=Secret("0ther"))
SUDO_COMMAND = " exec sudo -H -p 'SOS{nonce}: ' /bin/sh"
TYPE_PASSWORD_AS_ALICE = key(f"{PASSWORD}\r", "\r\n" + ALICE)

MAINTENANCE = "Give root password for maintenance\r\n(or press Control-D to continue): "
PRESS_ENTER = "Press Enter for maintenance\r\n(or press Control-D to continue): "
#: The command that shows the mounts of an initramfs.
MOUNTS = (
    "ls -1d /root/etc/passwd /root/dev/null /sysroot/etc/passwd /sysroot/dev/null;"
    "grep -E ' (/root|/sysroot) ' /proc/mounts"
)

CASES = {
    # -- becoming root
    "su": Case(
        (LOGIN,),
        typed("alice", "Password: ") + TYPE_PASSWORD_AS_ALICE + typed(" exec su", "Password: ")
        + key(f"{PASSWORD}\r", "\r\n# ") + command("id -u;id -un", "0", "root", prompt="# "),
        key(CLEAR) + typed("exit", LOGIN), SU, state="login",
    ),
    "sudo": Case(
        (LOGIN,),
        typed("alice", "Password: ") + TYPE_PASSWORD_AS_ALICE
        + typed(SUDO_COMMAND, "SOS{nonce}: ")
        + key("0ther\r", "\r\n# ") + command("id -u;id -un", "0", "root", prompt="# "),
        key(CLEAR) + typed("exit", LOGIN), SUDO, state="login",
    ),
    "sudo without a password": Case(
        (LOGIN,),
        typed("alice", "Password: ") + TYPE_PASSWORD_AS_ALICE + typed(SUDO_COMMAND, "# ")
        + command("id -u;id -un", "0", "root", prompt="# "),
        key(CLEAR) + typed("exit", LOGIN), SUDO, state="login",
    ),
    "sudo refuses": Case(
        (LOGIN,),
        typed("alice", "Password: ") + TYPE_PASSWORD_AS_ALICE + typed(SUDO_COMMAND, "SOS{nonce}: ")
        + key("0ther\r", "\r\nalice is not in the sudoers file.\r\n" + LOGIN),
        settings=SUDO, state="login", error=LoginRefused, message="this user may not become root: alice is not in",
    ),
    "su leads to another user": Case(
        (LOGIN,),
        typed("alice", "Password: ") + TYPE_PASSWORD_AS_ALICE + typed(" exec su", "$ ")
        + command("id -u;id -un", "1000", "alice", prompt="$ "),
        key(CLEAR) + typed("exit", LOGIN),
        SU, state="login", error=LoginRefused, message="su did not make alice root",
    ),
    "su on top of the existing shell of that user": Case(
        (ALICE,),
        identify(1000, "alice", ALICE) + typed(" su", "Password: ") + key(f"{PASSWORD}\r", "\r\n# ")
        + command("id -u;id -un", "0", "root", prompt="# "),
        typed("exit", ALICE), SU, state="shell",
    ),
    "su refuses in an existing shell": Case(
        (ALICE,),
        identify(1000, "alice", ALICE) + typed(" su", "Password: ")
        + key(f"{PASSWORD}\r", 2.0, "\r\nsu: Authentication failure\r\n" + ALICE)
        + command("id -u;id -un", "1000", "alice", prompt=ALICE),
        settings=SU, state="shell", error=LoginRefused, message="the machine refused the password: su: Auth",
    ),
    "sudo in an existing shell shows an unknown question": Case(
        (ALICE,),
        identify(1000, "alice", ALICE) + typed(" sudo -H -p 'SOS{nonce}: ' /bin/sh", "Which of them? "),
        key("\x03", "^C\r\n" + ALICE), SUDO, state="shell", error=LoginRefused, message="sudo did not make alice root",
    ),
    # -- maintenance
    "maintenance": Case(
        (MAINTENANCE,), key(f"{PASSWORD}\r", "\r\n" + ROOT) + no_initramfs(ROOT), state="maintenance"
    ),
    "maintenance, and the boot continues": Case(
        (MAINTENANCE,), key(f"{PASSWORD}\r", "\r\n" + ROOT) + no_initramfs(ROOT), key("exit\r", "exit\r\n"),
        LoginSettings(continue_boot=True), state="maintenance",
    ),
    "maintenance, wrong password": Case(
        (MAINTENANCE,), key(f"{PASSWORD}\r", "\r\nLogin incorrect\r\n" + MAINTENANCE), state="maintenance",
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
        (PRESS_ENTER,), key("\r", "\r\n" + ROOT) + no_initramfs(ROOT), state="maintenance-enter"
    ),
    "maintenance of a locked root": Case(
        ("Cannot open access to console, the root account is locked.\r\nPress Enter to continue.\r\n",),
        state="maintenance-locked", error=LoginRefused, message="account locked",
    ),
    "initramfs": Case(
        ("(initramfs) ",),
        identify(0, "root", "(initramfs) ")
        + command(MOUNTS, "/root/etc/passwd", "/dev/vda1 /root ext4 ro,relatime 0 0", prompt="(initramfs) ")
        + command("mount -o remount,rw /root;grep ' /root ' /proc/mounts",
                  "/dev/vda1 /root ext4 rw,relatime 0 0", prompt="(initramfs) ")
        + command("mount -o bind /dev /root/dev", prompt="(initramfs) "),
        command("umount /root/dev", prompt="(initramfs) ")
        + command("mount -o remount,ro /root", prompt="(initramfs) "),
        LoginSettings(permissions=Permissions(remount=True)), state="initramfs",
    ),
    "initramfs, and the boot continues": Case(
        ("(initramfs) ",),
        key(CLEAR) + command("id -u;id -un", prompt="(initramfs) ")
        + command(MOUNTS, "/root/etc/passwd", "/root/dev/null", "/dev/vda1 /root ext4 ro 0 0", prompt="(initramfs) "),
        key("exit\r", "\r\n"), LoginSettings(continue_boot=True), state="initramfs",
    ),
    "initramfs without a root file system": Case(
        ("(initramfs) ",), identify(0, "root", "(initramfs) ") + command(MOUNTS, prompt="(initramfs) "),
        state="initramfs", error=EditRefused, message="its root file system is not mounted",
    ),
    "initramfs whose root cannot be written to": Case(
        ("(initramfs) ",),
        identify(0, "root", "(initramfs) ")
        + command(MOUNTS, "/root/etc/passwd", "/root/dev/null", "/dev/vda1 /root ext4 ro 0 0", prompt="(initramfs) ")
        + command("mount -o remount,rw /root;grep ' /root ' /proc/mounts", "/dev/vda1 /root ext4 ro 0 0",
                  prompt="(initramfs) "),
        command("mount -o remount,ro /root", prompt="(initramfs) "),
        LoginSettings(permissions=Permissions(remount=True)), state="initramfs", error=EditRefused,
        message="cannot be remounted",
    ),
    # -- cancellation
    "cancelled after the name": Case(
        (LOGIN,), TYPE_NAME, key("\r", "\r\nLogin incorrect\r\n" + LOGIN), state="login", cancelled=True
    ),
    "cancelled after the password": Case(
        (LOGIN,), TYPE_NAME + key(f"{PASSWORD}\r", "\r\n", 5.0, ROOT), LOG_OUT, state="login", cancelled=True
    ),
    "cancelled after a password that is refused": Case(
        (LOGIN,), TYPE_NAME + key(f"{PASSWORD}\r", "\r\n", 5.0, LOGIN), state="login", cancelled=True
    ),
    "cancelled while su asks": Case(
        (ALICE,), identify(1000, "alice", ALICE) + typed(" su", "Password: "), key("\x03", "\r\n" + ALICE), SU,
        state="shell", cancelled=True,
    ),
    "cancelled while su works": Case(
        (ALICE,), identify(1000, "alice", ALICE) + typed(" su", "Password: ") + key(f"{PASSWORD}\r", "\r\n", 2.0, "# "),
        typed("exit", ALICE), SU, state="shell", cancelled=True,
    ),
    "cancelled while su works in our shell": Case(
        (LOGIN,), typed("alice", "Password: ") + TYPE_PASSWORD_AS_ALICE + typed(" exec su", 2.0, "# "),
        LOG_OUT, SU, state="login", cancelled=True,
    ),
    "cancelled while top is suspended": Case(
        (TOP,), key(REDRAW, TOP) + key(SUSPEND, 0.5, STOPPED), RESUME, state="full-screen", cancelled=True
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
async def test_to_root(name: str) -> None:
    await play(CASES[name])

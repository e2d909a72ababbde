"""Every state of a console on a virtual machine: from the state to the root shell, and back."""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

import sosagent
from sosagent.access import LoginSettings
from sosagent.console import Console
from sosagent.login.detect import find_state
from sosagent.login.transitions import Login
from sosagent.session.root_shell import root_shell
from sosagent.shell.shell import Shell
from sosagent.transports import Transport

from ..conftest import new_key
from ..support.consoles import inner_console
from ..support.ports import wait_for
from ..support.samples import sampled
from .image import PASSWORD
from .machine import Machine, machine

pytestmark = pytest.mark.vm

ROOT = "root@vm:~# "
ALICE = "alice@vm:~$ "


async def log_in(console: Console, user: str = "root") -> None:
    await console.send("\r")
    await console.expect("vm login: $")
    await console.send(f"{user}\r")
    await console.expect("Password: $")
    await console.quiet(0.2, 2)
    await console.send_secret(sosagent.Secret(PASSWORD))
    await console.expect(r"[#$%>] ?$")
    await console.quiet(0.2, 2)


@asynccontextmanager
async def at_the_machine(vm: Machine) -> AsyncIterator[Console]:
    """Open the serial port itself. Over ssh, the endpoint's pty would echo early input."""
    async with Console(SocketTransport(*await asyncio.open_unix_connection(vm.serial))) as console:
        console.set_deadline(60)
        yield console


class SocketTransport(Transport):
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.name, self._reader, self._writer = "serial", reader, writer

    async def read(self) -> bytes:
        return await self._reader.read(65536)

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def aclose(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


async def leave_there(vm: Machine, user: str, *typed: str, shows: str = "") -> None:
    """Log in, type each text, and disconnect; wait for the output `shows` first."""
    async with at_the_machine(vm) as console:
        await log_in(console, user)
        for text in typed:
            await console.send(text)
            await console.quiet(0.7, 3)
        if shows:
            await console.expect(shows, 30, exact=True)


async def boot_until(vm: Machine, shows: str) -> None:
    """Power on a machine whose boot may print nothing for longer than a job waits, and wait for its prompt."""
    async with at_the_machine(vm) as console:
        console.set_deadline(180)
        vm.power_on()
        await console.expect(shows, 170)


async def see(vm: Machine, typed: str, shows: str) -> None:
    """Type each part of `typed`, up to a blank line, and wait for `shows`."""
    async with at_the_machine(vm) as console:
        for part in typed.split("\n"):
            await console.send(part)
            if part is not typed.rpartition("\n")[2]:
                await console.quiet(0.5, 3)
        seen = await console.expect([shows, sosagent.TIMEOUT], 10, exact=True)
        assert seen.index == 0, (seen, console.tail())


async def add(vm: Machine, **options: object) -> sosagent.AddKeyResult:
    options.setdefault("password", PASSWORD)
    return await sosagent.add_key(vm.target, new_key(), **options)  # type: ignore[arg-type]


def tty_processes(vm: Machine) -> str:
    listed = [line.split(None, 2) for line in vm.do("/bin/ps -t ttyS0 -o pid=,ppid=,args=; true").splitlines()]
    # watch starts its command again and again, through a shell: whatever runs below watch is left out.
    below = {pid for pid, _, call in listed if call.startswith("watch")}
    kept = []
    for pid, parent, call in listed:  # ps sorts by number, so a parent comes first
        if parent in below:
            below.add(pid)
        else:
            kept.append(f"{pid} {call}")
    return "\n".join(kept)


@dataclass(frozen=True)
class Found:
    """A program or shell that another user left on the console.

    Fields:
        typed: what the user typed at root's prompt.
        state: the state that sosagent must recognise.
        back: what is typed afterwards to check that the program or shell is unchanged.
        shows: the output that must follow.
        take_over: whether that is necessary.
    """

    typed: tuple[str, ...]
    state: str
    back: str
    shows: str
    take_over: bool = False


FOUND = {
    "half a command in another folder": Found(
        ("cd /var/tmp\r", "touch /tmp/ran"), "shell", "pwd; ls /tmp/ran\r", "/var/tmp\nls: cannot access '/tmp/ran'"
    ),
    "half a command that ends like a prompt": Found(("touch /tmp/ran; echo $",), "shell", "ls /tmp/ran\r", "cannot"),
    "vim": Found(("vim.tiny /tmp/f\r", "iunsaved text\x1b"), "full-screen", ":wq\r\ncat /tmp/f\r", "\nunsaved text\n"),
    "vim in insert mode": Found(
        ("vim.tiny /tmp/f\r", "iunsaved te"), "editor-insert", "xt\x1b\n:wq\r\ncat /tmp/f\r", "\nunsaved text\n"
    ),
    "less": Found(("less /etc/ssh/sshd_config\r", "  "), "pager", "q\necho l'e'ft\r", "\nleft\n"),
    "more": Found(("more /etc/ssh/sshd_config\r", " "), "pager", "q\necho l'e'ft\r", "\nleft\n"),
    "top": Found(("top\r",), "full-screen", "q\necho l'e'ft\r", "\nleft\n"),
    "watch": Found(("watch -n1 date\r",), "full-screen", "\x03\necho l'e'ft\r", "\nleft\n"),
    "cat": Found(("cat > /tmp/f\r",), "running", "text\r\x04\ncat /tmp/f\r", "\ntext\n"),
    "a running command": Found(("sleep 99; echo don'e'\r",), "running", "\x03\necho l'e'ft\r", "\nleft\n"),
    "tail -f": Found(("tail -f /etc/hostname\r",), "running", "\x03\necho l'e'ft\r", "\nleft\n"),
    "ping": Found(("ping 127.0.0.1\r",), "running", "\x03\necho l'e'ft\r", "packet loss"),
    "python": Found(("python3\r", "x = 6\r"), "repl", "x * 7\r", "\n42\n"),
    "half a line in python": Found(("python3\r", "x = 6\r", "x * "), "repl", "\x15x * 7\r", "\n42\n"),
    "PS2": Found(('touch "/tmp/ran\r',), "continuation", "ls /tmp/ran\r", "cannot access"),
    "a heredoc": Found(("cat << X\r", "line\r"), "continuation", "echo l'e'ft\r", "\nleft\n"),
    "a stopped job": Found(("sleep 99\r", "\x1a"), "shell", "jobs\r", "Stopped"),
    "dash": Found(("exec dash -i\r", "cd /var\r"), "shell", "pwd\r", "\n/var\n", take_over=True),
    "BusyBox ash": Found(("exec busybox ash\r", "cd /var\r"), "shell", "pwd\r", "\n/var\n"),
    "mksh": Found(("exec mksh\r", "cd /var\r"), "shell", "pwd\r", "\n/var\n"),
    "zsh": Found(("exec zsh -f\r", "cd /var\r"), "shell", "pwd\r", "\n/var\n"),
    "fish": Found(("exec fish -N\r", "cd /var\r"), "shell", "pwd\r", "\n/var\n"),
    "tcsh": Found(("exec tcsh -f\r", "cd /var\r"), "shell", "pwd\r", "\n/var\n"),
    "a prompt in colours on two lines": Found(
        ("PS1='\\[\\e[1;32m\\]\\u@\\h \\w\\n\\[\\e[0m\\]login: > '\r",), "shell", "echo l'e'ft\r", "\nleft\n"
    ),
    "screen": Found(("screen\r", "\r", "mark=kept\r"), "shell", "echo $mark\r", "\nkept\n"),
}


FOUND_EACH_TIME = (
    "half a command in another folder", "vim in insert mode", "less", "watch", "cat", "PS2", "a stopped job", "dash",
    "fish", "screen",
)  # fmt: skip


@pytest.mark.parametrize("name", sampled(FOUND, *FOUND_EACH_TIME))
async def test_what_root_left_is_used_and_restored(name: str, vm: Machine) -> None:
    found = FOUND[name]
    await leave_there(vm, "root", *found.typed)
    before = tty_processes(vm)
    done = await add(vm, take_over=found.take_over)
    assert (done.status, done.state_found, done.logged_out) == ("added", found.state, True), done
    assert not done.warnings, done
    assert tty_processes(vm) == before
    await see(vm, found.back, found.shows)


# -- users ------------------------------------------------------------------------------------


async def test_another_users_open_shell_is_not_used(vm: Machine) -> None:
    await leave_there(vm, "alice", "cd /var/tmp\r", "echo ha")
    before = tty_processes(vm)
    with pytest.raises(sosagent.ConsoleOccupied, match="alice") as caught:
        await add(vm)
    assert caught.value.exit_code == 4
    assert "--take-over" in caught.value.hint
    assert tty_processes(vm) == before
    await see(vm, "\x15pwd\r", "\n/var/tmp\n")


async def test_a_users_program_is_resumed_if_no_root_shell_is_beneath(vm: Machine) -> None:
    await leave_there(vm, "alice", "vi /tmp/f\r", "iunsaved\x1b")
    with pytest.raises(sosagent.ConsoleOccupied, match="alice"):
        await add(vm)
    await see(vm, ":wq\r\ncat /tmp/f\r", "\nunsaved\n")


async def test_take_over_logs_out_a_users_shell(vm: Machine) -> None:
    await leave_there(vm, "alice", "sleep 99\r", "\x1a", "vi /tmp/f\r")
    done = await add(vm, take_over=True)
    assert (done.status, done.logged_out) == ("added", True)
    wait_for(lambda: "agetty" in tty_processes(vm), 10, "a new getty")


@pytest.mark.parametrize("become", sampled(["sudo", "su"], "sudo"))
async def test_a_user_becomes_root(become: Literal["sudo", "su"], vm: Machine) -> None:
    vm.do("adduser -q alice sudo 2>/dev/null || usermod -aG sudo alice; echo 'root:another one' | chpasswd")
    second = PASSWORD if become == "sudo" else "another one"
    done = await add(vm, login="alice", become=become, user="root", become_password=second)
    assert (done.status, done.file, done.logged_out) == ("added", "/root/.ssh/authorized_keys", True)
    wait_for(lambda: "agetty" in tty_processes(vm), 10, "a new getty")
    done = await add(vm, login="alice", become="sudo")
    assert (done.file, done.logged_out) == ("/home/alice/.ssh/authorized_keys", True)
    assert vm.do("stat -c %U /home/alice/.ssh/authorized_keys") == "alice\n"


async def test_a_user_does_not_become_root_in_a_shell_that_was_open(vm: Machine) -> None:
    vm.do("adduser -q alice sudo 2>/dev/null || usermod -aG sudo alice")
    catch = "sudo() { read -sp 'Password: ' caught; }; su() { sudo; }"
    await leave_there(vm, "alice", f"{catch}\r", "cd /var/tmp; mark=kept\r")
    before = tty_processes(vm)
    for become in ("sudo", "su"):
        with pytest.raises(sosagent.ConsoleOccupied, match=f"no password is typed there for {become}") as caught:
            await add(vm, login="alice", become=become, user="root")
        assert "--take-over" in caught.value.hint
    assert tty_processes(vm) == before
    await see(vm, "echo $mark-$PWD-$caught-\r", "\nkept-/var/tmp--\n")
    done = await add(vm, login="alice", become="sudo", user="root", take_over=True)
    assert (done.status, done.logged_out) == ("added", True)


@pytest.mark.long
@pytest.mark.parametrize("become", ["sudo", "su"])
async def test_a_user_who_cannot_become_root(become: Literal["sudo", "su"], vm: Machine) -> None:
    with pytest.raises(sosagent.LoginRefused) as caught:
        await add(vm, login="alice", become=become, user="root", become_password=sosagent.Secret("not that"))
    assert caught.value.exit_code == 5
    wait_for(lambda: "agetty" in tty_processes(vm), 10, "a new getty")


async def test_a_user_without_root_adds_to_their_own_keys(vm: Machine) -> None:
    done = await add(vm, login="alice")
    assert (done.status, done.file, done.logged_out) == ("added", "/home/alice/.ssh/authorized_keys", True)


# -- root's shells ----------------------------------------------------------------------------


@pytest.mark.parametrize("shell", sampled(["dash", "mksh", "zsh", "fish", "tcsh", "busybox"], "dash", "fish"))
async def test_root_with_another_shell(shell: str, vm: Machine) -> None:
    path = f"/bin/{shell}" if shell != "busybox" else "/usr/local/bin/ash"
    vm.do("ln -s /bin/busybox /usr/local/bin/ash; echo /usr/local/bin/ash >> /etc/shells")
    vm.do(f"chsh -s {path} root")
    done = await add(vm)
    assert (done.status, done.state_found, done.logged_out) == ("added", "login", True)
    wait_for(lambda: "agetty" in tty_processes(vm), 10, "a new getty")
    assert "stty" not in vm.do("cat .*history .local/share/fish/* .sh_history 2>/dev/null; true")


async def test_root_with_an_unusual_prompt(vm: Machine) -> None:
    vm.do("echo \"PS1='(root at vm): '\" > /root/.bash_profile")
    done = await add(vm)
    assert (done.status, done.logged_out) == ("added", True)


# -- trouble at the login -----------------------------------------------------------------------

REFUSED = {
    "locked": ("root", "passwd -l root", "refused the password"),
    "expired": ("root", "chage -d 0 root", "expired"),
    "account expired": ("root", "chage -E 0 root", "expired"),
    "nologin shell": ("root", "chsh -s /usr/sbin/nologin root", "may not log in"),
    "no logins now": ("alice", "echo 'no logins today' > /etc/nologin", "refused the login"),
    "not on this line": (
        "root",
        "echo tty1 > /etc/securetty; sed -i '1i auth requisite pam_securetty.so noconsole' /etc/pam.d/login",
        "refused the login",
    ),
}


@pytest.mark.parametrize("name", sampled(REFUSED, "expired", "locked"))
async def test_an_account_that_refuses_logins(name: str, vm: Machine) -> None:
    login, command, says = REFUSED[name]
    vm.do(command)
    with pytest.raises(sosagent.LoginRefused, match=says) as caught:
        await add(vm, login=login)
    assert caught.value.exit_code == 5
    assert PASSWORD not in str(caught.value.tail)
    async with at_the_machine(vm) as console:
        # After a wrong password, util-linux login accepts an empty user name.
        await console.send("\r")
        if (await console.expect(["vm login: $", "Password: $"], 20)).index == 1:
            await console.send("\r")
            await console.expect("vm login: $", 20)


async def test_a_password_prompt_that_another_user_left(vm: Machine) -> None:
    async with at_the_machine(vm) as console:
        await console.send("\r")
        await console.expect("vm login: $")
        await console.send("bob\r")
        await console.expect("Password: $")
    done = await add(vm)
    assert (done.status, done.logged_out) == ("added", True)
    assert vm.do("journalctl -b -t login -o cat | grep -c 'FOR .*root' || true").strip() == "0"


async def test_a_message_of_the_day_full_of_prompts(vm: Machine) -> None:
    vm.do(
        "printf 'login: \\nPassword: \\n# \\n$ \\nroot@vm:~# \\nLogin incorrect\\nGive root password for login:\\n'"
        ' > /etc/motd; printf \'printf "Password: "; sleep 1; printf "\\\\rlogin: "; sleep 1; printf "\\\\r# ";'
        " sleep 1; echo' > /root/.bash_profile"
    )
    done = await add(vm)
    assert (done.status, done.logged_out) == ("added", True)


async def test_a_message_of_the_day_in_a_pager(vm: Machine) -> None:
    vm.do("echo 'less /etc/ssh/sshd_config' > /root/.bash_profile")
    done = await add(vm)
    assert (done.status, done.logged_out) == ("added", True)


# -- programs that block the console -----------------------------------------------------------

BLOCKING = {
    "nano": (("nano /tmp/f\r", "text"), "nano"),
    "tmux": (("tmux\r",), "multiplexer"),
    "a question": (("apt-get purge nano\r",), "running"),
    "deaf to ^Z": (("(trap '' TSTP; sleep 99)\r",), "reading"),
}


@pytest.mark.parametrize("name", sampled(BLOCKING, "nano"))
async def test_a_program_that_cannot_be_suspended_stops_the_job(name: str, vm: Machine) -> None:
    typed, state = BLOCKING[name]
    await leave_there(vm, "root", *typed, shows="[Y/n] " if name == "a question" else "")
    before = tty_processes(vm)
    if name != "a question":
        with pytest.raises(sosagent.ConsoleOccupied) as caught:
            await add(vm)
        assert (caught.value.state, caught.value.exit_code) == (state, 4)
        assert "--take-over" in caught.value.hint
        assert tty_processes(vm) == before
    done = await add(vm, take_over=name != "a question")
    assert (done.status, done.logged_out) == ("added", True)
    assert vm.do("dpkg -s nano | grep -c '^Status: install ok installed'") == "1\n"


# -- an interrupted run -----------------------------------------------------------------


async def test_the_receiver_of_an_interrupted_run_is_ended(vm: Machine) -> None:
    async with inner_console(vm.target, timeout=60) as console:
        async with root_shell(console, sosagent.Secret(PASSWORD), dead_man=300) as session:
            await session.shell.run("true")
            await console.transport.aclose()
    notes: list[str] = []
    done = await add(vm, on_event=lambda event: notes.append(event.text))
    assert (done.status, done.state_found, done.logged_out) == ("added", "receiver", True)
    assert any("interrupted run" in note for note in notes)
    assert vm.do("pgrep -c sleep || true").strip() == "0"


async def test_the_shell_of_an_interrupted_run_is_closed(vm: Machine) -> None:
    """A run interrupted before the start line leaves a shell that the next run recognises by its age."""
    async with inner_console(vm.target, timeout=60) as console:
        await Login(console, LoginSettings()).enter(sosagent.Secret(PASSWORD))
    notes: list[str] = []
    done = await add(vm, password="not needed", on_event=lambda event: notes.append(event.text))
    assert (done.status, done.state_found, done.logged_out) == ("added", "shell", True)
    assert any("interrupted run" in note for note in notes)
    wait_for(lambda: "agetty" in tty_processes(vm), 10, "a new getty")
    # Another user's shell stays open.
    await leave_there(vm, "root", "mark=kept\r")
    await add(vm)
    await see(vm, "echo $mark\r", "\nkept\n")


@pytest.mark.long
async def test_the_start_line_of_an_interrupted_run_ends_by_itself(vm: Machine) -> None:
    async with inner_console(vm.target, timeout=60) as console:
        await Login(console, LoginSettings()).enter(sosagent.Secret(PASSWORD))
        await Shell(console, replace=True, keep_modes=False, dead_man=60).start()
    done = await add(vm)
    assert (done.status, done.logged_out) == ("added", True)


# -- states without a login: boot, maintenance, panic ---------------------------------------------------------------


async def test_a_job_waits_for_a_booting_machine() -> None:
    with machine(boot="rw") as vm:
        shown: list[str] = []
        vm.power_on()
        done = await add(vm, on_event=lambda event: shown.append(event.text), timeout=180)
        assert (done.status, done.logged_out) == ("added", True)
        assert any(text.startswith("a booting machine: ") for text in shown)


async def test_a_machine_that_reboots_during_a_job(vm: Machine) -> None:
    async with inner_console(vm.target, timeout=120) as console:
        with pytest.raises(sosagent.MachineRestarted) as caught:
            async with root_shell(console, sosagent.Secret(PASSWORD)) as session:
                await session.shell.run("true")
                await session.shell.run("systemctl reboot; sleep 60")
        # It may have booted meanwhile.
        booting = "a booting machine" in caught.value.message
        assert ("Wait until it has booted" if booting else "Run the command again") in caught.value.hint


async def test_emergency_mode_with_a_read_only_root() -> None:
    with machine(boot="ro quiet systemd.unit=emergency.target") as vm:
        await boot_until(vm, "continue\\): $")
        with pytest.raises(sosagent.LoginRefused):
            await add(vm, password="not this")
        key = new_key()
        with pytest.raises(sosagent.EditRefused, match=r"(?i)read-only") as caught:
            await sosagent.add_key(vm.target, key, password=PASSWORD)
        assert "--remount" in caught.value.hint
        # Each run leaves sulogin, which asks for the password again.
        await see(vm, "\r", "(or press Control-D to continue): ")
        done = await sosagent.add_key(vm.target, key, password=PASSWORD, remount=True)
        assert (done.status, done.state_found, done.logged_out) == ("added", "maintenance", True)
        assert not done.warnings
        done = await sosagent.add_key(vm.target, key, password=PASSWORD)
        assert (done.status, done.logged_out) == ("present", True)
        async with at_the_machine(vm) as console:
            await console.send("\r")
            await console.expect("continue\\): $")
            await console.quiet(0.5, 5)
            await console.send_secret(sosagent.Secret(PASSWORD))
            await console.expect("# $")
            await console.send("grep -c . .ssh/authorized_keys; grep ' / ' /proc/mounts\r")
            await console.expect("ext4 ro", exact=True)


@pytest.mark.long
async def test_emergency_mode_then_continuing_the_boot() -> None:
    with machine(boot="rw quiet systemd.unit=emergency.target") as vm:
        await boot_until(vm, "continue\\): $")
        done = await add(vm)
        assert (done.status, done.state_found, done.logged_out) == ("added", "maintenance", True)
        done = await add(vm, timeout=180, continue_boot=True)
        assert (done.status, done.state_found) == ("added", "maintenance")
        done = await add(vm, timeout=180)
        assert (done.status, done.state_found, done.logged_out) == ("added", "login", True)


@pytest.mark.parametrize("stage", sampled(["premount", "bottom"], "bottom"))
async def test_in_an_initramfs(stage: str) -> None:
    with machine(boot=f"ro quiet break={stage}") as vm:
        await boot_until(vm, r"\(initramfs\) $")
        key = new_key()
        if stage == "premount":
            with pytest.raises(sosagent.EditRefused, match="not mounted"):
                await sosagent.add_key(vm.target, key, password=PASSWORD, timeout=180)
        else:
            with pytest.raises(sosagent.EditRefused, match=r"(?i)read-only"):
                await sosagent.add_key(vm.target, key, password=PASSWORD, timeout=180)
            done = await sosagent.add_key(vm.target, key, password=PASSWORD, remount=True)
            assert (done.status, done.state_found, done.logged_out) == ("added", "initramfs", True)
            assert done.file == "/root/.ssh/authorized_keys"
        async with at_the_machine(vm) as console:
            await console.send("\r")
            await console.expect(r"\(initramfs\) $", 10)


@pytest.mark.long
async def test_root_is_locked_in_emergency_mode(vm: Machine) -> None:
    vm.do("passwd -l root")
    vm.ssh(vm.admin, "systemctl --no-block emergency")
    async with at_the_machine(vm) as console:
        await console.expect("root account is locked", 60)
        await console.quiet(2, 10)
        await console.send("\r")  # so that the message appears again for the next connection
    with pytest.raises(sosagent.ConsoleError) as caught:
        await add(vm)
    assert caught.value.exit_code in (4, 5)


async def test_a_kernel_panic() -> None:
    with machine(boot="ro", initrd=False) as vm:  # the driver of the root disk is in the initrd, so this boot fails
        vm.power_on()
        with pytest.raises(sosagent.ConsoleOccupied, match="panic") as caught:
            await add(vm, timeout=120)
        assert (caught.value.state, caught.value.exit_code) == ("panic", 4)
        assert "Reset" in caught.value.hint


GRUB = {
    # The contents of grub.cfg, and the state.
    "its command line": ("", "grub"),
    "a menu that waits": ("menuentry A { true }\nmenuentry B { true }", "firmware"),
}


def grub(folder: Path, config: str) -> list[str]:
    """Return the QEMU options that start GRUB with this configuration."""
    if shutil.which("grub-mkrescue") is None:
        pytest.skip("needs grub-pc-bin, xorriso and mtools")
    boot = folder / "iso" / "boot" / "grub"
    boot.mkdir(parents=True)
    serial = "serial --unit=0 --speed=115200\nterminal_input serial\nterminal_output serial\n"
    (boot / "grub.cfg").write_text(serial + config + "\n")
    image = folder / "grub.iso"
    subprocess.run(["grub-mkrescue", "-o", str(image), str(folder / "iso")], check=True, capture_output=True)
    return ["-cdrom", str(image), "-boot", "d"]


@pytest.mark.parametrize("name", GRUB)
async def test_grub(name: str, tmp_path: Path) -> None:
    config, state = GRUB[name]
    with machine(boot="", firmware=grub(tmp_path, config)) as vm:
        vm.power_on()
        with pytest.raises(sosagent.ConsoleOccupied) as caught:
            await add(vm, timeout=60)
        assert (caught.value.state, caught.value.exit_code) == (state, 4)


UBOOT = ["-bios", "/usr/lib/u-boot/qemu-x86_64/u-boot.rom"]
COUNTDOWN = "set timeout=600\nmenuentry A { echo -n 'vm login: '\nread name }\nmenuentry B { halt }"


@pytest.mark.parametrize("loader", ["GRUB", "U-Boot"])
async def test_a_countdown_that_our_key_stops_is_resumed(loader: str, tmp_path: Path) -> None:
    """Between two lines a countdown looks like a silent line, and any key stops it."""
    firmware, until, starts = (grub(tmp_path, COUNTDOWN), "automatically in 5", b"vm login: ")
    if loader == "U-Boot":
        # It has nothing to boot, and would search for minutes.
        firmware, until, starts = UBOOT, "autoboot: +2", b"starting USB"
        if not Path(UBOOT[1]).exists():
            pytest.skip(f"needs {UBOOT[1]}")
    notes: list[str] = []
    with machine(boot="", firmware=firmware) as vm:
        async with at_the_machine(vm) as console:
            vm.power_on()
            await console.expect(until, 60)
            await console.quiet(0.1, 2)  # the rest of the screen
            late = Console(console.transport, on_event=lambda event: notes.append(event.text))
            late.set_deadline(5)
            with contextlib.suppress(sosagent.DeadlineExceeded):
                await find_state(late)
            assert starts in late.output, late.tail()
    assert any("countdown" in note for note in notes), notes


IPXE = ["-machine", "graphics=off", "-device", "virtio-net-pci,netdev=n", "-boot", "n"]
#: Firmware that ends at a prompt: the QEMU options, the text to wait for before connecting, the state.
FIRMWARE = {
    "UEFI shell": (["-bios", "/usr/share/ovmf/OVMF.fd"], "", "uefi-shell"),
    "U-Boot": (UBOOT, "autoboot", "boot-prompt"),
    "iPXE": (
        ["-machine", "graphics=off", "-device", "virtio-net-pci,netdev=n", "-boot", "n"],
        "command",
        "boot-prompt",
    ),
}


@pytest.mark.parametrize("name", FIRMWARE)
async def test_firmware(name: str) -> None:
    options, until, state = FIRMWARE[name]
    if options[0] == "-bios" and not Path(options[1]).exists():
        pytest.skip(f"needs {options[1]}")
    with machine(boot="", firmware=options) as vm:
        async with at_the_machine(vm) as console:
            vm.power_on()
            if until:  # a key at this moment brings up the prompt
                await console.expect(until, 60)
                await console.send("\x02")
                await console.quiet(1, 10)
        with pytest.raises(sosagent.ConsoleOccupied) as caught:
            await add(vm, timeout=120)
        assert (caught.value.state, caught.value.exit_code) == (state, 4)


async def test_emergency_mode_without_a_root_password(vm: Machine) -> None:
    vm.do("passwd -d root")
    vm.ssh(vm.admin, "systemctl --no-block emergency")
    async with at_the_machine(vm) as console:
        await console.expect("continue\\): $", 60)
    done = await add(vm)
    # The endpoint does not show earlier output; the Enter that the machine waits for is ours.
    assert (done.status, done.state_found, done.logged_out) == ("added", "shell", True)
    await see(vm, "echo in\r", "\nin\n")


def cut_line(console: Console) -> None:
    asyncio.ensure_future(console.transport.aclose())  # noqa: RUF006 - it ends with the loop


async def test_when_the_line_dies_at_any_moment_the_shell_is_closed(vm: Machine) -> None:
    """The line dies at random moments after the ready mark; the dead-man's switch is set to 3 s."""
    moments = random.Random(3)
    for _ in range(5):
        async with inner_console(vm.target, timeout=60) as console:
            cut = moments.random() * 0.5
            with pytest.raises(sosagent.EndpointLost):
                async with root_shell(console, sosagent.Secret(PASSWORD), dead_man=3) as session:
                    asyncio.get_running_loop().call_later(cut, cut_line, console)
                    while True:
                        await session.shell.run("sleep 0.1; cat /etc/ssh/sshd_config")
        wait_for(lambda: "agetty" in tty_processes(vm), 30, f"a new getty, cut after {cut:.3f} s")
        assert "-sh" not in tty_processes(vm)
        assert vm.do("pgrep -c sleep || true").strip() == "0"

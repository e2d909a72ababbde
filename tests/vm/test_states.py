"""Every state that a real machine's console can be in: to the root shell, and back to how it was found."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

import pytest

import sosagent
from sosagent.console import Console
from sosagent.transports import Transport

from ..conftest import new_key
from .image import PASSWORD
from .machine import Machine, machine, wait_for

pytestmark = pytest.mark.vm

ROOT = "root@vm:~# "
ALICE = "alice@vm:~$ "


@pytest.fixture
def vm() -> Iterator[Machine]:
    with machine() as running:
        yield running


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
    """The machine's serial port itself. Over ssh, the endpoint's own pty would echo what comes too early."""
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


async def leave_there(vm: Machine, user: str, *typed: str) -> None:
    """Log in, type, and go."""
    async with at_the_machine(vm) as console:
        await log_in(console, user)
        for text in typed:
            await console.send(text)
            await console.quiet(0.7, 3)


async def see(vm: Machine, typed: str, shows: str) -> None:
    """Type each part of `typed`, up to a blank line, and see that `shows` comes."""
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
    return vm.do("/bin/ps -t ttyS0 -o pid=,args=; true")


@dataclass(frozen=True)
class Found:
    """Something that somebody left on the console.

    Fields:
        typed: what they typed at root's prompt.
        state: what it is recognised as.
        back: what is typed afterwards to see that it is as it was, and
        shows: what must come then.
    """

    typed: tuple[str, ...]
    state: str
    back: str
    shows: str


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
    "dash": Found(("exec dash -i\r", "cd /var\r"), "shell", "pwd\r", "\n/var\n"),
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


@pytest.mark.parametrize("name", FOUND)
async def test_what_root_left_is_found_used_and_as_it_was(name: str, vm: Machine) -> None:
    found = FOUND[name]
    await leave_there(vm, "root", *found.typed)
    before = tty_processes(vm)
    done = await add(vm)
    assert (done.status, done.state_found, done.logged_out) == ("added", found.state, True), done
    assert not done.warnings
    assert tty_processes(vm) == before
    await see(vm, found.back, found.shows)


# -- users ------------------------------------------------------------------------------------


async def test_a_users_shell_that_was_left_is_not_ours(vm: Machine) -> None:
    await leave_there(vm, "alice", "cd /var/tmp\r", "echo ha")
    before = tty_processes(vm)
    with pytest.raises(sosagent.ConsoleOccupied, match="alice") as caught:
        await add(vm)
    assert caught.value.exit_code == 4
    assert "--take-over" in caught.value.hint
    assert tty_processes(vm) == before
    await see(vm, "\x15pwd\r", "\n/var/tmp\n")


async def test_a_users_program_comes_back_when_there_is_no_root_beneath(vm: Machine) -> None:
    await leave_there(vm, "alice", "vi /tmp/f\r", "iunsaved\x1b")
    with pytest.raises(sosagent.ConsoleOccupied, match="alice"):
        await add(vm)
    await see(vm, ":wq\r\ncat /tmp/f\r", "\nunsaved\n")


async def test_taken_over_a_users_shell_is_logged_out(vm: Machine) -> None:
    await leave_there(vm, "alice", "sleep 99\r", "\x1a", "vi /tmp/f\r")
    done = await add(vm, take_over=True)
    assert (done.status, done.logged_out) == ("added", True)
    wait_for(lambda: "agetty" in tty_processes(vm), 10, "a new getty")


@pytest.mark.parametrize("found", [False, True], ids=["logged in", "found open"])
@pytest.mark.parametrize("become", ["sudo", "su"])
async def test_a_user_becomes_root(become: Literal["sudo", "su"], found: bool, vm: Machine) -> None:
    vm.do("adduser -q alice sudo 2>/dev/null || usermod -aG sudo alice; echo 'root:another one' | chpasswd")
    if found:
        await leave_there(vm, "alice", "cd /var/tmp; mark=kept\r")
    before = tty_processes(vm)
    done = await add(
        vm, login="alice", become=become, user="root", become_password=PASSWORD if become == "sudo" else "another one"
    )
    assert (done.status, done.file, done.logged_out) == ("added", "/root/.ssh/authorized_keys", True)
    if found:
        assert tty_processes(vm) == before
        await see(vm, "echo $mark-$PWD; id -un\r", "\nkept-/var/tmp\nalice\n")
    else:
        wait_for(lambda: "agetty" in tty_processes(vm), 10, "a new getty")
        done = await add(vm, login="alice", become="sudo")
        assert (done.file, done.logged_out) == ("/home/alice/.ssh/authorized_keys", True)
        assert vm.do("stat -c %U /home/alice/.ssh/authorized_keys") == "alice\n"


@pytest.mark.parametrize("found", [False, True], ids=["logged in", "found open"])
@pytest.mark.parametrize("become", ["sudo", "su"])
async def test_a_user_who_may_not_become_root(become: Literal["sudo", "su"], found: bool, vm: Machine) -> None:
    if found:
        await leave_there(vm, "alice", "cd /var/tmp; mark=kept\r")
    before = tty_processes(vm)
    with pytest.raises(sosagent.LoginRefused) as caught:
        await add(vm, login="alice", become=become, user="root", become_password=sosagent.Secret("not that"))
    assert caught.value.exit_code == 5
    if found:
        assert tty_processes(vm) == before
        await see(vm, "echo $mark-$PWD\r", "\nkept-/var/tmp\n")
    else:
        wait_for(lambda: "agetty" in tty_processes(vm), 10, "a new getty")


async def test_a_user_without_root_adds_to_their_own_keys(vm: Machine) -> None:
    done = await add(vm, login="alice")
    assert (done.status, done.file, done.logged_out) == ("added", "/home/alice/.ssh/authorized_keys", True)


# -- root's shells ----------------------------------------------------------------------------


@pytest.mark.parametrize("shell", ["dash", "mksh", "zsh", "fish", "tcsh", "busybox"])
async def test_root_with_another_shell(shell: str, vm: Machine) -> None:
    path = f"/bin/{shell}" if shell != "busybox" else "/usr/local/bin/ash"
    vm.do("ln -s /bin/busybox /usr/local/bin/ash; echo /usr/local/bin/ash >> /etc/shells")
    vm.do(f"chsh -s {path} root")
    done = await add(vm)
    assert (done.status, done.state_found, done.logged_out) == ("added", "login", True)
    wait_for(lambda: "agetty" in tty_processes(vm), 10, "a new getty")
    assert "stty" not in vm.do("cat .*history .local/share/fish/* .sh_history 2>/dev/null; true")


# -- trouble at the login -----------------------------------------------------------------------

REFUSED = {
    "locked": ("passwd -l root", "refused the password"),
    "expired": ("chage -d 0 root", "expired"),
    "account expired": ("chage -E 0 root", "expired"),
    "nologin shell": ("chsh -s /usr/sbin/nologin root", "may not log in"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_an_account_that_lets_nobody_in(name: str, vm: Machine) -> None:
    command, says = REFUSED[name]
    vm.do(command)
    with pytest.raises(sosagent.LoginRefused, match=says) as caught:
        await add(vm)
    assert caught.value.exit_code == 5
    assert PASSWORD not in str(caught.value.tail)
    async with at_the_machine(vm) as console:
        # util-linux login, which asks again after a wrong password, takes an empty name for a name.
        await console.send("\r")
        if (await console.expect(["vm login: $", "Password: $"], 20)).index == 1:
            await console.send("\r")
            await console.expect("vm login: $", 20)


async def test_a_password_prompt_that_somebody_left(vm: Machine) -> None:
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

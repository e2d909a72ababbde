"""Prints prompts on consoles where a real program reads: the password must go to none of them.

`make soak`, or `python -m tests.support.attacks [--runs N] [--seed N] [VICTIM]...`

Each run starts a program on a pty, logs in over it, and prints text on that pty meanwhile, as any user may do with
`write`, in a log that is shown there, or as the owner of the tty. The seed determines the text and the moments.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import contextlib
import fcntl
import os
import random
import shlex
import shutil
import struct
import subprocess
import tempfile
import termios
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import sosagent
from sosagent.access import LoginSettings
from sosagent.console import Console
from sosagent.session.root_shell import root_shell

from .ptys import PtyTransport

__all__ = [
    "FORMS",
    "PASSWORD",
    "ROWS",
    "VICTIMS",
    "Outcome",
    "WatchedPty",
    "attack",
    "create_files",
    "every",
    "on_victim",
]

PASSWORD = "s3cret-Passw0rd"
_TIOCGPTN = 0x80045430  # ioctl_tty(2): the number of a pty
_SECONDS = 15.0  # for one run; leaving has its own
_KERNEL = "[   12.345678] usb 1-1: new high-speed USB device number 2\r\n"

#: Prompts of all kinds, as they look when they are open.
ROWS = {
    "login": "web-1 login: ",
    "password": "Password: ",
    "password of a host": "root@web-1's password: ",
    "maintenance": "Give root password for maintenance\r\n(or press Control-D to continue): ",
    "maintenance in one line": "Give root password for maintenance: ",
    "maintenance with Enter": "Press Enter for maintenance\r\n(or press Control-D to continue): ",
    "sudo": "[sudo] password for root: ",
    "disk": "Please unlock disk vda5_crypt: ",
    "expired": "Current password: ",
    "boot loader": "Enter username:\r\nroot\r\nEnter password: ",
    "a whole login": "web-1 login: root\r\nPassword: ",
    "a refusal": "\r\nLogin incorrect\r\n\r\nGive root password for maintenance\r\n(or press Control-D to continue): ",
    "root's shell": "root@web-1:~# ",
}

#: What makes the prompt look open, or not: a finished line that ends like a kernel line, and others.
FORMS: dict[str, Callable[[str], str]] = {
    "kernel line": lambda row: f"{row}[    1.000000] x\n",
    "kernel line with CR": lambda row: f"{row}[    1.000000] x\r\n",
    "CR in front of the kernel line": lambda row: f"{row}\r[    1.000000] x\r\n",
    "CR behind the kernel line": lambda row: f"{row}[    1.000000] x\r\n\r",
    "kernel line with its caller": lambda row: f"{row}[    1.000000][    T1] x\r\n",
    "two kernel lines": lambda row: f"{row}[    1.000000] x\r\n[    1.000001] y\r\n",
    "behind a kernel line": lambda row: f"{_KERNEL}{row}{_KERNEL}",
    "unfinished kernel line": lambda row: f"{row}[    1.000000] ",
    "unfinished kernel line, and its end": lambda row: f"\r\n[    1.000000] x\r\n{row}[    1.000000] ",
    "colours": lambda row: f"\x1b[1m{row}\x1b[0m[    1.000000] x\r\n",
    "cursor moved": lambda row: f"{row}\x1b[1G\x1b[20C[    1.000000] x\r\n\x1b[A",
    "cleared screen": lambda row: f"\x1b[H\x1b[2J{row}[    1.000000] x\r\n",
    "rewritten": lambda row: f"x[    1.000000] x\r\n\r\x1b[K{row}",
    "open": lambda row: row,
    "open on a new line": lambda row: f"\r\n{row}",
    "finished": lambda row: f"{row}\r\n",
}  # fmt: skip


@dataclass(frozen=True)
class Victim:
    """A program that reads the console.

    Fields:
        command: the program; {home} is its folder.
        typed: keys that start what is attacked.
        asks: whether it is itself a program that may be given the password.
        needs: programs that must be installed.
    """

    command: str
    typed: str = ""
    asks: bool = False
    needs: tuple[str, ...] = ("bash",)


_NOBODY = "setpriv --reuid=65534 --regid=65534 --clear-groups bash --norc"
#: Runs as root with another /etc/shadow: root has PASSWORD there, or none.
_WITH_SHADOW = "unshare -m --propagation private sh -c 'mount --bind {home}/%s /etc/shadow; exec %s'"
_GETTY = "agetty -L --noissue --nohostname -l {home}/login 115200 - vt220"

VICTIMS = {
    "bash": Victim(_NOBODY),
    "bash, half a command": Victim(_NOBODY, "touch {home}/open/ran "),
    "tail": Victim(_NOBODY, "tail -f /etc/hostname\r", needs=("bash", "tail")),
    "tail alone": Victim("tail -f /etc/hostname", needs=("tail",)),
    "cat": Victim(_NOBODY, "cat\r"),
    "cat alone": Victim("cat", needs=("cat",)),
    "vim": Victim(_NOBODY, "vim -n -u NONE -N -i NONE {home}/x\r", needs=("bash", "vim")),
    "vim, inserting": Victim(_NOBODY, "vim -n -u NONE -N -i NONE {home}/x\riprecious", needs=("bash", "vim")),
    "agetty": Victim(_GETTY, asks=True, needs=("agetty",)),
    "sulogin": Victim(_WITH_SHADOW % ("shadow", "sulogin"), asks=True, needs=("sulogin", "unshare")),
    "sulogin -e": Victim(_WITH_SHADOW % ("locked", "sulogin -e"), asks=True, needs=("sulogin", "unshare")),
    "BusyBox sulogin": Victim(_WITH_SHADOW % ("shadow", "busybox sulogin"), asks=True, needs=("busybox", "unshare")),
}

#: login(1) for agetty: it refuses everybody, and records the names and the answers.
_LOGIN = """#!/bin/sh
printf '%s\\n' "$*" >> {home}/names
stty -echo
printf 'Password: '
read -r answer
stty echo
printf '%s\\n' "$answer" >> {home}/answers
printf '\\nLogin incorrect\\n'
exec {getty}
"""


@dataclass(frozen=True)
class Outcome:
    """The outcome of one run.

    Fields:
        victim, seed: the arguments.
        row, form, moment: what was tried.
        result: "in", or the code of the error.
        typed_at: where the password was typed although it must not be; empty if nowhere.
    """

    victim: str
    seed: int
    row: str
    form: str
    moment: str
    result: str
    typed_at: str


class WatchedPty(PtyTransport):
    """A pty that notes where the password is typed, and on which others print."""

    def __init__(self, command: Sequence[str], home: Path, victim: Victim) -> None:
        self.typed_at = ""
        self.on_enter: Callable[[], None] | None = None
        self._victim = victim
        self._shown = b""
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        super().__init__(command, {"TERM": "vt220", "PATH": path, "HOME": str(home), "PS1": "alice@vm:~$ "})
        number = struct.unpack("i", fcntl.ioctl(self.child.child_fd, _TIOCGPTN, bytes(4)))[0]
        self._tty = f"/dev/pts/{number}"

    @property
    def hides_input(self) -> bool:
        """Whether the tty shows nothing that is typed."""
        local_modes = self.modes[3]
        assert isinstance(local_modes, int)
        return not local_modes & termios.ECHO

    def print(self, text: str) -> None:
        """Print on the tty, as another user. After the pty is closed, its number may be that of another one."""
        if self.child.closed:
            return
        with contextlib.suppress(OSError):  # the program has ended, or does not read
            tty = os.open(self._tty, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
            try:
                os.write(tty, text.encode())
            finally:
                os.close(tty)

    async def write(self, data: bytes) -> None:
        if PASSWORD.encode() in data and not (self._victim.asks and self.hides_input):
            self.typed_at = f"after {self._shown[-200:]!r}"
        await super().write(data)
        if data.endswith(b"\r") and self.on_enter is not None:
            self.on_enter()

    async def read(self) -> bytes:
        data = await super().read()
        self._shown = (self._shown + data)[-1000:]
        return data


def create_files(home: Path) -> None:
    """Create the files that the victims use in `home`."""
    crypted = subprocess.run(
        ["openssl", "passwd", "-6", "-stdin"], input=PASSWORD, text=True, capture_output=True, check=True
    ).stdout.strip()
    (home / "shadow").write_text(f"root:{crypted}:19000:0:99999:7:::\n")
    (home / "locked").write_text("root:*:19000:0:99999:7:::\n")
    (home / "login").write_text(_LOGIN.replace("{getty}", _GETTY).replace("{home}", str(home)))
    (home / "login").chmod(0o755)
    (home / "open").mkdir()
    (home / "open").chmod(0o777)


@asynccontextmanager
async def on_victim(name: str, home: Path) -> AsyncIterator[WatchedPty]:
    """Start a victim on a pty, and wait until it reads."""
    victim = VICTIMS[name]
    transport = WatchedPty(shlex.split(victim.command.replace("{home}", str(home))), home, victim)
    try:
        async with Console(transport) as console:
            await console.quiet(0.4, 5)
            if victim.typed:
                await console.send(victim.typed.replace("{home}", str(home)))
                await console.quiet(0.4, 5)
            yield transport
    finally:
        await transport.aclose()


async def attack(name: str, seed: int) -> Outcome:
    """Run one attack on the victim `name`."""
    chance = random.Random(f"{name} {seed}")
    row, form = chance.choice(list(ROWS)), chance.choice(list(FORMS))
    moment = chance.choice(["before", "after", "repeated", "on Enter"])
    text = FORMS[form](ROWS[row])
    if chance.random() < 0.5:
        text = f"\r\n{text}"
    pause = chance.choice([0.05, 0.2, 0.5, 1.0])
    settings = LoginSettings(take_over=chance.random() < 0.3)
    if chance.random() < 0.2:
        settings = LoginSettings(login="alice", become="sudo")
    home = Path(tempfile.mkdtemp(prefix="sosagent-attack-"))
    home.chmod(0o755)
    try:
        create_files(home)
        async with on_victim(name, home) as transport:
            printing = asyncio.ensure_future(_print(transport, text, moment, pause))
            await asyncio.sleep(0)
            result = await _log_in(transport, settings)
            printing.cancel()
            names = home / "names"
            if names.exists() and PASSWORD in names.read_text():
                return Outcome(name, seed, row, form, moment, result, "login, as a name")
            if (home / "open/ran").exists():
                return Outcome(name, seed, row, form, moment, result, "an unfinished command ran")
            return Outcome(name, seed, row, form, moment, result, transport.typed_at)
    finally:
        shutil.rmtree(home)


async def _print(transport: WatchedPty, text: str, moment: str, pause: float) -> None:
    if moment == "on Enter":
        transport.on_enter = lambda: transport.print(text)
    if moment == "before":
        transport.print(text)
        return
    while True:
        await asyncio.sleep(pause)
        transport.print(text)
        if moment == "after":
            return


async def _log_in(transport: PtyTransport, settings: LoginSettings) -> str:
    async with Console(transport) as console:
        console.set_deadline(_SECONDS)
        try:
            async with root_shell(console, sosagent.Secret(PASSWORD), settings=settings):
                return "in"
        except sosagent.ConsoleError as error:
            return error.code


async def every(names: Sequence[str], seeds: range, at_once: int = 8) -> list[Outcome]:
    """Run attacks on the victims `names` in turn, one for each of `seeds`, several at a time."""
    slots = asyncio.Semaphore(at_once)

    async def run(seed: int) -> Outcome:
        async with slots:
            return await attack(names[seed % len(names)], seed)

    return await asyncio.gather(*map(run, seeds))


def main() -> None:
    """Print a table with one row for each victim, and each password that went astray."""
    parser = argparse.ArgumentParser()
    parser.add_argument("victims", nargs="*", default=list(VICTIMS), metavar="VICTIM")
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    started = time.monotonic()
    outcomes = asyncio.run(every(options.victims, range(options.seed, options.seed + options.runs)))
    print("| victim | runs | passwords astray | results |")
    print("|---|---|---|---|")
    for name in options.victims:
        here = [outcome for outcome in outcomes if outcome.victim == name]
        results = collections.Counter(outcome.result for outcome in here)
        astray = sum(bool(outcome.typed_at) for outcome in here)
        print(f"| {name} | {len(here)} | {astray} | {', '.join(f'{one} {n}' for one, n in results.most_common())} |")
    for outcome in outcomes:
        if outcome.typed_at:
            print(outcome)
    print(f"{len(outcomes)} runs, {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()

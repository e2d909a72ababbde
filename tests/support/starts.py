"""Types the start line over a line that damages one byte of it: each byte dropped, doubled, or with one bit flipped."""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import sosagent
from sosagent.console import Console
from sosagent.shell.shell import Shell
from sosagent.shell.start_line import MODES_SANE, start_line

from .ptys import PtyTransport

__all__ = ["INTERACTIVE", "Damage", "every_damage", "harm_of", "sample"]

#: Shells that another user may have left open, with their interactive line editors.
INTERACTIVE = {
    "bash": ["bash", "--norc", "--noprofile"],
    "dash": ["dash", "-i"],
    "busybox": ["busybox", "ash"],
    "zsh": ["zsh", "-f"],
    # sosagent replaces these with a plain sh first.
    "mksh": ["mksh"],
    "fish": ["fish", "-N"],
    "tcsh": ["tcsh", "-f"],
}
#: Enter, ^J, ^O (bash and zsh run the line) and ^S (stops the output).
_DANGEROUS_KEYS = (b"\r", b"\n", b"\x0f", b"\x13")
_OTHERS = 8
_AT_ONCE = 12
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Damage:
    """The damage to one byte.

    Fields:
        at: index of the byte among those typed into the shell.
        how: ``drop``, ``double``, or the bit that is flipped, 0 to 7.
    """

    at: int
    how: str | int

    def of(self, byte: bytes) -> bytes:
        """Return what arrives instead of `byte`."""
        if isinstance(self.how, int):
            return bytes([byte[0] ^ 1 << self.how])
        return byte * 2 if self.how == "double" else b""


def typed_line() -> bytes:
    """Return the start line that replaces a login shell, with its Enter."""
    return f"{start_line('00', replace=True, modes=MODES_SANE).line}\r".encode()


def every_damage() -> list[Damage]:
    """Return every possible damage to one byte of the start line or its Enter."""
    return [Damage(at, how) for at in range(len(typed_line())) for how in ("drop", "double", *range(8))]


def sample(name: str) -> list[Damage]:
    """Return a few damages for the shell `name`, the same in each run.

    They include every damage that produces a key which runs the line or stops the output, and a lost and a doubled
    Enter. A shell that sosagent replaces with a plain sh receives another line first, so its bytes at these positions
    differ.
    """
    line, damages = typed_line(), every_damage()
    keys = [damage for damage in damages if damage.of(line[damage.at : damage.at + 1]) in _DANGEROUS_KEYS]
    end = [Damage(len(line) - 1, "drop"), Damage(len(line) - 1, "double")]
    return [*keys, *end, *random.Random(name).sample(damages, _OTHERS)]


class _DamagedPty(PtyTransport):
    """A shell on a pty that damages one of the bytes typed after `armed` is set."""

    def __init__(self, command: Sequence[str], env: dict[str, str], damage: Damage) -> None:
        super().__init__(command, env)
        self._damage = damage
        self._passed = 0
        self.armed = False

    async def write(self, data: bytes) -> None:
        at = self._damage.at - self._passed
        if self.armed:
            self._passed += len(data)
            if 0 <= at < len(data):
                data = data[:at] + self._damage.of(data[at : at + 1]) + data[at + 1 :]
        await super().write(data)


def _shell_on(console: Console) -> Shell:
    return Shell(console, replace=True, keep_modes=False, dead_man=20)


async def harm_of(name: str, damaged: Sequence[Damage], folder: Path) -> list[str]:
    """Type the start line into the shell `name` with each of `damaged`, and return the problems."""
    slots = asyncio.Semaphore(_AT_ONCE)

    async def one(number: int, damage: Damage) -> str:
        async with slots:
            return await _harm(name, damage, folder / f"{name}{number}")

    problems = await asyncio.gather(*(one(number, damage) for number, damage in enumerate(damaged)))
    return [wrong for wrong in problems if wrong]


async def _harm(name: str, damage: Damage, folder: Path) -> str:
    """Check that only our own `env` runs, that no file is created, and that the session ends. Return the problem."""
    home, spies, log = folder / "home", folder / "bin", folder / "log"
    for place in (home, spies):
        place.mkdir(parents=True)
    # The only program in PATH records how it was called (BusyBox has its own).
    spy = spies / "env"
    spy.write_text(
        f'#!/bin/sh\nfor x do printf "<%s>" "$x" >>{log};done\necho >>{log}\nPATH={_PATH} exec /usr/bin/env "$@"\n'
    )
    spy.chmod(0o755)
    command = INTERACTIVE[name]
    program = str(shutil.which(command[0], path=_PATH))
    env = {"TERM": "vt220", "PATH": str(spies), "HOME": str(home), "PS1": "prompt# "}
    transport = _DamagedPty([program, *command[1:]], env, damage)
    transport.child.setwinsize(24, 80)
    problem = ""
    async with Console(transport) as console:
        console.set_deadline(60)
        await console.expect("[#%$>] $")
        await console.quiet(0.3, 10)
        shell = _shell_on(console)
        before = set(home.rglob("*"))
        transport.armed = True
        try:
            await shell.start()
            if (await shell.run("echo whole")).output != b"whole":
                problem = "wrong output"
            with contextlib.suppress(sosagent.EndpointLost):  # a pty may lose its last output
                await shell.close()
        except sosagent.ConsoleError as error:
            problem = f"{error.message} {error.tail[-3:]}"
        try:
            while not problem:
                await console.receive(5)
        except sosagent.EndpointLost:
            pass
        except sosagent.DeadlineExceeded:
            problem = f"the session did not end: {_processes_on(transport)}"
    called = log.read_text().rstrip("\n").split("\n") if log.exists() else []  # an argument may contain a ^L
    ours = f"<{'><'.join(('-i', f'HOME={home}', '/bin/sh', '-c'))}>"
    # The plain shell starts without env; BusyBox has its own.
    if len(called) > 1 or not all(line.startswith(ours) for line in called):
        problem += f" called {called}"
    if created := [str(path) for path in {*home.rglob("*")} - before if "history" not in path.name]:
        problem += f" created {created}"
    return f"{damage}: {problem}" if problem else ""


def _processes_on(transport: PtyTransport) -> list[str]:
    """Return the processes on the pty: number, parent, state, what it waits for, command."""
    session = ["ps", "-s", str(transport.child.pid), "-o", "pid=,ppid=,stat=,wchan=,args="]
    listed = subprocess.run(session, capture_output=True, text=True, check=False)
    return listed.stdout.splitlines()


def main() -> None:
    """Try every damage in every installed shell, or in the named ones, and print the problems."""
    every = every_damage()
    for name in sys.argv[1:] or INTERACTIVE:
        command = INTERACTIVE[name]
        if shutil.which(command[0], path=_PATH) is None:
            print(f"start line in {name}: not installed")
            continue
        with tempfile.TemporaryDirectory(prefix="sosagent-starts-") as folder:
            harm = asyncio.run(harm_of(name, every, Path(folder)))
        print(f"start line in {name}: {len(every)} damages, {len(harm)} problems", flush=True)
        for line in harm:
            print(f"  {line}")


if __name__ == "__main__":
    main()

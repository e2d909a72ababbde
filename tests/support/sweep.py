"""Stops every command at many moments on lines of every speed: `make soak`, or `python -m tests.support.sweep`.

Each run starts a command as a process, over a line of one speed, on a machine with the real agetty, login and bash. The
command is stopped by a signal, or by its own time limit, at one of a number of evenly spaced moments of its undisturbed
duration. Then no shell may be open without a word in the first sentence of the error; where one is open, the next run
of the same command must succeed and close it. It needs root.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .commands import PACKAGES, SOSAGENT
from .logins import PASSWORD, RealConsole, real_console
from .slow_endpoint import SlowEndpoint, slow_endpoint

__all__ = ["BAUD", "COMMANDS", "STOPS", "Outcome", "Run", "every", "plan", "stop_once", "undisturbed"]

BAUD = (300, 1200, 9600, 115200)
POINTS = 40
#: How a command is stopped; None is its own time limit.
STOPS: dict[str, signal.Signals | None] = {
    "deadline": None,
    "SIGINT": signal.SIGINT,
    "SIGTERM": signal.SIGTERM,
    "SIGHUP": signal.SIGHUP,
    "SIGKILL": signal.SIGKILL,
}
_KEYS = [f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{letter * 43} {letter}@host" for letter in "BCA"]
_OLD, _NEW = "".join(f"{key}\n" for key in _KEYS[:2]), f"{_KEYS[2]}\n"
_TEXT = "".join(f"{number * number}\n" for number in range(50))
_RUNBOOK = """name: Write a file
description: Writes a file.
steps:
  - name: write
    run: echo A >>"$HOME/written"
    timeout: 600
"""
_OPEN = "A shell of ours may be open"
_LIMIT = 900.0  # seconds for a run that is not stopped by its limit, and for the next run
_LATE_SECONDS = 10.0  # that a command may take to log out after its limit
_TOLERANCE_SECONDS = 2.0  # for the processes themselves on a busy computer
_DELIVERY_SECONDS = 15.0  # until a shell that was told to end has ended


@dataclass(frozen=True)
class Command:
    """A command to stop.

    Fields:
        words: its arguments; {host} is the endpoint, {folder} has files for it, {home} is root's home on the machine.
        file: a file in root's home, or an empty string.
        allowed: the contents that the file may have whenever the command is stopped; None for no file.
        done: its contents after a whole run.
        limited: whether it has a time limit.
    """

    words: str
    file: str = ""
    allowed: tuple[str | None, ...] = ()
    done: str | None = None
    limited: bool = True


_KEY_FILE = ".ssh/authorized_keys"
COMMANDS = {
    "add": Command("addkey {host} {folder}/new.pub", _KEY_FILE, (_OLD, _OLD + _NEW), _OLD + _NEW),
    "remove": Command(
        "keys remove {host} {folder}/old.pub", _KEY_FILE, (_OLD, _OLD.partition("\n")[2]), _OLD.partition("\n")[2]
    ),
    "upload": Command("upload {host} {folder}/text {home}/text", "text", (None, _TEXT), _TEXT),
    "run": Command("run {folder}/write.yml {host}", "written", (None, "A\n", "A\nA\n"), "A\n"),
    "list": Command("keys list {host}"),
    "audit": Command("keys audit {host}"),
    "download": Command("download {host} {home}/.ssh/authorized_keys {folder}/copy"),
    "hostkeys": Command("hostkeys {host}"),
    "state": Command("state {host} --poke"),
    "screen": Command("screen {host} --poke"),
}  # fmt: skip
#: The commands that change something on the machine.
WRITING = ("add", "remove", "upload", "run")


@dataclass(frozen=True)
class Run:
    """One run: what is stopped, how, and when.

    Fields:
        command, stop, baud: what is tried; the first two are names in `COMMANDS` and `STOPS`.
        after: seconds from the connection to the stop.
    """

    command: str
    stop: str
    baud: int
    after: float


@dataclass
class Outcome:
    """The outcome of one run.

    Fields:
        run: what was tried.
        result: the exit status, or the signal as a negative number.
        left: how the shell was left: "", "announced" or "killed"; "unannounced" is a fault.
        late: seconds from the time limit to the end of the command; 0.0 if it ended before.
        stopping: seconds from the signal to the end of the command.
        wrong: what must not happen.
        said: what the command printed.
    """

    run: Run
    result: int
    left: str = ""
    late: float = 0.0
    stopping: float = 0.0
    wrong: list[str] = field(default_factory=list)
    said: str = ""


@dataclass(frozen=True)
class Site:
    """One machine behind one endpoint, and the user's own folder."""

    folder: Path
    machine: RealConsole
    endpoint: SlowEndpoint

    @property
    def home(self) -> Path:
        """Root's home on the machine."""
        return self.folder / "home"

    def contents(self, name: str) -> str | None:
        """Return the contents of a file in root's home, or None if it does not exist."""
        file = self.home / name
        return file.read_text() if file.exists() else None

    async def start(self, name: str, timeout: float) -> asyncio.subprocess.Process:
        """Start a command, and wait until it has connected."""
        command, own = COMMANDS[name], {"HOME": str(self.folder / "user"), "SOS_PASSWORD": PASSWORD}
        words = command.words.format(host=self.endpoint.host, folder=self.folder / "user", home=self.home).split()
        self.endpoint.connected.clear()
        process = await asyncio.create_subprocess_exec(
            SOSAGENT, *words, "--timeout", f"{timeout:.2f}",
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": PACKAGES, **own},
        )  # fmt: skip
        waits = [asyncio.ensure_future(self.endpoint.connected.wait()), asyncio.ensure_future(process.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        return process

    async def closed_within(self, seconds: float) -> bool:
        """Wait until no shell is open on the machine; return False if one stays open."""
        end = time.monotonic() + seconds
        while self.machine.shell_open:
            if time.monotonic() > end:
                return False
            await asyncio.sleep(0.2)
        return True


@asynccontextmanager
async def site(baud: int) -> AsyncIterator[Site]:
    """Open a machine with two keys, and an endpoint whose line has this speed."""
    folder = Path(tempfile.mkdtemp(prefix="sosagent-sweep-"))
    folder.chmod(0o755)
    user = folder / "user"
    user.mkdir()
    for name, text in {"new.pub": _NEW, "old.pub": f"{_KEYS[0]}\n", "text": _TEXT, "write.yml": _RUNBOOK}.items():
        (user / name).write_text(text)
    try:
        async with real_console(folder, "/bin/bash", {_KEY_FILE: _OLD}) as machine:
            (folder / "home" / ".ssh").chmod(0o700)
            (folder / "home" / _KEY_FILE).chmod(0o600)
            async with slow_endpoint(machine, folder / "console", baud) as endpoint:
                yield Site(folder, machine, endpoint)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def undisturbed(name: str, baud: int) -> Outcome:
    """Run a command to its end; `stopping` is its duration from the connection."""
    loop, command = asyncio.get_running_loop(), COMMANDS[name]
    async with site(baud) as here:
        process = await here.start(name, _LIMIT)
        output, _ = await process.communicate()
        outcome = Outcome(Run(name, "", baud, 0.0), process.returncode or 0, said=output.decode("utf-8", "replace"))
        outcome.stopping = loop.time() - here.endpoint.connected_at
        if outcome.result:
            outcome.wrong.append("the command fails undisturbed")
        if command.file and here.contents(command.file) != command.done:
            outcome.wrong.append(f"the file is {here.contents(command.file)!r}")
        if not await here.closed_within(_DELIVERY_SECONDS):
            outcome.wrong.append("a shell is open after an undisturbed run")
        return outcome


async def stop_once(run: Run) -> Outcome:
    """Stop one command, and check what it left."""
    loop, stop, command = asyncio.get_running_loop(), STOPS[run.stop], COMMANDS[run.command]
    async with site(run.baud) as here:
        limit = run.after if stop is None else _LIMIT
        process = await here.start(run.command, limit)
        said = asyncio.ensure_future(process.communicate())
        if stop is not None:
            await asyncio.wait([said], timeout=run.after)
            if process.returncode is None:
                process.send_signal(stop)
        stopped = loop.time()
        output = (await said)[0].decode("utf-8", "replace")
        outcome = Outcome(run, process.returncode or 0, said=output)
        outcome.stopping = loop.time() - stopped if stop is not None else 0.0
        if here.endpoint.connected.is_set():
            outcome.late = max(loop.time() - here.endpoint.connected_at - limit, 0.0)
        if outcome.late > _LATE_SECONDS + _TOLERANCE_SECONDS:
            outcome.wrong.append(f"{outcome.late:.1f} s late")
        if "Traceback" in output:
            outcome.wrong.append("a traceback")
        await _check_shell(here, outcome)
        if command.file and here.contents(command.file) not in command.allowed:
            outcome.wrong.append(f"the file is {here.contents(command.file)!r}")
        return outcome


async def _check_shell(here: Site, outcome: Outcome) -> None:
    """Check that no shell is open; where one may be, that it was announced, and that the next run closes it."""
    announced = outcome.said.rpartition("sosagent: ")[2].startswith(_OPEN) or f"sosagent: {_OPEN}" in outcome.said
    killed = outcome.run.stop == "SIGKILL"
    if not killed and await here.closed_within(_DELIVERY_SECONDS):
        return
    if killed and not here.machine.shell_open and outcome.result >= 0:
        return  # the command had ended
    outcome.left = "announced" if announced else "killed" if killed else "unannounced"
    if outcome.left == "unannounced":
        outcome.wrong.append("a shell is open, and the error does not begin with that")
    process = await here.start(outcome.run.command, _LIMIT)
    output, _ = await process.communicate()
    if process.returncode:
        outcome.wrong.append(f"the next run fails: {process.returncode}")
        outcome.said += f"\n-- next run\n{output.decode('utf-8', 'replace')}"
    if not await here.closed_within(_DELIVERY_SECONDS):
        outcome.wrong.append("a shell is open after the next run")


def plan(durations: dict[tuple[str, int], float], stops: Sequence[str], points: int) -> list[Run]:
    """Return the runs: each command and speed, each stop, at `points` moments evenly over the duration."""
    return [
        Run(name, stop, baud, round(duration * (number + 0.5) / points, 2))
        for (name, baud), duration in durations.items()
        for stop in stops
        for number in range(points)
    ]


async def every(runs: Sequence[Run], at_once: int, done: Callable[[Outcome], None]) -> list[Outcome]:
    """Do the runs, several at a time; call `done` with each outcome."""
    slots = asyncio.Semaphore(at_once)

    async def one(run: Run) -> Outcome:
        async with slots:
            outcome = await stop_once(run)
            done(outcome)
            return outcome

    return await asyncio.gather(*map(one, runs))


async def _measure(names: Sequence[str], speeds: Sequence[int]) -> dict[tuple[str, int], float]:
    """Run each command undisturbed at each speed, and return the durations."""
    pairs = [(name, baud) for name in names for baud in speeds]
    outcomes = await asyncio.gather(*(undisturbed(*pair) for pair in pairs))
    for outcome in outcomes:
        print(f"{outcome.run.command} at {outcome.run.baud} baud: {outcome.stopping:.1f} s", *outcome.wrong, flush=True)
        if outcome.wrong:
            print(outcome.said, flush=True)
    return {pair: outcome.stopping for pair, outcome in zip(pairs, outcomes, strict=True)}


def _show(outcome: Outcome) -> None:
    if outcome.wrong:
        print(f"{outcome.run}: {'; '.join(outcome.wrong)}\n{outcome.said}", flush=True)


def _print_table(outcomes: Sequence[Outcome]) -> None:
    """Print a row for each command and speed."""
    print(
        "| command | baud | runs | shells open: announced, after SIGKILL, unannounced | not closed by the next run |",
        end="",
    )
    print(" longest after the limit, s | longest after a signal, s |\n|---|---|---|---|---|---|---|")
    for name, baud in dict.fromkeys((outcome.run.command, outcome.run.baud) for outcome in outcomes):
        here = [outcome for outcome in outcomes if (outcome.run.command, outcome.run.baud) == (name, baud)]
        left = Counter(outcome.left for outcome in here)
        failed = sum(any("next run" in wrong for wrong in outcome.wrong) for outcome in here)
        late = max((outcome.late for outcome in here), default=0.0)
        stopping = max((outcome.stopping for outcome in here), default=0.0)
        counts = f"{left['announced']}, {left['killed']}, {left['unannounced']}"
        print(f"| {name} | {baud} | {len(here)} | {counts} | {failed} | {late:.1f} | {stopping:.1f} |")


def main() -> None:
    """Print each fault, and a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--command", action="append", choices=COMMANDS, help="by default, all")
    parser.add_argument("--baud", action="append", type=int, choices=BAUD, help="by default, all")
    parser.add_argument("--stop", action="append", choices=STOPS, help="by default, all")
    parser.add_argument("--points", type=int, default=POINTS, help="moments of each command")
    parser.add_argument("--runs", type=int, default=0, help="a sample of this size")
    parser.add_argument("--seed", type=int, default=0, help="of the sample, and of the order")
    parser.add_argument("--at-once", type=int, default=16)
    options = parser.parse_args()
    started = time.monotonic()
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup would make the commands and the machines ignore it

    async def sweep() -> list[Outcome]:
        durations = await _measure(options.command or list(COMMANDS), options.baud or BAUD)
        runs = plan(durations, options.stop or list(STOPS), options.points)
        random.Random(options.seed).shuffle(runs)
        return await every(runs[: options.runs or None], options.at_once, _show)

    outcomes = asyncio.run(sweep())
    _print_table(sorted(outcomes, key=lambda outcome: (outcome.run.command, outcome.run.baud)))
    print(f"{len(outcomes)} runs, {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()

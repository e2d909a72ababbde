"""Runs jobs against hostile consoles: `make soak`, or `python -m tests.support.hostile [--seconds N] [--seed N]`.

A seed determines a console in memory that knows the dialogue of a login and the protocol of the verified shell, and
departs from both at random: prompts where none belong, terminal sequences, kernel lines, long lines, replies with
correct checksums at the wrong time, silence, and an end of the connection. Time is virtual, so that a run with waits of
minutes takes milliseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import random
import re
import resource
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import sosagent
from sosagent.shell.frame import cksum
from sosagent.terminal.states import STATES
from sosagent.transports.memory import MemoryTransport

from .virtual_time import VirtualTimeLoop

__all__ = ["LOG_OUT_SECONDS", "Outcome", "once"]

#: How much longer than its time limit a job may take, to log out.
LOG_OUT_SECONDS = 10.0
_PASSWORD = "xK7-not-in-any-output"
_KEY = sosagent.parse_public_keys(f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{'A' * 43} new")[0]
_MOST_BYTES = 150 << 20
_MOST_CPU_SECONDS = 5.0
#: Rounds of mischief in one run; then the console is silent.
_MOST_PIECES = 400

_ESCAPES = ("\x1b[2J", "\x1b[H", "\x1b[K", "\x1b[65535C", "\x1b[99999999999A", "\x1b[5;5H", "\x1b[?2004h", "\x1b[6n",
            "\x1b]0;title\x07", "\x1b]0;never ended", "\x1b[", "\x1bP", "\x1bc", "\x0e", "\x9b31m", "\x1b[65535b",
            "\x1b[65535@", "\x1b[65535X", "\x1b[65535P", "\x1b[65535L", "\x1b[?1049h", "\x07", "\x00")  # fmt: skip
_KERNEL = (
    "[    1.000000] x\r\n", "\r\n[ 1234.567890] usb 1-1: new device\r\n", "[    0.000000] Linux version 6.1.0\r\n",
    "[   99.000000] reboot: Restarting system\r\n", "[    1.5] ", "<6>[    2.000000] y\r\n",
    "[   10.000000] Kernel panic - not syncing: VFS\r\n",
)  # fmt: skip
_PROMPTS = (
    *(state.example.replace("\n", "\r\n") for state in STATES), "Password: ", "web-1 login: ", "root@web-1:~# ", "# ",
    "alice@web-1:~$ ", "> ", "[sudo] password for alice: ", "Give root password for maintenance: ", "Login incorrect",
    "Are you sure you want to continue connecting (yes/no)? ", "\r\nroot's password: ", "Current password: ",
    "(initramfs) ", "=R\r\n", "=Z\r\n", ":\r\n", "=1 0 3381971274 4\r\n", "SOTD\r\n", "~ # ",
)  # fmt: skip
_OUTPUTS = (
    "", "0", "root", "x" * 5000, "m web-1 0123456789abcdef0123456789abcdef /root", ":ssh-rsa AAAA", "\x1b[2J", "a\nb",
    "drwx------ 2 0 0 4096 Jan 1 /root/.ssh\n-rw------- 1 0 0 12 Jan 1 /root/.ssh/authorized_keys", "\ufffd", "1 2 3",
)  # fmt: skip
#: What may stand on the last line of the screen when a password is typed.
_ASKS_FOR_PASSWORD = re.compile(
    r"(?i)(?:pass(?:word|wort|phrase)|mot de passe|contrase|maintenance|control-d|for login).*[:>] ?$"
)
_SEQUENCES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b.|[\x00-\x08\x0e-\x1f\x7f-\x9f]"
)


@dataclass(frozen=True)
class Outcome:
    """The outcome of one run.

    Fields:
        result: ``done``, or the error's code.
        wrong: broken promises.
        seconds: virtual seconds over the time limit; negative if the job ended before it.
        cpu: seconds of CPU time.
    """

    result: str
    wrong: tuple[str, ...]
    seconds: float
    cpu: float


class _Watched(MemoryTransport):
    """Our end of the line: it knows what we have read, and where the screen stood whenever we typed the password.

    Attributes:
        passwords: the screen's last line, each time.
    """

    def __init__(self) -> None:
        super().__init__()
        self.passwords: list[str] = []
        self._screen = ""
        self._typed = b""

    async def read(self) -> bytes:
        """See `Transport.read`."""
        data = await super().read()
        self._screen = (self._screen + data.decode("utf-8", "replace"))[-4096:]
        return data

    async def write(self, data: bytes) -> None:
        """See `Transport.write`."""
        before = self._typed.count(_PASSWORD.encode())
        self._typed += data
        if self._typed.count(_PASSWORD.encode()) > before:
            self.passwords.append(_last_line(self._screen))
        await super().write(data)


def _last_line(screen: str) -> str:
    """The last line of a screen, without sequences that only move the cursor or set colours."""
    return _SEQUENCES.sub("", screen.rpartition("\n")[2].rstrip("\r").rpartition("\r")[2])


@dataclass
class _Hostile:
    """The far end of a console."""

    transport: MemoryTransport
    random: random.Random
    #: How often it does something other than what a machine would do.
    malice: float
    phase: str = "login"
    line: str = ""
    collected: str = ""
    programs: int = 0
    last: tuple[str, str] = ("", "")
    pieces: int = 0

    async def serve(self) -> None:
        """Play until the connection ends."""
        if self.random.random() < 0.5:
            await self.misbehave()
        while data := await self._read():
            for key in data.decode("latin-1"):
                await self._take(key)

    async def _read(self) -> bytes:
        """Read keys; meanwhile print something now and then."""
        while True:
            try:
                async with asyncio.timeout(self.random.expovariate(1 / 5)):
                    return await self.transport.read()
            except TimeoutError:
                if self.random.random() < self.malice:
                    await self.misbehave()

    async def say(self, text: str) -> None:
        """Print `text`, in pieces or at once."""
        data = text.encode("utf-8", "replace")
        while data:
            size = len(data) if self.random.random() < 0.8 else self.random.randint(1, len(data))
            await self.transport.write(data[:size])
            data = data[size:]
            if data:
                await asyncio.sleep(self.random.choice((0, 0.01, 0.3)))

    async def misbehave(self) -> None:
        """Do something that does not belong to the dialogue."""
        if self.pieces >= _MOST_PIECES:
            return
        self.pieces += 1
        draw = self.random
        kind = draw.randrange(10)
        if kind <= 3:
            text = draw.choice(_PROMPTS)
            await self.say(text + draw.choice(("", "", "\r\n", "\r", *_KERNEL, draw.choice(_ESCAPES))))
        elif kind == 4:
            await self.say(draw.choice(_ESCAPES) * draw.choice((1, 1, 3, 200)))
        elif kind == 5:
            await self.say(draw.choice(_KERNEL) * draw.choice((1, 1, 50)))
        elif kind == 6:
            piece = draw.choice(("x", " ", "[", "y/n", "(", "\t", "[1] 0:a", "[    1.000000] ", *_PROMPTS))
            await self.say(piece * (draw.choice((10, 1000, 60_000)) // len(piece) + 1))
        elif kind == 7:
            await self._reply(
                draw.randint(0, self.programs + 1), draw.choice(("0", "1", "", "255")), draw.choice(_OUTPUTS)
            )
        elif kind == 8:
            await asyncio.sleep(draw.expovariate(1 / 20))
        elif draw.random() < 0.1:
            await self.transport.aclose()

    async def _take(self, key: str) -> None:
        if self.random.random() < self.malice / 20:
            await self.misbehave()
        if key == "\r":
            line, self.line = self.line, ""
            await self._enter(line)
        elif key == "\x15":
            self.line = ""
        elif key == "\x0c" and self.phase == "shell":
            await self.say("\x1b[H\x1b[2Jroot@web-1:~# " + self.line)
        else:
            self.line += key
            if self.phase in ("login", "shell"):
                await self.say(key if key.isprintable() else f"^{chr(ord(key) ^ 64)}")

    async def _enter(self, line: str) -> None:
        if self.random.random() < self.malice:
            await self.misbehave()
            return
        if self.phase == "login":
            self.phase = "password" if line.strip() else "login"
            await self.say("\r\nPassword: " if line.strip() else "\r\nweb-1 login: ")
        elif self.phase == "password":
            self.phase = "shell" if line == _PASSWORD else "login"
            await self.say("\r\nroot@web-1:~# " if line == _PASSWORD else "\r\nLogin incorrect\r\nweb-1 login: ")
        elif self.phase == "shell":
            await self._command(line)
        elif line.startswith(")"):
            self.collected += line[1:]
        elif line == "]Z":
            self.phase = "login"
            await self.say("=Z\r\nweb-1 login: ")
        elif re.fullmatch(r"\]\d+ \d+", line):
            self.collected = ""
            await self.say("=R\r\n")
        elif line.startswith("]"):
            await self._run(line)
        else:
            self.collected = ""
            await self.say("=R\r\n")

    async def _command(self, line: str) -> None:
        """Run a line at the shell's prompt."""
        if started := re.search(r"echo S\\O(\w+);while", line):
            self.phase, self.collected = "receiver", ""
            await self.say(f"\r\nSO{started[1]}\r\n")
        elif marked := re.search(r"echo S\\OS(\w+)", line):
            answers = ["0", "root", "web-1"] if "id -u" in line else [""]
            await self.say("".join(f"\r\n{text}" for text in [*answers, f"SOS{marked[1]}"]) + "\r\nroot@web-1:~# ")
        elif "exit" in line:
            self.phase = "login"
            await self.say("\r\nweb-1 login: ")
        else:
            await self.say("\r\nroot@web-1:~# ")

    async def _run(self, line: str) -> None:
        text, self.collected = self.collected, ""
        if line == f"]{self.programs} {cksum(f'{self.programs}{text}'.encode())}":
            self.programs += 1
            self.last = (self.random.choice(("0", "0", "0", "1", "127")), self.random.choice(_OUTPUTS))
            await asyncio.sleep(self.random.choice((0, 0.1, 3)))
        await self._reply(self.programs, *self.last)

    async def _reply(self, number: int, status: str, output: str) -> None:
        head = f"{number} {status}"
        text = f":{output}\n={head} {cksum(f'{head} {output}'.encode())}\n"
        await self.say(text.replace("\n", "\r\n"))


_Job = Callable[[MemoryTransport, float, Callable[[sosagent.Event], None]], Awaitable[object]]
_SECRET = sosagent.Secret(_PASSWORD)
_JOBS: tuple[_Job, ...] = (
    lambda line, limit, on_event: sosagent.add_key(line, _KEY, password=_SECRET, timeout=limit, on_event=on_event),
    lambda line, limit, on_event: sosagent.add_key(
        line, _KEY, password=_SECRET, timeout=limit, on_event=on_event, take_over=True
    ),
    lambda line, limit, on_event: sosagent.list_keys(line, password=_SECRET, timeout=limit, on_event=on_event),
    lambda line, limit, on_event: sosagent.remove_key(line, _KEY, password=_SECRET, timeout=limit, on_event=on_event),
    lambda line, limit, on_event: sosagent.host_keys(line, password=_SECRET, timeout=limit, on_event=on_event),
    lambda line, limit, on_event: sosagent.console_state(line, timeout=limit, on_event=on_event),
)


async def _once(seed: int) -> Outcome:
    draw = random.Random(seed)
    near, far = _Watched(), MemoryTransport()
    near.peer, far.peer = far, near
    hostile = _Hostile(far, draw, draw.choice((0.0, 0.02, 0.1, 0.5, 1.0)))
    limit, job = draw.choice((1.0, 5.0, 30.0, 120.0)), draw.choice(_JOBS)
    shown: list[str] = []
    playing = asyncio.ensure_future(hostile.serve())
    loop = asyncio.get_running_loop()
    started, cpu, result, wrong = loop.time(), time.process_time(), "done", []
    try:
        await job(near, limit, lambda event: shown.append(f"{event.text}"))
    except sosagent.SosError as error:
        result = error.code
        shown += [str(error), repr(error), error.hint, *getattr(error, "tail", ()), *getattr(error, "__notes__", ())]
    except Exception:  # noqa: BLE001 - whatever it is, it is the finding
        result = "crash"
        wrong.append(traceback.format_exc())
    seconds = loop.time() - started - limit
    playing.cancel()
    await asyncio.gather(playing, return_exceptions=True)
    wrong += [
        f"the password was typed behind {line!r}" for line in near.passwords if not _ASKS_FOR_PASSWORD.search(line)
    ]
    if len(near.passwords) > 1:
        wrong.append(f"the password was typed {len(near.passwords)} times")
    wrong += [f"the password is shown: {text!r}" for text in shown if _PASSWORD in text]
    if seconds > LOG_OUT_SECONDS:
        wrong.append(f"{seconds:.1f} s over the time limit of {limit:.0f} s")
    return Outcome(result, tuple(wrong), seconds, time.process_time() - cpu)


def once(seed: int) -> Outcome:
    """Run one job against the hostile console that `seed` determines."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(_once(seed))


def main() -> None:
    """Run jobs for a while, and print what was wrong and a table of the outcomes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    options = parser.parse_args()
    ends, seed = time.monotonic() + options.seconds, options.seed
    results: collections.Counter[str] = collections.Counter()
    faults, slowest, latest = 0, (0.0, 0), (-1e9, 0)
    while time.monotonic() < ends:
        outcome = once(seed)
        results[outcome.result] += 1
        wrong = [*outcome.wrong, *([f"{outcome.cpu:.1f} s of CPU time"] if outcome.cpu > _MOST_CPU_SECONDS else [])]
        slowest, latest = max(slowest, (outcome.cpu, seed)), max(latest, (outcome.seconds, seed))
        for text in wrong:
            faults += 1
            print(f"seed {seed}: {text}", flush=True)
        seed += 1
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(f"{seed - options.seed} runs from seed {options.seed}: {faults} faults")
    print(
        f"most CPU time: {slowest[0]:.2f} s (seed {slowest[1]}); over the limit: {latest[0]:.1f} s (seed {latest[1]})"
    )
    print(f"memory: {memory / 2**20:.0f} MiB")
    for result, count in results.most_common():
        print(f"  {count:7d}  {result}")
    if faults or memory > _MOST_BYTES:
        raise SystemExit(1)


if __name__ == "__main__":
    main()

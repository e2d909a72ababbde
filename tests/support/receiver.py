"""The receiver of the verified shell in Python, at the far end of a memory transport."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from sosagent.shell.checksums import CHECKSUMS
from sosagent.shell.frame import cksum
from sosagent.transports.memory import MemoryTransport

__all__ = ["Ran", "SimulatedReceiver"]

_NEWLINE = "\n"


@dataclass(frozen=True)
class Ran:
    """The result of a program.

    Fields:
        output: what it prints.
        status: its exit status.
        seconds: how long it runs.
    """

    output: str = ""
    status: int = 0
    seconds: float = 0.0


class SimulatedReceiver:
    """Collects lines like the start line's shell, then answers requests like remote/receiver.sh.

    Args:
        transport: its end of a memory pair.
        program: takes the text of a program, and returns its output and status.

    Attributes:
        programs: texts of the programs that ran, in sequence.
        sent_lines: every line that arrived.
        damage_in: is applied to each line that arrives; returns it as the receiver gets it.
        damage_out: the same for each reply.
        up: whether the receiver was evaluated.
        ended: whether it was ended.
        tool: what computes the checksums instead of cksum, which is then missing.
        prompt: what the console shows once it has ended; None while it never ends.
    """

    def __init__(self, transport: MemoryTransport, program: Callable[[str], Ran]) -> None:
        self.programs: list[str] = []
        self.sent_lines: list[str] = []
        self.damage_in: Callable[[str], str] = lambda line: line
        self.damage_out: Callable[[str], str] = lambda reply: reply
        self.up = False
        self.ended = False
        self.tool = ""
        self.prompt: str | None = "vm login: "
        self._transport = transport
        self._program = program
        self._collected = ""
        self._last: tuple[str, str] = ("", "")
        self._pending = b""

    async def serve(self) -> None:
        """Answer until the connection ends."""
        while data := await self._transport.read():
            *lines, self._pending = (self._pending + data).split(b"\r")
            for line in lines:
                self.sent_lines.append(line.decode("ascii"))
                await self._take(self.damage_in(line.decode("ascii")))

    async def say(self, text: str) -> None:
        """Print `text`, whose newlines become those of a tty."""
        await self._transport.write(text.replace("\n", "\r\n").encode())

    async def _take(self, line: str) -> None:
        if self.ended:
            return
        if line.startswith(")"):
            self._collected += line[1:]
        elif line == "]Z" and self.prompt is not None:
            self.ended = True
            await self.say(self.damage_out(f"=Z\n{self.prompt}") if self.up else f"\n{self.prompt}")
        elif line.startswith("]") and self.up:
            await self._answer(line)
        elif self.up:
            await self.say(self.damage_out("=R\n"))
        else:
            await self._check(line)

    async def _check(self, line: str) -> None:
        """Evaluate what was collected if the line has its checksum."""
        if line == "]":
            return await self.say(self.damage_out(f"{self._collected}\n"))
        if self.tool:
            self.up = line == "]G"
            if line.startswith("]") and not self.up:
                await self.say("/bin/sh: cksum: not found\n")
        else:
            self.up = line == f"]{cksum(f'{self._collected}{_NEWLINE}'.encode())}"
        self._collected = ""
        if self.up:
            await self.say(self.damage_out(f"=R{self.tool}\n"))

    async def _answer(self, line: str) -> None:
        text, number = self._collected, len(self.programs)
        self._collected = ""
        checksum = CHECKSUMS[self.tool]
        if line == f"]{number} {checksum(f'{number}{text}'.encode())}":
            ran = self._program(text)
            self.programs.append(text)
            self._last = (str(ran.status), ran.output)
            await asyncio.sleep(ran.seconds)
        status, output = self._last
        head = f"{len(self.programs)} {status}"
        await self.say(self.damage_out(f":{output}\n={head} {checksum(f'{head} {output}'.encode())}\n"))

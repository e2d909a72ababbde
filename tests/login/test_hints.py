"""Each hint rests on what was seen: no advice about a password that was not typed, or a line that is clean."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

import sosagent
from sosagent.console.echo import resembles
from sosagent.transports import Transport

from ..conftest import new_key

pytestmark = pytest.mark.virtual_time

_PASSWORD = "hunter2"
_LOGIN = b"\r\nlab login: "


@dataclass(frozen=True)
class Machine:
    """A machine that answers lines.

    Fields:
        shows: printed at once.
        answers: typed line -> what it prints; an unknown line brings the last answer again.
        closes: whether the endpoint closes the connection after `shows`.
        echoes: whether typed characters are shown, except at a password prompt.
        reads: how many bytes the endpoint takes.
        doubles: the character whose echo comes twice.
    """

    shows: bytes = b""
    answers: Mapping[bytes, bytes] = field(default_factory=dict)
    closes: bool = False
    echoes: bool = True
    reads: int = 1 << 30
    doubles: bytes = b""


class _Far(Transport):
    def __init__(self, machine: Machine) -> None:
        self.name = "far end"
        self._machine, self._line, self._read_bytes = machine, b"", 0
        self._prompt = b""
        self._output: asyncio.Queue[bytes] = asyncio.Queue()
        if machine.shows:
            self._output.put_nowait(machine.shows)
        if machine.closes:
            self._output.put_nowait(b"")

    async def read(self) -> bytes:
        return await self._output.get()

    async def write(self, data: bytes) -> None:
        for byte in (bytes([one]) for one in data):
            if self._read_bytes >= self._machine.reads:
                await asyncio.Event().wait()
            self._read_bytes += 1
            self._take(byte)
        await asyncio.sleep(0)

    def _take(self, byte: bytes) -> None:
        if byte == b"\x15":
            self._line = b""
            return
        if byte != b"\r":
            self._line += byte
            if self._machine.echoes and not self._prompt.endswith(b"Password: "):
                self._output.put_nowait(byte * (1 + (byte == self._machine.doubles)))
            return
        line, self._line = self._line.strip(b"\x0c"), b""
        self._prompt = self._machine.answers.get(line, self._prompt)
        if self._prompt:
            self._output.put_nowait(self._prompt)

    async def aclose(self) -> None:
        return None


_ROOT = {b"": _LOGIN, b"root": b"\r\nPassword: "}
_CASES = [
    ("a password that was refused",
     Machine(answers=_ROOT | {_PASSWORD.encode(): b"\r\nLogin incorrect" + _LOGIN}),
     "login-refused", "Check the password. It was tried only once", ("damage", "not typed")),
    ("a name that is refused without a password",
     Machine(answers={b"": _LOGIN, b"root": b"\r\nLogin incorrect" + _LOGIN}),
     "login-refused", "The password was not typed.", ("Check the password", "tried")),
    ("a locked account",
     Machine(answers=_ROOT | {_PASSWORD.encode(): b"\r\nYour account is locked" + _LOGIN}),
     "login-refused", "Log in as another user", ("Check the password", "damage")),
    ("a machine that never answers", Machine(echoes=False), "console-silent", "switched on", ("damage",)),
    ("a machine that printed something and went silent",
     Machine(shows=b"cron started\r\nready\r\n", echoes=False),
     "console-silent", "The lines above came over this console", ("switched on", "Nothing came")),
    ("an endpoint that closes at once", Machine(shows=b"goodbye\r\n", closes=True),
     "endpoint-lost", "Nothing was typed", ("Run the command again",)),
    ("an endpoint that reads nothing", Machine(reads=0), "deadline", "reads nothing", ("--timeout", "damage")),
    ("a shell that runs nothing",
     Machine(answers=_ROOT | {_PASSWORD.encode(): b"\r\nlab# "}),
     "console-state-unknown", "", ("damage", "password", "speed")),
    ("a line that doubles a character",
     Machine(answers=_ROOT | {_PASSWORD.encode(): b"\r\nlab# "}, doubles=b"o"),
     "console-state-unknown", "The line damaged data", ("password",)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("machine", "code", "says", "never"), [case[1:] for case in _CASES], ids=[c[0] for c in _CASES]
)
async def test_a_hint_rests_on_what_was_seen(machine: Machine, code: str, says: str, never: tuple[str, ...]) -> None:
    with pytest.raises(sosagent.SosError) as raised:
        await sosagent.add_key(_Far(machine), new_key(), password=_PASSWORD, timeout=100)
    error = raised.value
    assert error.code == code, (error.message, error.hint, error.tail)
    assert says in error.hint
    assert not [word for word in never if word in f"{error.message} {error.hint}"]


@pytest.mark.parametrize(
    ("echo", "damaged"),
    [
        (b"exec env -i /bin/sh -c 'x'", True),
        (b"exec nv -i /bin/sh -c 'x'", True),
        (b"exec  env -i /bin/shh -c\r\n 'x'", True),
        (b"", False),
        (b"Invalid choice. Enter a number from 1 to 5: ", False),
        (b"\x1b[2J\x1b[Hexec env -i /bin/sh -c 'x'", False),
    ],
)
def test_only_an_echo_that_resembles_the_line_is_a_damaged_one(echo: bytes, damaged: bool) -> None:
    assert resembles(echo, "exec env -i /bin/sh -c 'x'") is damaged

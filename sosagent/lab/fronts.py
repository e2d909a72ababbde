"""Simulated front ends of endpoints: a command line or a menu before the console, and escape sequences within it.

They use the exact texts of real endpoints where those are known. They do not depend on `sosagent.endpoint.dialects`,
which the tests check against them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..errors import UsageError
from ..printable import printable

__all__ = ["FRONTS", "Behaviour", "Front", "Occupancy", "check_front", "dialect_of_front", "option_of"]

_CONSOLE, _KICK, _EXIT, _NOTHING = "open the console if it is free", "kick", "exit", "nothing"
_LONGEST_ESCAPE = 8


@dataclass(frozen=True)
class Behaviour:
    """The behaviour of one kind of endpoint.

    Fields:
        greeting: printed on connecting.
        prompt: the prompt of its command line; empty if the console opens at once.
        commands: command typed at the prompt -> action.
        question: asked before the console opens; the answer must be ``y``.
        ready: printed when the console opens.
        busy: printed if another user has the console.
        leave: the escape sequence that closes the console.
        left: printed when the console is closed.
        takes: other escape sequences, whose last byte does not reach the machine.
        unknown: the answer to an unknown command.
        shared: whether several clients can use the console at the same time.
        menu: shown instead of the console if another user has it.
    """

    greeting: bytes = b""
    prompt: bytes = b""
    commands: Mapping[str, str] = field(default_factory=dict)
    question: bytes = b""
    ready: bytes = b""
    busy: bytes = b""
    leave: bytes = b""
    left: bytes = b"\r\n"
    takes: tuple[bytes, ...] = ()
    unknown: bytes = b"Unknown command\r\n"
    shared: bool = False
    menu: bytes = b""


_MENU = b"\r\n 1 Initiate a regular session\r\n 2 Initiate a sniff session\r\n 3 Send a message\r\n"
_MENU += b" 4 Kill session(s)\r\n 5 Quit\r\n\r\nEnter your option : "

FRONTS: dict[str, Behaviour] = {
    "idrac": Behaviour(
        prompt=b"racadm>>",
        commands={"connect com2": _CONSOLE, "exit": _EXIT},
        ready=b"Connected to Serial Device 2. To end type: ^\\\r\n",
        busy=b"Serial device 2 is already in use.\r\n",
        leave=b"\x1c",
        unknown=b"ERROR: Invalid subcommand specified.\r\n",
    ),
    "idrac6": Behaviour(
        prompt=b"/admin1-> ",
        commands={"console com2": _CONSOLE, "exit": _EXIT},
        ready=b"Connected to Serial Device 2. To end type: ^\\\r\n",
        leave=b"\x1c",
    ),
    "ilo": Behaviour(
        greeting=b"User:root logged-in to ILO.example.net(192.0.2.1 / FE80::1)\r\n\r\n",
        prompt=b"</>hpiLO-> ",
        commands={"vsp": _CONSOLE, "stop /system1/oemhp_vsp1": _KICK, "exit": _EXIT},
        ready=b"\r\nVirtual Serial Port Active: COM2\r\n\r\nStarting virtual serial port.\r\n"
        b"Press 'ESC (' to return to the CLI Session.\r\n\r\n",
        busy=b"\r\nVirtual Serial Port is currently in use by another session.\r\n\r\n",
        leave=b"\x1b(",
    ),
    "xcc": Behaviour(
        prompt=b"system> ",
        commands={"console 1": _CONSOLE, "console kill 1": _KICK, "exit": _EXIT},
        busy=b"The console is in use by another session.\r\n",
        leave=b"\x1b(",
    ),
    "xcc-sr650": Behaviour(
        prompt=b"system> ",
        commands={"console start": _CONSOLE, "exit": _EXIT},
        leave=b"\x1b(",
        unknown=b"The command line contains extraneous arguments.\r\n",
    ),
    "smash": Behaviour(
        greeting=b"\r\nInsyde SMASH-CLP System Management Shell, Version 1.05\r\n"
        b"Copyright (c) 2015-2016 by Insyde International CO., Ltd.\r\nAll Rights Reserved\r\n\r\n\r\n",
        prompt=b"-> ",
        commands={"cd system1/sol1": _NOTHING, "start": _CONSOLE, "exit": _EXIT},
        ready=b"/system1/sol1\r\npress <Enter>, <Esc>, and then <T> to terminate session\r\n"
        b"(press the keys in sequence, one after the other)\r\n",
        busy=b"SOL session is already active\r\n",
        leave=b"\r\x1bT",
    ),
    "smash-quiet": Behaviour(
        prompt=b"-> ",
        commands={"cd system1/sol1": _NOTHING, "start": _CONSOLE, "exit": _EXIT},
        ready=b"/system1/sol1\r\npress <Enter>, <Esc>, and then <T> to terminate session\r\n",
        leave=b"\r\x1bT",
    ),
    "ilom": Behaviour(
        greeting=b"\r\nOracle(R) Integrated Lights Out Manager\r\n\r\nVersion 3.2.5.8\r\n\r\n",
        prompt=b"-> ",
        commands={"start /HOST/console": _CONSOLE, "stop /HOST/console": _KICK, "exit": _EXIT},
        question=b"Are you sure you want to start /HOST/console (y/n)? ",
        ready=b"\r\nSerial console started.  To stop, type ESC (\r\n\r\n",
        busy=b"start: The serial console is already in use.\r\n",
        leave=b"\x1b(",
    ),
    "openbmc": Behaviour(takes=(b"\r~",), shared=True),
    "opengear": Behaviour(takes=(b"\r~.", b"\r~b"), shared=True),
    "cyclades": Behaviour(menu=_MENU, commands={"1": _CONSOLE, "4": _KICK, "5": _EXIT}),
    "digi": Behaviour(takes=(b"\x1ax", b"\x1ab"), leave=b"\x1ax", busy=b"Port is busy.\r\n"),
    "conserver": Behaviour(
        ready=b"[Enter `^Ec?' for help]\r\n",
        leave=b"\x05c.",
        takes=(b"\x05cf",),
    ),
    "lish": Behaviour(
        greeting=b"Linodes located in this data center:\r\nweb-1               Running, 1/1\r\n\r\n",
        prompt=b"[operator@lish-us-east]# ",
        commands={"web-1": _CONSOLE, "exit": _EXIT},
        leave=b"\x01d",
    ),
}


def dialect_of_front(front: str) -> str:
    """Return the dialect of a front end; some are variants of one dialect."""
    return front.rstrip("6").partition("-")[0]


def check_front(name: str) -> None:
    """Check that `name` is a kind of endpoint that the lab can imitate.

    Raises:
        UsageError: it is not.
    """
    if name not in FRONTS:
        raise UsageError(
            f"the lab cannot imitate the endpoint {printable(name, 40)!r}", hint=f"It has: {', '.join(FRONTS)}."
        )


def option_of(front: str) -> str:
    """Return the options that HOST needs for a front end."""
    return f"dialect={dialect_of_front(front)}{'&console=web-1' if front == 'lish' else ''}"


class Occupancy:
    """Whether another user has an endpoint's console."""

    def __init__(self) -> None:
        self._taken = False

    @property
    def taken(self) -> bool:
        """Whether another user has the console."""
        return self._taken

    def set(self, taken: bool) -> None:
        """Let another user take the console, or end that user's session."""
        self._taken = taken


class Front:
    """One client's session at an endpoint with a front end.

    Args:
        behaviour: the behaviour of the endpoint.
        write: sends bytes to the client.
        to_machine: sends bytes to the machine.
        close: ends the session.
        occupancy: whether another user has the console.
        commands: receives every line that the client types at the endpoint's prompt.
    """

    def __init__(
        self,
        behaviour: Behaviour,
        *,
        write: Callable[[bytes], None],
        to_machine: Callable[[bytes], None],
        close: Callable[[], None],
        occupancy: Occupancy,
        commands: list[str],
    ) -> None:
        self._behaviour = behaviour
        self._write, self._to_machine, self._close = write, to_machine, close
        self._occupancy, self._commands = occupancy, commands
        self._console_open = False
        self._asking = False
        self._line = bytearray()
        self._recent = b"\r"  # the last bytes that the client typed, for escape sequences

    def start(self) -> None:
        """Greet a client that has just connected."""
        behaviour = self._behaviour
        self._write(behaviour.greeting)
        if behaviour.menu and self._occupancy.taken:
            self._write(behaviour.menu)
        elif behaviour.prompt:
            self._write(behaviour.prompt)
        elif self._occupancy.taken and behaviour.busy:
            self._write(behaviour.busy)
            self._close()
        else:
            self._open_console()

    def show(self, data: bytes) -> None:
        """Show output of the machine to the client, if its console is open."""
        if self._console_open:
            self._write(data)

    def fall_back(self, message: bytes | None = None) -> None:
        """Close the console and return to the prompt, as controllers do now and then."""
        self._console_open = False
        self._write(self._behaviour.left if message is None else message)
        self._write(self._behaviour.prompt or self._behaviour.menu)

    def type(self, data: bytes) -> None:
        """Process bytes that the client types."""
        for byte in data:
            one = bytes([byte])
            if self._console_open:
                self._type_on_console(one)
            else:
                self._type_at_prompt(one)

    def _type_on_console(self, one: bytes) -> None:
        self._recent = (self._recent + one)[-_LONGEST_ESCAPE:]
        behaviour = self._behaviour
        if behaviour.leave and self._recent.endswith(behaviour.leave):
            if behaviour.prompt:
                self.fall_back()
            else:
                self._close()
        elif not any(map(self._recent.endswith, behaviour.takes)):
            self._to_machine(one)

    def _type_at_prompt(self, one: bytes) -> None:
        if one not in b"\r\n":
            if one.isascii() and one.decode().isprintable():
                self._write(one)
                self._line += one
            return
        self._write(b"\r\n")
        line, self._line = self._line.decode(), bytearray()
        self._commands.append(line)
        if self._asking:
            self._asking = False
            if line.strip().lower() == "y":
                self._open_console()
            else:
                self._write(self._behaviour.prompt)
            return
        self._run(self._behaviour.commands.get(line.strip()), line)

    def _run(self, action: str | None, line: str) -> None:
        behaviour = self._behaviour
        if action == _EXIT:
            self._close()
        elif action == _CONSOLE and not self._occupancy.taken:
            if behaviour.question:
                self._asking = True
                self._write(behaviour.question)
            else:
                self._open_console()
        elif action == _CONSOLE:
            self._write(behaviour.busy + (behaviour.prompt or behaviour.menu))
        elif action == _KICK:
            self._occupancy.set(False)
            self._write(behaviour.prompt or behaviour.menu)
        else:
            unknown = behaviour.unknown if line and action is None else b""
            self._write(unknown + (behaviour.prompt or behaviour.menu))

    def _open_console(self) -> None:
        self._console_open = True
        self._recent = b"\r"
        self._write(self._behaviour.ready)

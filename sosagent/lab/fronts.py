"""What stands before a machine's console at some endpoints: a command line, a menu, bytes that are taken away.

Each behaves by the facts: what it says, to the letter, where that is known. It knows nothing of
`sosagent.endpoint.dialects`, which is held to it by the tests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

__all__ = ["FRONTS", "Front", "Manners", "dialect_of_front", "option_of"]

_BUSY_CHECKED, _KICK, _BYE, _NOTHING = "console if it is free", "kick", "bye", "nothing"
_LONGEST = 8


@dataclass(frozen=True)
class Manners:
    """How one kind of endpoint behaves.

    Fields:
        greeting: what it says on connecting.
        prompt: of its command line; empty if the console is there at once.
        commands: what is typed at its prompt -> what it does.
        question: it asks before it starts the console, and wants a ``y``.
        ready: what it says when the console begins.
        busy: what it says when somebody else has it.
        leave: what ends the console.
        left: what it says then.
        takes: other sequences whose last byte never reaches the machine.
        unknown: its answer to any other command.
        shared: whether several may have the console at the same time.
        menu: shown when somebody else has the console, instead of it.
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

FRONTS: dict[str, Manners] = {
    "idrac": Manners(
        prompt=b"racadm>>",
        commands={"connect com2": _BUSY_CHECKED, "exit": _BYE},
        ready=b"Connected to Serial Device 2. To end type: ^\\\r\n",
        busy=b"Serial device 2 is already in use.\r\n",
        leave=b"\x1c",
        unknown=b"ERROR: Invalid subcommand specified.\r\n",
    ),
    "idrac6": Manners(
        prompt=b"/admin1-> ",
        commands={"console com2": _BUSY_CHECKED, "exit": _BYE},
        ready=b"Connected to Serial Device 2. To end type: ^\\\r\n",
        leave=b"\x1c",
    ),
    "ilo": Manners(
        greeting=b"User:root logged-in to ILO.example.net(192.0.2.1 / FE80::1)\r\n\r\n",
        prompt=b"</>hpiLO-> ",
        commands={"vsp": _BUSY_CHECKED, "stop /system1/oemhp_vsp1": _KICK, "exit": _BYE},
        ready=b"\r\nVirtual Serial Port Active: COM2\r\n\r\nStarting virtual serial port.\r\n"
        b"Press 'ESC (' to return to the CLI Session.\r\n\r\n",
        busy=b"\r\nVirtual Serial Port is currently in use by another session.\r\n\r\n",
        leave=b"\x1b(",
    ),
    "xcc": Manners(
        prompt=b"system> ",
        commands={"console 1": _BUSY_CHECKED, "console kill 1": _KICK, "exit": _BYE},
        busy=b"The console is in use by another session.\r\n",
        leave=b"\x1b(",
    ),
    "xcc-sr650": Manners(
        prompt=b"system> ",
        commands={"console start": _BUSY_CHECKED, "exit": _BYE},
        leave=b"\x1b(",
        unknown=b"The command line contains extraneous arguments.\r\n",
    ),
    "smash": Manners(
        greeting=b"\r\nInsyde SMASH-CLP System Management Shell, Version 1.05\r\n"
        b"Copyright (c) 2015-2016 by Insyde International CO., Ltd.\r\nAll Rights Reserved\r\n\r\n\r\n",
        prompt=b"-> ",
        commands={"cd system1/sol1": _NOTHING, "start": _BUSY_CHECKED, "exit": _BYE},
        ready=b"/system1/sol1\r\npress <Enter>, <Esc>, and then <T> to terminate session\r\n"
        b"(press the keys in sequence, one after the other)\r\n",
        busy=b"SOL session is already active\r\n",
        leave=b"\r\x1bT",
    ),
    "smash-quiet": Manners(
        prompt=b"-> ",
        commands={"cd system1/sol1": _NOTHING, "start": _BUSY_CHECKED, "exit": _BYE},
        ready=b"/system1/sol1\r\npress <Enter>, <Esc>, and then <T> to terminate session\r\n",
        leave=b"\r\x1bT",
    ),
    "ilom": Manners(
        greeting=b"\r\nOracle(R) Integrated Lights Out Manager\r\n\r\nVersion 3.2.5.8\r\n\r\n",
        prompt=b"-> ",
        commands={"start /HOST/console": _BUSY_CHECKED, "stop /HOST/console": _KICK, "exit": _BYE},
        question=b"Are you sure you want to start /HOST/console (y/n)? ",
        ready=b"\r\nSerial console started.  To stop, type ESC (\r\n\r\n",
        busy=b"start: The serial console is already in use.\r\n",
        leave=b"\x1b(",
    ),
    "openbmc": Manners(takes=(b"\r~",), shared=True),
    "opengear": Manners(takes=(b"\r~.", b"\r~b"), shared=True),
    "cyclades": Manners(menu=_MENU, commands={"1": _BUSY_CHECKED, "4": _KICK, "5": _BYE}),
    "digi": Manners(takes=(b"\x1ax", b"\x1ab"), leave=b"\x1ax", busy=b"Port is busy.\r\n"),
    "conserver": Manners(
        ready=b"[Enter `^Ec?' for help]\r\n",
        leave=b"\x05c.",
        takes=(b"\x05cf",),
    ),
    "lish": Manners(
        greeting=b"Linodes located in this data center:\r\nweb-1               Running, 1/1\r\n\r\n",
        prompt=b"[operator@lish-us-east]# ",
        commands={"web-1": _BUSY_CHECKED, "exit": _BYE},
        leave=b"\x01d",
    ),
}


def dialect_of_front(front: str) -> str:
    """Which dialect it speaks: some are variants of others."""
    return front.rstrip("6").partition("-")[0]


def option_of(front: str) -> str:
    """What HOST says of it."""
    return f"dialect={dialect_of_front(front)}{'&console=web-1' if front == 'lish' else ''}"


class Front:
    """One session at such an endpoint.

    Args:
        manners: how it behaves.
        write: to the client.
        console: given what the client types to the machine.
        bye: ends the session.
        occupied: whether somebody else has the console; called with False when that is ended.
        told: gets every line that is typed at its own prompt.
    """

    def __init__(
        self,
        manners: Manners,
        write: Callable[[bytes], None],
        console: Callable[[bytes], None],
        bye: Callable[[], None],
        occupied: Callable[[bool | None], bool],
        told: list[str],
    ) -> None:
        self._manners = manners
        self._write, self._console, self._bye, self._occupied, self._told = write, console, bye, occupied, told
        self._inside = False
        self._asked = False
        self._line = bytearray()
        self._typed = b"\r"

    def start(self) -> None:
        """The client is there."""
        manners = self._manners
        self._write(manners.greeting)
        if manners.menu and self._occupied(None):
            self._write(manners.menu)
        elif manners.prompt:
            self._write(manners.prompt)
        elif self._occupied(None) and manners.busy:
            self._write(manners.busy)
            self._bye()
        else:
            self._begin()

    def show(self, data: bytes) -> None:
        """What the machine prints."""
        if self._inside:
            self._write(data)

    def fall_back(self, left: bytes | None = None) -> None:
        """The console ends, as controllers end it now and then."""
        self._inside = False
        self._write((self._manners.left if left is None else left) + (self._manners.prompt or self._manners.menu))

    def type(self, data: bytes) -> None:
        """What the client types."""
        for byte in data:
            one = bytes([byte])
            if self._inside:
                self._pass(one)
            else:
                self._key(one)

    def _pass(self, one: bytes) -> None:
        self._typed = (self._typed + one)[-_LONGEST:]
        manners = self._manners
        if manners.leave and self._typed.endswith(manners.leave):
            if manners.prompt:
                self.fall_back()
            else:
                self._bye()
        elif not any(map(self._typed.endswith, manners.takes)):
            self._console(one)

    def _key(self, one: bytes) -> None:
        if one not in b"\r\n":
            if one.isascii() and one.decode().isprintable():
                self._write(one)
                self._line += one
            return
        self._write(b"\r\n")
        line, self._line = self._line.decode(), bytearray()
        self._told.append(line)
        if self._asked:
            self._asked = False
            if line.strip().lower() == "y":
                self._begin()
            else:
                self._write(self._manners.prompt)
            return
        self._do(self._manners.commands.get(line.strip()), line)

    def _do(self, action: str | None, line: str) -> None:
        manners = self._manners
        if action == _BYE:
            self._bye()
        elif action == _BUSY_CHECKED and not self._occupied(None):
            if manners.question:
                self._asked = True
                self._write(manners.question)
            else:
                self._begin()
        elif action == _BUSY_CHECKED:
            self._write(manners.busy + (manners.prompt or manners.menu))
        elif action == _KICK:
            self._occupied(False)
            self._write(manners.prompt or manners.menu)
        else:
            self._write((manners.unknown if line and action is None else b"") + (manners.prompt or manners.menu))

    def _begin(self) -> None:
        self._inside = True
        self._typed = b"\r"
        self._write(self._manners.ready)

"""Hostile and broken SSH servers, as the endpoints of consoles: real sockets, real SSH.

`Server` and its subclasses misbehave during the login; `session_server` misbehaves once a console is requested.
`raw_server` is no SSH server at all.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import asyncssh
from asyncssh.packet import Boolean, String, UInt32

__all__ = [
    "ESCAPES",
    "Server",
    "clear_packet",
    "flood",
    "package",
    "raw_server",
    "refuse",
    "request",
    "send",
    "session_server",
    "ssh_server",
    "stay_silent_to",
    "steady",
    "swallow",
]  # fmt: skip

#: A title, a colour, a question to the terminal (C1), and words that a user might believe.
ESCAPES = "\x1b]0;pwned\x07\x1b[31mroot's password on the machine:\x9b5n"
_CONFIRM, _DATA, _SUCCESS, _FAILURE, _REQUEST = 91, 94, 99, 100, 98
_MOST_WAITING = 1 << 20

Packet = Any
Connection = Any
#: Called when the console is open.
Start = Callable[[Connection], None]


class Server(asyncssh.SSHServer):
    """A server that lets anybody in. `received` holds each password and answer that came."""

    received: ClassVar[list[str]] = []
    methods: ClassVar[tuple[str, ...]] = ()

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self.conn: Connection = conn
        # A real server would close when the client refuses what it did not ask for.
        self.handle(81, swallow)
        self.handle(82, swallow)
        self.handle(92, swallow)

    def handle(self, kind: int, handler: Callable[..., None]) -> None:
        """Process messages of one kind by ``handler(connection, kind, number, packet)``."""
        self.conn._packet_handlers = {**self.conn._packet_handlers, kind: handler}

    def begin_auth(self, username: str) -> Any:
        return bool(self.methods)

    def public_key_auth_supported(self) -> bool:
        return False

    def password_auth_supported(self) -> bool:
        return "password" in self.methods

    def kbdint_auth_supported(self) -> bool:
        return "kbdint" in self.methods

    def validate_password(self, username: str, password: str) -> bool:
        self.received.append(password)
        return False

    def validate_kbdint_response(self, username: str, responses: Sequence[str]) -> Any:
        self.received.extend(responses)
        return False


def swallow(*_: object) -> None:
    """Process a message by ignoring it."""


@asynccontextmanager
async def ssh_server(factory: Callable[[], Server], key: asyncssh.SSHKey) -> AsyncIterator[int]:
    """Run an SSH server with this host key, and yield its port."""

    async def console(process: asyncssh.SSHServerProcess[bytes]) -> None:
        process.stdout.write(b"\r\nweb1 login: ")
        await process.stdin.read()

    server = await asyncssh.listen(
        "127.0.0.1", 0, server_host_keys=[key], server_factory=factory, process_factory=console, encoding=None,
        line_editor=False,
    )  # fmt: skip
    try:
        yield server.get_port()
    finally:
        server.close()


@asynccontextmanager
async def raw_server(*parts: bytes, then: bytes | None = None, close: bool = False) -> AsyncIterator[int]:
    """Run a TCP server that sends `parts`, then `then` without end, and yield its port.

    Args:
        close: close the connection after `parts`.
    """
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())  # type: ignore[arg-type]
        try:
            writer.write(b"".join(parts))
            while then is not None:
                writer.write(then)
                await writer.drain()
                await asyncio.sleep(0)
            if not close:
                await reader.read()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()


def clear_packet(payload: bytes) -> bytes:
    """Return an SSH packet as it is before the key exchange."""
    return struct.pack(">IB", len(payload) + 9, 8) + payload + bytes(8)


class _Sink:
    """Takes the place of asyncssh's channel in a server: passes each message to `answer`."""

    logger = None

    def __init__(self, conn: Connection, answer: Callable[[Connection, int, Packet], None]) -> None:
        self._conn, self._answer = conn, answer

    def process_packet(self, kind: int, number: int, packet: Packet) -> bool:
        self._answer(self._conn, kind, packet)
        return True

    def log_received_packet(self, *_: object) -> None:
        pass

    def process_connection_close(self, *_: object) -> None:
        pass


def session_server(
    answer: Callable[[Connection, int, Packet], None], *, window: int = 1 << 20, packet: int = 1 << 15
) -> type[Server]:
    """Return a server that confirms the console's channel, and passes all further messages to `answer`.

    Args:
        window: how many bytes the client may send.
        packet: how many bytes a packet may have.
    """

    class Session(Server):
        def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
            super().connection_made(conn)
            self.conn._channels[0] = _Sink(conn, answer)
            self.handle(90, confirm)

    def confirm(conn: Connection, kind: int, number: int, message: Packet) -> None:
        message.get_string()
        conn.send_packet(_CONFIRM, UInt32(message.get_uint32()), UInt32(0), UInt32(window), UInt32(packet))

    return Session


def steady(start: Start | None = None, shows: bytes = b"\r\nweb1 login: ") -> Callable[[Connection, int, Packet], None]:
    """Return an `answer` that grants all requests, shows `shows` and then calls `start`."""

    def answer(conn: Connection, kind: int, packet: Packet) -> None:
        if kind != _REQUEST:
            return
        name = packet.get_string()
        if packet.get_boolean():
            conn.send_packet(_SUCCESS, UInt32(0))
        if name == b"shell":
            if shows:
                conn.send_packet(_DATA, UInt32(0), String(shows))
            if start is not None:
                start(conn)

    return answer


def _deny(which: bytes, reply: int | None) -> Callable[[Connection, int, Packet], None]:
    def answer(conn: Connection, kind: int, packet: Packet) -> None:
        if kind == _REQUEST:
            name, wanted = packet.get_string(), packet.get_boolean()
            sent = reply if name == which else _SUCCESS
            if wanted and sent is not None:
                conn.send_packet(sent, UInt32(0))

    return answer


def refuse(which: bytes) -> Callable[[Connection, int, Packet], None]:
    """Return an `answer` that refuses one request and grants the others."""
    return _deny(which, _FAILURE)


def stay_silent_to(which: bytes) -> Callable[[Connection, int, Packet], None]:
    """Return an `answer` that never answers one request and grants the others."""
    return _deny(which, None)


def send(kind: int, *parts: bytes) -> Start:
    """Return a `Start` that sends a message about the console's channel."""
    return lambda conn: conn.send_packet(kind, UInt32(0), *parts)


def request(name: bytes, *parts: bytes, reply: bool = False) -> Start:
    """Return a `Start` that sends a request about the console's channel."""
    return send(_REQUEST, String(name), Boolean(reply), *parts)


def package(kind: int, *parts: bytes) -> Start:
    """Return a `Start` that sends any message."""
    return lambda conn: conn.send_packet(kind, *parts)


def flood(start: Start) -> Start:
    """Return a `Start` that repeats another one until the connection ends."""
    tasks: set[asyncio.Task[None]] = set()

    async def repeat(conn: Connection) -> None:
        while conn._transport is not None and not conn._transport.is_closing():
            for _ in range(20):
                start(conn)
            waiting = conn._transport is not None and conn._transport.get_write_buffer_size() > _MOST_WAITING
            await asyncio.sleep(0.01 if waiting else 0)

    def begin(conn: Connection) -> None:
        task = asyncio.ensure_future(_until_lost(repeat(conn)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    return begin


async def _until_lost(work: Awaitable[None]) -> None:
    try:
        await work
    except (OSError, asyncssh.Error):
        return

"""A console behind a socket: plain TCP, telnet over TCP, or a Unix socket."""

from __future__ import annotations

import asyncio
import os
import re
import socket
from pathlib import Path
from typing import ClassVar

from ..endpoint.target import TcpTarget, UnixTarget
from ..errors import EndpointLost, EndpointRefused, EndpointUnreachable, SosError
from ..printable import printable
from .base import Transport
from .telnet import BREAK, Telnet

__all__ = ["SocketTransport", "TelnetTransport", "open_tcp", "open_unix"]

_CONNECT_SECONDS = 20.0
_CHUNK = 1 << 16
#: States of sockets in /proc/net/unix: connected but not accepted yet (SS_CONNECTING), and connected.
_WAITING, _CONNECTED = "02", "03"


#: The first bytes of other protocols, their names, and what to do. A TLS server may answer other input with an alert
#: (RFC 8446, 6).
_OTHER_PROTOCOLS = (
    (re.compile(rb"\x15\x03[\x00-\x04]\x00"), "TLS", "Write exec:openssl s_client -quiet -connect HOST:PORT."),
    (re.compile(rb"SSH-\d"), "SSH", "Write ssh://USER@HOST:PORT."),
    (re.compile(rb"HTTP/\d"), "HTTP", "The port belongs to a web server, not to a console."),
)
_TELNET = (re.compile(rb"\xff[\xfb-\xfe]"), "telnet", "Write telnet://HOST:PORT, or rfc2217://HOST:PORT.")


class SocketTransport(Transport):
    """A socket whose bytes are the console's."""

    other_protocols: ClassVar[tuple[tuple[re.Pattern[bytes], str, str], ...]] = (*_OTHER_PROTOCOLS, _TELNET)

    def __init__(self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.name = name
        self._reader, self._writer = reader, writer
        self._first = True

    async def read(self) -> bytes:
        """See `Transport.read`.

        Raises:
            EndpointRefused: the first bytes belong to another protocol.
        """
        try:
            data = await self._reader.read(_CHUNK)
        except OSError:
            return b""
        if self._first and data:
            self._first = False
            self._refuse_other_protocols(data)
        return data

    def _refuse_other_protocols(self, data: bytes) -> None:
        for start, protocol, hint in self.other_protocols:
            if start.match(data):
                raise EndpointRefused(f"{self.name} speaks {protocol}", hint=hint)

    async def write(self, data: bytes) -> None:
        """See `Transport.write`."""
        if self._reader.at_eof() or self._writer.is_closing():
            raise EndpointLost(f"the connection to {self.name} is closed")
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError:
            raise EndpointLost(f"the connection to {self.name} is closed") from None

    async def aclose(self) -> None:
        """See `Transport.aclose`."""
        self._writer.close()
        try:
            async with asyncio.timeout(2):
                await self._writer.wait_closed()
        except (TimeoutError, OSError):
            pass
        finally:
            self._writer.transport.abort()  # drops what an endpoint that reads nothing has not taken


class TelnetTransport(SocketTransport):
    """A socket that speaks telnet (RFC 854). Telnet commands are answered, and removed from the data."""

    other_protocols = _OTHER_PROTOCOLS

    def __init__(self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__(name, reader, writer)
        self._telnet = Telnet()

    async def read(self) -> bytes:
        """See `Transport.read`."""
        while data := await super().read():
            text, answer = self._telnet.receive(data)
            if answer and not self._writer.is_closing():
                self._writer.write(answer)
            if text:
                return text
        return b""

    async def write(self, data: bytes) -> None:
        """See `Transport.write`."""
        await super().write(self._telnet.send(data))

    async def send_break(self) -> None:
        """See `Transport.send_break`."""
        await super().write(BREAK)


class UnixTransport(SocketTransport):
    """A Unix socket, to which other clients may be connected."""

    def __init__(self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: Path) -> None:
        super().__init__(name, reader, writer)
        self._path = path

    def others(self) -> str:
        """See `Transport.others`. On Linux, /proc/net/unix lists a socket of that name for each client (proc(5))."""
        try:
            table = Path("/proc/net/unix").read_text(errors="replace").splitlines()[1:]
        except OSError:
            return ""
        fields = [line.split(maxsplit=7) for line in table]
        states = {one[5] for one in fields if len(one) == 8 and one[7] == str(self._path)}
        if _WAITING not in states:
            return ""
        return "another client is connected to it" if _CONNECTED in states else "its program accepts no clients"


async def open_tcp(target: TcpTarget) -> Transport:
    """Connect to the TCP port of a serial line, plain or over telnet.

    Raises:
        EndpointUnreachable: the port cannot be reached.
    """
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(target.host, target.port)
    except TimeoutError:
        raise EndpointUnreachable(
            f"{target} did not answer within {_CONNECT_SECONDS:.0f} s",
            hint="Check the address, the port and the route to it; a firewall may drop the packets.",
        ) from None
    except OSError as error:
        raise _unreachable(str(target), error) from None
    kind = TelnetTransport if target.protocol == "telnet" else SocketTransport
    return kind(str(target), reader, writer)


async def open_unix(target: UnixTarget) -> Transport:
    """Connect to a Unix socket.

    Raises:
        EndpointUnreachable: the socket cannot be reached.
    """
    try:
        reader, writer = await asyncio.open_unix_connection(str(target.path))
    except OSError as error:
        raise _unreachable(str(target), error) from None
    return UnixTransport(str(target), reader, writer, target.path)


def _unreachable(name: str, error: OSError) -> SosError:
    if isinstance(error, socket.gaierror):
        return EndpointUnreachable(f"{name}: the host name cannot be resolved", hint="Check the name and your DNS.")
    why = os.strerror(error.errno) if error.errno else printable(str(error))
    hints = {
        "FileNotFoundError": "Is the machine running, and is this its socket?",
        "ConnectionRefusedError": "No program listens there. Is the machine, or the console server, running?",
        "PermissionError": "`ls -l` shows who may open it; the sockets of libvirt belong to root.",
    }
    return EndpointUnreachable(f"{name}: {why}", hint=hints.get(type(error).__name__, ""))

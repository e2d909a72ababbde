"""A console on a serial line: a local device, or a remote one over RFC 2217 (pyserial)."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import serial
from serial import rfc2217
from serial.tools import list_ports

from ..deadline import Deadline
from ..endpoint.target import SerialTarget, TcpTarget
from ..errors import EndpointBusy, EndpointLost, EndpointUnreachable, SosError, UsageError
from ..printable import printable
from .base import Transport
from .descriptor import DescriptorTransport
from .incoming import Incoming
from .telnet import Telnet

__all__ = ["SerialTransport", "ThreadTransport", "open_rfc2217", "open_serial"]

_POLL_SECONDS = 0.1
_BREAK_SECONDS = 0.3
_REPLY_SECONDS = 1.0
_CHUNK = 4096
_UNSENT_SECONDS = 2.0


class SerialTransport(DescriptorTransport):
    """A serial device whose descriptor the event loop can watch."""

    def __init__(self, name: str, port: serial.Serial) -> None:
        super().__init__(name, port.fileno())
        self._port = port

    async def send_break(self) -> None:
        """See `Transport.send_break`."""
        await asyncio.to_thread(self._port.send_break, _BREAK_SECONDS)

    async def _close(self) -> None:
        """Give unsent output two seconds, then discard it: closing would wait 30 s for it (closing_wait, serial(4))."""
        import termios  # Windows has none, and uses `ThreadTransport`

        deadline = Deadline(_UNSENT_SECONDS)
        try:
            while self._port.out_waiting and not deadline.passed:  # noqa: ASYNC110 - the kernel reports no event
                await asyncio.sleep(_POLL_SECONDS)
        except OSError:  # the device was unplugged
            pass
        finally:
            with suppress(OSError, termios.error):
                self._port.reset_output_buffer()
            self._port.close()


class ThreadTransport(Transport):
    """A pyserial port whose descriptor cannot be watched: a thread reads it.

    Args:
        name: the endpoint's name, safe to print.
        port: an open port with a read timeout.
    """

    def __init__(self, name: str, port: Any) -> None:
        self.name = name
        self._port = port
        self._loop = asyncio.get_running_loop()
        self._may_read = threading.Event()
        self._may_read.set()
        self._incoming = Incoming(self._may_read.clear, self._may_read.set)
        self._closed = False
        self._writing = asyncio.Lock()
        self._thread = threading.Thread(target=self._read_until_closed, name=f"console {name}", daemon=True)
        self._thread.start()

    async def read(self) -> bytes:
        """See `Transport.read`."""
        return await self._incoming.read()

    async def write(self, data: bytes) -> None:
        """See `Transport.write`."""
        await self._do(self._port.write, data)

    async def send_break(self) -> None:
        """See `Transport.send_break`."""
        await self._do(self._port.send_break, _BREAK_SECONDS)

    async def aclose(self) -> None:
        """See `Transport.aclose`."""
        if self._closed:
            return
        self._closed = True
        self._may_read.set()
        self._incoming.end()
        await asyncio.to_thread(self._thread.join)
        await asyncio.to_thread(self._port.close)

    async def _do(self, call: Any, argument: Any) -> None:
        async with self._writing:
            if self._closed or self._incoming.ended:
                raise EndpointLost(f"the connection to {self.name} is closed")
            try:
                await asyncio.to_thread(call, argument)
            except OSError:  # SerialException is a subclass
                self._incoming.end()
                raise EndpointLost(f"the connection to {self.name} is closed") from None

    def _read_until_closed(self) -> None:
        while not self._closed:
            self._may_read.wait()
            try:
                data = self._port.read(1)
                if data:
                    data += self._port.read(self._port.in_waiting)
            except OSError:
                self._in_loop(self._incoming.end)
                return
            if data:
                self._in_loop(self._incoming.feed, data)

    def _in_loop(self, call: Any, *arguments: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:  # the loop is closed
            self._closed = True


async def open_serial(target: SerialTarget) -> Transport:
    """Open a serial device exclusively.

    Raises:
        UsageError: the device does not exist, or is not a serial device.
        EndpointBusy: another program has opened it.
        EndpointUnreachable: it cannot be opened, for example because permission is denied.
    """
    name = str(target)
    try:
        port = await asyncio.to_thread(
            serial.Serial,
            target.device,
            target.baud,
            timeout=_POLL_SECONDS,
            rtscts=target.flow == "rtscts",
            xonxoff=target.flow == "xonxoff",
            exclusive=True,
        )
    except (OSError, ValueError) as error:
        raise _refused(target, error) from None
    transport = SerialTransport(name, port) if os.name == "posix" else ThreadTransport(name, port)
    transport.baud = target.baud
    return transport


async def open_rfc2217(target: TcpTarget) -> Transport:
    """Connect to a serial line over RFC 2217, and set its speed if the target names one.

    Raises:
        EndpointBusy: another client is connected.
        EndpointUnreachable: the server does not answer, or does not speak RFC 2217.
    """
    host = f"[{target.host}]" if ":" in target.host else target.host
    # If we set no speed, it does not matter that the server refuses to change settings.
    ignore = "" if target.baud or target.flow else "?ign_set_control"
    settings: dict[str, Any] = {"rtscts": target.flow == "rtscts", "xonxoff": target.flow == "xonxoff"}
    if target.baud:
        settings["baudrate"] = target.baud
    try:
        port = await asyncio.to_thread(_rfc2217, f"rfc2217://{host}:{target.port}{ignore}", settings)
    except (OSError, ValueError) as error:
        message = await asyncio.to_thread(_first_message, target)
        if "in use" in message.lower():
            raise EndpointBusy(f"another client is connected to {target}: {message}") from None
        raise EndpointUnreachable(
            f"{target}: {printable(str(error))}",
            hint="If the port does not speak RFC 2217, write socket:// or telnet://.",
        ) from None
    transport = ThreadTransport(str(target), port)
    transport.baud = target.baud
    return transport


class _Rfc2217(rfc2217.Serial):  # type: ignore[misc]
    """pyserial's port, which prints no traceback when the server hangs up and does not leak its socket."""

    def _telnet_read_loop(self) -> None:
        try:
            super()._telnet_read_loop()
        except OSError:
            self._read_buffer.put(None)

    def close(self) -> None:
        connection = getattr(self, "_socket", None)
        super().close()
        if connection is not None:
            connection.close()


def _rfc2217(url: str, settings: dict[str, Any]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # pyserial 3.5 calls Thread.setDaemon
        port = _Rfc2217(None, timeout=_POLL_SECONDS, **settings)
        port.port = url
        try:
            port.open()
        except (OSError, ValueError):
            port.close()
            raise
        return port


def _first_message(target: TcpTarget) -> str:
    """Return the message that a port sends before it closes, which pyserial discards, or an empty string."""
    telnet, text, until = Telnet(), b"", time.monotonic() + _REPLY_SECONDS
    with suppress(OSError), socket.create_connection((target.host, target.port), _REPLY_SECONDS) as connection:
        while (remaining := until - time.monotonic()) > 0:
            connection.settimeout(remaining)
            data = connection.recv(_CHUNK)
            if not data:
                break
            text += telnet.receive(data)[0]
    return printable(text.strip(), 200)


def _refused(target: SerialTarget, error: Exception) -> SosError:
    name, path = str(target), Path(target.device)
    number = getattr(error, "errno", None)
    if not path.exists() and os.name == "posix":
        devices = ", ".join(sorted(printable(port.device) for port in list_ports.comports())) or "none"
        return UsageError(f"the device {name} does not exist", hint=f"Serial devices on this computer: {devices}.")
    if isinstance(error, PermissionError) or number == 13:
        return EndpointUnreachable(f"you have no permission to open {name}", hint=_permission_hint(path))
    holders = ", ".join(sorted(set(_holders(path))))
    if number in (11, 16):  # EAGAIN of the lock, EBUSY of TIOCEXCL
        return EndpointBusy(f"{name} is in use" + (f" by {holders}" if holders else ""), hint="End that program first.")
    if os.name == "posix" and not stat.S_ISCHR(path.stat().st_mode):
        return UsageError(f"{name} is not a serial device")
    return EndpointUnreachable(f"cannot use {name}: {printable(str(error))}", hint="Is it a serial device?")


def _permission_hint(path: Path) -> str:
    try:
        import grp

        status = path.stat()
        group = grp.getgrgid(status.st_gid).gr_name
    except (ImportError, KeyError, OSError):
        return "Ask your administrator for access."
    if not status.st_mode & stat.S_IWGRP or status.st_gid == 0:
        return "Only its owner has access; run the command with sudo."
    return f"It belongs to the group {group}. Run sudo usermod -aG {group} $USER, and log in again."


def _holders(path: Path) -> Iterator[str]:
    """Yield the other processes that have the device open, as far as /proc shows them to us."""
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if descriptor.samefile(path) and descriptor.parts[2] != str(os.getpid()):
                name = (descriptor.parents[1] / "comm").read_text().strip()
                yield f"{printable(name, 40)} (process {descriptor.parts[2]})"
        except OSError:
            continue

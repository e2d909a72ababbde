"""A console on a serial line: a device of this machine, or one behind RFC 2217 (pyserial)."""

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
_WORDS_SECONDS = 1.0
_PORTION = 4096


class SerialTransport(DescriptorTransport):
    """A serial device with a descriptor that can be waited for."""

    def __init__(self, name: str, port: serial.Serial) -> None:
        super().__init__(name, port.fileno())
        self._port = port

    async def send_break(self) -> None:
        """See `Transport.send_break`."""
        await asyncio.to_thread(self._port.send_break, _BREAK_SECONDS)

    async def _close(self) -> None:
        self._port.close()


class ThreadTransport(Transport):
    """A port of pyserial without a descriptor to wait for: one thread reads it.

    Args:
        name: of the endpoint, safe to print.
        port: open, with a read timeout.
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
        self._thread = threading.Thread(target=self._read_on, name=f"console {name}", daemon=True)
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
            except OSError:  # SerialException is one
                self._incoming.end()
                raise EndpointLost(f"the connection to {self.name} is closed") from None

    def _read_on(self) -> None:
        while not self._closed:
            self._may_read.wait()
            try:
                data = self._port.read(1)
                if data:
                    data += self._port.read(self._port.in_waiting)
            except OSError:
                self._tell(self._incoming.end)
                return
            if data:
                self._tell(self._incoming.feed, data)

    def _tell(self, call: Any, *arguments: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:  # the loop has ended, and nobody reads any more
            self._closed = True


async def open_serial(target: SerialTarget) -> Transport:
    """Open a serial device, for us alone.

    Raises:
        UsageError: there is no such device, or it cannot be one.
        EndpointBusy: somebody else has it.
        EndpointUnreachable: it may not be opened, or does not answer.
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
    """Connect to a serial line behind RFC 2217, and set its speed if the target says one.

    Raises:
        EndpointUnreachable: nobody answers, or not in RFC 2217.
    """
    host = f"[{target.host}]" if ":" in target.host else target.host
    # Without a speed of ours, what the server refuses to change is no error.
    ignore = "" if target.baud or target.flow else "?ign_set_control"
    settings: dict[str, Any] = {"rtscts": target.flow == "rtscts", "xonxoff": target.flow == "xonxoff"}
    if target.baud:
        settings["baudrate"] = target.baud
    try:
        port = await asyncio.to_thread(_rfc2217, f"rfc2217://{host}:{target.port}{ignore}", settings)
    except (OSError, ValueError) as error:
        said = await asyncio.to_thread(_first_words, target)
        if "in use" in said.lower():
            raise EndpointBusy(f"{target} has somebody connected already: {said}") from None
        raise EndpointUnreachable(
            f"{target}: {printable(str(error))}",
            hint="Is it a port that speaks RFC 2217? Else write socket:// or telnet://.",
        ) from None
    transport = ThreadTransport(str(target), port)
    transport.baud = target.baud
    return transport


class _Rfc2217(rfc2217.Serial):  # type: ignore[misc]
    """pyserial's, without the traceback that its thread prints where the server hangs up, nor the socket it forgets."""

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


def _first_words(target: TcpTarget) -> str:
    """What a port says before it closes, which pyserial keeps to itself; empty if nothing."""
    telnet, text, until = Telnet(), b"", time.monotonic() + _WORDS_SECONDS
    with suppress(OSError), socket.create_connection((target.host, target.port), _WORDS_SECONDS) as connection:
        while (left := until - time.monotonic()) > 0:
            connection.settimeout(left)
            data = connection.recv(_PORTION)
            if not data:
                break
            text += telnet.receive(data)[0]
    return printable(text.strip(), 200)


def _refused(target: SerialTarget, error: Exception) -> SosError:
    name, path = str(target), Path(target.device)
    number = getattr(error, "errno", None)
    if not path.exists() and os.name == "posix":
        there = ", ".join(sorted(printable(port.device) for port in list_ports.comports())) or "none"
        return UsageError(f"there is no device {name}", hint=f"Serial devices here: {there}.")
    if isinstance(error, PermissionError) or number == 13:
        return EndpointUnreachable(f"{name}: you may not open it", hint=_who_may(path))
    holders = ", ".join(sorted(set(_holders(path))))
    if number in (11, 16):  # EAGAIN of the lock, EBUSY of TIOCEXCL
        return EndpointBusy(f"{name} is in use" + (f" by {holders}" if holders else ""), hint="End that program first.")
    if os.name == "posix" and not stat.S_ISCHR(path.stat().st_mode):
        return UsageError(f"{name} is no serial device")
    return EndpointUnreachable(f"{name} cannot be used: {printable(str(error))}", hint="Is it a serial line?")


def _who_may(path: Path) -> str:
    try:
        import grp

        status = path.stat()
        group = grp.getgrgid(status.st_gid).gr_name
    except (ImportError, KeyError, OSError):
        return "Ask your administrator for it."
    if not status.st_mode & stat.S_IWGRP or status.st_gid == 0:
        return "Only its owner may: run it by sudo."
    return f"It belongs to the group {group}: sudo usermod -aG {group} $USER, and log in anew."


def _holders(path: Path) -> Iterator[str]:
    """The programs of ours that have it open, as far as /proc shows."""
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if descriptor.samefile(path) and descriptor.parts[2] != str(os.getpid()):
                name = (descriptor.parents[1] / "comm").read_text().strip()
                yield f"{printable(name, 40)} (process {descriptor.parts[2]})"
        except OSError:
            continue

"""A console over SSH (asyncssh): connect to the endpoint, request a pty, and exchange its bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

import asyncssh

from ..endpoint.target import SshTarget
from ..errors import EndpointBusy, EndpointLost, EndpointRefused, EndpointUnreachable
from ..printable import printable
from .base import Ask, Transport
from .identity import unlocked
from .incoming import Incoming
from .ssh_connect import CONNECT_SECONDS, connect_hop, open_jumps

__all__ = ["SshTransport", "open_ssh"]

_BREAK_MILLISECONDS = 300
_CLOSE_SECONDS = 2.0
_END_SECONDS = 2.0
_REASON_CHARACTERS = 300
#: Messages of endpoints whose only console is in use (OCI, AWS, metal-stack, Equinix SOS).
_BUSY_WORDS = ("limited to one connection", "session limit", "already", "in use", "busy")


class SshTransport(Transport):
    """The console session of one SSH connection."""

    def __init__(self, name: str, session: _Session, connections: Sequence[asyncssh.SSHClientConnection]) -> None:
        self.name = name
        self.logged_in = True
        self._session = session
        self._connections = list(connections)

    async def read(self) -> bytes:
        """See `Transport.read`."""
        return await self._session.read()

    async def write(self, data: bytes) -> None:
        """See `Transport.write`."""
        await self._session.write(data)

    @property
    def end_reason(self) -> str:
        """See `Transport.end_reason`."""
        return self._session.end_reason

    async def send_break(self) -> None:
        """See `Transport.send_break` (RFC 4335)."""
        self._session.send_break()

    def resize(self, columns: int, rows: int) -> None:
        """See `Transport.resize` (RFC 4254, 6.7)."""
        self._session.resize(columns, rows)

    async def aclose(self) -> None:
        """See `Transport.aclose`."""
        self._session.close()
        connections, self._connections = self._connections, []
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                for connection in reversed(connections):
                    connection.close()
                    with suppress(OSError, asyncssh.Error):
                        await connection.wait_closed()
        except TimeoutError:
            return
        finally:
            # An endpoint that reads nothing keeps the connection open; aborting drops what was not sent.
            for connection in reversed(connections):
                if not connection.is_closed():
                    connection.abort()


class _Session(asyncssh.SSHClientSession[bytes]):
    """Holds received bytes until they are read; pauses the endpoint when too many are waiting.

    Attributes:
        end_reason: why the session ended, safe to print; empty if that is unknown or usual.
    """

    def __init__(self, name: str) -> None:
        self.end_reason = ""
        self._name = name
        self._channel: asyncssh.SSHClientChannel[bytes] | None = None
        self._incoming = Incoming(self._pause, self._resume)
        self._may_write = asyncio.Event()
        self._may_write.set()

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        self._channel = chan
        chan.set_write_buffer_limits(0)  # wait as long as the endpoint accepts no data

    def data_received(self, data: bytes, datatype: int | None) -> None:
        self._incoming.feed(data)

    def eof_received(self) -> bool:
        self._incoming.end()
        return True  # keep our side open until we close it

    def exit_status_received(self, status: int) -> None:
        self._end_soon(f"its program ended with status {status}" if status else "")

    def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:
        self._end_soon(f"its program ended by signal {printable(signal, 20)}")

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None:
            self.end_reason = printable(str(exc)[:_REASON_CHARACTERS])
        self._incoming.end()
        self._may_write.set()

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    async def read(self) -> bytes:
        return await self._incoming.read()

    async def write(self, data: bytes) -> None:
        self._send(lambda channel: channel.write(data))
        await self._may_write.wait()

    def send_break(self) -> None:
        self._send(lambda channel: channel.send_break(_BREAK_MILLISECONDS))

    def resize(self, columns: int, rows: int) -> None:
        self._send(lambda channel: channel.change_terminal_size(columns, rows))

    def close(self) -> None:
        if self._channel is not None:
            self._channel.close()

    def _send(self, do: Callable[[asyncssh.SSHClientChannel[bytes]], object]) -> None:
        try:
            if not self._incoming.ended and self._channel is not None:
                do(self._channel)
                return
        except (OSError, asyncssh.Error):
            pass  # the channel has just closed
        raise EndpointLost(f"the connection to {self._name} is closed") from None

    def _end_soon(self, reason: str) -> None:
        """The endpoint's program has ended: what it printed may follow, and the endpoint may fail to close."""
        self.end_reason = reason
        asyncio.get_running_loop().call_later(_END_SECONDS, self._incoming.end)

    def _pause(self) -> None:
        if self._channel is not None:
            self._channel.pause_reading()

    def _resume(self) -> None:
        if self._channel is not None:
            self._channel.resume_reading()


async def open_ssh(
    target: SshTarget, *, ask: Ask | None = None, note: Callable[[str], None] | None = None
) -> SshTransport:
    """Connect to the endpoint of `target` and open its console.

    Args:
        target: the endpoint, its jump hosts and its host key policy.
        ask: asks the user the endpoint's questions; None if no user is present.
        note: called with remarks for the user, for example on an accepted host key.

    Returns:
        The console's transport. When cancelled, all connections are closed.

    Raises:
        EndpointUnreachable, EndpointRefused, EndpointBusy, HostKeyUnknown, HostKeyChanged,
        UsageError: an option is invalid; nothing was sent on the console.
    """
    hops: list[asyncssh.SSHClientConnection] = []
    keys = [await unlocked(path, ask) for path in target.identities]
    try:
        await open_jumps(target, hops, ask, note)
        hops.append(await connect_hop(target, target, keys, hops[-1] if hops else None, ask, note))
        session = await _open_console(str(target), hops[-1])
    except BaseException:
        for connection in reversed(hops):
            connection.abort()
        raise
    return SshTransport(str(target), session, hops)


async def _open_console(name: str, connection: asyncssh.SSHClientConnection) -> _Session:
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            session = _Session(name)
            await connection.create_session(
                lambda: session,
                command=None,
                subsystem=None,
                env=None,
                send_env=None,
                request_pty="force",
                term_type="vt100",
                term_size=(80, 24),
                x11_forwarding=False,
                encoding=None,
            )
    except TimeoutError:
        raise EndpointUnreachable(
            f"{name} accepted the login, and opened no console within {CONNECT_SECONDS:.0f} s"
        ) from None
    except Exception as error:  # noqa: BLE001 - what the endpoint sends can make asyncssh raise any
        text = printable(str(error)[:_REASON_CHARACTERS])
        if any(word in text.lower() for word in _BUSY_WORDS):
            raise EndpointBusy(f"the console of {name} is in use: {text}") from None
        raise EndpointRefused(
            f"{name} accepted the login, but opened no console: {text}",
            hint="Log in there with ssh to see what it shows.",
        ) from None
    return session

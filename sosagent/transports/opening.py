"""Open the transport to a console endpoint."""

from __future__ import annotations

from collections.abc import Callable

from ..endpoint.host_name import check_host_name
from ..endpoint.target import ExecTarget, SerialTarget, SshTarget, Target, TcpTarget, UnixTarget, place_of
from .base import Ask, Transport

__all__ = ["open_transport"]


async def open_transport(
    target: Target, *, ask: Ask | None, note: Callable[[str], None], kick: bool = False
) -> Transport:
    """Connect to a console endpoint.

    Args:
        target: the endpoint.
        ask: asks the user the endpoint's questions; None if no user can answer.
        note: is called with what the user should know, such as that the connection is not encrypted.
        kick: end another user's session, if connecting can do that.

    Raises:
        EndpointUnreachable, EndpointRefused, EndpointBusy, HostKeyUnknown, HostKeyChanged, UsageError.
    """
    if target.in_clear:
        note(f"{target} is not encrypted: others on the network can read the password and change what is sent")
    transport = await _open(target, ask, note, kick)
    transport.set_place(place_of(target))
    return transport


async def _open(target: Target, ask: Ask | None, note: Callable[[str], None], kick: bool) -> Transport:
    if isinstance(target, TcpTarget):
        check_host_name(target.host)
    # Each module is imported when it is needed: asyncssh and pyserial take long to import.
    match target:
        case SshTarget():
            from .ssh import open_ssh

            return await open_ssh(target, ask=ask, note=note)
        case SerialTarget():
            from .serial import open_serial

            return await open_serial(target)
        case TcpTarget(protocol="rfc2217"):
            from .serial import open_rfc2217

            return await open_rfc2217(target)
        case TcpTarget():
            from .stream import open_tcp

            return await open_tcp(target)
        case UnixTarget():
            from .stream import open_unix

            return await open_unix(target)
        case ExecTarget():
            from .process import open_process

            return await open_process(target, kick=kick)
    raise TypeError(f"no transport for a {type(target).__name__}")

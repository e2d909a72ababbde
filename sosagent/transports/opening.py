"""A target -> its open transport, by one table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import import_module

from ..endpoint.target import ExecTarget, SerialTarget, SshTarget, Target, TcpTarget, UnixTarget, place_of
from .base import Ask, Transport

__all__ = ["open_transport"]

#: Kind of target -> module and function that opens it; imported when used, for some take long to import.
_OPENERS: dict[str, tuple[str, str]] = {
    "ssh": ("ssh", "open_ssh"),
    "serial": ("serial", "open_serial"),
    "rfc2217": ("serial", "open_rfc2217"),
    "socket": ("stream", "open_tcp"),
    "telnet": ("stream", "open_tcp"),
    "unix": ("stream", "open_unix"),
    "exec": ("process", "open_process"),
}
_KINDS: dict[type[Target], str] = {
    SshTarget: "ssh",
    SerialTarget: "serial",
    UnixTarget: "unix",
    ExecTarget: "exec",
}


async def open_transport(
    target: Target, *, ask: Ask | None, note: Callable[[str], None], kick: bool = False
) -> Transport:
    """Connect to the console endpoint of `target`.

    Args:
        target: where to.
        ask: asks the user what an endpoint wants to know; None where nobody is there.
        note: is told what the user should know, such as that others can read along.
        kick: end somebody else's session, where the way to connect does that.

    Raises:
        EndpointUnreachable, EndpointRefused, EndpointBusy, HostKeyUnknown, HostKeyChanged, UsageError.
    """
    kind = target.protocol if isinstance(target, TcpTarget) else _KINDS[type(target)]
    module, name = _OPENERS[kind]
    opener: Callable[..., Awaitable[Transport]] = getattr(import_module(f".{module}", __package__), name)
    if target.in_clear:
        note(f"{target} is not encrypted: whoever is on the way can read the password, and change what is sent")
    told: dict[str, object] = {"ask": ask, "note": note} if isinstance(target, SshTarget) else {}
    if isinstance(target, ExecTarget):
        told = {"kick": kick}
    transport = await opener(target, **told)
    transport.set_place(place_of(target))
    return transport

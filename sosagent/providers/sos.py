"""The console of a device in a reply of the API: parsed as a host name only, and only in a trusted domain."""

from __future__ import annotations

import ipaddress
import os
import re
from typing import Any
from urllib.parse import urlsplit

from ..endpoint.parse import parse_target
from ..endpoint.target import SshTarget
from ..errors import EndpointRefused, TargetInvalid, UsageError
from ..fetch import is_local
from ..printable import printable

__all__ = ["ID", "console_of"]

ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}")
_ALLOWED = "SOSAGENT_PACKET_SOS"
#: The console's host if the reply lacks the field `sos`, with the code of the facility; the metro's code is never used.
_SOS_HOST = "sos.{}.platformequinix.com"
_FACILITY = re.compile(r"[a-z][a-z0-9]{1,15}")
_SOS = re.compile(r"(?:(?P<user>[0-9A-Za-z][0-9A-Za-z._-]{0,127})@)?(?P<place>[0-9A-Za-z.:\[\]-]{1,255})")
_USUAL = re.compile(r"sos\.[a-z0-9-]+\.(?:platformequinix\.com|packet\.net)")
#: The last two labels of a name; three if the last two are a country's domain, such as co.uk.
_DOMAIN = re.compile(r"(?:^|\.)([^.]+\.(?:(?:ac|co|com|edu|gov|net|org)\.[a-z]{2}|[^.]+))$")


def console_of(device: dict[str, Any], name: str, api: str) -> SshTarget:
    """Return the console of a device, from the API's reply.

    The field `sos` is a host, with an optional user (``uuid@host``) and port (``host:port``). It comes from the
    network, so it is never parsed as ``exec:COMMAND`` or as an alias of the user's ssh_config.

    Args:
        device: the reply.
        name: the device's id, as the user wrote it.
        api: the API's address.

    Raises:
        EndpointRefused: the reply has no console, or one that is not trusted.
    """
    device_id, sos, facility = device.get("id"), device.get("sos"), device.get("facility")
    code = facility.get("code") if isinstance(facility, dict) else None
    if not sos and isinstance(code, str) and _FACILITY.fullmatch(code):
        sos = _SOS_HOST.format(code)
    match = _SOS.fullmatch(sos) if isinstance(sos, str) else None
    user = (match and match["user"]) or (device_id if isinstance(device_id, str) and ID.fullmatch(device_id) else name)
    try:
        target = parse_target(f"ssh://{user}@{match['place']}") if match else None
    except TargetInvalid:
        target = None
    if not isinstance(target, SshTarget):
        what = f"returned an invalid console {printable(str(sos), 80)!r}" if sos else "returned no console"
        raise EndpointRefused(f"the API {what} for {name}", hint="Write the console's own address as HOST.")
    if not _is_trusted(target.host.lower().rstrip("."), (urlsplit(api).hostname or "").rstrip(".")):
        raise EndpointRefused(
            f"the API at {printable(api, 120)} returned {printable(target.host, 120)} as the console of {name}, "
            "which is not in its own domain",
            hint=f"If this is right, set the variable {_ALLOWED} to the console's domain (a name without a dot is "
            "never accepted), or write the console's own address as HOST.",
        )
    return target


def _is_trusted(host: str, api: str) -> bool:
    """Whether the API may send the user to `host`: one of its domain, or one that the user allows."""
    allowed = os.environ.get(_ALLOWED, "").strip().lower().strip(".")
    if allowed and not re.fullmatch(r"[0-9a-z.:_-]{1,255}", allowed):
        raise UsageError(f"the variable {_ALLOWED} must be a domain, such as example.net")
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        domain = _domain_of(api)
        usual = _USUAL.fullmatch(host) is not None
        return "." in host and (usual or _is_under(host, domain) or _is_under(host, allowed))
    return host == allowed or (loopback and is_local(api))


def _domain_of(host: str) -> str:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        match = _DOMAIN.search(host)
        return match[1] if match else ""
    return ""


def _is_under(host: str, domain: str) -> bool:
    return bool(domain) and (host == domain or host.endswith(f".{domain}"))

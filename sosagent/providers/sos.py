"""Where the console of a device is, as the API says it: read as a host name, and only one that may be meant."""

from __future__ import annotations

import ipaddress
import os
import re
from typing import Any
from urllib.parse import urlsplit

from ..endpoint.parse import parse_target
from ..endpoint.target import SshTarget
from ..errors import EndpointRefused, TargetInvalid, UsageError
from ..fetch import is_here
from ..printable import printable

__all__ = ["ID", "console_of"]

ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}")
_ALLOWED = "SOSAGENT_PACKET_SOS"
#: Where there is no `sos` field. The facility's code, never the metro's: that names no console.
_SOS_HOST = "sos.{}.platformequinix.com"
_FACILITY = re.compile(r"[a-z][a-z0-9]{1,15}")
_SOS = re.compile(r"(?:(?P<user>[0-9A-Za-z][0-9A-Za-z._-]{0,127})@)?(?P<place>[0-9A-Za-z.:\[\]-]{1,255})")
_USUAL = re.compile(r"sos\.[a-z0-9-]+\.(?:platformequinix\.com|packet\.net)")
#: The last two labels of a name; three where two are a country's own, such as co.uk.
_DOMAIN = re.compile(r"(?:^|\.)([^.]+\.(?:(?:ac|co|com|edu|gov|net|org)\.[a-z]{2}|[^.]+))$")


def console_of(device: dict[str, Any], rest: str, api: str) -> SshTarget:
    """The console that the API names for a device.

    `sos` is a host, perhaps with the user in front (``uuid@host``) and a port behind (``host:port``). It is read as
    nothing else, for it comes from the network: never as ``exec:COMMAND``, never as an alias of the user's ssh_config.

    Args:
        device: what the API says of it.
        rest: its id, as the user wrote it.
        api: the API's address.

    Raises:
        EndpointRefused: it names none, or one where the API should send nobody.
    """
    name, sos, facility = device.get("id"), device.get("sos"), device.get("facility")
    code = facility.get("code") if isinstance(facility, dict) else None
    if not sos and isinstance(code, str) and _FACILITY.fullmatch(code):
        sos = _SOS_HOST.format(code)
    found = _SOS.fullmatch(sos) if isinstance(sos, str) else None
    user = (found and found["user"]) or (name if isinstance(name, str) and ID.fullmatch(name) else rest)
    try:
        target = parse_target(f"ssh://{user}@{found['place']}") if found else None
    except TargetInvalid:
        target = None
    if not isinstance(target, SshTarget):
        what = f"gives {printable(str(sos), 80)!r} as the console of" if sos else "names no console for"
        raise EndpointRefused(f"the API {what} {rest}", hint="Give the console's own address as HOST.")
    if not _may_be_meant(target.host.lower().rstrip("."), (urlsplit(api).hostname or "").rstrip(".")):
        raise EndpointRefused(
            f"the API at {printable(api, 120)} gives {printable(target.host, 120)} as the console of {rest}, "
            "which is not in its domain",
            hint=f"If it is right, put its domain into the variable {_ALLOWED} (a name without a dot is never taken), "
            "or give the console's own address as HOST.",
        )
    return target


def _may_be_meant(host: str, api: str) -> bool:
    allowed = os.environ.get(_ALLOWED, "").strip().lower().strip(".")
    if allowed and not re.fullmatch(r"[0-9a-z.:_-]{1,255}", allowed):
        raise UsageError(f"the variable {_ALLOWED} is the name of a domain, such as example.net")
    try:
        here = ipaddress.ip_address(host).is_loopback
    except ValueError:
        domain = _domain_of(api)
        usual = _USUAL.fullmatch(host) is not None
        return "." in host and (usual or _is_under(host, domain) or _is_under(host, allowed))
    return host == allowed or (here and is_here(api))


def _domain_of(host: str) -> str:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        found = _DOMAIN.search(host)
        return found[1] if found else ""
    return ""


def _is_under(host: str, domain: str) -> bool:
    return bool(domain) and (host == domain or host.endswith(f".{domain}"))

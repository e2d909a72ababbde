"""``packet:DEVICE``: the API of Equinix Metal (formerly Packet), and APIs that copy it.

Environment variables: `SOSAGENT_PACKET_API` is the address of the API. `METAL_AUTH_TOKEN` or `PACKET_AUTH_TOKEN` is
the token; `SOSAGENT_PACKET_TOKEN_FILE` is a file that has the token, and that only its owner can read.
`SOSAGENT_PACKET_SOS` is a domain or a host whose consoles are accepted, besides those of the API's own domain.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from ..endpoint.located import Located
from ..errors import EndpointRefused, EndpointUnreachable, KeyInvalid, SosError, TargetInvalid, UsageError
from ..fetch import FetchFailed, checked_base, fetch_object
from ..keys import PublicKey, parse_public_keys
from ..printable import clean, printable
from ..secrets.file import read_file
from ..secrets.marks import HIDDEN
from ..secrets.secret import Secret, hidden
from .base import Provider
from .sos import ID, console_of

__all__ = ["Packet"]

T = TypeVar("T")

_API = "https://api.equinix.com/metal/v1"
_TOKENS = ("METAL_AUTH_TOKEN", "PACKET_AUTH_TOKEN")
_TOKEN_FILE = "SOSAGENT_PACKET_TOKEN_FILE"
_TOKEN = re.compile(r"[\x21-\x7e]{1,512}")
_MAX_PAGES = 50
_MAX_KEYS = 1000
_MAX_COMMENT = 200
_USE_A_FILE = "Name the key's file instead."
_READ_ONLY = "its console is read-only until that is done"
_DOWN = "switch it on first; its console shows nothing"
#: State of a device -> what the user should know about it.
_STATES = {
    "queued": _READ_ONLY,
    "provisioning": _READ_ONLY,
    "post_provisioning": _READ_ONLY,
    "reinstalling": _READ_ONLY,
    "powering_on": "its console may not show anything yet",
    "powering_off": _DOWN,
    "inactive": _DOWN,
    "off": _DOWN,
    "deprovisioning": "it is being deleted",
    "failed": "its installation failed",
}


class Packet(Provider):
    """Looks up devices with the API and the token that the environment variables name."""

    def __init__(self) -> None:
        address = os.environ.get("SOSAGENT_PACKET_API") or _API
        try:
            self._base = checked_base(address)
        except ValueError as error:
            raise UsageError(f"the variable SOSAGENT_PACKET_API ({printable(address, 80)}) {error}") from None
        self._token = _token()
        #: Secrets that a reply may repeat, and that must not be shown.
        self._secrets = [self._token]

    async def locate(self, name: str) -> Located:
        """Find the console of a device; see `Provider.locate`."""
        device = await self._device(name)
        state = str(device.get("state") or "")
        password, hostname = device.get("root_password"), device.get("hostname")
        if isinstance(hostname, str) and HIDDEN in hostname:
            raise EndpointRefused(
                f"the API at {self._shown} returned a secret as the host name of {name}",
                hint="Report this to the operator of the API.",
            )
        return Located(
            console_of(device, name, self._base),
            Secret(password) if isinstance(password, str) and password else None,
            hostname if isinstance(hostname, str) and hostname else None,
            f"{name} is {printable(state.replace('_', ' '), 40)}: {_STATES[state]}" if state in _STATES else "",
        )

    async def keys(self, name: str) -> str:
        """Return the keys of the device, of its project, and of the token's user; see `Provider.keys`."""
        device = await self._device(name)
        lists = [await self._resolved(device.get("ssh_keys"))]
        project = _id_of(device.get("project")) or _id_of(device.get("project_lite"))
        notes: list[str] = []
        for path, owner in ((f"/projects/{project}/ssh-keys" if project else "", "project"), ("/ssh-keys", "user")):
            try:
                lists.append(await self._pages(path) if path else [])
            except _Forbidden:
                notes.append(f"# the token is not allowed to read the keys of the {owner}")
        keys, unusable = _parse_keys([entry for one in lists for entry in one])
        lines = [key.line for key in self._limited(keys)]
        return "".join(f"{line}\n" for line in (*notes, *unusable, *lines))

    async def _device(self, name: str) -> dict[str, Any]:
        if ID.fullmatch(name) is None:
            raise TargetInvalid(
                f"{printable(name, 80)!r} is not the id of a device", hint="It is a UUID, which the portal shows."
            )
        try:
            return await self._get(f"/devices/{name}?include=ssh_keys,facility")
        except _NotFound:
            raise TargetInvalid(
                f"the API at {self._shown} has no device {name}",
                hint="Check the id and the owner of the token. A deleted device has no console.",
            ) from None

    async def _resolved(self, entries: object) -> list[object]:
        """Return a device's keys; fetch those that the API returned only by reference."""
        resolved: list[object] = []
        for entry in self._limited(entries if isinstance(entries, list) else []):
            name = None if isinstance(entry, dict) and "key" in entry else _id_of(entry)
            try:
                resolved.append(entry if name is None else await self._get(f"/ssh-keys/{name}"))
            except (_Forbidden, _NotFound):
                resolved.append({"label": name})
        return resolved

    async def _pages(self, path: str) -> list[object]:
        """Return the keys on all pages of a list."""
        keys: list[object] = []
        for page in range(1, _MAX_PAGES + 1):
            try:
                reply = await self._get(f"{path}?page={page}&per_page=100")
            except _NotFound:
                raise _Forbidden("") from None
            entries, meta = reply.get("ssh_keys"), reply.get("meta")
            keys = self._limited(keys + (entries if isinstance(entries, list) else []))
            last = meta.get("last_page") if isinstance(meta, dict) else None
            following = meta.get("next") if isinstance(meta, dict) else None
            if not entries or not (following or (isinstance(last, int) and page < last)):
                return keys
        raise EndpointRefused(f"the API at {self._shown} returned endless pages of keys", hint=_USE_A_FILE)

    def _limited(self, keys: list[T]) -> list[T]:
        """Return the keys, if their number is plausible."""
        if len(keys) > _MAX_KEYS:
            raise EndpointRefused(f"the API at {self._shown} returned more than {_MAX_KEYS} keys", hint=_USE_A_FILE)
        return keys

    async def _get(self, path: str) -> dict[str, Any]:
        """Return a reply. Only its field `root_password` may contain a secret; in all others it is redacted."""
        try:
            reply = await fetch_object(self._base + path, headers={"X-Auth-Token": self._token})
        except FetchFailed as error:
            raise self._error(error) from None
        password = reply.pop("root_password", None)
        if isinstance(password, str) and password:
            self._secrets.append(Secret(password))
        redacted: dict[str, Any] = _redact(reply, self._secrets)
        return redacted | {"root_password": password}

    def _error(self, error: FetchFailed) -> SosError:
        message = f"the API at {self._shown}: {error.message}{_api_message(error.body, self._secrets)}"
        if error.status == 401:
            return EndpointRefused(message, hint=f"Check the token ({', '.join(_TOKENS)} or {_TOKEN_FILE}).")
        if error.status == 403:
            return _Forbidden(message, hint="The token belongs to another project, or lacks the permission.")
        if error.status in (404, 410):
            return _NotFound(message)
        if error.status is not None and 400 <= error.status < 500 and error.status != 429:
            return EndpointRefused(message, hint="Check the id of the device; the API rejected the request.")
        return EndpointUnreachable(message, hint="Try again later, or write the console's own address as HOST.")

    @property
    def _shown(self) -> str:
        return printable(self._base, 120)


class _NotFound(TargetInvalid):
    """HTTP status 404 or 410."""


class _Forbidden(EndpointRefused):
    """HTTP status 403, or an equivalent."""


def _token() -> Secret:
    """Return the token: that of the file, or else of the first variable that is set.

    Raises:
        UsageError: the file is missing, other users can read it, or it is not valid.
    """
    source, text = _TOKEN_FILE, ""
    if os.environ.get(_TOKEN_FILE):
        text = _token_in(Path(os.environ[_TOKEN_FILE]))
    else:
        source = next((name for name in _TOKENS if os.environ.get(name)), "")
        if not source:
            raise UsageError(
                "packet: needs an API token",
                hint=f"Set the variable {_TOKENS[0]}, or set {_TOKEN_FILE} to the path of a file of mode 600 with it.",
            )
        text = os.environ[source]
    if _TOKEN.fullmatch(text.strip()) is None:
        raise UsageError(f"the token in {source} is not valid: a token is one word of ASCII characters")
    return Secret(text.strip())


def _token_in(path: Path) -> str:
    try:
        return read_file(path, "the token file").decode("ascii")
    except UnicodeDecodeError:
        raise UsageError(f"the token file {printable(str(path))} is not ASCII text") from None


def _id_of(entry: object) -> str | None:
    """Return the id of an object, or of a reference, whose address ends in it."""
    if not isinstance(entry, dict):
        return None
    name = entry.get("id") or str(entry.get("href") or "").rpartition("/")[2]
    return name if isinstance(name, str) and ID.fullmatch(name) else None


def _parse_keys(entries: list[object]) -> tuple[list[PublicKey], list[str]]:
    """Return each key once, and a comment line for each unusable key. A key without a comment gets its label."""
    keys: dict[tuple[object, ...], PublicKey] = {}
    unusable: list[str] = []
    for entry in entries:
        fields = entry if isinstance(entry, dict) else {}
        label = " ".join(clean(str(fields.get("label") or "").replace("\n", " ")).split())[:_MAX_COMMENT]
        try:
            parsed = parse_public_keys(str(fields.get("key") or ""), "it")
        except KeyInvalid as error:
            unusable.append(f"# the key {label or 'without a label'} cannot be used: {error.message}")
            continue
        for key in parsed:
            named = key if key.comment else replace(key, comment=label)
            keys.setdefault((key.type, key.blob, key.options), named)
    return list(keys.values()), list(dict.fromkeys(unusable))


def _redact(value: Any, secrets: list[Secret]) -> Any:
    if isinstance(value, str):
        return hidden(value, secrets)
    if isinstance(value, list):
        return [_redact(one, secrets) for one in value]
    if isinstance(value, dict):
        return {name: _redact(one, secrets) for name, one in value.items()}
    return value


def _api_message(body: bytes, secrets: list[Secret]) -> str:
    """Return the API's own error message, in parentheses: ``{"errors": ["Not found"]}``."""
    try:
        reply = json.loads(body)
        errors = reply.get("errors") or [reply.get("error")]
        text = next((one for one in errors if isinstance(one, str)), "")
    except (ValueError, AttributeError, TypeError, RecursionError):
        text = ""
    return f" ({printable(hidden(text, secrets), 200)})" if text else ""

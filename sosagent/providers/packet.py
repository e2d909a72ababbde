"""``packet:DEVICE``: Equinix Metal's API, which Packet's was, and those that copy it.

`SOSAGENT_PACKET_API` is its address, `METAL_AUTH_TOKEN` or `PACKET_AUTH_TOKEN` the token, or
`SOSAGENT_PACKET_TOKEN_FILE` a file that holds it and that nobody else can read. `SOSAGENT_PACKET_SOS` is a domain
(or one host) whose consoles it may name, besides those of its own.
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
_MOST_PAGES = 50
_MOST_KEYS = 1000
_MOST_COMMENT = 200
_BY_FILE = "Name the key's file instead."
_READ_ONLY = "its console is read-only until that is done"
_DOWN = "switch it on first, for nothing answers on its console"
#: State of a device -> what the user should know of it.
_STATES = {
    "queued": _READ_ONLY,
    "provisioning": _READ_ONLY,
    "post_provisioning": _READ_ONLY,
    "reinstalling": _READ_ONLY,
    "powering_on": "it may show nothing yet",
    "powering_off": _DOWN,
    "inactive": _DOWN,
    "off": _DOWN,
    "deprovisioning": "it is being taken away",
    "failed": "its installation failed",
}


class Packet(Provider):
    """Devices of one API, with what the environment says of it."""

    def __init__(self) -> None:
        address = os.environ.get("SOSAGENT_PACKET_API") or _API
        try:
            self._base = checked_base(address)
        except ValueError as error:
            raise UsageError(f"the variable SOSAGENT_PACKET_API ({printable(address, 80)}) {error}") from None
        self._token = _token()
        #: What the API may repeat, and nobody is to see.
        self._secrets = [self._token]

    async def locate(self, rest: str) -> Located:
        """Ask for the device; see `Provider.locate`."""
        device = await self._device(rest)
        state = str(device.get("state") or "")
        password, hostname = device.get("root_password"), device.get("hostname")
        if isinstance(hostname, str) and HIDDEN in hostname:
            raise EndpointRefused(
                f"the API at {self._shown} gives a secret as the name of {rest}", hint="Ask whoever runs the API."
            )
        return Located(
            console_of(device, rest, self._base),
            Secret(password) if isinstance(password, str) and password else None,
            hostname if isinstance(hostname, str) and hostname else None,
            f"{rest} is {printable(state.replace('_', ' '), 40)}: {_STATES[state]}" if state in _STATES else "",
        )

    async def keys(self, rest: str) -> str:
        """The keys of the device, of its project, and of the person whose token it is; see `Provider.keys`."""
        device = await self._device(rest)
        lists = [await self._whole(device.get("ssh_keys"))]
        project = _id_of(device.get("project")) or _id_of(device.get("project_lite"))
        notes: list[str] = []
        for path, whose in ((f"/projects/{project}/ssh-keys" if project else "", "project"), ("/ssh-keys", "person")):
            try:
                lists.append(await self._pages(path) if path else [])
            except _NotOurs:
                notes.append(f"# the token may not read the keys of the {whose}")
        keys, unusable = _read([entry for one in lists for entry in one])
        lines = [key.line for key in self._few(keys)]
        return "".join(f"{line}\n" for line in (*notes, *unusable, *lines))

    async def _device(self, rest: str) -> dict[str, Any]:
        if ID.fullmatch(rest) is None:
            raise TargetInvalid(
                f"{printable(rest, 80)!r} is no id of a device", hint="It is a UUID: the portal and the API show it."
            )
        try:
            return await self._get(f"/devices/{rest}?include=ssh_keys,facility")
        except _NotThere:
            raise TargetInvalid(
                f"the API at {self._shown} knows no device {rest}",
                hint="Check the id and whose token it is; a device that was deleted has no console any more.",
            ) from None

    async def _whole(self, entries: object) -> list[object]:
        """What the API gives by reference only is asked for."""
        whole: list[object] = []
        for entry in self._few(entries if isinstance(entries, list) else []):
            name = None if isinstance(entry, dict) and "key" in entry else _id_of(entry)
            try:
                whole.append(entry if name is None else await self._get(f"/ssh-keys/{name}"))
            except (_NotOurs, _NotThere):
                whole.append({"label": name})
        return whole

    async def _pages(self, path: str) -> list[object]:
        found: list[object] = []
        for page in range(1, _MOST_PAGES + 1):
            try:
                answer = await self._get(f"{path}?page={page}&per_page=100")
            except _NotThere:
                raise _NotOurs("") from None
            entries, meta = answer.get("ssh_keys"), answer.get("meta")
            found = self._few(found + (entries if isinstance(entries, list) else []))
            last = meta.get("last_page") if isinstance(meta, dict) else None
            following = meta.get("next") if isinstance(meta, dict) else None
            if not entries or not (following or (isinstance(last, int) and page < last)):
                return found
        raise EndpointRefused(f"the API at {self._shown} gives keys without end", hint=_BY_FILE)

    def _few(self, keys: list[T]) -> list[T]:
        """Keys, if they are so few that somebody can have put them there."""
        if len(keys) > _MOST_KEYS:
            raise EndpointRefused(f"the API at {self._shown} gives more than {_MOST_KEYS} keys", hint=_BY_FILE)
        return keys

    async def _get(self, path: str) -> dict[str, Any]:
        """An answer, which holds no secret but in the field `root_password`."""
        try:
            answer = await fetch_object(self._base + path, headers={"X-Auth-Token": self._token})
        except FetchFailed as error:
            raise self._why(error) from None
        password = answer.pop("root_password", None)
        if isinstance(password, str) and password:
            self._secrets.append(Secret(password))
        clean_answer: dict[str, Any] = _without(answer, self._secrets)
        return clean_answer | {"root_password": password}

    def _why(self, error: FetchFailed) -> SosError:
        said = f"{error.message}{_said(error.body, self._secrets)}"
        message = f"the API at {self._shown}: {said}"
        if error.status == 401:
            return EndpointRefused(message, hint=f"Check the token ({', '.join(_TOKENS)} or {_TOKEN_FILE}).")
        if error.status == 403:
            return _NotOurs(message, hint="The token is of another project, or may not read this.")
        if error.status in (404, 410):
            return _NotThere(message)
        if error.status is not None and 400 <= error.status < 500 and error.status != 429:
            return EndpointRefused(message, hint="Check the id of the device; the API did not take the question.")
        return EndpointUnreachable(message, hint="Try again later, or give the console's own address as HOST.")

    @property
    def _shown(self) -> str:
        return printable(self._base, 120)


class _NotThere(TargetInvalid):
    """404."""


class _NotOurs(EndpointRefused):
    """403, or what is as good as that."""


def _token() -> Secret:
    """The first that is given: file, variables.

    Raises:
        UsageError: none is, it can be read by others, or it is none.
    """
    source, text = _TOKEN_FILE, ""
    if os.environ.get(_TOKEN_FILE):
        text = _token_in(Path(os.environ[_TOKEN_FILE]))
    else:
        source = next((name for name in _TOKENS if os.environ.get(name)), "")
        if not source:
            raise UsageError(
                "packet: needs a token of the API",
                hint=f"Put it in the variable {_TOKENS[0]}, or in a file of mode 600 that {_TOKEN_FILE} names.",
            )
        text = os.environ[source]
    if _TOKEN.fullmatch(text.strip()) is None:
        raise UsageError(f"{source} gives no token: it is one word of ASCII characters")
    return Secret(text.strip())


def _token_in(path: Path) -> str:
    try:
        return read_file(path, "the token file").decode("ascii")
    except UnicodeDecodeError:
        raise UsageError(f"the token file {printable(str(path))} is not ASCII text") from None


def _id_of(entry: object) -> str | None:
    """The id of what is given whole, or by a reference that ends in it."""
    if not isinstance(entry, dict):
        return None
    name = entry.get("id") or str(entry.get("href") or "").rpartition("/")[2]
    return name if isinstance(name, str) and ID.fullmatch(name) else None


def _read(entries: list[object]) -> tuple[list[PublicKey], list[str]]:
    """The keys, each once, with its label as the comment it lacks; and what is unusable."""
    keys: dict[tuple[object, ...], PublicKey] = {}
    unusable: list[str] = []
    for entry in entries:
        fields = entry if isinstance(entry, dict) else {}
        label = " ".join(clean(str(fields.get("label") or "").replace("\n", " ")).split())[:_MOST_COMMENT]
        try:
            read = parse_public_keys(str(fields.get("key") or ""), "it")
        except KeyInvalid as error:
            unusable.append(f"# the key {label or 'without a label'} cannot be used: {error.message}")
            continue
        for key in read:
            named = key if key.comment else replace(key, comment=label)
            keys.setdefault((key.type, key.blob, key.options), named)
    return list(keys.values()), list(dict.fromkeys(unusable))


def _without(value: Any, secrets: list[Secret]) -> Any:
    if isinstance(value, str):
        return hidden(value, secrets)
    if isinstance(value, list):
        return [_without(one, secrets) for one in value]
    if isinstance(value, dict):
        return {name: _without(one, secrets) for name, one in value.items()}
    return value


def _said(body: bytes, secrets: list[Secret]) -> str:
    """What the API says of an error: ``{"errors": ["Not found"]}``."""
    try:
        told = json.loads(body)
        errors = told.get("errors") or [told.get("error")]
        text = next((one for one in errors if isinstance(one, str)), "")
    except (ValueError, AttributeError, TypeError, RecursionError):
        text = ""
    return f" ({printable(hidden(text, secrets), 200)})" if text else ""

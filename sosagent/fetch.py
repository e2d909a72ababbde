"""GET over HTTPS, with limits on size and time. Headers may be secrets, which no other host receives."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .printable import printable
from .secrets.secret import Secret, hidden

if TYPE_CHECKING:
    import urllib.request

__all__ = ["FetchFailed", "checked_base", "fetch", "fetch_object", "is_local"]

_SECONDS = 20.0
_MAX_BYTES = 4 << 20
_MAX_ERROR_BYTES = 4096
_CHUNK = 65536
_HEADER = re.compile(r"[\x20-\x7e]{1,4096}")
_Headers = Mapping[str, Secret]


class FetchFailed(Exception):
    """There was no usable answer.

    Attributes:
        message: the reason, in one line that is safe to print; it contains neither the address nor the headers.
        status: the HTTP status, if it was an error.
        body: the beginning of the body of an error.
    """

    def __init__(self, message: str, *, status: int | None = None, body: bytes = b"") -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.body = body


async def fetch(
    address: str,
    *,
    headers: _Headers | None = None,
    ca: Path | None = None,
    most: int = _MAX_BYTES,
    seconds: float = _SECONDS,
) -> bytes:
    """Return the contents of an address.

    Args:
        address: ``https://...``; ``http://`` is accepted only for this computer.
        headers: secrets to send. With headers, redirects are followed only on the same host and port; without, to any
            ``https://`` address.
        ca: a file of authorities that replaces those of the system.
        most: the largest accepted size in bytes.
        seconds: time limit of the whole request.

    Raises:
        FetchFailed: there was no usable answer.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[bytes] = loop.create_future()

    def finish(put: Callable[[Any], None], value: object) -> None:
        if not answer.done():
            put(value)

    def work() -> None:
        try:
            put, value = answer.set_result, _get(address, headers or {}, ca, most, time.monotonic() + seconds)
        except Exception as error:  # noqa: BLE001 - it is raised in the caller
            put, value = answer.set_exception, error  # type: ignore[assignment]
        with suppress(RuntimeError):  # the event loop is closed, so there is no caller left
            loop.call_soon_threadsafe(finish, put, value)

    # A daemon thread: the program must be able to end although a server sends a byte now and then for ever.
    threading.Thread(target=work, daemon=True).start()
    try:
        async with asyncio.timeout(seconds):
            return await answer
    except TimeoutError:
        raise FetchFailed(f"no complete answer within {seconds:.0f} s") from None


async def fetch_object(address: str, *, headers: _Headers, ca: Path | None = None) -> dict[str, Any]:
    """Return the JSON object at an address; see `fetch`."""
    data = await fetch(address, headers={"Accept": Secret("application/json"), **headers}, ca=ca)
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise FetchFailed("the answer is not JSON") from None
    if not isinstance(value, dict):
        raise FetchFailed("the answer is not a JSON object")
    return value


def checked_base(text: str) -> str:
    """Return the address of an API without its last slashes.

    Raises:
        ValueError: it is not a valid address, or secrets would be sent unencrypted. The message is a predicate.
    """
    try:
        parts = urlsplit(text)
        place = (parts.hostname, parts.port)
    except ValueError:
        place = (None, None)
    if not place[0] or not re.fullmatch(r"[\x21-\x7e]+", text) or parts.query or parts.fragment or parts.username:
        raise ValueError("is not an address such as https://host/path")
    _check_encrypted(text)
    return text.rstrip("/")


def is_local(host: str) -> bool:
    """Whether `host` is this computer's loopback address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_encrypted(address: str) -> None:
    parts = urlsplit(address)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_local(parts.hostname or "")):
        raise ValueError("must start with https://, because others on the network could read what is sent")


def _get(address: str, headers: _Headers, ca: Path | None, most: int, until: float) -> bytes:
    """Return the contents of an address. Runs in a thread."""
    import http.client
    import urllib.error
    import urllib.request

    def shown(text: object, limit: int = 400) -> str:
        return printable(hidden(str(text), headers.values()), limit)

    if any(_HEADER.fullmatch(value.reveal()) is None for value in headers.values()):
        # http.client would show the value in its error.
        raise FetchFailed("a header has characters that HTTP does not allow")
    try:
        _check_encrypted(address)
        request = urllib.request.Request(address, headers={"User-Agent": "sosagent"})
        for name, value in headers.items():
            request.add_header(name, value.reveal())
        with _opener(address, ca, headers).open(request, timeout=max(until - time.monotonic(), 0.1)) as answer:
            data = bytearray()
            while chunk := answer.read1(_CHUNK):
                data += chunk
                if len(data) > most:
                    raise FetchFailed(f"the answer is longer than {most} bytes")
                if time.monotonic() > until:
                    raise FetchFailed("the answer took too long")
            if answer.length:
                raise FetchFailed("the answer is incomplete")
            return bytes(data)
    except urllib.error.HTTPError as error:
        with error:
            body = b""
            with suppress(OSError, http.client.HTTPException):
                body = error.read(_MAX_ERROR_BYTES)
        raise FetchFailed(f"HTTP status {error.code}", status=error.code, body=body) from None
    except urllib.error.URLError as error:
        raise FetchFailed(shown(error.reason)) from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise FetchFailed(shown(error) or type(error).__name__) from None


def _opener(address: str, ca: Path | None, secrets: _Headers) -> urllib.request.OpenerDirector:
    import ssl
    import urllib.error
    import urllib.request

    def origin(url: str) -> tuple[str, str | None, int | None]:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port

    class Redirects(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, req, fp, code, msg, headers, newurl):  # type: ignore[no-untyped-def]
            if secrets and origin(newurl) != origin(address):
                fp.close()
                where = printable(hidden(urlsplit(newurl).netloc, secrets.values()), 80)
                raise urllib.error.URLError(f"it redirects to {where}, which must not receive the token or password")
            if not secrets and not newurl.startswith("https://"):
                fp.close()
                raise urllib.error.URLError("it redirects to an address without https")
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    context = ssl.create_default_context(cafile=None if ca is None else str(ca))
    handlers: list[Any] = [Redirects, urllib.request.HTTPSHandler(context=context)]
    if address.startswith("http:"):
        # The address is on this computer. A proxy is not needed, and could read everything.
        handlers.append(urllib.request.ProxyHandler({}))
    return urllib.request.build_opener(*handlers)

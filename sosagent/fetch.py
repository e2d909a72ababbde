"""One GET over HTTPS: with a limit of bytes and of time, and headers that no other host gets."""

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

__all__ = ["FetchFailed", "checked_base", "fetch", "fetch_object", "is_here"]

_SECONDS = 20.0
_MOST_BYTES = 4 << 20
_MOST_OF_AN_ERROR = 4096
_CHUNK = 65536
_HEADER = re.compile(r"[\x20-\x7e]{1,4096}")
_Headers = Mapping[str, Secret]


class FetchFailed(Exception):
    """No answer that can be used.

    Attributes:
        message: why, in one line that is safe to print; without the address and the headers.
        status: HTTP's, where there was one that says no.
        body: the beginning of what came with it.
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
    most: int = _MOST_BYTES,
    seconds: float = _SECONDS,
) -> bytes:
    """Get what is at `address`.

    Args:
        address: ``https://...``; ``http://`` only on this machine.
        headers: secrets to send along. With them, a redirect is followed on the same host and port only; without,
            to any address that begins with ``https://``.
        ca: a file of authorities that is trusted instead of the system's.
        most: bytes; more is an error.
        seconds: for all of it.

    Raises:
        FetchFailed: there was no such answer.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[bytes] = loop.create_future()

    def give(put: Callable[[Any], None], value: object) -> None:
        if not answer.done():
            put(value)

    def work() -> None:
        try:
            put, value = answer.set_result, _get(address, headers or {}, ca, most, time.monotonic() + seconds)
        except Exception as error:  # noqa: BLE001 - it is raised where it is waited for
            put, value = answer.set_exception, error  # type: ignore[assignment]
        with suppress(RuntimeError):  # nobody waits any more, and the loop is closed
            loop.call_soon_threadsafe(give, put, value)

    # A thread that the end of the program does not wait for: a server may send a byte now and then for ever.
    threading.Thread(target=work, daemon=True).start()
    try:
        async with asyncio.timeout(seconds):
            return await answer
    except TimeoutError:
        raise FetchFailed(f"no whole answer within {seconds:.0f} s") from None


async def fetch_object(address: str, *, headers: _Headers, ca: Path | None = None) -> dict[str, Any]:
    """The same, for an answer that is one JSON object."""
    data = await fetch(address, headers={"Accept": Secret("application/json"), **headers}, ca=ca)
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise FetchFailed("the answer is not JSON") from None
    if not isinstance(found, dict):
        raise FetchFailed("the answer is no JSON object")
    return found


def checked_base(text: str) -> str:
    """The address of an API, without its last slashes.

    Raises:
        ValueError: it is none, or secrets would go there in clear.
    """
    try:
        parts = urlsplit(text)
        place = (parts.hostname, parts.port)
    except ValueError:
        place = (None, None)
    if not place[0] or not re.fullmatch(r"[\x21-\x7e]+", text) or parts.query or parts.fragment or parts.username:
        raise ValueError("is no address such as https://host/path")
    _check_way(text)
    return text.rstrip("/")


def _check_way(address: str) -> None:
    parts = urlsplit(address)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_here(parts.hostname or "")):
        raise ValueError("must begin with https://: on the way, others could read what is sent")


def is_here(host: str) -> bool:
    """Whether it is this machine's own address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _get(address: str, headers: _Headers, ca: Path | None, most: int, until: float) -> bytes:
    """What is there; in a thread."""
    import http.client
    import urllib.error
    import urllib.request

    def shown(words: object, limit: int = 400) -> str:
        return printable(hidden(str(words), headers.values()), limit)

    if any(_HEADER.fullmatch(value.reveal()) is None for value in headers.values()):
        # http.client would name it in its error.
        raise FetchFailed("what is to be sent along holds characters that HTTP does not carry")
    try:
        _check_way(address)
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
                    raise FetchFailed("the answer did not end in time")
            if answer.length:
                raise FetchFailed("the answer was cut")
            return bytes(data)
    except urllib.error.HTTPError as error:
        with error:
            body = b""
            with suppress(OSError, http.client.HTTPException):
                body = error.read(_MOST_OF_AN_ERROR)
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
                raise urllib.error.URLError(f"it leads on to {where}, which is not to get the token or password")
            if not secrets and not newurl.startswith("https://"):
                fp.close()
                raise urllib.error.URLError("it leads on to an address without https")
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    context = ssl.create_default_context(cafile=None if ca is None else str(ca))
    handlers: list[Any] = [Redirects, urllib.request.HTTPSHandler(context=context)]
    if address.startswith("http:"):
        handlers.append(urllib.request.ProxyHandler({}))  # what is on this machine needs none, and it would read all
    return urllib.request.build_opener(*handlers)

"""Keeping secrets that were sent out of what is shown and recorded, wherever the far end repeats them."""

from __future__ import annotations

import re

from ..secrets.secret import Secret

__all__ = ["Hush"]

_SHORTEST = 4  # a shorter one is in too many other words
INSTEAD = "(a secret)"


class Hush:
    """What was typed at a prompt of the machine's may come back at once, and be quoted later: both stay hidden."""

    def __init__(self) -> None:
        self._secrets: list[Secret] = []
        self._held = b""

    def add(self, secret: Secret) -> None:
        """From now on it is not shown."""
        value = secret.reveal()
        if len(value) >= _SHORTEST and all(value != known.reveal() for known in self._secrets):
            self._secrets.append(secret)
            self._secrets.sort(key=lambda one: -len(one.reveal()))  # one may begin another

    def text(self, text: str) -> str:
        """`text` without them."""
        pattern = "|".join(re.escape(secret.reveal()) for secret in self._secrets)
        return re.sub(pattern, INSTEAD, text) if pattern else text

    def stream(self, data: bytes) -> bytes:
        """What of a stream can be shown now; what may be a secret's beginning waits."""
        if not self._secrets:
            return data
        data, self._held = self._held + data, b""
        values = [secret.reveal().encode() for secret in self._secrets]
        data = re.sub(b"|".join(map(re.escape, values)), INSTEAD.encode(), data)
        waits = max(_begun(data, value) for value in values)
        if waits:
            data, self._held = data[:-waits], data[-waits:]
        return data

    def rest(self) -> bytes:
        """What waited, at the end of the stream: no secret came of it."""
        rest, self._held = self._held, b""
        return rest


def _begun(data: bytes, value: bytes) -> int:
    """How many bytes at the end of `data` may be the beginning of `value`."""
    return next((size for size in range(min(len(value) - 1, len(data)), 0, -1) if value.startswith(data[-size:])), 0)

"""Keep the secrets that were sent out of everything that is shown or recorded."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..secrets.marks import REDACTED
from ..secrets.secret import Secret
from ..terminal.kernel import looks_like_kernel_line
from .split_secrets import redact_split, start_of_secret, without_gaps

__all__ = ["EchoMask", "Redactor", "redact_secrets"]

_MIN_LENGTH = 4  # shorter secrets occur inside too many ordinary words
_MAX_MASKED = 64 * 1024
_MARK = REDACTED.encode()


class Redactor:
    """Replaces secrets in text and byte streams.

    A password that was typed at the wrong prompt may be quoted much later (``sh: hunter2: not found``).
    """

    def __init__(self) -> None:
        self._secrets: list[Secret] = []
        self._held = b""

    def add(self, secret: Secret) -> None:
        """Replace `secret` from now on. Secrets shorter than four characters are ignored."""
        value = secret.reveal()
        if len(value) >= _MIN_LENGTH and all(value != known.reveal() for known in self._secrets):
            self._secrets.append(secret)
            # The longest first: one secret may be a prefix of another.
            self._secrets.sort(key=lambda one: -len(one.reveal()))

    def redact(self, text: str) -> str:
        """Return `text` with every secret replaced, also if control characters or newlines are in the middle of it."""
        if not self._secrets:
            return text
        return self._replace(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")

    def _replace(self, data: bytes) -> bytes:
        pattern = re.compile(b"|".join(map(re.escape, self._values)))
        return redact_split(pattern.sub(_MARK, data), pattern, _MARK)

    @property
    def _values(self) -> list[bytes]:
        return [secret.reveal().encode("utf-8", "surrogatepass") for secret in self._secrets]

    def redact_stream(self, data: bytes) -> bytes:
        """Process the next bytes of a stream; return those that can be shown now.

        A secret is also replaced if escape sequences, control characters or the end of a row are in the middle of it;
        these stay. The end of `data` is held back while it may be the start of a secret; `flush` returns it.
        """
        if not self._secrets:
            return data
        data, self._held = self._replace(self._held + data), b""
        held = start_of_secret(data, self._values)
        if held:
            data, self._held = data[:-held], data[-held:]
        return data

    def flush_short(self) -> bytes:
        """Return the bytes held back if they show only the first characters of a secret, too few to be worth keeping.

        For the moment at which something else is recorded: what came before it should not stand behind it.
        """
        return self.flush() if len(without_gaps(self._held)) < _MIN_LENGTH else b""

    def flush(self) -> bytes:
        """Return the bytes held back, at the end of the stream."""
        held, self._held = self._held, b""
        return held


def redact_secrets(text: str, secrets: Iterable[Secret]) -> str:
    """Return `text` with every one of `secrets` replaced, as `Redactor` does."""
    redactor = Redactor()
    for secret in secrets:
        redactor.add(secret)
    return redactor.redact(text)


class EchoMask:
    """Drops the output after a secret was sent, up to the next newline.

    It works by position, so it also covers an echo that is damaged and no longer looks like the secret.

    Attributes:
        active: whether bytes are being dropped.
    """

    def __init__(self) -> None:
        self.active = False
        self._masked = b""  # kept only to recognise kernel lines in it

    def start(self) -> None:
        """Drop everything until the next newline that does not end a kernel line."""
        self.active, self._masked = True, b""

    def apply(self, data: bytes) -> bytes:
        """Process the next bytes of the console; return those that are not masked."""
        if not self.active:
            return data
        masked, newline, rest = data.partition(b"\n")
        self._masked = (self._masked + masked)[-_MAX_MASKED:]
        while newline and looks_like_kernel_line(self._masked.strip(b"\r").decode("latin-1")):
            # The kernel printed a line before the echo: that newline is not the echo's.
            self._masked, newline, rest = rest.partition(b"\n")
        self.active = not newline
        return b"\r\n" + rest if newline else b""

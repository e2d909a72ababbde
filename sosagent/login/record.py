"""A record of logins that may still be open: one small file for each endpoint, from our login to our logout.

A run whose connection is lost between its password and the dead-man's switch, and which cannot connect again, leaves
a root shell open. By the record and the shell's age, the next run recognises the shell as ours, and logs it out.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from ..errors import UsageError
from ..private_file import open_private

__all__ = ["OpenLogin"]

_CLOCK_SECONDS = 10.0  # how wrong the clock of a busy machine may be
_LATEST = 1e12
_LOGIN_SECONDS = 60.0  # how long a login may take after its password


@dataclass
class OpenLogin:
    """The record of one endpoint. If its folder cannot be written to, nothing is recorded.

    Args:
        endpoint: the endpoint's name, from its transport.
    """

    endpoint: str

    @property
    def path(self) -> Path:
        """The record's file."""
        name = hashlib.sha256(self.endpoint.encode()).hexdigest()[:16]
        return platformdirs.user_state_path("sosagent") / "open" / f"{name}.json"

    def remember(self, *, is_open: bool) -> None:
        """Record that our login opened now, or that its password is being sent."""
        try:
            descriptor = open_private(self.path, os.O_WRONLY | os.O_CREAT)
            with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
                opened.truncate()
                json.dump({"endpoint": self.endpoint, "since": time.time(), "open": is_open}, opened)
        except (OSError, UsageError):
            return

    def forget(self) -> None:
        """Remove the record: the login is closed, or the shell on the console is not ours."""
        try:
            self.path.unlink(missing_ok=True)
        except OSError:
            return

    def seconds(self) -> float | None:
        """Return how long ago the login opened, or its password was sent; None without a record."""
        since, _ = self._read()
        return None if since is None else time.time() - since

    def is_it(self, age: float) -> bool:
        """Return whether a shell that is `age` seconds old is the one that we opened."""
        since, is_open = self._read()
        if since is None:
            return False
        younger = time.time() - since - age  # than the record, in seconds
        return -_CLOCK_SECONDS <= younger <= _CLOCK_SECONDS + (0.0 if is_open else _LOGIN_SECONDS)

    def _read(self) -> tuple[float | None, bool]:
        try:
            with os.fdopen(open_private(self.path, os.O_RDONLY), encoding="utf-8", errors="replace") as opened:
                record = json.loads(opened.read(4096))
            since, is_open = float(record["since"]), bool(record.get("open"))
        except (OSError, UsageError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            return None, False
        return (since, is_open) if 0 < since < _LATEST else (None, False)

"""What this user's runs may have left open: one small file for each endpoint, while a login of ours is open.

A run that is cut between its password and the dead-man's switch, and cannot connect again, leaves a
root shell. The next run knows by the file, and by the shell's age, that it is ours to log out.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path

import platformdirs

__all__ = ["OpenLogin"]

_SECONDS_OFF = 10.0  # clocks of machines go wrong while they are busy
_LAST_SECOND = 1e12
_LOGIN_SECONDS = 60.0  # and a login may take so long


@dataclass
class OpenLogin:
    """The record of one endpoint. A folder that cannot be written to only makes it forgetful.

    Args:
        endpoint: its name, as the transport tells.
    """

    endpoint: str

    @property
    def path(self) -> Path:
        """Where it is kept."""
        name = hashlib.sha256(self.endpoint.encode()).hexdigest()[:16]
        return platformdirs.user_state_path("sosagent") / "open" / f"{name}.json"

    def remember(self, *, is_open: bool) -> None:
        """A login of ours has opened just now, or is about to (its password is being sent)."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.write_text(json.dumps({"endpoint": self.endpoint, "since": time.time(), "open": is_open}))
        except OSError:
            return

    def forget(self) -> None:
        """It is closed, or what is there is not ours."""
        try:
            self.path.unlink(missing_ok=True)
        except OSError:
            return

    def seconds(self) -> float | None:
        """How long ago it opened, or its password was sent; None if nothing was left, as far as is known."""
        since, _ = self._read()
        return None if since is None else time.time() - since

    def is_it(self, age: float) -> bool:
        """Whether a shell that is `age` seconds old is the one that we opened."""
        since, is_open = self._read()
        if since is None:
            return False
        younger = time.time() - since - age  # by so much than the record
        return -_SECONDS_OFF <= younger <= _SECONDS_OFF + (0.0 if is_open else _LOGIN_SECONDS)

    def _read(self) -> tuple[float | None, bool]:
        try:
            found = json.loads(self.path.read_text()[:4096])
            since, is_open = float(found["since"]), bool(found.get("open"))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            return None, False
        return (since, is_open) if 0 < since < _LAST_SECOND else (None, False)

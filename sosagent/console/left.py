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

_SECONDS_OFF = 10.0  # a login takes a while, and clocks of machines go wrong while they are busy


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

    def remember(self) -> None:
        """A login of ours is about to open, or has opened just now."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.write_text(json.dumps({"endpoint": self.endpoint, "since": time.time()}))
        except OSError:
            return

    def forget(self) -> None:
        """It is closed, or what is there is not ours."""
        try:
            self.path.unlink(missing_ok=True)
        except OSError:
            return

    def seconds(self) -> float | None:
        """How long ago it opened; None if nothing was left, as far as is known."""
        try:
            since = json.loads(self.path.read_text())["since"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return time.time() - since if isinstance(since, int | float) else None

    def is_it(self, age: float) -> bool:
        """Whether a shell that is `age` seconds old is the one that we opened."""
        seconds = self.seconds()
        return seconds is not None and abs(seconds - age) <= _SECONDS_OFF

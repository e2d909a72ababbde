"""A record of logins that may still be open: one small file for each endpoint, from our login to our logout.

It also records a refused login for a minute.

A run whose connection is lost between its password and the dead-man's switch, and which cannot connect again, leaves
a root shell open. By the record and the shell's age, the next run recognises the shell as ours, and logs it out.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

import platformdirs

from ..errors import UsageError
from ..printable import printable
from ..private_file import open_private

__all__ = ["OpenLogin"]

_CLOCK_SECONDS = 3.0  # how much later than the machine's clock ours may be, for the line and rounding
_CLOCK_RATE = 0.002  # how wrong the rate of a machine's clock may be
_MOST_CLOCK_SECONDS = 10.0
_LATEST = 1e12
_LOGIN_SECONDS = 20.0  # how long a login may take after its password
_REFUSED_SECONDS = 60.0  # after this time, the login that refused us has ended (LOGIN_TIMEOUT in login.defs(5))
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


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

    def remember(self, *, is_open: bool) -> str:
        """Record that our login opened now, or that its password is being sent.

        Returns:
            Why it cannot be recorded, or an empty string.
        """
        earlier = self._read() if is_open else None
        took = 0.0 if earlier is None or earlier.is_open else min(max(earlier.ago, 0.0), _LOGIN_SECONDS)
        return self._write({"open": is_open, "took": took})

    def note_refused(self) -> None:
        """Record that our login was refused now: login itself may ask for the next name, and shows that prompt once."""
        self._write({"refused": True})

    @property
    def explains_reading(self) -> bool:
        """Whether our shell, or the login that refused us and waits for a name, may be the program that reads lines."""
        record = self._read()
        return record is not None and (not record.refused or 0 <= record.ago < _REFUSED_SECONDS)

    def _write(self, fields: dict[str, Any]) -> str:
        """Write the record; return why that failed, or an empty string."""
        try:
            data = json.dumps({"endpoint": self.endpoint} | fields | _now()).encode()
            # Written over the earlier record, which needs no space on a full disk.
            with FileIO(open_private(self.path, os.O_RDWR | os.O_CREAT), "r+") as opened:
                opened.write(data.ljust(os.fstat(opened.fileno()).st_size))
                opened.truncate(len(data))
        except OSError as error:
            return f"{printable(str(self.path))}: {error.strerror}"
        except UsageError as error:
            return error.message
        return ""

    def forget(self) -> None:
        """Remove the record: the login is closed, or the shell on the console is not ours."""
        try:
            self.path.unlink(missing_ok=True)
        except OSError:
            return

    def seconds(self) -> float | None:
        """Return how long ago the login opened, or its password was sent; None without a record."""
        record = self._read()
        return None if record is None or record.refused else record.ago

    def is_it(self, age: float, *, asked: float = 0.0) -> bool:
        """Return whether a shell that is `age` seconds old may be the one that we opened.

        Args:
            age: its age on the machine's clock.
            asked: how many seconds ago the machine was asked for it.
        """
        record = self._read()
        if record is None or record.refused:
            return False
        younger = record.ago - age  # than the record, in seconds
        slack = min(_CLOCK_SECONDS + record.ago * _CLOCK_RATE, _MOST_CLOCK_SECONDS)
        latest = slack + (0.0 if record.is_open else _LOGIN_SECONDS)
        return younger >= -record.took - slack and younger - asked <= latest

    def _read(self) -> _Record | None:
        try:
            with os.fdopen(open_private(self.path, os.O_RDONLY), encoding="utf-8", errors="replace") as opened:
                record = json.loads(opened.read(4096))
            since, took = float(record["since"]), float(record.get("took", 0))
            ago = _seconds_since(record)
            is_open, refused = bool(record.get("open")), bool(record.get("refused"))
        except (OSError, UsageError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            return None
        return _Record(ago, is_open, took, refused) if 0 < since < _LATEST and 0 <= took <= _LOGIN_SECONDS else None


@dataclass(frozen=True)
class _Record:
    """What the file says.

    Fields:
        ago: seconds since our login opened, or since its password was sent.
        is_open: whether it had opened.
        took: seconds from the password until then.
        refused: whether it was refused.
    """

    ago: float
    is_open: bool
    took: float
    refused: bool


def _now() -> dict[str, float | str]:
    """Return this moment on the wall clock and, if there is one, on a clock that nobody sets."""
    now: dict[str, float | str] = {"since": time.time()}
    steady = _steady()
    return now if steady is None else now | {"boot": steady[0], "uptime": steady[1]}


def _seconds_since(record: dict[str, Any]) -> float:
    """Return how long ago `record` was written. The wall clock may have been set since then."""
    steady = _steady()
    if steady is not None and record.get("boot") == steady[0] and "uptime" in record:
        return steady[1] - float(record["uptime"])
    return time.time() - float(record["since"])


def _steady() -> tuple[str, float] | None:
    """Return what identifies this boot, and the seconds since then, including those asleep; None if unknown."""
    if not hasattr(time, "CLOCK_BOOTTIME"):
        return None
    try:
        return _BOOT_ID.read_text("ascii").strip(), time.clock_gettime(time.CLOCK_BOOTTIME)
    except (OSError, ValueError):
        return None

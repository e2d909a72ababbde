"""Remember unlocked private keys for the duration of a job, so that a reconnect does not ask for the passphrase."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

__all__ = ["opened_keys", "remembering"]

_OPENED: ContextVar[dict[Path, Any] | None] = ContextVar("opened", default=None)


@contextmanager
def remembering() -> Iterator[None]:
    """Within this context, the passphrase of a key is asked for only once. Contexts can be nested."""
    token = _OPENED.set({} if (outer := _OPENED.get()) is None else outer)
    try:
        yield
    finally:
        _OPENED.reset(token)


def opened_keys() -> dict[Path, Any]:
    """Return the unlocked keys of the current job, by path; an empty mapping outside of `remembering`."""
    opened = _OPENED.get()
    return {} if opened is None else opened

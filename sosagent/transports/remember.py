"""Keys that were opened with a passphrase, as long as a job lasts: a second connection asks for none again."""

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
    """Within it, a passphrase is asked for once, however often a key is used."""
    token = _OPENED.set({} if (outer := _OPENED.get()) is None else outer)
    try:
        yield
    finally:
        _OPENED.reset(token)


def opened_keys() -> dict[Path, Any]:
    """Those of the job at hand; a new place for them outside of one."""
    opened = _OPENED.get()
    return {} if opened is None else opened

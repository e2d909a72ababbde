"""The public calls for programs without asyncio. Each runs an event loop of its own to the end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from .jobs.add_key import AddKeyResult
from .jobs.add_key import add_key as _add_key
from .keys import PublicKey
from .target import Target

__all__ = ["add_key"]


def add_key(target: str | Target, keys: str | PublicKey | Sequence[PublicKey], **options: Any) -> AddKeyResult:
    """Do `sosagent.add_key` and wait for it; arguments, result and errors are the same."""
    return asyncio.run(_add_key(target, keys, **options))

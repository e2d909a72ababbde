"""A connected console as the jobs of sosagent use it; `sosagent.connect` shows only its public part."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Unpack

from sosagent.access import ConnectOptions, ConnectSettings
from sosagent.deadline import Deadline
from sosagent.endpoint.located import Locatable
from sosagent.session.connect import open_console
from sosagent.session.console import ConnectedConsole
from sosagent.transports import Transport

__all__ = ["inner_console"]


def inner_console(
    target: Locatable | Transport, *, timeout: float | None = None, **options: Unpack[ConnectOptions]
) -> AbstractAsyncContextManager[ConnectedConsole]:
    """Connect as `sosagent.connect` does."""
    return open_console(target, Deadline(timeout), ConnectSettings(**options))

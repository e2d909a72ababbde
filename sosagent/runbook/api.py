"""`run_runbook`, for other programs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Unpack

from ..endpoint.target import Target
from ..session.access import AccessOptions, access_to
from ..transports import Transport
from .engine import Settings, run_loaded
from .load import Loaded, load_runbook
from .record import RunRecord
from .steps import Ask
from .values import Value

__all__ = ["run_runbook"]


async def run_runbook(
    target: str | Target | Transport,
    runbook: str | Path | Loaded,
    parameters: Mapping[str, Value] | None = None,
    *,
    begin: str | None = None,
    confirm: Ask | Literal[True] | None = None,
    **options: Unpack[AccessOptions],
) -> RunRecord:
    """Run a runbook on a machine that is reached through its serial console.

    Args:
        target: HOST as on the command line, a `Target`, or a connected transport.
        runbook: a file, a shipped one's name, or what `load_runbook` gave.
        parameters: values by name; a secret one as a `Secret`.
        begin: number or name of the first step to do.
        confirm: is asked what `confirm` steps ask, ``await confirm(question)``; True says yes to all. None: a
            runbook that asks fails there.
        options: how to get there: ``password=`` and others, see `AccessOptions`. ``timeout`` is for the whole
            run, the runbook's own by default.

    Returns:
        What was done, step by step.

    Raises:
        UsageError: the runbook or a parameter is wrong; nothing was sent.
        SosError: what stopped it; its `record` tells what was done until then.

    When cancelled it does what is in ``finally``, logs out, and lets the cancellation go on.
    """
    loaded = runbook if isinstance(runbook, Loaded) else load_runbook(runbook)
    options.setdefault("timeout", loaded.runbook.timeout)
    settings = Settings(begin, _yes if confirm is True else confirm)
    return await run_loaded(access_to(target, **options), loaded, parameters or {}, settings)


async def _yes(_question: str) -> bool:
    return True

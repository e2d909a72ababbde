"""`run_runbook`, the library's function to run a runbook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Unpack

from ..access import AccessOptions, access_to
from ..endpoint.located import Locatable
from ..paths import StrPath
from ..transports import Transport
from .engine import Settings
from .load import Loaded, load_runbook
from .plan import planned
from .record import RunRecord
from .run import find_first_step, run_loaded
from .steps import Ask
from .values import Value, parameter_values

__all__ = ["run_runbook"]


async def run_runbook(
    target: Locatable | Transport,
    runbook: StrPath | Loaded,
    parameters: Mapping[str, Value] | None = None,
    *,
    start_at: str | None = None,
    dry_run: bool = False,
    confirm: Ask | Literal[True] | None = None,
    **options: Unpack[AccessOptions],
) -> RunRecord:
    """Run a runbook on a machine through its serial console.

    Args:
        target: HOST as on the command line, a `Target`, or a connected transport.
        runbook: a file, the name of a shipped runbook, or the result of `load_runbook`.
        parameters: values by name; the value of a secret parameter is a `Secret`.
        start_at: number or name of the first step to run.
        dry_run: connect to nothing; the record has the steps that would run, and whether each changes the machine.
        confirm: called with the question of each `confirm` step, ``await confirm(question)``; True answers yes to
            all questions. With None, a `confirm` step fails.
        options: how to reach the machine: ``password=`` and others, see `AccessOptions`. ``timeout`` applies to
            the whole run; by default it is the runbook's.

    Returns:
        The record of all steps.

    Raises:
        UsageError: the runbook or a parameter is invalid; nothing was sent.
        SosError: why the run ended early; its `record` is a `RunRecord` of what was done until then.

    When cancelled, it runs the steps in ``finally``, logs out, and raises the cancellation, also with a `record`.
    """
    loaded = runbook if isinstance(runbook, Loaded) else load_runbook(runbook)
    options.setdefault("timeout", loaded.runbook.timeout)
    access = access_to(target, **options)
    if dry_run:
        find_first_step(loaded, start_at)
        return planned(loaded, parameter_values(loaded.runbook, parameters or {}), access.host, access.login)
    settings = Settings(start_at, _yes if confirm is True else confirm)
    return await run_loaded(access, loaded, parameters or {}, settings)


async def _yes(_question: str) -> bool:
    return True

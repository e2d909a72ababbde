"""Start a run: check the parameters and the first step, then hand over to the engine."""

from __future__ import annotations

import glob
from collections.abc import Mapping
from fnmatch import fnmatchcase

from ..access import Access
from ..errors import PasswordMissing, UsageError
from ..printable import printable
from ..transports import Transport
from ..transports.remember import remembering
from .engine import Engine, Settings
from .load import Loaded
from .names import stored_names, used_names
from .plan import needs_shell, title_of
from .record import RunRecord
from .scope import Scope
from .template import parse_template
from .values import Value, complete_values

__all__ = ["find_first_step", "run_loaded"]


async def run_loaded(access: Access, loaded: Loaded, parameters: Mapping[str, Value], settings: Settings) -> RunRecord:
    """Run a runbook.

    Args:
        access: how to reach the machine; its `timeout` applies to the whole run.
        loaded: the runbook.
        parameters: values of its parameters.
        settings: how to run it.

    Raises:
        SosError: why the run ended early; `record.record_of` returns what it did until then.

    When cancelled, it runs the steps in `finally`, logs out, and raises the cancellation with a record. That takes at
    most a minute, and a second one if a program is still running on the machine: no key press can end a program.
    """
    values = complete_values(loaded.runbook, parameters)
    first = find_first_step(loaded, settings.start_at)
    if access.password is None and needs_shell(loaded) and isinstance(access.target, Transport):
        raise PasswordMissing(f"no password for {printable(access.login, 60)} on the machine")
    with remembering():
        return await Engine(access, loaded, Scope(loaded, values), settings, first).run()


def find_first_step(loaded: Loaded, start_at: str | None) -> int:
    """Return the index of the first step to run.

    Args:
        loaded: the runbook.
        start_at: number or name of a step; None for the first.

    Raises:
        UsageError: there is no such step, or a step from there on needs what a skipped step stores.
    """
    steps = loaded.runbook.steps
    if start_at is None:
        return 0
    matching = [at for at, step in enumerate(steps) if start_at in (str(at + 1), step.name)] or [
        at for at, step in enumerate(steps) if step.name is not None and _may_become(step.name, start_at)
    ]
    if not matching:
        names = ", ".join(f"{at + 1} ({title_of(step)})" for at, step in enumerate(steps))
        raise UsageError(
            f"--from: there is no step {printable(start_at, 60)!r}", hint=f"The steps are {printable(names, 1000)}."
        )
    if len(matching) > 1 and steps[matching[0]].name != start_at:
        numbers = ", ".join(str(at + 1) for at in matching)
        raise UsageError(
            f"--from: {printable(start_at, 60)!r} may be any of the steps {numbers}", hint="Use the number of the step."
        )
    first = matching[0]
    stored = {name: at for at in range(first) for name in stored_names(steps[at])}
    for at in range(first, len(steps)):
        for name in sorted(used_names(steps[at]) & set(stored)):
            raise UsageError(
                f"--from {printable(start_at, 60)}: step {at + 1} needs {name}, which step {stored[name] + 1} stores",
                hint=f"Start at step {stored[name] + 1} or before.",
            )
        for name in stored_names(steps[at]) if steps[at].when is None else ():
            stored.pop(name, None)
    return first


def _may_become(name: str, text: str) -> bool:
    """Whether `text` may be the name of a step after its placeholders have been filled in."""
    pieces = parse_template(name).pieces
    return fnmatchcase(text, "".join(glob.escape(one) if isinstance(one, str) else "*" for one in pieces))

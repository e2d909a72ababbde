"""The changes of a runbook that it does not ask about itself. No I/O."""

from __future__ import annotations

from collections.abc import Iterator

from .actions import Confirm, Include
from .load import Loaded
from .model import Step
from .plan import changes_machine

__all__ = ["changes_unasked"]


def changes_unasked(loaded: Loaded, first: int = 0) -> bool:
    """Whether a run changes the machine before a `confirm` step has asked.

    Steps after a failure or for cleaning up do not count: they follow the others.

    Args:
        loaded: the runbook.
        first: index of the first step that runs.
    """
    asked: list[frozenset[str]] = []  # the conditions of each confirm step so far
    for step, conditions in _with_conditions(loaded, first, "", frozenset()):
        if isinstance(step.options, Confirm):
            asked.append(conditions)
        elif changes_machine(step) and not any(one <= conditions for one in asked):
            return True
    return False


def _with_conditions(
    loaded: Loaded, first: int, place: str, outer: frozenset[str]
) -> Iterator[tuple[Step, frozenset[str]]]:
    """Yield the steps in their order, also included ones, with the conditions on which each of them runs.

    Args:
        loaded: the runbook.
        first: index of the first step that runs.
        place: the numbers of the steps that include it. The names in a condition are those of its own runbook.
        outer: the conditions on which it runs.
    """
    for at, step in enumerate(loaded.runbook.steps):
        if at < first:
            continue
        conditions = outer if step.when is None else outer | {f"{place} {step.when.model_dump_json()}"}
        yield step, conditions
        if isinstance(step.options, Include):
            other = loaded.included[step.options.runbook]
            yield from _with_conditions(other, 0, f"{place}.{at}", conditions)

"""What a runbook would do, without doing it. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from ..errors import UsageError
from ..printable import printable
from ..secrets.secret import Secret
from .load import Loaded
from .model import Assert, Confirm, Expect, Include, Keys, Login, Run, Send, SendBreak, Step, WaitFor
from .record import RunRecord, StepRecord
from .scope import Scope

__all__ = ["described", "needs_shell", "numbered", "planned"]

_NEED_A_SHELL = ("login", "run", "add_key", "remove_key", "upload", "download")


def described(step: Step) -> str:
    """A step in a few words: its name, or what it does."""
    if step.name is not None:
        return printable(step.name, 120)
    return printable(f"{step.action} {_first_line(_text(step))}".strip(), 120)


def _first_line(text: str) -> str:
    lines = text.strip().splitlines()
    return (lines[0][:80] + (" ..." if len(lines) > 1 or len(lines[0]) > 80 else "")) if lines else ""


def _text(step: Step) -> str:
    """What a step is about, as it stands in the file."""
    does = step.does
    if isinstance(does, Run):
        return does.program
    if isinstance(does, Send | WaitFor):
        return does.text or getattr(does, "state", "") or ""
    if isinstance(does, Expect):
        return does.pattern
    if isinstance(does, Keys):
        return does.key
    if isinstance(does, Assert):
        return does.that
    if isinstance(does, Confirm):
        return does.question
    if isinstance(does, Include):
        return does.runbook
    if isinstance(does, Login):
        return does.user or ""
    if isinstance(does, SendBreak):
        return does.sysrq or ""
    source, target = getattr(does, "source", ""), getattr(does, "target", "")
    return f"{source} -> {target}" if source else ""


def numbered(loaded: Loaded, prefix: str = "") -> Iterator[tuple[str, Step]]:
    """All steps with their numbers, those of included runbooks behind their `include`."""
    runbook = loaded.runbook
    for kind, steps in (("", runbook.steps), ("on_failure ", runbook.on_failure), ("finally ", runbook.finally_)):
        for at, step in enumerate(steps):
            number = f"{prefix}{kind}{at + 1}"
            yield number, step
            if isinstance(step.does, Include):
                yield from numbered(loaded.included[step.does.runbook], f"{number}.")


def needs_shell(loaded: Loaded) -> bool:
    """Whether any step logs in."""
    return any(step.action in _NEED_A_SHELL for _, step in numbered(loaded))


def planned(loaded: Loaded, values: Mapping[str, str | Secret], host: str, user: str) -> RunRecord:
    """What a run would do, as the record of one."""
    scope = Scope(loaded, values)
    steps = tuple(
        StepRecord(number, described(step), step.action, "planned", said=_condition(step), output=_filled(scope, step))
        for number, step in numbered(loaded)
    )
    runbook = loaded.runbook
    return RunRecord(
        runbook.name, loaded.name, runbook.description, host, user, datetime.now(UTC), "planned",
        scope.shown, steps,
    )  # fmt: skip


def _condition(step: Step) -> str:
    words = []
    if step.when is not None:
        kind = next((name for name in ("equals", "matches", "contains") if getattr(step.when, name) is not None), "")
        what = f" {kind} {getattr(step.when, kind)!r}" if kind else ""
        words.append(f"{'unless' if step.when.negate else 'if'} {step.when.that}{what}")
    if step.repeat is not None:
        words.append(f"up to {step.repeat.times} times")
    return printable(", ".join(words), 300)


def _filled(scope: Scope, step: Step) -> str:
    text = _text(step)
    if not isinstance(step.does, Run):
        try:
            text = scope.fill(text)
        except UsageError:
            pass  # a value that only the run knows: the hole is shown
    return "\n".join(printable(line, 2000) for line in text.rstrip().splitlines())

"""The table of actions: which function runs a step."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from ..errors import StepFailed
from ..printable import printable
from . import console_steps, shell_steps
from .actions import Assert, Confirm
from .outcome import Outcome
from .scope import Scope
from .site import Site

__all__ = ["NOT_ANSWERED", "STEPS", "Ask", "confirm"]

#: Asks the user a yes-or-no question.
Ask = Callable[[str], Awaitable[bool]]
#: What to do about a question that nobody answered.
NOT_ANSWERED = "--yes answers yes to all questions of the runbook. The steps after it were not run."
_VERBS = {"equals": "equal", "matches": "match", "contains": "contain"}


async def assert_(site: Site, scope: Scope, options: Assert) -> Outcome:
    """Fail unless a condition is true."""
    if scope.holds(options):
        return Outcome("the condition is true")
    if options.message is not None:
        message = printable(scope.fill(options.message), 600)
    else:
        value, negation = printable(scope.fill(options.that), 200), "not " if options.negate else ""
        key, text = options.comparison or ("", "")
        required = f"{_VERBS[key]} {text!r}" if key else "be true"
        message = f"expected {value!r} {negation}to {required}"
    raise StepFailed(message, state=site.console.state, hint="The output of the steps before it shows the cause.")


async def confirm(scope: Scope, options: Confirm, ask: Ask | None) -> Outcome:
    """Ask the user a question; fail unless the answer is yes.

    Args:
        scope: fills the question.
        options: the options of the step.
        ask: None if no user can be asked.
    """
    question = printable(scope.fill(options.question), 1000)
    if ask is None:
        raise StepFailed(f"no user is present to confirm: {question}", hint=NOT_ANSWERED)
    if not await ask(question):
        raise StepFailed(f"the answer was no: {question}", hint="The steps after it were not run.")
    return Outcome("yes")


#: The action -> the function that runs it; the third argument is an instance of the action's model. The engine
#: itself runs `confirm` and `include`.
STEPS: dict[str, Callable[[Site, Scope, Any], Awaitable[Outcome]]] = {
    "login": shell_steps.login,
    "logout": shell_steps.logout,
    "run": shell_steps.run,
    "expect": console_steps.expect,
    "send": console_steps.send,
    "add_key": shell_steps.add_key,
    "remove_key": shell_steps.remove_key,
    "upload": shell_steps.upload,
    "download": shell_steps.download,
    "wait_for": console_steps.wait_for,
    "send_break": console_steps.send_break,
    "assert": assert_,
}

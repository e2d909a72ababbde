"""Let the user answer a prompt for a second factor, such as a code from an authenticator."""

from __future__ import annotations

import asyncio

from ..console.console import Mark
from ..console.events import Event
from ..errors import ConsoleError, DeadlineExceeded, LoginRefused
from ..printable import printable
from ..secrets.secret import Secret
from ..terminal.states import BY_NAME, Observation
from .attempt import Attempt
from .observe import LOGIN_SECONDS, settle
from .refusals import refusal_reason

__all__ = ["MOST_FACTORS", "answer_second_factor", "factor_refused", "prompt_after"]

#: How many prompts for a second factor a login may have.
MOST_FACTORS = 3
_NAME = "second-factor"
_HINT = BY_NAME[_NAME].hint
_CHECK_CODE = "Check the code, and the clocks of the machine and of what made it. It was typed only once."


async def answer_second_factor(attempt: Attempt) -> Mark | None:
    """At a prompt for a second factor: ask the user for the code, and type it.

    Args:
        attempt: a login whose console shows such a prompt, which answers our own name or password.

    Returns:
        A mark from before the answer. None if the prompt went away meanwhile; nothing was typed then.

    Raises:
        LoginRefused: no user answers.
        DeadlineExceeded: the job's time limit passed first.
    """
    console, ask = attempt.console, attempt.settings.ask_code
    prompt = printable(console.open_line.strip(), 200)
    console.emit(Event("start", "wait for the second factor"))
    try:
        async with asyncio.timeout(console.time_left()):
            code = None if ask is None else await ask(prompt)
    except TimeoutError:
        message = f"no answer to the machine's second factor ({prompt}) within the time limit"
        raise console.error(DeadlineExceeded, message, "Give more time with --timeout.") from None
    if code is None:
        rest = _HINT if ask is None else "There was no answer: --ask needs a terminal to ask on."
        raise console.error(LoginRefused, f"the machine asks for a second factor: {prompt}", rest)
    # The login may have ended while the user looked for the code.
    before = console.mark_before_open_line()
    await console.quiet(console.line.quiet_seconds, LOGIN_SECONDS)
    if console.received.count_lines_since(before) or printable(console.open_line.strip(), 200) != prompt:
        return None
    sent = console.mark()
    await console.send_secret(Secret(code) if isinstance(code, str) else code)
    return sent


async def prompt_after(attempt: Attempt, sent: Mark) -> Observation:
    """Return the state that a code leads to, which was typed before the password."""
    return await settle(attempt.console, LOGIN_SECONDS, mark=sent)


def factor_refused(attempt: Attempt, mark: Mark) -> ConsoleError:
    """Return the error for a refused code, which was typed at `mark`."""
    reason, hint = refusal_reason(attempt.console, mark, "second factor")
    message = reason or "the machine refused the second factor"
    return attempt.console.error(LoginRefused, message, hint or _CHECK_CODE)

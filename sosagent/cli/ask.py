"""Ask the user questions on the terminal: the endpoint's, and our own."""

from __future__ import annotations

import getpass
import re
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar, cast

from ..errors import NotConfirmed, SosError, UsageError
from ..secrets.secret import Secret
from ..user_terminal import ask_line, discard_typed, has_terminal, in_foreground, terminal_descriptor
from .exits import Unexpected, prefix_errors

if TYPE_CHECKING:
    import asyncio

    from ..secrets.sources import PasswordSource
    from ..transports.base import Ask
    from .show import Progress

__all__ = [
    "answer_from",
    "ask_code_on_terminal",
    "ask_on_terminal",
    "ask_yes_or_no",
    "confirm",
    "in_thread",
    "run_in_thread",
]

T = TypeVar("T")

_PASSWORD = re.compile(r"(?i)password")
#: A prompt that contains one of these asks for something other than the endpoint's current password.
_NOT_THE_PASSWORD = re.compile(r"(?i)root|passphrase|\bnew\b|one.?time|\botp\b")


def confirm(question: str, *, no_terminal: str, hint: str, refused: str) -> None:
    """Ask a yes-or-no question on the terminal.

    Args:
        question: the whole question.
        no_terminal, hint: the error and its hint if there is no terminal.
        refused: the error if the answer is not yes.

    Raises:
        UsageError: there is no terminal.
        NotConfirmed: the user did not confirm.
    """
    if not has_terminal():
        raise UsageError(no_terminal, hint=hint)
    try:
        confirmed = ask_yes_or_no(question)
    except EOFError:
        confirmed = False
    if not confirmed:
        raise NotConfirmed(refused)


def ask_yes_or_no(question: str) -> bool:
    """Ask on the terminal, and return whether the answer is yes; Enter alone means no.

    Raises:
        EOFError: at end of input, or without a terminal.
    """
    discard_typed()  # what was typed before the question is no answer to it
    return ask_line(f"{question} [y/N] ").strip().lower() in ("y", "yes")


def ask_on_terminal(progress: Progress) -> Callable[[str, str, bool], Awaitable[str | None]]:
    """Return an `Ask` that passes questions of the endpoint, marked as such, and our own to the user."""

    async def ask(endpoint: str, prompt: str, echo: bool) -> str | None:
        # Name the endpoint, so that the user does not type the machine's password here.
        text = f"The endpoint {endpoint} asks: {prompt} " if endpoint else f"{prompt} "
        with progress.paused():
            return await in_thread(lambda: ask_line(text) if echo else getpass.getpass(text))

    return ask


def ask_code_on_terminal(progress: Progress) -> Callable[[str], Awaitable[Secret | None]]:
    """Return a function that asks the user for a second factor, without showing what is typed."""

    async def ask(prompt: str) -> Secret | None:
        with progress.paused():
            if not has_terminal():
                return None
            code = await in_thread(lambda: getpass.getpass(f"The machine asks for a second factor: {prompt} "))
        return Secret(code) if code else None

    return ask


def answer_from(source: PasswordSource, endpoint: str, ask: Ask | None, where: str = "") -> Ask:
    """Return an `Ask` that answers the endpoint's first password prompt from `source`, and passes on all others.

    Args:
        source: read when the endpoint asks, not before.
        endpoint: its name. A question of another endpoint, such as a jump host, is passed on.
        ask: asks the user; None if no user is present.
        where: the place of `source` in the configuration, for messages.
    """

    def read_source() -> str:
        from ..secrets.sources import find_password

        with prefix_errors(where):
            return find_password(source=source).reveal()

    unused = source.kind != "prompt"

    async def answer(name: str, prompt: str, echo: bool) -> str | None:
        nonlocal unused
        own = name == endpoint and not echo and _PASSWORD.search(prompt) and not _NOT_THE_PASSWORD.search(prompt)
        if not own or not unused:
            return None if ask is None else await ask(name, prompt, echo)
        unused = False
        return await in_thread(read_source)

    return answer


async def in_thread(question: Callable[[], T]) -> T | None:
    """Run `question`, which waits for the user, in a thread; return the answer, or None at end of input."""
    try:
        return await run_in_thread(question)
    except EOFError:
        return None


async def run_in_thread(work: Callable[[], T]) -> T:
    """Run blocking work in a thread, and return its result.

    When cancelled, the thread is abandoned and the terminal's modes are restored.

    Raises:
        SosError, EOFError: from `work`. Any other exception becomes `Unexpected`.
    """
    import asyncio  # not needed for help

    loop = asyncio.get_running_loop()
    result: asyncio.Future[T] = loop.create_future()

    def finish(value: T | None, error: BaseException | None) -> None:
        if result.done():
            return
        if error is None:
            result.set_result(cast(T, value))
        else:
            result.set_exception(error)

    def run() -> None:
        value: T | None = None
        failure: BaseException | None = None
        try:
            value = work()
        except (SosError, EOFError) as error:
            failure = error
        except BaseException as error:  # noqa: BLE001 - the future must be resolved, or its waiter hangs
            failure = Unexpected(error)
        with suppress(RuntimeError):  # the waiter was cancelled and the loop is closed
            loop.call_soon_threadsafe(finish, value, failure)

    with _terminal_modes_kept():
        # A daemon thread, because the end of the program must not wait for an answer that may never come.
        threading.Thread(target=run, daemon=True).start()
        return await result


@contextmanager
def _terminal_modes_kept() -> Iterator[None]:
    """Restore the terminal's modes at the end: an abandoned password prompt has switched the echo off."""
    try:
        import termios
    except ImportError:  # on Windows
        yield
        return
    with terminal_descriptor() as terminal:
        if terminal is None:
            yield
            return
        before = termios.tcgetattr(terminal)
        try:
            yield
        finally:
            with suppress(termios.error):  # the terminal may be gone
                # Setting the modes from the background would stop the process.
                if termios.tcgetattr(terminal) != before and in_foreground():
                    termios.tcsetattr(terminal, termios.TCSANOW, before)

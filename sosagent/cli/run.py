"""Run a job from the command line: signals, errors, exit codes."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import SosError

if TYPE_CHECKING:
    from .show import Progress

__all__ = ["Interrupted", "ask_on_terminal", "run_job"]

_T = TypeVar("_T")


class Interrupted(SosError):
    """Ctrl-C, or the signal of a shutdown: we logged out first."""

    code = "interrupted"
    exit_code = 130


def run_job(job: Coroutine[Any, Any, _T]) -> _T:
    """Run `job` to its end. A signal cancels it; it logs out, however often the signal comes.

    Raises:
        Interrupted: a signal came.
        SosError: the job's own.
    """
    return asyncio.run(_guarded(job))


async def _guarded(job: Coroutine[Any, Any, _T]) -> _T:
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(job)
    signals: list[str] = []

    def stop(name: str) -> None:
        signals.append(name)
        if len(signals) == 1:
            print("\nsosagent: stopping; logging out first", file=sys.stderr, flush=True)
            task.cancel()
        else:
            print("sosagent: still logging out", file=sys.stderr, flush=True)

    handled = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    for number in handled:
        loop.add_signal_handler(number, stop, number.name)
    try:
        return await task
    except asyncio.CancelledError as error:
        if not signals:
            raise
        interrupted = Interrupted(f"stopped by {signals[0]}", hint="Nothing that was there is lost.")
        for note in getattr(error, "__notes__", ()):
            interrupted.add_note(note)
        raise interrupted from None
    finally:
        for number in handled:
            loop.remove_signal_handler(number)


def ask_on_terminal(progress: Progress) -> Callable[[str, str, bool], Awaitable[str | None]]:
    """Pass an endpoint's own questions on to the user, named as the endpoint's."""

    async def ask(endpoint: str, prompt: str, echo: bool) -> str | None:
        import getpass

        progress.stop()
        words = f"The endpoint {endpoint} asks: {prompt}"
        try:
            # Not the machine's password: this prompt is the endpoint's.
            return await asyncio.to_thread(input if echo else getpass.getpass, words)
        except EOFError:
            return None

    return ask

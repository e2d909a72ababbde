"""Run a job from the command line, and stop it in an orderly way when a signal arrives."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from .exits import Interrupted

if TYPE_CHECKING:
    import asyncio

__all__ = ["run_job", "run_prepared"]

T = TypeVar("T")

_RUN_AGAIN = "No key was lost. Run the command again: it finds out what has already been done."


def run_job(job: Coroutine[Any, Any, T], *, logs_out: bool = True, hint: str = _RUN_AGAIN) -> T:
    """Run `job` to its end in an event loop of its own.

    SIGINT, SIGTERM and SIGHUP cancel the job once; it then logs out. Further signals do not interrupt that.

    Args:
        job: the coroutine to run.
        logs_out: print that the job logs out when a signal arrives.
        hint: what the user should know after an interruption.

    Raises:
        Interrupted: a signal arrived.
        SosError: the job failed.
    """
    import asyncio  # costs as much to import as all of typer, and help does not need it

    return asyncio.run(_until_signal(job, logs_out, hint))


def run_prepared(
    prepare: Coroutine[Any, Any, Coroutine[Any, Any, T]], *, logs_out: bool = True, hint: str = _RUN_AGAIN
) -> T:
    """Run `prepare`, then the job that it returns, in one event loop.

    Args:
        prepare: locates the machine, and asks the user for what is missing. A signal ends it at once.
        logs_out, hint: for the job, as in `run_job`.

    Raises:
        Interrupted: a signal arrived.
        SosError: `prepare` or the job failed.
    """
    import asyncio

    async def run() -> T:
        job = await _until_signal(prepare, logs_out=False, hint="Nothing was sent.")
        return await _until_signal(job, logs_out, hint)

    return asyncio.run(run())


async def _until_signal(job: Coroutine[Any, Any, T], logs_out: bool, hint: str) -> T:
    import asyncio

    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(job)
    signals: list[str] = []

    def stop(name: str) -> None:
        signals.append(name)
        if len(signals) == 1:
            if logs_out:
                print("\nsosagent: stopping; logging out first", file=sys.stderr, flush=True)
            task.cancel()
        elif logs_out:
            print("sosagent: still logging out", file=sys.stderr, flush=True)

    restorers = [_on_signal(loop, name, stop) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    try:
        return await task
    except asyncio.CancelledError as error:
        if not signals:
            raise
        interrupted = Interrupted(f"stopped by {signals[0]}", hint=hint)
        interrupted.record = getattr(error, "record", None)
        for note in getattr(error, "__notes__", ()):
            interrupted.add_note(note)
        raise interrupted from None
    finally:
        for restore in restorers:
            restore()


def _on_signal(loop: asyncio.AbstractEventLoop, name: str, stop: Callable[[str], None]) -> Callable[[], object]:
    """Call ``stop(name)`` in the loop when the signal arrives; return a function that restores the old handler."""
    number = signal.Signals[name]
    try:
        loop.add_signal_handler(number, stop, name)
    except NotImplementedError:  # on Windows
        before = signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop, name))
        return lambda: signal.signal(number, before)
    return lambda: loop.remove_signal_handler(number)

"""Run a job from the command line, and stop it in an orderly way when a signal arrives."""

from __future__ import annotations

import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import SosError
from .background import say
from .exits import Interrupted
from .failures import check_descriptors

if TYPE_CHECKING:
    import asyncio

__all__ = ["RUN_AGAIN", "run_job", "run_prepared"]

T = TypeVar("T")

#: `timeout` and service managers may send one signal twice, to the process and to its group. That counts as one.
_REPEATED_SECONDS = 1.0
_SHELL_MAY_BE_OPEN = " before the log-out had ended: a shell may be open on the console"
_CLOSES_SHELL = "The next run closes that shell. "
RUN_AGAIN = "Run the command again: it finds out what has already been done."


def run_job(job: Coroutine[Any, Any, T], *, logs_out: bool = True, hint: str = RUN_AGAIN) -> T:
    """Run `job` to its end in an event loop of its own.

    SIGINT, SIGTERM and SIGHUP cancel the job once; it then logs out. Another SIGTERM ends the command at once.

    Args:
        job: the coroutine to run.
        logs_out: print that the job logs out when a signal arrives.
        hint: what the user should know after an interruption.

    Raises:
        Interrupted: a signal arrived.
        SosError: the job failed.
    """
    with _closing(job):
        return _run(_until_signal(job, logs_out, hint))


def run_prepared(
    prepare: Coroutine[Any, Any, Coroutine[Any, Any, T]], *, logs_out: bool = True, hint: str = RUN_AGAIN
) -> T:
    """Run `prepare`, then the job that it returns, in one event loop.

    Args:
        prepare: locates the machine, and asks the user for what is missing. A signal ends it at once.
        logs_out, hint: for the job, as in `run_job`.

    Raises:
        Interrupted: a signal arrived.
        SosError: `prepare` or the job failed.
    """

    async def run() -> T:
        job = await _until_signal(prepare, logs_out=False, hint="Nothing was sent.")
        return await _until_signal(job, logs_out, hint)

    with _closing(prepare):
        return _run(run())


@contextmanager
def _closing(work: Coroutine[Any, Any, object]) -> Iterator[None]:
    """Check that a job may open enough files; close `work` if it cannot start."""
    try:
        check_descriptors()
    except SosError:
        work.close()
        raise
    yield


class _Abandoned(Interrupted):
    """The user ended the command before its job had logged out."""


def _run(work: Coroutine[Any, Any, T]) -> T:
    import asyncio  # costs as much to import as all of typer, and help does not need it

    from ..unawaited import UnawaitedExecutor

    runner = asyncio.Runner()
    try:
        runner.get_loop().set_default_executor(UnawaitedExecutor())
        result = runner.run(work)
    except _Abandoned:
        raise  # closing the runner would wait for the job
    except BaseException:
        runner.close()
        raise
    runner.close()
    return result


async def _until_signal(job: Coroutine[Any, Any, T], logs_out: bool, hint: str) -> T:
    import asyncio

    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(job)
    abandoned: asyncio.Future[None] = loop.create_future()
    signals: list[tuple[str, float]] = []

    def stop(name: str) -> None:
        signals.append((name, loop.time()))
        if len(signals) == 1:
            task.cancel()  # before anything is printed, which may fail
            if logs_out:
                say("\nsosagent: stopping; logging out first")
        elif name == "SIGTERM" and loop.time() - signals[0][1] > _REPEATED_SECONDS:
            if not abandoned.done():
                abandoned.set_result(None)
        elif logs_out:
            say("sosagent: still logging out")

    restorers = [_on_signal(loop, name, stop) for name in ("SIGINT", "SIGTERM", "SIGHUP") if _is_wanted(name)]
    try:
        ends: list[asyncio.Future[Any]] = [task, abandoned]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise _Abandoned(
                f"stopped by {signals[0][0]} and SIGTERM" + (_SHELL_MAY_BE_OPEN if logs_out else ""),
                hint=_CLOSES_SHELL + hint if logs_out else hint,
            )
        return task.result()
    except asyncio.CancelledError as error:
        if not signals:
            task.cancel()
            raise
        interrupted = Interrupted(f"stopped by {signals[0][0]}", hint=hint)
        interrupted.record = getattr(error, "record", None)
        for note in getattr(error, "__notes__", ()):
            interrupted.add_note(note)
        interrupted.warn_of_shell(getattr(error, "open_shell", ""))
        raise interrupted from None
    finally:
        for restore in restorers:
            restore()


def _is_wanted(name: str) -> bool:
    """Return whether a signal ends the job: nohup(1) ignores SIGHUP for it, and Windows has none."""
    number = getattr(signal, name, None)
    return number is not None and not (name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN)


def _on_signal(loop: asyncio.AbstractEventLoop, name: str, stop: Callable[[str], None]) -> Callable[[], object]:
    """Call ``stop(name)`` in the loop when the signal arrives; return a function that restores the old handler."""
    number = signal.Signals[name]
    try:
        loop.add_signal_handler(number, stop, name)
    except NotImplementedError:  # on Windows
        before = signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop, name))
        return lambda: signal.signal(number, before)
    return lambda: loop.remove_signal_handler(number)

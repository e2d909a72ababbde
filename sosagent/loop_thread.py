"""An event loop in its own thread, for programs without asyncio and for a lab that runs beside blocking tests."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

__all__ = ["LoopThread"]

T = TypeVar("T")

#: How often a waiting thread wakes up to handle signals. A signal may be delivered to another thread, which does not
#: wake this one; neither does Ctrl-C on Windows.
_POLL_SECONDS = 0.2


class LoopThread:
    """Runs coroutines for callers that have no event loop, or must not block their own.

    The loop keeps running between calls, which keeps open connections alive. Leaving the context cancels the
    tasks that still run and waits until they have ended.

    Args:
        name: the name of the thread, for debuggers.
    """

    def __init__(self, name: str) -> None:
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._started = threading.Event()
        self._failed: BaseException | None = None

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - raised in the thread that waits for the loop
            self._failed = error
        finally:
            self._started.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._started.set()
        await self._ended.wait()

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.wait()
        if self._failed is not None:  # the loop could not be created: too many open files
            raise self._failed
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        interruption: BaseException | None = None
        while self._thread.is_alive():
            try:
                self._loop.call_soon_threadsafe(self._ended.set)
                self._thread.join(timeout=_POLL_SECONDS)
            except RuntimeError:  # the loop has just been closed
                self._thread.join()
            except KeyboardInterrupt as error_meanwhile:
                interruption = error_meanwhile
        if interruption is not None and error is None:
            raise interruption

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` in the loop and return its result.

        Ctrl-C, or any exception that a signal handler raises, cancels `work`. The call then still waits until
        `work` has ended, however often it is interrupted: a logout must not stop in the middle.

        Args:
            work: a coroutine that has not started.

        Raises:
            BaseException: what `work` raised, or what interrupted the call.
        """
        refusal = self._refusal()
        if refusal:
            work.close()
            raise RuntimeError(refusal)
        # A concurrent Future would stay locked if the interruption came while it holds its lock. This lock is in C.
        ended = threading.Lock()
        ended.acquire()
        results: list[T] = []
        errors: list[BaseException] = []
        task: asyncio.Task[None] | None = None

        async def run() -> None:
            try:
                results.append(await work)
            except BaseException as error:  # noqa: BLE001 - SystemExit would end the loop
                errors.append(error)
            finally:
                ended.release()

        def start() -> None:
            nonlocal task
            if task is None:
                task = self._loop.create_task(run())
                if interruption is not None:
                    # After its first step: a task that is cancelled before that never runs its `finally`.
                    self._loop.call_soon(task.cancel)

        def cancel() -> None:
            if task is not None:
                # After its first step, which may still be due.
                self._loop.call_soon(task.cancel)

        interruption: BaseException | None = None
        started = False
        while not results and not errors:
            try:
                if not started:  # an interruption may come at any point here
                    self._loop.call_soon_threadsafe(start)
                    started = True
                ended.acquire(timeout=_POLL_SECONDS)
            except BaseException as error:  # noqa: BLE001 - raised below
                interruption = interruption or error
                self._loop.call_soon_threadsafe(cancel)
        if interruption is not None:
            raise interruption
        if errors:
            raise errors[0]
        return results[0]

    def _refusal(self) -> str:
        """Return why the current thread cannot wait for the loop; empty if it can."""
        if not self._thread.is_alive():
            return f"{self._thread.name} has ended"
        if threading.current_thread() is self._thread:
            return f"{self._thread.name} cannot wait for itself; call it from the thread that opened it"
        return ""

    def soon(self, function: Any, *arguments: Any) -> None:
        """Call `function` in the loop and wait until it has returned.

        Args:
            function: the function; it must not block.
            arguments: its positional arguments.
        """

        async def run() -> None:
            function(*arguments)

        self.call(run())

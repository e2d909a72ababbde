"""An event loop in a thread of its own: for programs without asyncio, and for a lab beside blocking tests."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

__all__ = ["LoopThread"]

T = TypeVar("T")

#: A signal may reach another thread than the one that waits, which then does not wake up for it (nor does it for
#: Ctrl-C on Windows): it looks by itself, so often.
_LOOK_SECONDS = 0.2


class LoopThread:
    """Runs coroutines for whoever has no event loop, or must not hold up its own.

    The loop goes on between calls, so a connection that is open meanwhile is kept alive. At the end of the
    context what still runs is cancelled and waited for.

    Args:
        name: the thread's, for debuggers.
    """

    def __init__(self, name: str) -> None:
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._started = threading.Event()
        self._failed: BaseException | None = None

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - whoever waits for the loop raises it
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
        if self._failed is not None:  # there is no loop: too many files are open
            raise self._failed
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        interruption: BaseException | None = None
        while self._thread.is_alive():
            try:
                self._loop.call_soon_threadsafe(self._ended.set)
                self._thread.join(timeout=_LOOK_SECONDS)
            except RuntimeError:  # the loop has just been closed
                self._thread.join()
            except KeyboardInterrupt as again:
                interruption = again
        if interruption is not None and error is None:
            raise interruption

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` to its end in the loop, and give its result.

        Ctrl-C, or whatever the handler of a signal raises, cancels it. It is waited for all the same, however
        often that happens: what logs out of a machine is not left in the middle.

        Args:
            work: a coroutine that nobody has begun.

        Raises:
            BaseException: what `work` raised, or what interrupted it.
        """
        if threading.current_thread() is self._thread or not self._thread.is_alive():
            work.close()
            raise RuntimeError(
                f"{self._thread.name} has ended"
                if not self._thread.is_alive()
                else f"a callback of {self._thread.name} cannot wait for it; call from the thread that opened it"
            )
        # Not a Future: an interruption while that holds its lock would leave it locked. This one is C's.
        ended = threading.Lock()
        ended.acquire()
        results: list[T] = []
        errors: list[BaseException] = []
        task: asyncio.Task[None] | None = None

        async def kept() -> None:
            try:
                results.append(await work)
            except BaseException as error:  # noqa: BLE001 - sys.exit() in a callback would end the loop
                errors.append(error)
            finally:
                ended.release()

        def begin() -> None:
            nonlocal task
            if task is None:
                task = self._loop.create_task(kept())
                if interruption is not None:
                    # In its first step: one that is cancelled before it never comes to its own end.
                    self._loop.call_soon(task.cancel)

        def cancel() -> None:
            if task is not None:
                # Behind the first step, should that be due only now.
                self._loop.call_soon(task.cancel)

        interruption: BaseException | None = None
        begun = False
        while not results and not errors:
            try:
                if not begun:  # an interruption may come at any point here
                    self._loop.call_soon_threadsafe(begin)
                    begun = True
                ended.acquire(timeout=_LOOK_SECONDS)
            except BaseException as error:  # noqa: BLE001 - it is raised below
                interruption = interruption or error
                self._loop.call_soon_threadsafe(cancel)
        if interruption is not None:
            raise interruption
        if errors:
            raise errors[0]
        return results[0]

    def soon(self, function: Any, *arguments: Any) -> None:
        """Call a function in the loop, and wait until it has returned.

        Args:
            function: what is to be called; it must not block.
            arguments: its own.
        """

        async def called() -> None:
            function(*arguments)

        self.call(called())

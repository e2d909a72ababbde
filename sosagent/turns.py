"""Calls of several threads to one console: each has its turn, and none continues when the console is left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any, ParamSpec, TypeVar

from .loop_thread import LoopThread

__all__ = ["Turns"]

P = ParamSpec("P")
T = TypeVar("T")


class Turns:
    """Runs calls in an event loop, one at a time.

    Args:
        loop: the loop.
        outer: whose turn each call has to wait for, too: a shell is opened on a console that is in use.

    Attributes:
        loop: the loop.
        stack: what the calls use, a console or a shell; `leave` closes it.
    """

    def __init__(self, loop: LoopThread, outer: Turns | None = None) -> None:
        self.loop = loop
        self.stack = AsyncExitStack()
        self._outer = outer
        self._turn: asyncio.Lock = asyncio.Lock() if outer is None else outer._turn
        self._calls = set[asyncio.Task[Any]]()
        self._inner: list[Turns] = []
        self._ended = False
        if outer is not None:
            outer._inner.append(self)

    def call(self, call: Callable[P, Coroutine[Any, Any, T]], *arguments: P.args, **options: P.kwargs) -> T:
        """Call a coroutine function when it is its turn, and return its result.

        Args:
            call: the function.
            arguments, options: its arguments.

        Raises:
            RuntimeError: `leave` was called before the call had finished.
            BaseException: what the call raised, or what interrupted it; see `LoopThread.call`.
        """

        async def in_turn() -> T:
            if self._ended:
                raise RuntimeError(_ENDED)
            task = asyncio.current_task()
            assert task is not None
            self._calls.add(task)
            try:
                async with self._turn:
                    return await call(*arguments, **options)
            except asyncio.CancelledError:
                if self._ended:
                    raise RuntimeError(_ENDED) from None
                raise
            finally:
                self._calls.discard(task)

        return self.loop.call(in_turn())

    def now(self, call: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
        """Call a function in the loop, without waiting for a turn, and return its result.

        Args:
            call: the function; it must not block.
            arguments, options: its arguments.

        Raises:
            RuntimeError: `leave` was called.
            Exception: what the function raised.
        """

        async def run() -> T:
            if self._ended:
                raise RuntimeError(_ENDED)
            return call(*arguments, **options)

        return self.loop.call(run())

    @property
    def is_open(self) -> bool:
        """Whether `leave` has not begun."""
        return not self._ended

    async def leave(self, error: BaseException | None = None) -> None:
        """Cancel the calls of other threads, and close what they use: first the shells on a console, then the console.

        Later calls raise RuntimeError. A second call of `leave` does nothing.

        Args:
            error: why the block ends, if it failed.
        """
        if self._ended:
            return
        self._ended = True
        if self._outer is not None:
            self._outer._inner.remove(self)
        for task in self._calls:
            task.cancel()
        if self._calls:
            await asyncio.wait(self._calls)
        try:
            for inner in list(self._inner):
                await inner.leave()
        finally:
            async with self._turn:
                await self.stack.__aexit__(
                    type(error) if error else None, error, error.__traceback__ if error else None
                )


_ENDED = "the block that opened this console has ended"

"""Threads that the end of an event loop does not wait for: a look-up of a name or a connect may take minutes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

__all__ = ["UnawaitedExecutor"]


class UnawaitedExecutor(ThreadPoolExecutor):
    """An executor for `loop.set_default_executor`. Closing the loop does not wait for work that was abandoned."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Accept no more work, and drop what has not started. `wait` and `cancel_futures` have no effect."""
        super().shutdown(wait=False, cancel_futures=True)

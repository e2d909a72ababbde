"""Import modules in the background, while the command does something else."""

from __future__ import annotations

import threading
from contextlib import suppress
from importlib import import_module

__all__ = ["preload"]


def preload(*names: str) -> None:
    """Import modules in a thread. A later import of one of them waits for the thread, or finds the module there.

    This shortens the start where the import waits for something other than the CPU: asyncssh runs ldconfig and gcc to
    search for a library, which takes as long as reading the keys and importing the job.
    """
    threading.Thread(target=_import, args=(names,), daemon=True).start()


def _import(names: tuple[str, ...]) -> None:
    for name in names:
        with suppress(Exception):  # the job's own import of the module reports the error
            import_module(name)

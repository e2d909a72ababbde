"""The entry points of the commands `sosagent` and `sos-addkey`."""

from __future__ import annotations

import gc
import os
import sys
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

from .streams import finish_output, guard_streams

if TYPE_CHECKING:
    import typer

__all__ = ["addkey_main", "main"]

#: Allocations between two garbage collections. With Python's 700, a sixth of the start-up time goes into collections
#: that find nothing, because imported modules stay loaded.
_GC_THRESHOLD = 100_000


def main() -> None:
    """Run `sosagent`."""

    def app() -> typer.Typer:
        from .app import sosagent_app

        return sosagent_app(sys.argv[1:])

    _main(app, "sosagent")


def addkey_main() -> None:
    """Run `sos-addkey`."""

    def app() -> typer.Typer:
        from .app import addkey_app

        return addkey_app()

    _main(app, "sos-addkey")


def _main(app: Callable[[], typer.Typer], program: str) -> None:
    """Run the app and end the program. For a shell that completes a command line, answer it instead."""
    gc.set_threshold(_GC_THRESHOLD)
    if "_SOSAGENT_COMPLETE" in os.environ:
        from ..completion.complete import answer_shell

        os._exit(answer_shell(program, sys.argv[1:]))
    try:
        guard_streams()
        status = _run(app, program)
    except Exception as error:  # noqa: BLE001 - a module that cannot be loaded, for example: too many open files
        from .failures import error_of, show_plainly

        status = show_plainly(error_of(error))
    _exit(status)


def _run(app: Callable[[], typer.Typer], program: str) -> int:
    """Run the app and return the exit status."""
    import typer

    from .conversion import convert_plainly
    from .usage import run_command

    if not sys.warnoptions:
        # Libraries warn their programmers, for example of the ciphers of old endpoints; users cannot act on that.
        warnings.simplefilter("ignore")
    command = typer.main.get_command(app())
    convert_plainly(command)
    try:
        return run_command(command, program=program)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
    except BrokenPipeError:
        return 141


def _exit(status: int) -> None:
    """End the process at once: finalizing the interpreter would take the user about as long as starting it."""
    os._exit(finish_output(status))

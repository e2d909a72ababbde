"""The entry points of the commands `sosagent` and `sos-addkey`."""

from __future__ import annotations

import gc
import io
import os
import sys
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer

__all__ = ["addkey_main", "main"]

#: Allocations between two garbage collections. With Python's 700, a sixth of the start-up time goes into collections
#: that find nothing, because imported modules stay loaded.
_GC_THRESHOLD = 100_000


def main() -> None:
    """Run `sosagent`."""
    gc.set_threshold(_GC_THRESHOLD)
    from .app import sosagent_app

    _run(sosagent_app())


def addkey_main() -> None:
    """Run `sos-addkey`."""
    gc.set_threshold(_GC_THRESHOLD)
    from .app import addkey_app

    _run(addkey_app())


def _run(app: typer.Typer) -> None:
    """Run the app and end the program. With --json, a wrong command line is reported as JSON as well."""
    import typer

    from .conversion import convert_plainly
    from .exits import Reported

    status: object = 0
    if not sys.warnoptions:
        # Libraries warn their programmers, for example of the ciphers of old endpoints; users cannot act on that.
        warnings.simplefilter("ignore")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # for comments that the terminal's encoding cannot express
    command = typer.main.get_command(app)
    convert_plainly(command)
    try:
        command()
    except Reported as ended:
        status = ended.code
    except SystemExit as ended:
        status = ended.code
        if status == 2 and "--json" in sys.argv:
            _print_usage_error()
    except BrokenPipeError:
        status = 141
    _exit(status if isinstance(status, int) else 1)


def _print_usage_error() -> None:
    from ..errors import UsageError
    from .show import error_json

    error = UsageError("invalid command line; standard error says why")
    print(error_json(error, host="", user="", keys=[]))


def _exit(status: int) -> None:
    """End the process at once: finalizing the interpreter would take the user about as long as starting it."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        status = 141
    os._exit(status)

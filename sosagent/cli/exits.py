"""The end of a command: the errors of the command line itself, and what the user sees of all others."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, ClassVar

import typer

from .. import __version__
from ..errors import SosError, UsageError
from .failures import Unexpected, error_of
from .help.groups import HELP

__all__ = ["Interrupted", "Reported", "Unexpected", "VersionOption", "expected_errors_only", "prefix_errors"]


class Interrupted(SosError):
    """Ctrl-C or a termination signal stopped the command. A job that had logged in has logged out."""

    code: ClassVar[str] = "interrupted"
    exit_code: ClassVar[int] = 130


class Reported(SystemExit):
    """Ends the program after its error has been shown."""


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"sosagent {__version__}")
        raise typer.Exit


VersionOption = Annotated[
    bool,
    typer.Option(
        "-V",
        "--version",
        callback=_show_version,
        is_eager=True,
        help="Show the version and exit.",
        show_default=False,
        rich_help_panel=HELP,
    ),
]


@contextmanager
def expected_errors_only(verbose: bool) -> Iterator[None]:
    """Turn every exception that is not a `SosError` into one, so that users do not see tracebacks.

    Args:
        verbose: print the traceback as well.
    """
    try:
        yield
    except (SosError, typer.Exit, BrokenPipeError):
        raise
    except KeyboardInterrupt:
        raise Interrupted("stopped") from None
    except Exception as error:  # noqa: BLE001 - the last resort before the user
        if verbose:
            traceback.print_exc()
        raise error_of(error) from None


@contextmanager
def prefix_errors(where: str) -> Iterator[None]:
    """Put `where`, the place of the setting to correct, in front of the message of a `UsageError`."""
    try:
        yield
    except UsageError as error:
        if where:
            error.message = f"{where}: {error.message}"
        raise

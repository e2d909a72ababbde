"""The options of every command that say what it prints, and how a command reports an error."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from ..errors import SosError
from .exits import Reported, expected_errors_only
from .help.groups import OUTPUT
from .progress import Progress
from .show import as_json, error_fields, show_error

__all__ = ["OutputOptions"]

T = TypeVar("T")

_Fields = Callable[[SosError], Mapping[str, object]]


def _no_fields(_: SosError) -> Mapping[str, object]:
    return {}


@dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """What a command prints besides its result, and in which form the result is."""

    json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print the result or the error as JSON on standard output.", rich_help_panel=OUTPUT
        ),
    ] = False
    quiet: Annotated[
        bool, typer.Option("-q", "--quiet", help="Show no progress, only warnings and errors.", rich_help_panel=OUTPUT)
    ] = False
    verbose: Annotated[
        int,
        typer.Option(
            "-v",
            "--verbose",
            count=True,
            metavar="",
            help="Show details, and a traceback for a bug; -vv also shows what is sent and received, without secrets.",
            show_default=False,
            rich_help_panel=OUTPUT,
        ),
    ] = 0
    log_file: Annotated[
        Path | None,
        typer.Option(
            "--log-file",
            metavar="FILE",
            help="Append all that -vv shows to FILE, with times.",
            show_default=False,
            rich_help_panel=OUTPUT,
        ),
    ] = None

    @contextmanager
    def reporting(
        self, fields: _Fields = _no_fields, *, silent: bool = False, timed: bool = True
    ) -> Iterator[Progress]:
        """Give the progress display to a block, and show an error of it, which ends the program.

        Args:
            fields: returns the command's own fields of the JSON object for an error.
            silent: show progress only with -v.
            timed: end with a line about the time.
        """
        progress: Progress | None = None
        try:
            with expected_errors_only(self.verbose > 0):
                progress = Progress(
                    quiet=(self.quiet or silent) and not self.verbose, verbose=self.verbose, log_file=self.log_file
                )
                yield progress
        except SosError as error:
            if progress is not None:
                progress.stop()
                progress.log("!", error.message)
            self.show_failure(error, fields)
            if progress is not None:
                progress.close(failed=True)
            raise Reported(error.exit_code) from None
        else:
            if timed:
                progress.close()
        finally:
            if progress is not None:
                progress.stop()

    def show_failure(self, error: SosError, fields: _Fields = _no_fields) -> None:
        """Show an error, as JSON if that is wanted."""
        if self.json:
            print(as_json({**fields(error), "error": error_fields(error)}))
        else:
            show_error(error)

    def attempt(self, work: Callable[[], T], fields: _Fields = _no_fields) -> T:
        """Run a command that connects to nothing, and return its result; see `reporting`."""
        with self.reporting(fields, silent=True) as progress:
            del progress
            return work()

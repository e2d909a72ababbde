"""The two commands: `sosagent` with its subcommands, and `sos-addkey`."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from .. import __version__
from ..printable import printable
from .addkey import addkey
from .lab import lab

__all__ = ["addkey_main", "main"]

_SETTINGS = {"help_option_names": ["-h", "--help"]}


def _show_version(value: bool) -> None:
    if value:
        print(f"sosagent {__version__}")
        raise typer.Exit


_Version = Annotated[
    bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
]


def _app() -> typer.Typer:
    app = typer.Typer(
        name="sosagent",
        help="Recover machines through their out-of-band serial consoles.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings=_SETTINGS,
    )

    @app.callback()
    def options(version: _Version = False) -> None:
        pass

    app.command("addkey")(addkey)
    app.command("lab")(lab)
    return app


def _addkey_app() -> typer.Typer:
    app = typer.Typer(name="sos-addkey", pretty_exceptions_enable=False, context_settings=_SETTINGS)
    app.command("sos-addkey")(addkey)
    return app


def main() -> None:
    """`sosagent`."""
    _run(_app())


def addkey_main() -> None:
    """`sos-addkey`."""
    if sys.argv[1:] == ["--version"]:
        print(f"sos-addkey {__version__}")
        return
    _run(_addkey_app())


def _run(app: typer.Typer) -> None:
    """Run the app; what nobody foresaw is one line, with -v the traceback too."""
    try:
        app()
    except KeyboardInterrupt:
        print("sosagent: stopped", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read our output is gone. Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except Exception as error:  # noqa: BLE001 - the last resort before the user
        if {"-v", "--verbose"} & set(sys.argv):
            raise
        kind = type(error).__name__
        print(f"sosagent: unforeseen: {kind}: {printable(str(error))} (-v shows where)", file=sys.stderr)
        sys.exit(1)

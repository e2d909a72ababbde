"""The two commands: `sosagent` with its subcommands, and `sos-addkey`."""

from __future__ import annotations

import io
import os
import sys
import warnings

import typer

from ..errors import UsageError
from .addkey import addkey
from .exits import Reported, VersionOption
from .show import error_json

__all__ = ["addkey_app", "addkey_main", "main", "sosagent_app"]

_HELP_NAMES = {"help_option_names": ["-h", "--help"]}
#: rich takes longer to import than all else that the help needs, so help and usage errors are plain text.
_MARKUP = None


def main() -> None:
    """Run `sosagent`."""
    _run(sosagent_app())


def sosagent_app() -> typer.Typer:
    """Return `sosagent` with all its commands."""
    # Imported here because `sos-addkey` needs none of these modules.
    from .console import console
    from .files import download, upload
    from .hostkeys import hostkeys
    from .key import key_app
    from .keys import keys_app
    from .lab import lab
    from .machines import machines_app
    from .replay import replay
    from .runbook import run, runbook_app
    from .send_break import send_break
    from .state import screen, state

    app = typer.Typer(
        name="sosagent",
        help="Recover machines through their out-of-band serial consoles.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=_MARKUP,
        context_settings=_HELP_NAMES,
    )
    app.callback()(_options)
    app.command("addkey")(addkey)
    app.command("hostkeys")(hostkeys)
    app.command("run")(run)
    app.command("upload")(upload)
    app.command("download")(download)
    app.command("console")(console)
    app.command("replay")(replay)
    app.command("break")(send_break)
    app.command("state")(state)
    app.command("screen")(screen)
    app.command("lab")(lab)
    app.add_typer(key_app)
    app.add_typer(keys_app)
    app.add_typer(machines_app)
    app.add_typer(runbook_app)
    return app


def addkey_main() -> None:
    """Run `sos-addkey`."""
    _run(addkey_app())


def addkey_app() -> typer.Typer:
    """Return `sos-addkey`, which has no subcommands."""
    app = typer.Typer(
        name="sos-addkey", pretty_exceptions_enable=False, rich_markup_mode=_MARKUP, context_settings=_HELP_NAMES
    )
    app.command("sos-addkey")(addkey)
    return app


def _options(version: VersionOption = False) -> None:
    pass


def _run(app: typer.Typer) -> None:
    """Run the app and end the program. With --json, a wrong command line is reported as JSON as well."""
    status: object = 0
    if not sys.warnoptions:
        # Libraries warn their programmers, for example of the ciphers of old endpoints; users cannot act on that.
        warnings.simplefilter("ignore")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # for comments that the terminal's encoding cannot express
    try:
        app()
    except Reported as ended:
        status = ended.code
    except SystemExit as ended:
        status = ended.code
        if status == UsageError.exit_code and "--json" in sys.argv:
            error = UsageError("invalid command line; standard error says why")
            print(error_json(error, host="", user="", keys=[]))
    except BrokenPipeError:
        status = 141
    _exit(status if isinstance(status, int) else 1)


def _exit(status: int) -> None:
    """End the process at once: finalizing the interpreter would take the user about as long as starting it."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        status = 141
    os._exit(status)

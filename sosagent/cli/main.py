"""The two commands: `sosagent` with its subcommands, and `sos-addkey`."""

from __future__ import annotations

import io
import os
import sys
import warnings

import typer

from ..errors import UsageError
from .addkey import addkey
from .run import Reported, VersionOption
from .show import error_json

__all__ = ["addkey_app", "addkey_main", "main", "sosagent_app"]

_SETTINGS = {"help_option_names": ["-h", "--help"]}


def main() -> None:
    """`sosagent`."""
    _run(sosagent_app())


def sosagent_app() -> typer.Typer:
    """`sosagent` with all its commands."""
    # `sos-addkey` needs none of them, and each costs it time to start.
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
        context_settings=_SETTINGS,
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
    """`sos-addkey`."""
    _run(addkey_app())


def addkey_app() -> typer.Typer:
    """`sos-addkey`, which is one command."""
    app = typer.Typer(name="sos-addkey", pretty_exceptions_enable=False, context_settings=_SETTINGS)
    app.command("sos-addkey")(addkey)
    return app


def _options(version: VersionOption = False) -> None:
    pass


def _run(app: typer.Typer) -> None:
    """Run the app. Its own words on a wrong command line are on standard error; JSON has them too."""
    status: object = 0
    if not sys.warnoptions:
        warnings.simplefilter(
            "ignore"
        )  # what libraries tell each other's programmers, such as of old endpoints' ciphers
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a comment may hold what the terminal has no letters for
    try:
        app()
    except Reported as ended:
        status = ended.code
    except SystemExit as ended:
        status = ended.code
        if status == UsageError.exit_code and "--json" in sys.argv:
            print(
                error_json(
                    UsageError("the command line is wrong; standard error says how"),
                    host="",
                    user="",
                    keys=[],
                )
            )
    except BrokenPipeError:
        status = 141
    _leave(status if isinstance(status, int) else 1)


def _leave(status: int) -> None:
    """End at once: taking the interpreter apart would cost the user as long as starting it."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        status = 141
    os._exit(status)

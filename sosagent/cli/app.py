"""The two commands as typer apps: `sosagent` with its subcommands, and `sos-addkey`."""

from __future__ import annotations

import typer

from .addkey import addkey
from .exits import VersionOption

__all__ = ["addkey_app", "sosagent_app"]

_HELP_NAMES = {"help_option_names": ["-h", "--help"]}
#: rich takes longer to import than all else that the help needs, so help and usage errors are plain text.
_MARKUP = None


def sosagent_app() -> typer.Typer:
    """Return `sosagent` with all its commands."""
    # Imported here because `sos-addkey` needs none of these modules.
    from .completion import completion_app
    from .console import console
    from .execute import execute
    from .files import download, upload
    from .hostkeys import hostkeys
    from .key import key_app
    from .keys import keys_app
    from .lab import lab
    from .machines import machines_app
    from .replay import replay
    from .runbook import runbook_app
    from .runbook_run import run
    from .send_break import send_break
    from .state import screen, state

    app = typer.Typer(
        name="sosagent",
        help="Recover machines through their out-of-band serial consoles.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=_MARKUP,
        context_settings=_HELP_NAMES,
        add_completion=False,  # `sosagent completion` is faster, and knows machines and runbooks
    )
    app.callback()(_options)
    app.command("addkey")(addkey)
    app.command("hostkeys")(hostkeys)
    app.command("exec")(execute)
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
    app.add_typer(completion_app)
    return app


def addkey_app() -> typer.Typer:
    """Return `sos-addkey`, which has no subcommands."""
    app = typer.Typer(
        name="sos-addkey",
        pretty_exceptions_enable=False,
        rich_markup_mode=_MARKUP,
        context_settings=_HELP_NAMES,
        add_completion=False,
    )
    app.command("sos-addkey")(addkey)
    return app


def _options(version: VersionOption = False) -> None:
    pass

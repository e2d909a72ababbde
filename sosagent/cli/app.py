"""The two commands as typer apps: `sosagent` with its subcommands, and `sos-addkey`."""

from __future__ import annotations

import typer

from .addkey import addkey
from .exits import VersionOption
from .help.app import App, single_command
from .help.groups import KEY_COMMANDS, MACHINE_COMMANDS, SET_UP_COMMANDS, VIEW_COMMANDS

__all__ = ["addkey_app", "sosagent_app"]

_ABOUT = """Reach machines through their serial consoles when SSH fails: add keys, run commands, copy files.

HOST is the endpoint through which you reach a machine's console, such as user@sos.example.net, a Host in your
ssh_config, a BMC or a serial device; or the name of a machine in your machines file.

Every command that logs in finds out what is on the console, logs in, does one job, proves the result, and leaves
the console as it was. It ends another user's session or program only if an option allows it."""


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
    from .show_help import show_help
    from .state import screen, state

    app = App("sosagent", _ABOUT)
    app.callback()(_options)
    app.command("addkey", rich_help_panel=KEY_COMMANDS)(addkey)
    app.add_typer(keys_app, rich_help_panel=KEY_COMMANDS)
    app.command("hostkeys", rich_help_panel=KEY_COMMANDS)(hostkeys)
    app.add_typer(key_app, rich_help_panel=KEY_COMMANDS)
    app.command("exec", rich_help_panel=MACHINE_COMMANDS)(execute)
    app.command("run", rich_help_panel=MACHINE_COMMANDS)(run)
    app.add_typer(runbook_app, rich_help_panel=MACHINE_COMMANDS)
    app.command("replay", rich_help_panel=MACHINE_COMMANDS)(replay)
    app.command("upload", rich_help_panel=MACHINE_COMMANDS)(upload)
    app.command("download", rich_help_panel=MACHINE_COMMANDS)(download)
    app.command("console", rich_help_panel=VIEW_COMMANDS)(console)
    app.command("state", rich_help_panel=VIEW_COMMANDS)(state)
    app.command("screen", rich_help_panel=VIEW_COMMANDS)(screen)
    app.command("break", rich_help_panel=VIEW_COMMANDS)(send_break)
    app.add_typer(machines_app, rich_help_panel=SET_UP_COMMANDS)
    app.command("lab", rich_help_panel=SET_UP_COMMANDS)(lab)
    app.add_typer(completion_app, rich_help_panel=SET_UP_COMMANDS)
    app.command("help", rich_help_panel=SET_UP_COMMANDS)(show_help)
    return app


def addkey_app() -> typer.Typer:
    """Return `sos-addkey`, which has no subcommands."""
    return single_command("sos-addkey", addkey)


def _options(version: VersionOption = False) -> None:
    pass

"""The two commands as typer apps: `sosagent` with its subcommands, and `sos-addkey`."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

import typer

from ..completion.table import find_command
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


#: The commands: name, topic in the help, and the module and attribute that have it.
_COMMANDS = (
    ("addkey", KEY_COMMANDS, "addkey", "addkey"),
    ("hostkeys", KEY_COMMANDS, "hostkeys", "hostkeys"),
    ("exec", MACHINE_COMMANDS, "execute", "execute"),
    ("run", MACHINE_COMMANDS, "runbook_run", "run"),
    ("replay", MACHINE_COMMANDS, "replay", "replay"),
    ("upload", MACHINE_COMMANDS, "files", "upload"),
    ("download", MACHINE_COMMANDS, "files", "download"),
    ("console", VIEW_COMMANDS, "console", "console"),
    ("state", VIEW_COMMANDS, "state", "state"),
    ("screen", VIEW_COMMANDS, "state", "screen"),
    ("break", VIEW_COMMANDS, "send_break", "send_break"),
    ("lab", SET_UP_COMMANDS, "lab", "lab"),
    ("help", SET_UP_COMMANDS, "show_help", "show_help"),
    ("keys", KEY_COMMANDS, "keys", "keys_app"),
    ("key", KEY_COMMANDS, "key", "key_app"),
    ("runbook", MACHINE_COMMANDS, "runbook", "runbook_app"),
    ("machines", SET_UP_COMMANDS, "machines", "machines_app"),
    ("completion", SET_UP_COMMANDS, "completion", "completion_app"),
)


def sosagent_app(words: Sequence[str] | None = None) -> typer.Typer:
    """Return `sosagent` with its commands.

    Args:
        words: the command line behind the program's name. Commands that its first two words do not name have only
            their name and summary, because importing all of them takes longer than the rest of the start. By default
            all commands are complete.
    """
    app = App("sosagent", _ABOUT)
    app.callback()(_options)
    wanted = None if words is None else set(" ".join(words[:2]).split())
    summaries = {} if wanted is None else find_command("sosagent", [])[0].subcommands
    for name, topic, module, attribute in _COMMANDS:
        if wanted is not None and name not in wanted:
            app.command(name, rich_help_panel=topic, help=summaries[name])(_not_imported)
            continue
        command = getattr(import_module(f".{module}", __package__), attribute)
        if isinstance(command, typer.Typer):
            app.add_typer(command, rich_help_panel=topic)
        else:
            app.command(name, rich_help_panel=topic)(command)
    return app


def _not_imported() -> None:
    """Stand in for a command that is not imported."""


def addkey_app() -> typer.Typer:
    """Return `sos-addkey`, which has no subcommands."""
    return single_command("sos-addkey", addkey)


def _options(version: VersionOption = False) -> None:
    pass

"""The groups of options and of commands in the help, the man pages and the command line reference.

An option or a command names its group in its own declaration, as `rich_help_panel`. An option without one is in `OWN`.
"""

from __future__ import annotations

__all__ = [
    "COMMANDS",
    "CONNECTION",
    "HELP",
    "KEYS",
    "KEY_COMMANDS",
    "MACHINE_COMMANDS",
    "OBSTACLES",
    "OPTION_ORDER",
    "OUTPUT",
    "OWN",
    "PASSWORD",
    "SAFETY",
    "SET_UP_COMMANDS",
    "TOPIC_ORDER",
    "VIEW_COMMANDS",
]

OWN = "Options"  # what only this command has
KEYS = "Keys"
CONNECTION = "Connection"
PASSWORD = "Login and password"
SAFETY = "Safety"
OBSTACLES = "If something is in the way"
OUTPUT = "Output"
HELP = "Help"

#: The order of the groups of options.
OPTION_ORDER = (OWN, KEYS, CONNECTION, PASSWORD, SAFETY, OBSTACLES, OUTPUT, HELP)

COMMANDS = "Commands"  # those of a small group, which have no topic
KEY_COMMANDS = "Keys"
MACHINE_COMMANDS = "Commands, runbooks and files"
VIEW_COMMANDS = "The console itself"
SET_UP_COMMANDS = "Set-up and help"

#: The order of the groups of commands.
TOPIC_ORDER = (COMMANDS, KEY_COMMANDS, MACHINE_COMMANDS, VIEW_COMMANDS, SET_UP_COMMANDS)

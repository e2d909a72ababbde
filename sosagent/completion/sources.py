"""The candidates for a value: machines, groups, runbooks and their parameters, fixed values.

Reads what it can, and never fails. Nothing here imports the code that checks these files, which takes too long.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from .runbooks import parameters_of, shipped_runbooks
from .ssh_hosts import read_small, ssh_hosts

__all__ = ["Candidate", "Context", "candidates", "machines_path"]

#: A value and what it is; an empty text if there is nothing to say.
Candidate = tuple[str, str]

#: The forms of HOST that are not names; see docs/reference/host.md.
_FORMS = ("exec:", "rfc2217://", "serial:///dev/", "socket://", "ssh://", "telnet://", "unix:///")
_SECRET_SOURCES = ("prompt", "env:", "file:", "command:")
_TABLE = re.compile(
    r"""^[ \t]*+\[[ \t]*+machines[ \t]*+\.[ \t]*+(?:"([^"\n]++)"|'([^'\n]++)'|([\w-]++))[ \t]*+\]""", re.MULTILINE
)


class Context:
    """What the rest of the command line says.

    Attributes:
        config: the value of --config.
        ssh_config: the value of -F.
        runbook: the runbook, if there is one before the cursor.
    """

    def __init__(self, config: str | None = None, ssh_config: str | None = None, runbook: str | None = None) -> None:
        self.config = config
        self.ssh_config = ssh_config
        self.runbook = runbook


def candidates(kind: str, word: str, context: Context) -> tuple[list[Candidate], str]:
    """Return the candidates for an unfinished value, and whether ``files`` or ``folders`` are candidates as well.

    Args:
        kind: ``host``, ``group``, ``runbook``, ``parameter``, ``file``, ``folder``, ``text``, or ``=`` and fixed values
            with bars between them.
        word: what the user has typed of the value.
        context: the rest of the command line.
    """
    if kind.startswith("="):
        return [(value, "") for value in kind[1:].split("|")], ""
    if kind == "host":
        return _hosts(word, context), ""
    if kind == "group":
        groups = {group for _, _, own in _machines(context) for group in own}
        return [(group, "") for group in sorted(groups)], ""
    if kind == "runbook":
        return (list(shipped_runbooks().items()) if "/" not in word else []), "files"
    if kind == "parameter":
        return _assignments(word, context)
    return [], {"file": "files", "folder": "folders"}.get(kind, "")


def machines_path(config: str | None) -> Path | None:
    """Return the path of machines.toml, as `sosagent.config.file.machines_file` does; None without a home folder."""
    chosen = config or os.environ.get("SOSAGENT_CONFIG")
    try:
        if chosen:
            return Path(chosen).expanduser()
        if sys.platform == "win32":
            from platformdirs import user_config_path  # takes too long to import elsewhere

            return user_config_path("sosagent") / "machines.toml"
        if sys.platform == "darwin":
            own = os.environ.get("XDG_CONFIG_HOME", "").strip()
            folder = Path(own) if own else Path.home() / "Library/Application Support"
        else:
            own = os.environ.get("XDG_CONFIG_HOME", "").strip()
            folder = Path(own) if own else Path.home() / ".config"
    except RuntimeError:
        return None
    return folder / "sosagent" / "machines.toml"


def _hosts(word: str, context: Context) -> list[Candidate]:
    if "?" in word:  # ssh://bmc?dialect=
        start = word.rpartition("=")[0] + "="
        return [(f"{start}{name}", "") for name in _dialects()] if word.rpartition("=")[0].endswith("dialect") else []
    names: dict[str, str] = {}
    before = word.rpartition("@")[0]
    prefix = f"{before}@" if "@" in word else ""
    if word.startswith("ssh://"):
        prefix = prefix or "ssh://"
    if not prefix:
        names |= {name: console for name, console, _ in _machines(context)}
    for name in ssh_hosts(context.ssh_config, _home()):
        names.setdefault(f"{prefix}{name}", "ssh_config")
    if word and not prefix:
        names |= {form: "" for form in _FORMS}
        names |= {f"serial://{device}": "" for device in _serial_devices() if word.startswith("serial:")}
        names |= {device: "" for device in _serial_devices() if word.startswith("/")}
    return list(names.items())


def _dialects() -> list[str]:
    text = Path(__file__).with_name("table.txt").read_text("utf-8")
    return text.partition("\ndialects\t")[2].partition("\n")[0].split("|")


def _serial_devices() -> list[str]:
    patterns = ("ttyUSB*", "ttyACM*", "ttyS[0-9]", "cu.usb*")
    return sorted(str(path) for pattern in patterns for path in Path("/dev").glob(pattern))


def _home() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:
        return None


def _machines(context: Context) -> Iterator[tuple[str, str, list[str]]]:
    """Yield name, console and groups of each machine. Only the names if the file has a mistake."""
    path = machines_path(context.config)
    text = "" if path is None else read_small(path).removeprefix("\ufeff")
    if not text:
        return
    import tomllib

    try:
        tables = tomllib.loads(text).get("machines", {})
        found = [(name, table, table.get("groups", [])) for name, table in tables.items()]
        rows = [(name, str(table.get("console", "")), [str(one) for one in own]) for name, table, own in found]
    except (ValueError, AttributeError, TypeError, RecursionError):
        rows = [("".join(names), "", []) for names in _TABLE.findall(text)]
    yield from rows


def _assignments(word: str, context: Context) -> tuple[list[Candidate], str]:
    """Return the parameters of the runbook, or the values of the one that `word` names."""
    parameters = {one.name: one for one in parameters_of(context.runbook)}
    name, equals, _ = word.partition("=")
    if not equals:
        return [(f"{one.name}=", one.description) for one in parameters.values()], ""
    if name not in parameters:
        return [], ""
    one = parameters[name]
    if one.type == "file":
        return [], "files"
    values = {"flag": ("true", "false"), "secret": _SECRET_SOURCES}.get(one.type, one.choices)
    return [(f"{name}={value}", "") for value in values], ""

"""Install the completion scripts for the user."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import UsageError
from ..printable import printable
from ..replace_file import replace_file

__all__ = ["SHELLS", "install", "script"]

SHELLS = ("bash", "zsh", "fish")
_MARK = "# sosagent completion"


def script(shell: str) -> str:
    """Return the script for a shell, which completes both commands."""
    return Path(__file__).parent.joinpath("scripts", shell).read_text("utf-8")


def install(shell: str) -> list[Path]:
    """Write the script to where the shell finds it, and return the files that were written.

    bash and zsh get a line in the user's start file; it is added once.

    Raises:
        UsageError: there is no home folder, or a file cannot be written.
    """
    home = _home()
    if shell == "fish":
        folder = _folder("XDG_CONFIG_HOME", home / ".config") / "fish" / "completions"
        files = [folder / "sosagent.fish", folder / "sos-addkey.fish"]  # fish looks for the name of the command
        for file in files:
            replace_file(file, script(shell))
        return files
    file = _folder("XDG_DATA_HOME", home / ".local" / "share") / "sosagent" / f"completion.{shell}"
    start = home / ".bashrc" if shell == "bash" else _folder("ZDOTDIR", home) / ".zshrc"
    existing = _read(start)
    replace_file(file, script(shell))
    quoted = "'" + str(file).replace("'", "'\\''") + "'"
    line = f"[ -r {quoted} ] && . {quoted}  {_MARK}"
    if line in existing.splitlines():
        return [file]
    kept = [one for one in existing.splitlines() if not one.endswith(_MARK)]
    replace_file(start, "".join(f"{one}\n" for one in [*kept, line]))
    return [file, start]


def _home() -> Path:
    try:
        home = Path.home()
    except RuntimeError:
        raise UsageError("you have no home folder", hint=_HINT) from None
    if not home.is_dir():
        raise UsageError(f"the home folder {printable(str(home))} does not exist", hint=_HINT)
    return home


_HINT = "Set HOME, or write the script to a place of your choice: sosagent completion show SHELL > FILE"


def _folder(variable: str, default: Path) -> Path:
    value = os.environ.get(variable, "")
    return Path(value) if value.startswith("/") else default


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8", "surrogateescape")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise UsageError(f"cannot read {printable(str(file))}: {error.strerror}") from None

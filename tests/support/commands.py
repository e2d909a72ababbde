"""Run the `sosagent` command, and write files for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import sosagent

from ..cli.test_cli import COMMAND, run

__all__ = ["PACKAGES", "SOSAGENT", "Write", "command", "writer"]

#: The folder that has the package, for PYTHONPATH.
PACKAGES = str(Path(sosagent.__file__).parents[1])
SOSAGENT = str(Path(COMMAND).with_name("sosagent"))

#: ``write(text, name, mode)`` writes a file in the test's folder, and returns its path.
Write = Callable[..., Path]


def writer(folder: Path) -> Write:
    """Return a function that writes files in `folder`."""

    def write(text: str | bytes, name: str = "machines.toml", mode: int = 0o600) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        path.chmod(mode)
        return path

    return write


async def command(
    *arguments: object, name: str = SOSAGENT, SOS_PASSWORD: str = "", SOSAGENT_CONFIG: str = ""
) -> tuple[int, str, str]:
    """Run the command. Return its exit status and what it printed on standard output and error."""
    env = {"SOS_PASSWORD": SOS_PASSWORD} if SOS_PASSWORD else {}
    return await run(*arguments, command=name, stdin=None, PYTHONPATH=PACKAGES, SOSAGENT_CONFIG=SOSAGENT_CONFIG, **env)

"""Root file systems of Debian, made by mmdebstrap."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

__all__ = ["debian_root", "run_tool"]

_MIRROR = "http://deb.debian.org/debian"
#: Some mirrors stand still, and the list of Debian's unstable is valid for a week.
_MIRRORS_MAY_BE_OLD = 'Acquire::Check-Valid-Until "false"'
_SOURCES = ("/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list")


def debian_root(root: Path, suite: str, packages: str, customize: Path, *, backports: bool = False) -> None:
    """Make the folder `root`, which needs root and takes about a minute.

    Args:
        root: the new folder.
        suite: the name of a Debian, such as ``bookworm``.
        packages: the packages besides the smallest installation, separated by commas.
        customize: a program to run after that; its argument is `root`.
        backports: whether apt also knows the backports of `suite`.

    Raises:
        RuntimeError: mmdebstrap failed, with the end of what it printed.
    """
    # Use the mirror that this machine is configured for if it runs the same Debian, else Debian's own.
    listed = next((path.read_text() for path in map(Path, _SOURCES) if path.exists()), "")
    own = [next(name for name in _SOURCES if Path(name).exists())] if suite in listed else [_line(_MIRROR, suite)]
    mirrors = re.findall(r"(?m)^(?:URIs:|deb(?: \[[^]]*\])?)\s+(\S+)", listed if suite in listed else "")
    more = [_line(next(iter(mirrors), _MIRROR), f"{suite}-backports")] if backports else []
    run_tool(
        "mmdebstrap", "--quiet", "--variant=minbase", "--mode=root", f"--include={packages}",
        f"--aptopt={_MIRRORS_MAY_BE_OLD}", f"--customize-hook={customize}", suite, str(root), *own, *more,
    )  # fmt: skip


def run_tool(*command: str) -> None:
    """Run a program of an administrator.

    Raises:
        RuntimeError: it failed, with the end of what it printed.
    """
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    done = subprocess.run(
        command,
        env={**os.environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{done.stdout.decode(errors='replace')[-3000:]}")


def _line(mirror: str, suite: str) -> str:
    return f"deb {mirror} {suite} main"

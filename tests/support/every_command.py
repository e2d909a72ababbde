"""Arguments for every command with which it ends at once, without a machine."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from .forks import forked

__all__ = ["EVERY_COMMAND", "Done", "files_in", "run_in_fork", "words_of"]

#: Nothing listens there.
_HOST = "socket://127.0.0.1:1"

#: The name of a command -> its arguments, and its exit status where nothing is unusual. FOLDER has the files of
#: `files_in`.
EVERY_COMMAND: dict[str, tuple[str, int]] = {
    "addkey": (f"{_HOST} FOLDER/id.pub", 3),
    "hostkeys": (_HOST, 3),
    "exec": (f"{_HOST} -- id", 255),
    "run": (f"boot-errors {_HOST}", 3),
    "replay": ("FOLDER/cast boot-errors", 1),
    "upload": (f"{_HOST} FOLDER/id.pub /root/x", 3),
    "download": (f"{_HOST} /etc/hosts FOLDER/hosts", 3),
    "console": (f"--read-only {_HOST}", 3),
    "state": (_HOST, 3),
    "screen": (_HOST, 3),
    "break": (f"--yes {_HOST}", 3),
    "lab": ("--faults nonsense", 2),
    "help": ("", 0),
    "keys list": (_HOST, 3),
    "keys audit": (_HOST, 3),
    "keys remove": (f"{_HOST} SHA256:{'A' * 43}", 3),
    "key show": ("FOLDER/id.pub", 0),
    "runbook check": ("FOLDER/book.yml", 0),
    "runbook list": ("", 0),
    "runbook show": ("boot-errors", 0),
    "runbook new": ("FOLDER/new.yml", 0),
    "runbook schema": ("", 0),
    "machines list": ("", 0),
    "machines check": ("", 0),
    "machines import": ("FOLDER/ssh_config", 0),
    "machines schema": ("", 0),
    "completion install": ("bash", 0),
    "completion show": ("bash", 0),
}


class Done(NamedTuple):
    """A command that has ended.

    Fields:
        status: its exit status.
        out, err: its output.
    """

    status: int
    out: bytes
    err: bytes


def files_in(folder: Path, key_line: str) -> Path:
    """Create the files that the commands read, and return the folder."""
    folder.mkdir(exist_ok=True)
    (folder / "id.pub").write_text(f"{key_line}\n")
    (folder / "cast").write_text('{"version": 2, "width": 80, "height": 24}\n[0.1, "o", "login: "]\n')
    (folder / "book.yml").write_text("name: try\nsteps:\n  - run: id\n")
    (folder / "machines.toml").write_text(f'[machines.vm]\nconsole = "{_HOST}"\n')
    (folder / "ssh_config").write_text("Host web1-sos\n  HostName 127.0.0.1\n")
    return folder


def words_of(name: str, folder: Path) -> list[str]:
    """Return the words of a command line without the program."""
    return [*name.split(), *EVERY_COMMAND[name][0].replace("FOLDER", str(folder)).split()]


def run_in_fork(
    words: str, folder: Path, env: Mapping[str, str], stdout: int = subprocess.PIPE, stderr: int = subprocess.PIPE
) -> Done:
    """Run a command in a fork (see forks.py).

    Args:
        words: the name of a command, or the words of a command line, in which FOLDER stands for `folder`.
        folder: has the files.
        env: variables besides those that each command gets.
        stdout, stderr: descriptors.
    """
    line = words_of(words, folder) if words in EVERY_COMMAND else words.replace("FOLDER", str(folder)).split()
    done = subprocess.run(
        [*forked(), *line],
        env={"PATH": os.environ["PATH"], "SOS_PASSWORD": "x", "SOSAGENT_CONFIG": f"{folder}/machines.toml", **env},
        check=False,
        timeout=60,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
    )
    return Done(done.returncode, done.stdout or b"", done.stderr or b"")

"""Writes the files with which the commands find a lab by its name: ssh_config, known_hosts and machines.toml."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import UsageError
from ..paths import expanded
from ..printable import printable
from ..replace_file import replace_file
from .endpoint import Lab

__all__ = ["Configuration", "written_configuration"]

_MARK = "# Written by `sosagent lab`, which removes it at the end."


class Configuration:
    """The files of a lab in a folder of the user.

    Args:
        folder: the folder.
        lab: the lab.

    Attributes:
        ssh_config, known_hosts, machines: the files.
        machine: the name of the machine in them.
        console: the Host of its console.
    """

    def __init__(self, folder: Path, lab: Lab) -> None:
        self.ssh_config, self.known_hosts, self.machines = (
            folder / name for name in ("ssh_config", "known_hosts", "machines.toml")
        )
        self.machine = lab.machine.name
        self.console = f"{lab.machine.name}-sos"
        self._lab = lab

    @property
    def commands(self) -> list[str]:
        """Commands to try, without KEYFILE."""
        config, machines = shlex.quote(str(self.ssh_config)), shlex.quote(str(self.machines))
        return [f"sos-addkey -F {config} --config {machines} {self.machine} KEYFILE"]

    def texts(self) -> dict[Path, str]:
        """Return the contents of the files. They name the files with the private key and the password."""
        lab = self._lab
        port = lab.host.rpartition(":")[2]
        config = f"""Host {self.console}
    HostName 127.0.0.1
    Port {port}
    User lab
    IdentityFile {_quoted(lab.identity)}
    IdentitiesOnly yes
    UserKnownHostsFile {_quoted(self.known_hosts)}
"""
        machine = {"console": self.console, "hostname": self.machine, "password": f"file:{lab.password_file}"}
        if lab.options:
            machine["console"] = f"ssh://{self.console}{lab.options}"
        if lab.ssh_port is not None:
            machine["address"] = f"127.0.0.1:{lab.ssh_port}"
        settings = "".join(f"{name} = {json.dumps(value)}\n" for name, value in machine.items())
        name = json.dumps(self.machine) if "." in self.machine else self.machine
        return {
            self.ssh_config: f"{_MARK}\n{config}",
            self.known_hosts: f"{_MARK}\n{lab.known_hosts.read_text('utf-8')}",
            self.machines: f"{_MARK}\n[machines.{name}]\n{settings}",
        }


def _quoted(path: Path) -> str:
    """Return a path as ssh_config(5) takes it, where a percent sign starts a token."""
    return '"{}"'.format(str(path).replace("%", "%%"))


@contextmanager
def written_configuration(folder: Path, lab: Lab, *, force: bool) -> Iterator[Configuration]:
    """Write the files, machines.toml last, and remove them afterwards.

    Args:
        folder: where to write them; created if it does not exist.
        lab: the lab.
        force: whether to replace files that are not a lab's.

    Raises:
        UsageError: a file there is not a lab's, or cannot be written.
    """
    configuration = Configuration(_absolute(folder), lab)
    texts = configuration.texts()
    try:
        configuration.machines.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in () if force else texts:
            if not _is_ours(path):
                raise UsageError(
                    f"{printable(str(path))} exists, and `sosagent lab` did not write it",
                    hint="Choose another folder, or replace its files with --force.",
                )
        for path, text in texts.items():
            replace_file(path, text)
    except OSError as error:
        raise UsageError(f"{printable(str(error.filename or folder))}: {error.strerror}") from None
    try:
        yield configuration
    finally:
        for path, text in texts.items():
            with suppress(OSError, UnicodeDecodeError):
                if path.read_text("utf-8") == text:
                    path.unlink()


def _absolute(folder: Path) -> Path:
    """Return the absolute path of a folder.

    Raises:
        UsageError: it has no home folder, or ssh_config cannot name it.
    """
    path = expanded(folder).absolute()
    if '"' in str(path) or "${" in str(path) or not str(path).isprintable():
        raise UsageError(
            f"ssh_config cannot name a file in {printable(str(path))}",
            hint="Choose a folder without quotation marks, ${ and control characters in its path.",
        )
    return path


def _is_ours(path: Path) -> bool:
    """Whether a file does not exist, or was written by a lab."""
    if path.is_symlink() or (path.exists() and not path.is_file()):
        return False
    try:
        with path.open("rb") as file:
            return file.readline().strip() == _MARK.encode()
    except FileNotFoundError:
        return True

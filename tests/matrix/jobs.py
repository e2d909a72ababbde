"""The columns of the matrix: jobs, how each is run, and what the machine's own files must show afterwards."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..support.forks import forked
from ..support.ports import wait_for
from ..vm.conftest import generated
from .systems import KEYS, SYSTEMS, Running, System

__all__ = ["JOBS", "Case", "Cell", "Job", "run_cell"]

#: A getty or login may come and go while the job's own programs end.
_WAITING = {"agetty", "getty", "login", "sh", "sleep"}
_SETTLE_SECONDS = 40
#: The default is short for an emulated machine on a busy computer.
_TIME = ("--timeout", "240")
_UPLOADED = "/var/tmp/uploaded"
_REFUSE_ROOT = "echo PermitRootLogin no > /etc/ssh/sshd_config.d/no-root.conf; kill -HUP $(cat /run/sshd.pid)"
_CONTENT = bytes(range(256)) * 40 + b"\n\x00end"


@dataclass(frozen=True)
class Cell:
    """What came of a job on a system.

    Fields:
        system, job: their names.
        outcome: ``passed``, ``refused`` (an expected error that is true), or ``failed``.
        note: the warnings of a job that passed, the error of a refusal, or what is wrong.
        seconds: how long the job took.
    """

    system: str
    job: str
    outcome: str
    note: str
    seconds: float


@dataclass(frozen=True)
class Case:
    """A job on a running machine.

    Fields:
        system, machine: the row, and its machine.
        folder: for the job's files.
        admin: a private key; root's authorized_keys contains its public key from the start.
        new: a private key whose public key the machine does not have.
        before: root's authorized_keys as it was.
    """

    system: System
    machine: Running
    folder: Path
    admin: Path
    new: Path
    before: bytes

    @property
    def line(self) -> bytes:
        """The line of the new key."""
        return Path(f"{self.new}.pub").read_bytes()


@dataclass(frozen=True)
class Job:
    """A column.

    Fields:
        name: a word, for the command line.
        title: what it is, for the page.
        words: returns the command and its arguments; HOST comes after the command's name.
        check: returns what is wrong afterwards, given the JSON that the command printed.
        login: the user who logs in.
        wrong_password: whether the password is wrong.
        prepare: shell commands that run on the machine first.
        status: the right exit status.
        needs_sshd: whether the job is for machines with OpenSSH only.
    """

    name: str
    title: str
    words: Callable[[Case], list[str]]
    check: Callable[[Case, Any], list[str]]
    login: str = "root"
    wrong_password: bool = False
    prepare: str = ""
    status: int = 0
    needs_sshd: bool = False

    def fits(self, system: System) -> bool:
        """Return whether the job can be tried on a system."""
        return system.has_sshd or not self.needs_sshd


def _file_is(case: Case, expected: bytes) -> list[str]:
    """Check root's authorized_keys, and the modes that sshd requires."""
    found = case.machine.read(KEYS)
    if found != expected:
        return [f"{KEYS} is {found!r}"]
    modes = [case.machine.owner_and_mode(path) for path in (str(Path(KEYS).parent), KEYS)]
    return [] if modes == ["0 700", "0 600"] else [f"owners and modes are {modes}"]


def _added(case: Case, before: bytes) -> list[str]:
    wrong = _file_is(case, before + case.line)
    return wrong or ([] if case.machine.accepts(case.new, "root") else ["sshd refuses the key"])


def _added_in_vain(case: Case, result: Any) -> list[str]:
    wrong = _file_is(case, case.before + case.line)
    if "PermitRootLogin no" not in json.dumps(result):
        wrong.append("the cause is not named")
    return wrong or (["sshd takes the key"] if case.machine.accepts(case.new, "root") else [])


def _same(case: Case, _: Any) -> list[str]:
    return _file_is(case, case.before)


def _listed(case: Case, result: Any) -> list[str]:
    shown = subprocess.run(["ssh-keygen", "-lf", f"{case.admin}.pub"], capture_output=True, text=True, check=True)
    expected = [shown.stdout.split()[1]]
    found = [key["fingerprint"] for key in result["keys"]]
    return [] if found == expected else [f"the list is {found}, not {expected}"]


def _removed(case: Case, _: Any) -> list[str]:
    return _file_is(case, case.before.replace(Path(f"{case.admin}.pub").read_bytes(), b""))


def _uploaded(case: Case, _: Any) -> list[str]:
    return [] if case.machine.read(_UPLOADED) == _CONTENT else ["the file has other contents"]


def _host_keys(case: Case, result: Any) -> list[str]:
    real = {tuple(line.split()[:2]) for line in case.machine.do(case.system.host_keys).splitlines()}
    found = {tuple(key["key"].split()) for key in result["keys"]}
    return [] if found == real else [f"the keys are {sorted(found)}, not {sorted(real)}"]


def _add(case: Case) -> list[str]:
    return ["addkey", f"{case.new}.pub"]


def _add_as(become: str) -> Callable[[Case], list[str]]:
    def words(case: Case) -> list[str]:
        return [*_add(case), "--user", "root", "--become", become]

    return words


def _upload(case: Case) -> list[str]:
    local = case.folder / "local"
    local.write_bytes(_CONTENT)
    return ["upload", str(local), _UPLOADED]


JOBS = {
    job.name: job
    for job in (
        Job("add", "add", _add, lambda case, _: _added(case, case.before)),
        Job("no-folder", "add, no `~/.ssh`", _add, lambda case, _: _added(case, b""), prepare="rm -r /root/.ssh"),
        Job("wrong-password", "wrong password", _add, _same, wrong_password=True, status=5),
        Job("sudo", "add with sudo", _add_as("sudo"), lambda case, _: _added(case, case.before), login="alice"),
        Job("su", "add with su", _add_as("su"), lambda case, _: _added(case, case.before), login="alice"),
        Job("no-root", "add, sshd refuses root", _add, _added_in_vain, prepare=_REFUSE_ROOT, status=7, needs_sshd=True),
        Job("list", "keys list", lambda _: ["keys list"], _listed),
        Job("remove", "keys remove", lambda case: ["keys remove", f"{case.admin}.pub", "--force"], _removed),
        Job("upload", "upload", _upload, _uploaded),
        Job("hostkeys", "hostkeys", lambda _: ["hostkeys"], _host_keys),
    )
}


@dataclass(frozen=True)
class Refusal:
    """An error that is right.

    Fields:
        status: the exit status.
        text: a pattern for the error's message and hint.
    """

    status: int
    text: str


_NO_SUDO = Refusal(5, r"the machine has no such program: .*sudo.* log in as root")
_TOYBOX = Refusal(5, r"toybox refused the password: .*sosagent console HOST")
#: The cells that are not expected to pass, by system and job.
REFUSALS: Mapping[tuple[str, str], Refusal] = {
    **{(name, "sudo"): _NO_SUDO for name in SYSTEMS if name.startswith("busybox") or name == "toybox"},
    ("toybox", "su"): _TOYBOX,
    **{("toybox-login", name): _TOYBOX for name in JOBS if name not in ("wrong-password", "no-root")},
}


def run_cell(system: System, job: Job, folder: Path) -> Cell:
    """Start a machine, run the job on it, and compare what the command says with what the machine shows.

    Args:
        system, job: the row and the column.
        folder: an empty folder for files.
    """
    admin, new = generated(folder / "admin"), generated(folder / "new")
    text = "# keys of the team\n" + Path(f"{admin}.pub").read_text()
    with system.start(text) as machine:
        if job.prepare:
            machine.do(job.prepare)
        case = Case(system, machine, folder, admin, new, text.encode())
        before, kept = set(machine.programs()), machine.read(KEYS)
        began = time.monotonic()
        status, result = _run(case, job)
        seconds = round(time.monotonic() - began, 1)
        wrong = [*_left_open(case, before)]
        error = result.get("error") or {}
        said = " ".join(f"{error.get('message', '').rstrip('.')}. {error.get('hint', '')}".split())
        refusal = REFUSALS.get((system.name, job.name))
        if refusal is not None:
            if status != refusal.status or not re.search(refusal.text, said):
                wrong.insert(0, f"exit status {status}: {said}")
            elif machine.read(KEYS) != kept:
                wrong.append("the file has changed")
        elif status != job.status:
            wrong.insert(0, f"exit status {status}: {said}")
        else:
            wrong += job.check(case, result)
            said = "; ".join(result.get("warnings", ()))
    outcome = "failed" if wrong else "refused" if refusal is not None else "passed"
    return Cell(system.name, job.name, outcome, "; ".join(wrong) or (said if status == 0 or refusal else ""), seconds)


def _run(case: Case, job: Job) -> tuple[int, Any]:
    """Run the command, and return its exit status and the JSON that it prints."""
    command, *rest = job.words(case)
    own = case.system.password if job.login == "root" else case.system.admin_password
    secret = case.folder / "password"
    secret.write_text(case.system.password + "\n")
    secret.chmod(0o600)
    if "su" in rest:
        rest += ["--become-password-file", str(secret)]
    done = subprocess.run(
        [*forked(), *command.split(), *case.machine.arguments, *rest, "--login", job.login, "--json",
         *_TIME],
        env={
            "PATH": os.environ["PATH"], "HOME": str(case.folder),
            "SOS_PASSWORD": "not the password" if job.wrong_password else own,
        },
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    assert own not in done.stdout + done.stderr
    return done.returncode, json.loads(done.stdout or "{}")


def _left_open(case: Case, before: set[str]) -> list[str]:
    """Return what the job has left: a program, or anything but a login prompt on the console."""
    try:
        wait_for(lambda: not set(case.machine.programs()) - before - _WAITING, _SETTLE_SECONDS, "")
    except TimeoutError:
        return [f"left on the machine: {sorted(set(case.machine.programs()) - before)}"]
    shown = ""
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(case.machine.serial))
        line.settimeout(8)
        for _ in range(6):
            # After a wrong password, login asks for one even if the name is empty.
            line.sendall(b"\r")
            end = time.monotonic() + 8
            try:
                while time.monotonic() < end:
                    shown += line.recv(4096).decode(errors="replace")
                    if re.search(r"(?:^|\n)vm \w+\s?: ?$", shown):
                        return []
            except TimeoutError:
                continue
    return [f"no login prompt on the console: {shown[-200:]!r}"]

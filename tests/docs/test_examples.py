"""Runs every file of examples/ against the lab, as a user would."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import sosagent
from sosagent.lab import ThreadedLab, lab_in_thread

from ..conftest import installed, new_key
from ..test_blocking import as_users

EXAMPLES = Path(__file__).parents[2] / "examples"
#: Maps each file to the test that runs it. Other tests use demo.py and the provider too.
TESTED = {
    "add_key_script.py": "test_the_script",
    "demo.py": "test_the_demo",
    "many_machines.py": "test_many_machines",
    "nornir_task.py": "test_the_nornir_task",
    "port_of_pexpect.py": "test_the_port_of_pexpect",
    "provider": "test_the_provider_is_a_package",
    "sosagent-recover.service": "test_the_service",
    "sosagent-recover.timer": "test_systemd_accepts_the_units",
    "test_with_lab.py": "test_the_tests_with_the_fixture",
}


@dataclass(frozen=True)
class Scene:
    """A user who wants to add a key to a machine.

    Fields:
        lab: the machine; the Host "web1-sos" of the user's ssh_config is its console.
        environment: the user's environment variables.
        keyfile: the file with the key.
        key: the key.
    """

    lab: ThreadedLab
    environment: dict[str, str]
    keyfile: Path
    key: sosagent.PublicKey

    def run(self, *command: str, status: int = 0) -> str:
        """Run an example and return its output; if it is expected to fail, its error output too."""
        done = subprocess.run(
            [sys.executable, *command], env=self.environment, capture_output=True, text=True, cwd=EXAMPLES, check=False
        )
        assert done.returncode == status, done.stderr + done.stdout
        assert "Traceback" not in done.stderr
        return done.stdout if status == 0 else done.stdout + done.stderr


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with lab_in_thread(machine="web1") as lab:
        environment = as_users(lab, tmp_path / "home")
        del environment["SOS_PASSWORD"], environment["PYTHONWARNINGS"]
        key = new_key("me@here")
        (tmp_path / "key.pub").write_text(key.line + "\n")
        environment["SOS_PASSWORD_FILE"] = str(lab.password_file)
        yield Scene(lab, environment, tmp_path / "key.pub", key)


def test_every_example_has_a_test() -> None:
    files = {path.name for path in EXAMPLES.iterdir() if not path.name.startswith((".", "__"))}
    assert files == set(TESTED)
    assert all(name in globals() for name in TESTED.values())


@pytest.mark.parametrize("name", sorted(name for name in TESTED if name != "provider"))
def test_every_example_says_how_to_run_it(name: str) -> None:
    head = "\n".join((EXAMPLES / name).read_text().splitlines()[:10])
    assert re.search(r"Run: |Install: |`make demo`|see there", head)


def test_the_script(scene: Scene) -> None:
    output = scene.run("add_key_script.py", "web1-sos", str(scene.keyfile))
    assert output == f"added {scene.lab.authorized_keys_file} on {os.uname().nodename}\n"
    assert scene.lab.authorized_keys == f"{scene.key.line}\n"
    scene.lab.password_file.write_text("wrong\n")
    assert "Check the password" in scene.run("add_key_script.py", "web1-sos", str(scene.keyfile), status=1)


def test_many_machines(scene: Scene) -> None:
    output = scene.run("many_machines.py", str(scene.keyfile), "web1-sos", "x@127.0.0.1:1", status=1).splitlines()
    assert re.fullmatch(rf"web1-sos +added +{scene.lab.authorized_keys_file} on \S+, \d+\.\d s", output[0])
    assert re.match(r"x@127\.0\.0\.1:1 +FAILED +.*Check the port", output[1])
    assert scene.lab.authorized_keys == f"{scene.key.line}\n"


def test_the_tests_with_the_fixture(scene: Scene) -> None:
    output = scene.run("-m", "pytest", "-p", "sosagent.pytest_plugin", "-p", "no:cacheprovider", "test_with_lab.py")
    assert "3 passed" in output


@pytest.mark.parametrize("method", ["pexpect", "console", "sosagent"])
def test_the_port_of_pexpect(method: str, scene: Scene) -> None:
    installed(["ssh"])
    if method == "pexpect":  # ssh ignores HOME and uses the home folder of the passwd file
        home = Path(scene.environment["HOME"]) / ".ssh"
        program = Path(scene.environment["HOME"]) / "ssh"
        options = f"-F {home}/config -o UserKnownHostsFile={home}/known_hosts"
        program.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} {options} "$@"\n')
        program.chmod(0o755)
        scene.environment["PATH"] = f"{program.parent}:{scene.environment['PATH']}"
    scene.run("port_of_pexpect.py", method, "web1-sos", str(scene.keyfile))
    assert scene.lab.authorized_keys == f"{scene.key.line}\n"
    assert not scene.lab.in_use


def test_the_nornir_task(scene: Scene) -> None:
    if importlib.util.find_spec("nornir") is None:
        pytest.skip("nornir is not installed")
    output = scene.run("nornir_task.py", str(scene.keyfile), "web1-sos")
    assert output == f"web1-sos  ok  added {scene.lab.authorized_keys_file}\n"
    assert scene.lab.authorized_keys == f"{scene.key.line}\n"
    assert "FAILED" in scene.run("nornir_task.py", str(scene.keyfile), "x@127.0.0.1:1", status=1)


def test_the_demo(scene: Scene) -> None:
    program = Path(sys.executable).with_name("sos-addkey")
    if not program.exists():
        pytest.skip("sosagent is not installed")
    output = scene.run("demo.py")
    assert "added" in output
    assert "present" in output


def test_the_provider_is_a_package(scene: Scene) -> None:
    """Check that the entry point names a class; test_providers.py uses the provider."""
    import tomllib

    project = tomllib.loads((EXAMPLES / "provider/pyproject.toml").read_text())["project"]
    (place,) = project["entry-points"]["sosagent.endpoints"].values()
    module, _, name = place.partition(":")
    output = scene.run("-c", f"import sys; sys.path.insert(0, 'provider'); from {module} import {name}; print({name})")
    assert name in output or module in output


def test_the_service(scene: Scene, tmp_path: Path) -> None:
    """Run the service's command with the lab's files, and its condition in a shell."""
    unit = (EXAMPLES / "sosagent-recover.service").read_text()
    (start,) = re.findall(r"^ExecStart=(.*)$", unit, re.MULTILINE)
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    shutil.copy2(scene.lab.password_file, credentials / "password")
    for original, replacement in {
        "%d": str(credentials),
        "/etc/sosagent/ssh_config": scene.environment["HOME"] + "/.ssh/config",
        "/etc/sosagent/recovery.pub": str(scene.keyfile),
    }.items():
        assert original in start
        start = start.replace(original, replacement)
    program, *arguments = shlex.split(start)
    assert program == "/usr/local/bin/sos-addkey"
    result = json.loads(scene.run("-m", "sosagent", "addkey", *arguments))
    assert (result["status"], result["logged_out"]) == ("added", True)
    (condition,) = re.findall(r"^ExecCondition=(.*)$", unit, re.MULTILINE)
    for works in (True, False):
        fake = tmp_path / "ssh"
        fake.write_text(f"#!/bin/sh\nexit {0 if works else 255}\n")
        fake.chmod(0o755)
        environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
        done = subprocess.run(shlex.split(condition), env=environment, check=False)
        assert (done.returncode == 0) is not works


def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    installed(["systemd-analyze"])
    for path in EXAMPLES.glob("sosagent-recover.*"):
        text = path.read_text().replace("/usr/local/bin/sos-addkey", "/bin/true")
        (tmp_path / path.name).write_text(text)
    units = sorted(str(path) for path in tmp_path.glob("sosagent-recover.*"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    wrong = tmp_path / "sosagent-recover.timer"
    wrong.write_text(wrong.read_text().replace("OnCalendar=*:0/15", "OnCalendar=often"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True, check=False
    )
    assert "often" in done.stderr

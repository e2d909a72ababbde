"""The pytest plugin in other projects, which pytest's own `pytester` creates."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import sosagent

pytest_plugins = ["pytester"]

PLUGIN = ("-p", "sosagent.pytest_plugin")
ROOT = Path(sosagent.__file__).parents[1]

BOTH = """
import socket, subprocess, sys, threading
import pytest, sosagent, sosagent.blocking

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl me"

def test_blocking(sos_lab):
    done = sosagent.blocking.add_key(sos_lab.target, KEY, password=sos_lab.password)
    assert done.status == "added"
    assert sos_lab.authorized_keys == KEY + "\\n"
    assert not sos_lab.in_use

async def test_async(sos_lab):
    assert sos_lab.authorized_keys == ""
    async with sosagent.root_shell(sos_lab.target, password=sos_lab.password) as shell:
        assert sos_lab.in_use
        assert (await shell.run("echo ok")).output == b"ok"
        sos_lab.hang_up()
        with pytest.raises(sosagent.EndpointLost):
            await shell.run("echo no")

def test_a_program(sos_lab, tmp_path):
    (tmp_path / "key.pub").write_text(KEY)
    command = [sys.executable, "-m", "sosagent", "addkey", *sos_lab.arguments, str(tmp_path / "key.pub")]
    subprocess.run(command, check=True, capture_output=True)
    assert KEY in sos_lab.authorized_keys
    assert sos_lab.host.startswith("lab@127.0.0.1:")
    assert sos_lab.identity.exists() and sos_lab.known_hosts.exists()
    assert not [one for one in threading.enumerate() if "sosagent" in one.name and "lab" not in one.name]
"""

OPTIONS = """
import pytest, sosagent, sosagent.blocking

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl me"

@pytest.mark.sos_lab(faults="drop=1e-3,seed=4", machine="web-1")
def test_a_bad_line(sos_lab):
    done = sosagent.blocking.add_key(sos_lab.target, KEY, password=sos_lab.password, expect_host="web-1")
    assert done.status == "added"

@pytest.mark.sos_lab(faults="cut=900")
def test_a_line_that_dies(sos_lab):
    with pytest.raises(sosagent.EndpointLost):
        sosagent.blocking.add_key(sos_lab.target, KEY, password=sos_lab.password)

@pytest.mark.sos_lab(busy=True)
def test_a_busy_console(sos_lab):
    with pytest.raises(sosagent.EndpointBusy):
        sosagent.blocking.add_key(sos_lab.target, KEY, password=sos_lab.password)

@pytest.mark.sos_lab(endpoint="idrac", busy=True)
def test_a_busy_controller(sos_lab):
    with pytest.raises(sosagent.EndpointBusy):
        sosagent.blocking.add_key(sos_lab.target, KEY, password=sos_lab.password)

@pytest.mark.sos_lab(endpoint="idrac")
def test_a_controller(sos_lab):
    assert sosagent.blocking.console_state(sos_lab.target, poke=True).name == "login"
    assert "dialect=idrac" in sos_lab.host
"""


def test_blocking_async_and_programs(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(BOTH)
    pytester.makeini("[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function")
    pytester.runpytest_subprocess(*PLUGIN, "-W", "error").assert_outcomes(passed=3)


def test_the_markers_options(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(OPTIONS)
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function")
    pytester.runpytest_subprocess(*PLUGIN, "--strict-markers", "-W", "error").assert_outcomes(passed=5)


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("marker", "said"),
    [
        ("fault='drop=1'", "*these options, by name: machine, faults, endpoint, busy*"),
        ("'web-1'", "*these options, by name: machine, faults, endpoint, busy*"),
        ("faults='drip=1'", "*'drip=1' is not a valid fault of a line*"),
        ("endpoint='none'", "*the endpoint 'none'*It has: *idrac*"),
    ],
    ids=["unknown", "by-place", "fault", "endpoint"],
)
def test_a_mistake_in_a_marker_is_reported_in_one_line(marker: str, said: str, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(f"import pytest\n@pytest.mark.sos_lab({marker})\ndef test_it(sos_lab): pass\n")
    done = pytester.runpytest_subprocess(*PLUGIN)
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines([said])
    done.stdout.no_fnmatch_line("*Traceback*")


def test_the_plugin_does_not_slow_down_the_start_of_pytest() -> None:
    """The plugin imports no slow module before a test requests the fixture."""
    code = "import sys, pytest, asyncio; b = {*sys.modules}; import sosagent.pytest_plugin; print(*{*sys.modules} - b)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    imported = done.stdout.split()
    assert "sosagent.pytest_plugin" in imported
    heavy = ("asyncssh", "cryptography", "pyte", "pexpect", "typer", "rich", "pydantic", "serial", "sosagent.lab")
    assert not [name for name in imported if name.startswith(heavy)]


def test_a_fork_in_the_lab_is_not_an_error_when_warnings_are_errors(pytester: pytest.Pytester) -> None:
    """The warning has the text of Python 3.12 and newer, because this Python may be older and not emit it."""
    words = "This process (pid=1) is multi-threaded, use of forkpty() may lead to deadlocks in the child."
    pytester.makepyfile(
        f"import warnings\ndef test_it():\n    warnings.warn({words!r}, DeprecationWarning, stacklevel=1)\n"
        "def test_another():\n    warnings.warn('another', DeprecationWarning, stacklevel=1)\n"
    )
    pytester.makeini("[pytest]\nfilterwarnings = error\nasyncio_default_fixture_loop_scope = function")
    pytester.runpytest_subprocess(*PLUGIN).assert_outcomes(passed=1, failed=1)


@pytest.mark.parametrize("named", [(), PLUGIN], ids=["by-itself", "by-name-too"])
def test_it_comes_with_the_package(
    named: tuple[str, ...], pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pip installs the entry point; the plugin is loaded once, even if `-p` names it too."""
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]
    installed = pytester.mkdir("site") / "installed_by_test-1.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: installed-by-test\nVersion: 1\n")
    lines = [f"{name} = {place}" for name, place in points.items()]
    (installed / "entry_points.txt").write_text("\n".join(["[pytest11]", *lines, ""]))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(installed.parent), str(ROOT)]))
    pytester.makepyfile("def test_it(sos_lab):\n    assert sos_lab.authorized_keys == ''\n")
    done = pytester.runpytest_subprocess(*named, "--strict-markers")
    done.assert_outcomes(passed=1)

"""The files that `sosagent lab --config FOLDER` writes."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

import sosagent
from sosagent.config.file import load_machines
from sosagent.lab import Lab
from sosagent.lab.configuration import written_configuration

from ..conftest import new_key


def test_the_files_are_written_and_removed(lab: Lab, tmp_path: Path) -> None:
    lab.machine.name = "web.1"
    with written_configuration(tmp_path / "new", lab, force=False) as written:
        assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "new").iterdir()} == dict.fromkeys(
            ("ssh_config", "known_hosts", "machines.toml"), 0o600
        )
        assert load_machines(written.machines).machines["web.1"].console == "web.1-sos"
        target = sosagent.parse_target("web.1-sos", ssh_config=written.ssh_config)
        assert target == sosagent.SshTarget("web.1-sos", ssh_config=written.ssh_config)
        assert str(written.ssh_config) in written.commands[0]
    assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.parametrize("name", ["ssh_config", "known_hosts", "machines.toml"])
def test_other_files_are_not_replaced(name: str, lab: Lab, tmp_path: Path) -> None:
    (tmp_path / name).write_text("mine\n")
    with (
        pytest.raises(sosagent.UsageError, match=f"{name} exists, and `sosagent lab` did not write it"),
        written_configuration(tmp_path, lab, force=False),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == [name]
    with written_configuration(tmp_path, lab, force=True):
        assert "mine" not in (tmp_path / name).read_text()


def test_a_link_is_not_followed(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "ssh_config").symlink_to(tmp_path / "elsewhere")
    with (
        pytest.raises(sosagent.UsageError, match="ssh_config exists"),
        written_configuration(tmp_path, lab, force=False),
    ):
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_files_of_an_earlier_lab_are_replaced_and_changed_ones_stay(lab: Lab, tmp_path: Path) -> None:
    with written_configuration(tmp_path, lab, force=False) as earlier:
        with written_configuration(tmp_path, lab, force=False):
            pass
        assert not earlier.machines.exists()
        earlier.machines.write_text("# changed by the user\n")
    assert earlier.machines.exists()


def test_a_folder_that_cannot_be_written_is_an_error(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(sosagent.UsageError), written_configuration(tmp_path / "file", lab, force=False):
        pass


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("~no-such-user/x", "~ has no meaning here"),
        ('say "x"', "ssh_config cannot name a file in"),
        ("${x}", "cannot name"),
    ],
)
def test_a_folder_that_no_file_can_name_is_an_error(folder: str, words: str, lab: Lab, tmp_path: Path) -> None:
    path = Path(folder) if folder.startswith("~") else tmp_path / folder
    with pytest.raises(sosagent.UsageError, match=words), written_configuration(path, lab, force=False):
        pass


def test_something_that_is_no_file_is_not_replaced(lab: Lab, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "known_hosts")
    with (
        pytest.raises(sosagent.UsageError, match="known_hosts exists"),
        written_configuration(tmp_path, lab, force=False),
    ):
        pass


async def test_ssh_reads_paths_with_a_percent_sign_and_a_blank(lab: Lab, tmp_path: Path) -> None:
    with written_configuration(tmp_path / "50% of it", lab, force=False) as written:
        call = ["ssh", "-G", "-F", str(written.ssh_config), f"{lab.machine.name}-sos"]
        settings = subprocess.run(call, capture_output=True, text=True, check=True).stdout.splitlines()
        assert f"userknownhostsfile {written.known_hosts}" in [line.replace("%%", "%") for line in settings]
        target = sosagent.parse_target(f"{lab.machine.name}-sos", ssh_config=written.ssh_config)
        done = await sosagent.add_key(target, [new_key()], password=lab.password)
        assert done.status == "added"

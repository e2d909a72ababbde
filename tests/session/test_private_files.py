"""Files of this computer that somebody else prepared, or that two processes change at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import sosagent
from sosagent.login.record import OpenLogin
from sosagent.private_file import open_private
from sosagent.replace_file import locked, replace_file
from sosagent.session.lock import alone
from sosagent.sudo import open_or_create

from ..support.commands import command

PLACE = "a console"


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of locks and records."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return OpenLogin(PLACE).path.parent.parent


def lock_file(state: Path) -> Path:
    return state / "locks" / f"{OpenLogin(PLACE).path.stem}.lock"


def test_a_link_in_the_lock_folder_does_not_truncate_its_target(state: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    lock_file(state).parent.mkdir(parents=True, mode=0o700)
    lock_file(state).symlink_to(victim)
    with pytest.raises(sosagent.UsageError, match="is a symbolic link"), alone("e", PLACE):
        pass
    assert victim.read_text() == "precious"


def test_a_hard_link_in_the_lock_folder_neither(state: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    lock_file(state).parent.mkdir(parents=True, mode=0o700)
    os.link(victim, lock_file(state))
    with pytest.raises(sosagent.UsageError, match="hard link"), alone("e", PLACE):
        pass
    assert victim.read_text() == "precious"


def writable(path: Path) -> None:
    path.touch()
    path.chmod(0o666)


PREPARED: dict[str, tuple[Callable[[Path], object], str]] = {
    "FIFO": (os.mkfifo, "is not a regular file"),
    "writable": (writable, "can be written by other users"),
    "writable folder": (lambda path: path.parent.chmod(0o777), "can be written by other users"),
}


@pytest.mark.parametrize("name", PREPARED)
def test_what_is_not_ours_alone_is_refused(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    prepare, words = PREPARED[name]
    prepare(folder / "file")
    with pytest.raises(sosagent.UsageError, match=words):
        open_private(folder / "file", os.O_RDWR | os.O_CREAT)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a file to another user")
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    os.chown(tmp_path / "file", 12345, 12345)
    with pytest.raises(sosagent.UsageError, match="belongs to another user"):
        open_private(tmp_path / "file", os.O_RDONLY)


def test_a_link_as_record_of_a_login_is_not_followed(state: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    record = OpenLogin(PLACE)
    record.path.parent.mkdir(parents=True, mode=0o700)
    record.path.symlink_to(victim)
    victim.write_text(json.dumps({"since": 1.0, "open": True}))
    record.remember(is_open=True)
    assert json.loads(victim.read_text())["since"] == 1.0
    assert record.seconds() is None
    record.forget()
    record.remember(is_open=True)
    record.remember(is_open=False)
    assert not record.path.is_symlink()
    assert record.seconds() is not None


_ADD = """
import sys
from pathlib import Path
from sosagent.replace_file import locked, replace_file
path = Path(sys.argv[1])
sys.stdin.read(1)
for number in range(20):
    with locked(path):
        text = path.read_text() if path.exists() else ""
        replace_file(path, text + f"{sys.argv[2]} {number}\\n")
"""


def test_concurrent_changes_lose_no_line(tmp_path: Path) -> None:
    """Processes that rewrite a file, and one that appends to it as accept-new does."""
    path = tmp_path / "known_hosts"
    writers = [
        subprocess.Popen([sys.executable, "-c", _ADD, path, str(number)], stdin=subprocess.PIPE) for number in range(4)
    ]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.close()
    for number in range(20):
        with locked(path), path.open("a") as opened:
            opened.write(f"here {number}\n")
    assert [writer.wait() for writer in writers] == [0] * 4
    lines = path.read_text().splitlines()
    assert sorted(lines) == sorted(f"{who} {number}" for who in ("0", "1", "2", "3", "here") for number in range(20))


def test_a_file_that_stays_empty_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with locked(path):
        assert path.exists()
    assert not path.exists()
    with locked(path):
        replace_file(path, "text")
    assert path.read_text() == "text"


# -- an inventory that names commands

INVENTORY = "web sos_console=me@sos.example.net\nbad sos_console='exec:sh -c \"touch {}\"'\n"


@pytest.mark.parametrize("option", [[], ["--write"]])
async def test_commands_of_an_inventory_are_shown(option: list[str], tmp_path: Path) -> None:
    source, file = tmp_path / "hosts", tmp_path / "machines.toml"
    source.write_text(INVENTORY.format(tmp_path / "x"))
    status, _, err = await command("machines", "import", source, "--from", "ansible", "--config", file, *option)
    assert "the console of bad is a command: exec:sh -c" in err
    assert "of web" not in err
    assert status == (2 if option else 0)
    assert not file.exists()
    assert ("--allow-commands" in err) == bool(option)


async def test_commands_are_added_on_request(tmp_path: Path) -> None:
    source, file = tmp_path / "hosts", tmp_path / "machines.toml"
    source.write_text(INVENTORY.format(tmp_path / "x"))
    status, out, err = await command(
        "machines", "import", source, "--from", "ansible", "--config", file, "--write", "--allow-commands"
    )
    assert (status, "added bad" in out, "of bad is a command" in err) == (0, True, True)


async def test_an_inventory_without_commands_is_not_questioned(tmp_path: Path) -> None:
    source, file = tmp_path / "conserver.cf", tmp_path / "machines.toml"
    source.write_text("console web { type exec; }\n")
    status, _, err = await command("machines", "import", source, "--config", file, "--write")
    assert (status, "warning" in err) == (0, False)


def test_the_mode_is_that_of_the_new_file_and_not_of_what_took_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The owner of the folder puts a link to another file in place of the temporary one."""
    file, other = tmp_path / "folder" / "file", tmp_path / "other"
    file.parent.mkdir()
    file.write_text("old")
    file.chmod(0o666)
    other.touch(0o600)

    def swap(*_: object) -> None:
        (temporary,) = [path for path in file.parent.iterdir() if path != file]
        temporary.unlink()
        temporary.symlink_to(other)

    monkeypatch.setattr("sosagent.replace_file.take_owner", swap)
    replace_file(file, "new")
    assert other.stat().st_mode & 0o777 == 0o600


def test_a_file_that_appears_meanwhile_keeps_its_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a file that we create ourselves is given to the user who called sudo."""
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    os.chown(tmp_path, 4711, 4712)
    monkeypatch.setenv("SUDO_UID", "4711")
    monkeypatch.setenv("SUDO_GID", "4712")
    secret, name = tmp_path / "secret", tmp_path / "log"
    secret.touch(0o600)
    name.hardlink_to(secret)
    os.close(open_or_create(name, os.O_RDWR))
    os.close(open_or_create(tmp_path / "new", os.O_RDWR))
    assert (secret.stat().st_uid, (tmp_path / "new").stat().st_uid) == (0, 4711)

"""Every command where something is unusual on this computer: the home folder, the streams, the locale, sudo."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.command_line import commands
from sosagent.console.transcript import Transcript
from sosagent.errors import UsageError
from sosagent.replace_file import replace_file

from ..conftest import new_key
from ..support.authorized_keys import as_root
from ..support.commands import SOSAGENT
from ..support.every_command import EVERY_COMMAND, Done, files_in, run_in_fork, words_of
from ..support.forks import CLOSED, ENCODING

_CALLER = (12345, 12346)


def test_the_table_has_every_command() -> None:
    assert {name.removeprefix("sosagent ") for name, _ in commands()} == set(EVERY_COMMAND)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files that the commands read. A comment is not ASCII."""
    return files_in(tmp_path / "files", new_key("grüße").line)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home folder."""
    path = tmp_path / "home"
    path.mkdir()
    return path


def check(name: str, done: Done, status: int | None = None, *, words: str = "") -> None:
    """Check the exit status, and that an error is in a sentence."""
    err = done.err.decode()
    assert "Traceback" not in err + done.out.decode("utf-8", "replace")
    assert done.status == (EVERY_COMMAND[name][1] if status is None else status), err
    assert words in err
    if done.status not in (0, 1) and err:
        sentences = [line for line in err.splitlines() if line.startswith("sosagent: ")]
        assert sentences, err
        assert "Errno" not in err


def test_a_home_folder_that_is_missing(folder: Path, home: Path) -> None:
    """HOME does not exist, is below a file, or is not set, which each third command meets. It is not created."""
    (home / "file").write_text("")
    missing = [{"HOME": f"{home}/none"}, {"HOME": f"{home}/file/below"}, {}]
    for at, name in enumerate(EVERY_COMMAND):
        # Without HOME, it would write to the real home folder.
        env = missing[0] if name == "completion install" else missing[at % 3]
        status, words = (2, "does not exist") if name == "completion install" else (None, "")
        check(name, run_in_fork(name, folder, env), status, words=words)
    assert [one.name for one in home.iterdir()] == ["file"]


@pytest.mark.parametrize("where", ["none", "file/below"])
def test_known_hosts_of_a_missing_home_folder(where: str, folder: Path, home: Path) -> None:
    (home / "file").write_text("")
    done = run_in_fork("completion install bash", folder, {"HOME": f"{home}/{where}"})
    check("completion install", done, 2, words=f"{home}/{where} does not exist")
    file = home / where / ".ssh" / "known_hosts"
    with pytest.MonkeyPatch.context() as patch, pytest.raises(UsageError, match="cannot write"):
        patch.setenv("HOME", str(home / where))
        replace_file(file, "x")
    assert [one.name for one in home.iterdir()] == ["file"]


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A home folder on a file system that is mounted read-only, with the files that the commands change."""
    path = tmp_path / "read-only"
    path.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,ro", "none", path], check=False).returncode:
        pytest.skip("cannot mount file systems here")
    yield path
    subprocess.run(["umount", path], check=True)


@as_root
def test_a_read_only_home_folder(read_only: Path, folder: Path) -> None:
    for name in EVERY_COMMAND:
        done = run_in_fork(name, folder, {"HOME": str(read_only)})
        if name == "completion install":
            check(name, done, 2, words="Read-only file system")
        else:
            check(name, done)


@pytest.mark.parametrize("part", range(4))
def test_closed_streams(part: int, folder: Path, home: Path) -> None:
    """Each command with all of them closed, and with one of the other combinations."""
    combinations = ("0", "1", "2", "01", "02", "12")
    cases = [(name, "012") for name in EVERY_COMMAND]
    cases += [(name, combinations[at % 6]) for at, name in enumerate(EVERY_COMMAND)]
    for name, closed in cases[part::4]:
        status = EVERY_COMMAND[name][1]
        shutil.rmtree(folder)
        files_in(folder, new_key().line)
        done = run_in_fork(name, folder, {"HOME": str(home), CLOSED: closed})
        unwritten = "1" in closed and status == 0
        check(name, done, 2 if unwritten else None)
        if unwritten and "2" not in closed:
            assert "cannot write to standard output: it is closed" in done.err.decode()
        assert ("1" in closed) <= (done.out == b"")
        assert ("2" in closed) <= (done.err == b"")


def test_a_full_disk_behind_the_streams(folder: Path, home: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        for name in [name for name, (_, status) in EVERY_COMMAND.items() if status == 0]:
            done = run_in_fork(name, folder, {"HOME": str(home)}, stdout=full.fileno())
            check(name, done, 2, words="cannot write to standard output: No space left")
        for name in [name for name, (_, status) in EVERY_COMMAND.items() if status != 0][::2]:
            check(name, run_in_fork(name, folder, {"HOME": str(home)}, stderr=full.fileno()))


def test_ascii_and_60_columns(folder: Path, home: Path) -> None:
    for name in EVERY_COMMAND:
        done = run_in_fork(name, folder, {"HOME": str(home), "COLUMNS": "60", ENCODING: "ascii"})
        check(name, done)
        assert (done.out + done.err).isascii()
        if name == "help":
            assert max(map(len, done.out.decode().splitlines())) <= 60


@pytest.mark.parametrize(
    ("name", "streams"),
    [("key show", "<&-"), ("key show", ">&- 2>&-"), ("state", "<&- >&- 2>&-"), ("runbook list", ">/dev/full <&-"),
     ("machines list", "")],
)  # fmt: skip
def test_the_start_of_a_command(name: str, streams: str, folder: Path, home: Path) -> None:
    """Not in a fork: what Python itself does with closed streams and the C locale."""
    variables = {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
    words = " ".join([SOSAGENT, *words_of(name, folder)])
    done = subprocess.run(
        ["sh", "-c", f"{words} {streams}"],
        env={"PATH": os.environ["PATH"], "HOME": str(home), "SOSAGENT_CONFIG": f"{folder}/machines.toml", **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    status = EVERY_COMMAND[name][1]
    check(name, Done(done.returncode, done.stdout, done.stderr), 2 if ">" in streams and status == 0 else status)
    assert (done.stdout + done.stderr).isascii()


@as_root
def test_with_sudo_files_in_the_home_of_the_caller_belong_to_the_caller(folder: Path, home: Path) -> None:
    """Of a sudo that keeps HOME. A file that is replaced keeps its owner, and folders of others stay as they are."""
    for path in (folder, home):
        os.chown(path, *_CALLER)
    (home / ".zshrc").write_text("")
    os.chown(home / ".zshrc", 4711, 4712)
    env = {"HOME": str(home), "SUDO_UID": str(_CALLER[0]), "SUDO_GID": str(_CALLER[1])}
    for name in ("runbook new", "completion install", "addkey", "download"):
        check(name, run_in_fork(name, folder, env))
    check("completion show", run_in_fork("completion install zsh", folder, env))
    check("completion show", run_in_fork("completion install fish", folder, env))
    extra = "--transcript FOLDER/new.cast --log-file FOLDER/log"
    check("keys list", run_in_fork(f"keys list {EVERY_COMMAND['keys list'][0]} {extra}", folder, env))
    owners = {path: (path.stat().st_uid, path.stat().st_gid) for one in (folder, home) for path in one.rglob("*")}
    given = {str(path.name) for path, owner in owners.items() if owner == _CALLER}
    assert {"new.yml", "log", "new.cast", ".bashrc", ".local", "share", "completion.bash", "fish"} <= given
    assert owners[home / ".zshrc"] == (4711, 4712)
    made = {path.name for path in folder.iterdir()} - {"id.pub", "cast", "book.yml", "machines.toml", "ssh_config"}
    assert made <= given
    assert {path.name for path, owner in owners.items() if home in path.parents and owner == (0, 0)} == set()


@as_root
def test_with_sudo_other_folders_stay_those_of_root(folder: Path, home: Path) -> None:
    env = {"HOME": str(home), "SUDO_UID": str(_CALLER[0]), "SUDO_GID": str(_CALLER[1])}
    for odd in (env, {**env, "SUDO_UID": "x"}, {**env, "SUDO_UID": "-1"}, {**env, "SUDO_UID": "9" * 20}):
        check("completion install", run_in_fork("completion install", folder, odd))
        assert {path.stat().st_uid for path in home.rglob("*")} == {0}


@as_root
def test_a_recording_that_replaces_another_keeps_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "cast"
    Transcript(path, "one").close()
    os.chown(path, *_CALLER)
    Transcript(path, "two").close()
    assert (path.stat().st_uid, path.stat().st_gid) == _CALLER
    tmp_path.chmod(0o1777)  # anybody may have put the old file there
    Transcript(path, "three").close()
    assert (path.stat().st_uid, path.stat().st_gid) == (0, 0)

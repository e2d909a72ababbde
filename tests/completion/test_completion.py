"""Completion: what the commands answer, and the scripts in real shells on a pty."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pexpect
import pyte
import pytest

from docs.completion_table import FILE, table_text
from sosagent.completion.complete import complete
from sosagent.completion.install import script

from ..support.cli import run_sosagent

_SECONDS = 30

#: What the user types -> the command line after Tab.
CASES = {
    "sos-addkey alph": "sos-addkey alpha",
    "sos-addkey inclu": "sos-addkey included-sos",
    "sos-addkey --host-key acc": "sos-addkey --host-key accept-new",
    "sos-addkey --host-key=acc": "sos-addkey --host-key=accept-new",
    "sos-addkey root@confi": "sos-addkey root@configured-sos",
    "sos-addkey alpha key-fi": "sos-addkey alpha key-file.pub",
    "sos-addkey --identity key-fi": "sos-addkey --identity key-file.pub",
    "sos-addkey --become su": "sos-addkey --become su",
    "sosagent down": "sosagent download",
    "sosagent keys aud": "sosagent keys audit",
    "sosagent keys list alph": "sosagent keys list alpha",
    "sosagent machines list --group databa": "sosagent machines list --group databases",
    "sosagent run disk-": "sosagent run disk-space",
    "sosagent run disk-space -p cle": "sosagent run disk-space -p clean=",
    "sosagent run disk-space -p clean=tr": "sosagent run disk-space -p clean=true",
    "sosagent run --dry": "sosagent run --dry-run",
    "sosagent lab --endpoint idr": "sosagent lab --endpoint idrac",
    "sosagent console telnet:/": "sosagent console telnet://",
    "sosagent upload alpha key-fi": "sosagent upload alpha key-file.pub",
    "sosagent completion show fi": "sosagent completion show fish",
    "sosagent help keys aud": "sosagent help keys audit",
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/config").write_text("Include more/*\nHost configured-sos *.example !no\n  User x\n")
    (tmp_path / ".ssh/more").mkdir()
    (tmp_path / ".ssh/more/one").write_text("host=included-sos\n")
    (tmp_path / ".config/sosagent").mkdir(parents=True)
    (tmp_path / ".config/sosagent/machines.toml").write_text(
        '[machines.alpha]\nconsole = "alpha-sos"\ngroups = ["databases"]\n'
    )
    (tmp_path / "key-file.pub").touch()
    return tmp_path


def _set_home(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "ZDOTDIR", "SOSAGENT_CONFIG"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_tab_key_in_a_real_shell(shell: str, home: Path) -> None:
    start = {"bash": ["--norc", "-i"], "zsh": ["-f", "-i"], "fish": ["--no-config", "-i"]}[shell]
    (home / "script").write_text(script(shell))
    environment = {
        "HOME": str(home), "TERM": "xterm", "LANG": "C.UTF-8", "PS1": "> ",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }  # fmt: skip
    child = pexpect.spawn(shell, start, env=environment, cwd=str(home), dimensions=(50, 150), timeout=_SECONDS)
    screen = pyte.Screen(150, 50)
    stream = pyte.ByteStream(screen)

    def wait_for(end: str, typed: str) -> None:
        until = time.monotonic() + _SECONDS
        while not any(line.rstrip().endswith(end) for line in screen.display):
            assert time.monotonic() < until, f"{typed!r} did not become {end!r}:\n" + "\n".join(screen.display)
            try:
                data: bytes = child.read_nonblocking(65536, 0.2)  # type: ignore[assignment]  # bytes without an encoding
                stream.feed(data)
            except pexpect.TIMEOUT:
                continue

    try:
        child.send(". ./script; echo read''y\r")
        wait_for("ready", "the script")
        for typed, completed in CASES.items():
            child.send("\x15" + typed + "\t")
            wait_for(" " + completed, typed)
            child.send("\x15\x0c")
            screen.reset()
    finally:
        child.close(force=True)


def test_the_table_is_up_to_date() -> None:
    assert FILE.read_text("utf-8") == table_text(), "run: python -m docs"


def test_a_broken_file_of_machines_gives_its_names(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _set_home(monkeypatch, home)
    (home / ".config/sosagent/machines.toml").write_text('[machines.beta]\nconsole = "x\n[machines."be ta"]\n')
    (home / ".ssh/config").write_bytes(b'Host "open\n\xff\xfeInclude config\nHost bench\n')
    assert [value for value, _ in complete("sos-addkey", [], "be").items] == ["beta", "be ta", "bench"]


def test_files_only_where_files_are_meant() -> None:
    assert complete("sos-addkey", ["alpha"], "").files == "files"
    assert complete("sos-addkey", ["alpha", "--comment"], "").files == ""
    assert complete("sosagent", ["exec", "alpha", "--"], "").files == ""
    assert complete("sosagent", ["run", "--report"], "").files == "files"
    assert complete("sosagent", ["no-such-command"], "").items == []
    assert complete("sosagent", ["help", "state"], "").items == []
    assert [value for value, _ in complete("sosagent", ["help"], "--h").items] == ["--help"]


def test_install_writes_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _set_home(monkeypatch, home)
    (home / ".bashrc").write_text("alias x=y")
    for _ in range(2):
        assert run_sosagent("completion", "install", "bash").status == 0
    lines = (home / ".bashrc").read_text().splitlines()
    assert (lines[0], len(lines), "completion.bash" in lines[1]) == ("alias x=y", 2, True)
    assert run_sosagent("completion", "install", "fish").status == 0
    assert (home / ".config/fish/completions/sos-addkey.fish").read_text() == script("fish")


def test_a_missing_home_is_an_error(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _set_home(monkeypatch, home / "missing")
    ended = run_sosagent("completion", "install", "zsh")
    assert (ended.status, "does not exist" in ended.err, (home / "missing").exists()) == (2, True, False)
    assert run_sosagent("completion", "install", "tcsh").status == 2

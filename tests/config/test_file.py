"""machines.toml on disk: where it is, which files are rejected, and adding machines."""

from __future__ import annotations

from pathlib import Path

import pytest

import sosagent
from sosagent.config.file import VARIABLE, add_machines, password_file_warnings

from ..support.commands import Write


def test_the_path_of_the_file(write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv(VARIABLE, raising=False)
    assert sosagent.load_machines().machines == {}
    write("[machines.usual]\nconsole = 'h'\n", ".config/sosagent/machines.toml")
    variable = write("[machines.variable]\nconsole = 'h'\n", "v.toml")
    option = write("[machines.option]\nconsole = 'h'\n", "o.toml")
    assert list(sosagent.load_machines().machines) == ["usual"]
    monkeypatch.setenv(VARIABLE, str(variable))
    assert list(sosagent.load_machines().machines) == ["variable"]
    assert list(sosagent.load_machines(option).machines) == ["option"]
    assert sosagent.load_machines(option).file == option
    monkeypatch.setenv(VARIABLE, str(tmp_path / "none"))
    with pytest.raises(sosagent.UsageError, match=r"there is no machines file .*none"):
        sosagent.load_machines()


@pytest.mark.parametrize(
    ("data", "mode", "words"),
    [
        (b"# \xff\n", 0o600, ":1: the text is not UTF-8"),
        (b"# a\n# \xe9\n", 0o600, ":2: the text is not UTF-8"),
        (b"#" * ((1 << 20) + 1), 0o600, "larger than 1 MiB"),
        ("\ufeffx = 'a'\n".encode("utf-16-le"), 0o600, ":1: the text is UTF-16"),
        ("x = 'a'\n".encode("utf-16-be"), 0o600, ":1: the text is UTF-16"),
        (b"", 0o602, "written by others"),
        (b"", 0o620, "written by others"),
    ],
    ids=["latin-1", "second line", "large", "UTF-16", "big-endian", "writable", "by the group"],
)
def test_unusable_files_are_rejected(data: bytes, mode: int, words: str, write: Write) -> None:
    with pytest.raises(sosagent.ConfigInvalid, match=words) as caught:
        sosagent.load_machines(write(data, mode=mode))
    assert caught.value.exit_code == 2


def test_a_folder_is_rejected_and_a_byte_order_mark_is_ignored(write: Write, tmp_path: Path) -> None:
    with pytest.raises(sosagent.UsageError, match=r"the machines file .* is a folder"):
        sosagent.load_machines(tmp_path)
    assert list(sosagent.load_machines(write("\ufeff[machines.a]\nconsole = 'h'\n")).machines) == ["a"]


def test_paths_are_relative_to_the_file(write: Write, tmp_path: Path) -> None:
    file = write(
        "[machines.a]\nconsole='h'\nidentity='id'\npassword='file:a/pw'\nendpoint_password='file:~/e'\n", "c/m"
    )
    machine = sosagent.load_machines(file).machines["a"]
    assert machine.identity == str(tmp_path / "c" / "id")
    assert machine.password == f"file:{tmp_path / 'c' / 'a' / 'pw'}"
    assert machine.endpoint_password == f"file:{tmp_path / 'e'}"
    for text, words in (
        (
            "[machines.a]\nconsole='h'\nidentity='~nobody-there/id'\n",
            r":3: \[machines.a\] identity: ~ has no meaning",
        ),
        (
            "[defaults]\npassword='file:~nobody-there/x'\n[machines.a]\nconsole='h'\n",
            r":2: \[machines.a\] password: ~",
        ),
    ):
        with pytest.raises(sosagent.ConfigInvalid, match=words):
            sosagent.load_machines(write(text))


def test_a_tilde_is_expanded(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write("[machines.a]\nconsole='h'\n", "x.toml")
    assert list(sosagent.load_machines("~/x.toml").machines) == ["a"]
    monkeypatch.setenv(VARIABLE, "~/x.toml")
    assert list(sosagent.load_machines().machines) == ["a"]
    with pytest.raises(sosagent.UsageError, match="~ has no meaning here"):
        sosagent.load_machines("~nobody-there/x.toml")


def test_warnings_about_password_files(write: Write, tmp_path: Path) -> None:
    write("x", "open", mode=0o644)
    write("x", "mine")
    file = write(
        "[defaults]\nconsole='h'\n[machines.a]\npassword='file:open'\n[machines.b]\nbecome_password='file:none'\n"
        "[machines.c]\npassword='file:mine'\nendpoint_password='file:.'\n"
    )
    found = password_file_warnings(sosagent.load_machines(file))
    assert [line.partition(": ")[0] for line in found] == ["a, password", "b, become_password", "c, endpoint_password"]
    words = ("read by others", "No such file", "a folder")
    assert [word in line for word, line in zip(words, found, strict=True)] == [True] * 3


def test_adding_machines_keeps_the_existing_text(write: Write, tmp_path: Path) -> None:
    before = "\ufeff# mine\r\n[machines.a]   # a\r\nconsole = 'h'"
    file = write(before, mode=0o640)
    more = {"a": '[machines.a]\nconsole = "x"\n', "b": '[machines.b]\nconsole = "y"\n'}
    assert add_machines(file, more) == (file, ["b"])
    assert file.read_bytes().decode() == f'{before}\n\n[machines.b]\nconsole = "y"\n'
    assert file.stat().st_mode & 0o777 == 0o640
    assert add_machines(file, more) == (file, [])
    made = tmp_path / "new" / "folder" / "m.toml"
    assert add_machines(made, more) == (made, ["a", "b"])
    assert made.stat().st_mode & 0o777 == 0o600
    assert made.read_text() == more["a"] + "\n" + more["b"]


def test_nothing_is_added_to_an_invalid_file(write: Write) -> None:
    for text, words in (("nonsense", ":1"), ("machines = {a = {console = 'h'}}\n", "with the new machines")):
        file = write(text)
        with pytest.raises(sosagent.ConfigInvalid, match=words):
            add_machines(file, {"b": '[machines.b]\nconsole = "y"\n'})
        assert file.read_text() == text
        assert list(file.parent.iterdir()) == [file]

"""Sources of passwords: files, commands, the environment, the keyring and the terminal."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

import sosagent
from sosagent.printable import is_clean
from sosagent.providers.packet import _token_in
from sosagent.secrets.file import read_file
from sosagent.secrets.sources import PasswordSource, environment_for_children, find_password, parse_source

from ..support.commands import PACKAGES, SOSAGENT, Write, run_process

PASSWORD = "hunter2-secret"


def test_files_of_other_users_are_rejected(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    for text, name, reads in (
        ("[machines.a]\nconsole='h'\n", "machines.toml", sosagent.load_machines),
        ("x\n", "pw", lambda path: find_password(file=path)),
        ("x\n", "token", _token_in),
    ):
        file = write(text, name)
        reads(file)
        if os.getuid() == 0:
            os.chown(file, 12345, -1)
        else:
            monkeypatch.setattr(os, "getuid", lambda: 12345)
        with pytest.raises(sosagent.UsageError, match=rf"the .* {file} belongs to another user"):
            reads(file)
        if os.getuid() == 0:
            monkeypatch.setenv("SUDO_UID", "12345")
            reads(file)
        monkeypatch.undo()


def test_passwords_are_read_from_pipes_within_a_time_limit(write: Write, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from sosagent.secrets.sources import find_password as f; "
        "print(f(file=Path(sys.argv[1])).reveal())"
    )
    shell = f"{sys.executable} -c '{code}' <(sleep 0.5; echo word) && {sys.executable} -c '{code}' <(echo two)"
    done = subprocess.run(
        ["bash", "-c", shell], env={**os.environ, "PYTHONPATH": PACKAGES}, capture_output=True, check=False
    )
    assert (done.stdout, done.returncode) == (b"word\ntwo\n", 0), done.stderr
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo, 0o600)
    with pytest.raises(sosagent.UsageError, match=r"is a pipe that did not end within 0 s"):
        read_file(fifo, "it", seconds=0.2)
    with subprocess.Popen(["sh", "-c", f"sleep 0.3; printf late >{fifo}"]):
        assert read_file(fifo, "it", seconds=10) == b"late"
    with pytest.raises(sosagent.UsageError, match="larger than 4096 bytes"):
        read_file(write("x" * 4097, "large"), "it")
    for place, words in (
        (tmp_path, "a folder"),
        (Path("/dev/zero"), "neither a file nor a pipe"),
        (Path("a\0b"), "invalid path"),
    ):
        with pytest.raises(sosagent.UsageError, match=words):
            find_password(file=place)


def test_each_source(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    pw = write("from file\n", "pw")
    monkeypatch.setenv("ITS_PASSWORD", "from variable")
    monkeypatch.setenv("SOS_PASSWORD", "from SOS_PASSWORD")
    for text, want in {
        "env:ITS_PASSWORD": "from variable",
        f"file:{pw}": "from file",
        "file:~/pw": "from file",
        "command:printf '%s\\n' 'from command'": "from command",
    }.items():
        assert find_password(source=parse_source(text)).reveal() == want, text
        assert find_password(source=parse_source(text), file=pw).reveal() == "from file"
        assert find_password(source=parse_source(text), command="echo option").reveal() == "option"
    assert find_password().reveal() == "from SOS_PASSWORD"
    with pytest.raises(sosagent.PasswordMissing, match="no terminal"):
        find_password(source=PasswordSource("prompt"))
    monkeypatch.delenv("ITS_PASSWORD")
    with pytest.raises(sosagent.PasswordMissing, match=r"ITS_PASSWORD.* not set"):
        find_password(source=PasswordSource("env", "ITS_PASSWORD"))
    pw.chmod(0o640)
    with pytest.raises(sosagent.UsageError, match="read by others") as caught:
        find_password(source=PasswordSource("file", str(pw)))
    assert "from file" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    ("words", "mark"),
    [
        ("pass show x | head -1", "|"), ("a && b", "&&"), ("a ; b", ";"), ("a; b", ";"), ("a > b", ">"),
        ("a 2>/dev/null", "2>"), ("a <b", "<"), ("echo $(a)", "$("), ("echo `a`", "`"), ("sh -c 'a' || b", "||"),
    ],
)  # fmt: skip
def test_shell_syntax_in_a_command_is_rejected(words: str, mark: str) -> None:
    for read in (lambda: parse_source(f"command:{words}"), lambda: find_password(command=words)):
        with pytest.raises((ValueError, sosagent.UsageError), match="runs without a shell") as caught:
            read()
        assert f"so {mark} has no special meaning; write sh -c '...'" in str(caught.value)


def test_a_command_may_print_more_lines_and_quote_shell_syntax(write: Write) -> None:
    assert find_password(command="sh -c 'echo one; printf \"\\377\" | cat'").reveal() == "one"
    assert find_password(command="echo 'a|b;' 'x > y' h/?a=1&b \\;").reveal() == "a|b; x > y h/?a=1&b ;"
    with pytest.raises(sosagent.UsageError, match="more than one line"):
        find_password(file=write("one\ntwo\n", "pw"))


def test_prompt_asks_although_the_environment_has_a_password() -> None:
    found = "find_password(source=parse_source('prompt')).reveal().upper()"
    code = f"from sosagent.secrets.sources import *; print('got', {found})"
    env = {**os.environ, "PYTHONPATH": PACKAGES, "SOS_PASSWORD": "variable"}
    child = pexpect.spawn(sys.executable, ["-c", code], env=env, timeout=20, encoding="utf-8")
    child.expect("Password: ")
    child.sendline("typed")
    child.expect("got TYPED")
    child.close()


@pytest.fixture
def ring() -> Iterator[dict[tuple[str, str], str]]:
    """The contents of a keyring that replaces the system's during the test."""
    import keyring
    from keyring.backend import KeyringBackend

    held: dict[tuple[str, str], str] = {}

    class Held(KeyringBackend):
        priority = 1

        def get_password(self, service: str, username: str) -> str | None:
            return held.get((service, username))

        def set_password(self, service: str, username: str, password: str) -> None:
            held[service, username] = password

    before = keyring.get_keyring()
    keyring.set_keyring(Held())  # type: ignore[no-untyped-call]
    yield held
    keyring.set_keyring(before)


def test_the_keyring(ring: dict[tuple[str, str], str]) -> None:
    ring["https://sos", "root"] = PASSWORD
    assert find_password(source=parse_source("keyring:https://sos/root")).reveal() == PASSWORD
    with pytest.raises(sosagent.PasswordMissing, match="no password of 'you' of 'sos'") as caught:
        find_password(source=parse_source("keyring:sos/you"))
    assert caught.value.hint == "keyring set sos you"


@pytest.mark.parametrize("kind", [RuntimeError, KeyError, SystemExit, StopIteration])
def test_errors_of_the_keyring_are_reported(kind: type[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    import keyring

    class Broken(type(keyring.get_keyring())):  # type: ignore[misc]
        def get_password(self, service: str, username: str) -> str | None:
            raise kind("no\x1b[2J bus")

    before = keyring.get_keyring()
    keyring.set_keyring(Broken())
    try:
        with pytest.raises(sosagent.UsageError, match=r"cannot read the password of .* from the keyring") as caught:
            find_password(source=parse_source("keyring:sos/root"))
    finally:
        keyring.set_keyring(before)
    assert is_clean(str(caught.value))


def test_child_processes_do_not_inherit_secrets(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("SOS_PASSWORD", "METAL_AUTH_TOKEN", "PACKET_AUTH_TOKEN", "OF_THE_FILE")
    for name in (*names, "ANOTHER"):
        monkeypatch.setenv(name, PASSWORD)
    sosagent.load_machines(write("[defaults]\npassword='env:OF_THE_FILE'\n"))
    code = "import os; print(*sorted(name for name, value in os.environ.items() if value.startswith('hunter2')))"
    told = find_password(command=f'{sys.executable} -c "{code}"').reveal()
    assert told == "ANOTHER"
    assert not set(names) & set(environment_for_children())


async def test_console_programs_do_not_inherit_secrets(write: Write) -> None:
    file = write("[machines.m]\nconsole='exec:sh -c \"echo $A. $METAL_AUTH_TOKEN.; sleep 9\"'\npassword='env:A'\n")
    env = {"PYTHONPATH": PACKAGES, "SOSAGENT_CONFIG": str(file), "A": PASSWORD, "METAL_AUTH_TOKEN": PASSWORD}
    _, out, err = await run_process("screen", "m", command=SOSAGENT, stdin=None, **env)
    assert (". ." in out, PASSWORD in out + err) == (True, False), out + err


def test_a_missing_keyring_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    import keyring
    from keyring.backends import fail

    before = keyring.get_keyring()
    keyring.set_keyring(fail.Keyring())  # type: ignore[no-untyped-call]
    try:
        with pytest.raises(sosagent.UsageError, match=r"cannot read the password of .* from the keyring"):
            find_password(source=parse_source("keyring:sos/root"))
    finally:
        keyring.set_keyring(before)
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(sosagent.UsageError, match="not installed") as caught:
        find_password(source=parse_source("keyring:sos/root"))
    assert caught.value.hint == "pip install keyring"


def test_the_order_of_the_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "p"
    file.write_text("from file\n")
    file.chmod(0o600)
    monkeypatch.setenv("SOS_PASSWORD", "from env")
    assert find_password(file=file, command="echo x").reveal() == "from file"
    assert find_password(command="printf 'from command\\r\\n'").reveal() == "from command"
    assert find_password().reveal() == "from env"
    monkeypatch.delenv("SOS_PASSWORD")
    monkeypatch.setattr("sys.stdin", io.StringIO("typed\n"))
    with pytest.raises(sosagent.PasswordMissing):
        find_password()


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        ("hunter2\n", 0o644, "read by others"),
        ("", 0o600, "no password"),
        ("\nhunter2\n", 0o600, "first line is empty"),
        ("one\ntwo\n", 0o600, "more than one line"),
        ("tab\there\n", 0o600, "control character"),
        ("x" * 600, 0o600, "512"),
    ],
)
def test_invalid_password_files(tmp_path: Path, content: str, mode: int, words: str) -> None:
    file = tmp_path / "p"
    file.write_text(content)
    file.chmod(mode)
    with pytest.raises(sosagent.UsageError, match=words) as caught:
        find_password(file=file)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("command", "words"), [("false", "status 1"), ("/no/such", "cannot be run"), ("'", "words"), (" ", "empty")]
)
def test_invalid_password_commands(command: str, words: str) -> None:
    with pytest.raises(sosagent.UsageError, match=words):
        find_password(command=command)

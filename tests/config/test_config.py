"""The file of machines at work: where it is found, what wins, where passwords come from, and a whole job by name."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pexpect
import pytest

import sosagent
from sosagent.cli.addkey import AddOptions
from sosagent.cli.ask import answer_from, in_thread
from sosagent.cli.hostkeys import names_for_ssh
from sosagent.cli.machine_options import MachineOptions
from sosagent.cli.show import Progress
from sosagent.config.file import VARIABLE, add_machines, password_file_warnings
from sosagent.endpoint.target import SerialTarget, SshTarget, TcpTarget
from sosagent.lab import Lab
from sosagent.printable import is_clean
from sosagent.providers.packet import _token_in
from sosagent.secrets.file import read_file
from sosagent.secrets.sources import PasswordSource, environment_for_children, find_password, parse_source

from ..cli.test_cli import COMMAND, run
from ..conftest import new_key

HERE = str(Path(sosagent.__file__).parents[1])
SOSAGENT = str(Path(COMMAND).with_name("sosagent"))
PASSWORD = "hunter2-secret"

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str | bytes, name: str = "machines.toml", mode: int = 0o600) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        path.chmod(mode)
        return path

    return write


async def command(
    *arguments: object, name: str = SOSAGENT, SOS_PASSWORD: str = "", SOSAGENT_CONFIG: str = ""
) -> tuple[int, str, str]:
    env = {"SOS_PASSWORD": SOS_PASSWORD} if SOS_PASSWORD else {}
    return await run(*arguments, command=name, stdin=None, PYTHONPATH=HERE, SOSAGENT_CONFIG=SOSAGENT_CONFIG, **env)


# -- where it is


def test_the_order_of_the_files(write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
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
    with pytest.raises(sosagent.UsageError, match=r"no file of machines .*none"):
        sosagent.load_machines()


@pytest.mark.parametrize(
    ("data", "mode", "words"),
    [
        (b"# \xff\n", 0o600, "line 1: it is not UTF-8"),
        (b"# a\n# \xe9\n", 0o600, "line 2: it is not UTF-8"),
        (b"#" * ((1 << 20) + 1), 0o600, "larger than 1 MiB"),
        ("\ufeffx = 'a'\n".encode("utf-16-le"), 0o600, "line 1: it is UTF-16 text"),
        ("x = 'a'\n".encode("utf-16-be"), 0o600, "line 1: it is UTF-16 text"),
        (b"", 0o602, "written by others"),
        (b"", 0o620, "written by others"),
    ],
    ids=["latin-1", "second line", "large", "UTF-16", "big-endian", "writable", "by the group"],
)
def test_files_that_are_none(data: bytes, mode: int, words: str, write: Write) -> None:
    with pytest.raises(sosagent.ConfigInvalid, match=words) as caught:
        sosagent.load_machines(write(data, mode=mode))
    assert caught.value.exit_code == 2


def test_a_folder_is_no_file_and_a_mark_at_the_beginning_is_nothing(write: Write, tmp_path: Path) -> None:
    with pytest.raises(sosagent.UsageError, match=r"the file of machines .* is a folder"):
        sosagent.load_machines(tmp_path)
    assert list(sosagent.load_machines(write("\ufeff[machines.a]\nconsole = 'h'\n")).machines) == ["a"]


def test_files_of_others_are_refused(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_passwords_come_through_pipes_and_no_wait_is_endless(write: Write, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from sosagent.secrets.sources import find_password as f; "
        "print(f(file=Path(sys.argv[1])).reveal())"
    )
    shell = f"{sys.executable} -c '{code}' <(sleep 0.5; echo word) && {sys.executable} -c '{code}' <(echo two)"
    done = subprocess.run(
        ["bash", "-c", shell], env={**os.environ, "PYTHONPATH": HERE}, capture_output=True, check=False
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


def test_paths_are_from_the_files_folder(write: Write, tmp_path: Path) -> None:
    file = write(
        "[machines.a]\nconsole='h'\nidentity='id'\npassword='file:a/pw'\nendpoint_password='file:~/e'\n", "c/m"
    )
    machine = sosagent.load_machines(file).machines["a"]
    assert machine.identity == str(tmp_path / "c" / "id")
    assert machine.password == f"file:{tmp_path / 'c' / 'a' / 'pw'}"
    assert machine.endpoint_password == f"file:{tmp_path / 'e'}"
    for text, words in (
        ("[machines.a]\nconsole='h'\nidentity='~nobody-there/id'\n", r"line 3: \[machines.a\] identity: ~ stands"),
        (
            "[defaults]\npassword='file:~nobody-there/x'\n[machines.a]\nconsole='h'\n",
            r"line 2: \[machines.a\] password: ~",
        ),
    ):
        with pytest.raises(sosagent.ConfigInvalid, match=words):
            sosagent.load_machines(write(text))


def test_a_file_at_home(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write("[machines.a]\nconsole='h'\n", "x.toml")
    assert list(sosagent.load_machines("~/x.toml").machines) == ["a"]
    monkeypatch.setenv(VARIABLE, "~/x.toml")
    assert list(sosagent.load_machines().machines) == ["a"]
    with pytest.raises(sosagent.UsageError, match="home of a user who is not there"):
        sosagent.load_machines("~nobody-there/x.toml")


# -- what wins


def options(file: Path, **told: Any) -> MachineOptions:
    return MachineOptions(told.pop("host", "m"), config=file, **{"password_command": "echo x"} | told)


@pytest.mark.parametrize(
    ("told", "machine", "defaults", "want"),
    [
        ({}, "", "", ("root", None, None, None)),
        ({}, "", "login='d'\nuser='du'\nbecome='su'\nhostname='dh'", ("d", "du", "su", "dh")),
        ({}, "login='m'\nuser='mu'\nbecome='sudo'\nhostname='mh'", "login='d'\nuser='du'", ("m", "mu", "sudo", "mh")),
        (
            {"login": "o", "user": "ou", "become": "su", "expect_host": "oh"},
            "login='m'\nuser='mu'\nbecome='sudo'\nhostname='mh'",
            "",
            ("o", "ou", "su", "oh"),
        ),
        ({"login": "o"}, "user='mu'", "become='sudo'", ("o", "mu", "sudo", None)),
    ],
    ids=["built in", "defaults", "machine", "options", "of each"],
)
async def test_what_wins(
    told: dict[str, str], machine: str, defaults: str, want: tuple[str | None, ...], write: Write
) -> None:
    file = write(f"[defaults]\n{defaults}\n[machines.m]\nconsole = 'u@h'\n{machine}\n")
    made = options(file, **told)
    access = await made.access(Progress(quiet=True))
    assert (access.login, made.user_name, access.become, access.expect_host) == want
    assert made.user_or_login() == (want[1] or want[0])


def test_where_it_goes(write: Write, tmp_path: Path) -> None:
    file = write(
        "[defaults]\nbaud = 9600\n"
        "[machines.m]\nconsole = 'u@h:22'\nidentity = 'id'\ndialect = 'idrac'\n"
        "[machines.cable]\nconsole = '/dev/ttyUSB0'\n"
        "[machines.other]\nconsole = 'serial:///dev/ttyUSB0?baud=300&dialect=plain'\ndialect = 'idrac'\n"
        "[machines.line]\nconsole = 'rfc2217://ts:4001'\nbaud = 1200\n"
    )
    assert options(file).lookup.target == SshTarget("h", "u", 22, identities=(tmp_path / "id",), dialect="idrac")
    assert options(file, identity=[Path("x")]).lookup.target == SshTarget(
        "h", "u", 22, identities=(Path("x"),), dialect="idrac"
    )
    assert options(file, host="cable").lookup.target == SerialTarget("/dev/ttyUSB0", 9600)
    assert options(file, host="other").lookup.target == SerialTarget("/dev/ttyUSB0", 300, dialect="plain")
    assert options(file, host="line").lookup.target == TcpTarget("rfc2217", "ts", 4001, 1200)


@pytest.mark.parametrize("host", ["u@m", "m:22", "unix:///m", "n"])
def test_what_is_no_machines_name(host: str, write: Write) -> None:
    made = options(write("[machines.m]\nconsole = 'u@h'\nlogin = 'x'\n"), host=host)
    assert (made.entry, made.login_name) == (None, "root")


def test_a_broken_file_is_in_nobodys_way_who_does_not_mean_it(write: Write, tmp_path: Path) -> None:
    write("nonsense", ".config/sosagent/machines.toml")
    assert MachineOptions("u@h").lookup.target == SshTarget("h", "u")
    with pytest.raises(sosagent.ConfigInvalid, match="line 1") as caught:
        _ = MachineOptions("h").lookup
    assert "user@HOST does not use" in caught.value.hint
    with pytest.raises(sosagent.ConfigInvalid) as caught:
        _ = MachineOptions("h", config=tmp_path / ".config/sosagent/machines.toml").lookup
    assert "does not use" not in caught.value.hint
    assert MachineOptions("h", login="me").user_or_login() == "me"


def test_without_a_file_nothing_of_it_is_loaded() -> None:
    """Models cost a tenth of a second, and most people have no such file."""
    code = (
        "import sys; from sosagent.cli.machine_options import MachineOptions as M; M('h').lookup; print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": HERE, "HOME": "/none"}, stdout=subprocess.PIPE
    )
    assert b"sosagent.config.file" in done.stdout
    assert b"sosagent.config.machines" not in done.stdout


async def test_near_names(write: Write, tmp_path: Path) -> None:
    file = write("[machines.web1]\nconsole = 'u@h'\n[machines.web2]\nconsole = 'u@h'\n[machines.db]\nconsole = 'u@h'\n")
    empty = write("", "config")
    call = ["--config", file, "-F", empty, "--timeout", "20"]
    status, _, err = await command("state", "wbe1", *call)
    assert status == 3
    assert "machines.toml has no 'wbe1'; did you mean 'web1'" in err
    status, out, _ = await command("addkey", "wbe1", write(new_key().line, "k.pub"), *call, "--json", SOS_PASSWORD="x")
    assert "machines.toml has no 'wbe1'" in json.loads(out)["error"]["hint"]
    # Before a password is missed, too.
    status, _, err = await command("addkey", "wbe1", write(new_key().line, "k.pub"), *call)
    words = "machines.toml has no 'wbe1'; did you mean 'web1'?"
    assert (status, "no password for the machine" in err) == (2, True), err
    assert (err.count(words), f"{words} Using wbe1 as a host name" in " ".join(err.split())) == (2, True), err
    for host in ("u@wbe1", "web1"):
        _, _, err = await command("addkey", host, write(new_key().line, "k.pub"), *call)
        assert ("no password for the machine" in err, "did you mean" in err) == (True, False)
    status, _, err = await command("state", "quite-another", *call)
    assert (status, "did you mean" in err) == (3, False)
    # An alias whose name is known, and which nobody answers, is no slip of the pen.
    write("Host web3\nHostName 127.0.0.1\nPort 1\n", "config")
    status, _, err = await command("state", "web3", *call)
    assert (status, "nothing listens" in err, "did you mean" in err) == (3, True, False)


# -- where passwords come from


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
def test_commands_that_only_a_shell_understands(words: str, mark: str) -> None:
    for read in (lambda: parse_source(f"command:{words}"), lambda: find_password(command=words)):
        with pytest.raises((ValueError, sosagent.UsageError), match="runs without a shell") as caught:
            read()
        assert f"so {mark} has no special meaning; write sh -c '...'" in str(caught.value)


def test_a_command_may_print_more_lines_and_hold_marks_in_quotes(write: Write) -> None:
    assert find_password(command="sh -c 'echo one; printf \"\\377\" | cat'").reveal() == "one"
    assert find_password(command="echo 'a|b;' 'x > y' h/?a=1&b \\;").reveal() == "a|b; x > y h/?a=1&b ;"
    with pytest.raises(sosagent.UsageError, match="more than one line"):
        find_password(file=write("one\ntwo\n", "pw"))


def test_prompt_asks_whatever_the_environment_holds() -> None:
    found = "find_password(source=parse_source('prompt')).reveal().upper()"
    code = f"from sosagent.secrets.sources import *; print('got', {found})"
    env = {**os.environ, "PYTHONPATH": HERE, "SOS_PASSWORD": "variable"}
    child = pexpect.spawn(sys.executable, ["-c", code], env=env, timeout=20, encoding="utf-8")
    child.expect("Password: ")
    child.sendline("typed")
    child.expect("got TYPED")
    child.close()


@pytest.fixture
def ring() -> Iterator[dict[tuple[str, str], str]]:
    """What a keyring of our own holds, which is the one in use meanwhile."""
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
def test_a_keyring_that_raises_what_it_likes(kind: type[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
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


@pytest.mark.parametrize("kind", [RuntimeError, ValueError, SystemExit, StopIteration, sosagent.UsageError])
async def test_no_question_waits_for_an_answer_that_failed(kind: type[BaseException]) -> None:
    def question() -> str:
        raise kind("because")

    with pytest.raises(sosagent.SosError, match="because"):
        await asyncio.wait_for(in_thread(question), 5)


def test_children_do_not_get_what_is_secret(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("SOS_PASSWORD", "METAL_AUTH_TOKEN", "PACKET_AUTH_TOKEN", "OF_THE_FILE")
    for name in (*names, "ANOTHER"):
        monkeypatch.setenv(name, PASSWORD)
    sosagent.load_machines(write("[defaults]\npassword='env:OF_THE_FILE'\n"))
    code = "import os; print(*sorted(name for name, value in os.environ.items() if value.startswith('hunter2')))"
    told = find_password(command=f'{sys.executable} -c "{code}"').reveal()
    assert told == "ANOTHER"
    assert not set(names) & set(environment_for_children())


async def test_programs_with_a_console_do_not_get_what_is_secret(write: Write) -> None:
    file = write("[machines.m]\nconsole='exec:sh -c \"echo $A. $METAL_AUTH_TOKEN.; sleep 9\"'\npassword='env:A'\n")
    env = {"PYTHONPATH": HERE, "SOSAGENT_CONFIG": str(file), "A": PASSWORD, "METAL_AUTH_TOKEN": PASSWORD}
    _, out, err = await run("screen", "m", command=SOSAGENT, stdin=None, **env)
    assert (". ." in out, PASSWORD in out + err) == (True, False), out + err


def test_a_keyring_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
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
    assert caught.value.hint == "pip install 'sosagent[keyring]'"


async def passwords(file: Path, **told: Any) -> tuple[str, str | None]:
    access = await options(file, password_command=None, **told).access(Progress(quiet=True))
    second = access.become_password
    assert access.password is not None
    return access.password.reveal(), None if second is None else second.reveal()


async def test_whose_password_it_is(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOS_PASSWORD", "from environment")
    text = "[machines.m]\nconsole='u@h'\nlogin='me'\nbecome='su'\n"
    both = write(f"{text}password='command:echo mine'\nbecome_password='command:echo roots'\n")
    pw = write("from option", "pw")
    assert await passwords(both) == ("mine", "roots")
    assert await passwords(both, password_file=pw, become_password_file=pw) == ("from option", "from option")
    # Another login's password is another one.
    assert await passwords(both, login="you") == ("from environment", None)
    assert await passwords(both, login="me") == ("mine", "roots")
    assert await passwords(write(text)) == ("from environment", None)
    with pytest.raises(sosagent.PasswordMissing):
        await passwords(write(f"{text}password='prompt'\n"))


async def test_errors_of_sources_name_the_machine(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOS_PASSWORD", raising=False)
    text = "[machines.m]\nconsole='u@h'\nlogin='me'\nbecome='su'\n"
    for line, field in (("password='file:none'", "password"), ("password='command:false'", "password"),
                        ("password='command:echo x'\nbecome_password='env:NOT_SET'", "become_password")):  # fmt: skip
        with pytest.raises(sosagent.UsageError, match=rf"^\[machines.m\] {field}: ") as caught:
            await passwords(write(f"{text}{line}\n"))
        assert "none" not in caught.value.hint
    with pytest.raises(sosagent.UsageError, match=r"^cannot read the password file"):
        await passwords(write(f"{text}password='prompt'\n"), password_file=Path("none"))
    with pytest.raises(sosagent.PasswordMissing, match=r"^no password for the machine") as caught:
        await passwords(write(f"{text}password='command:echo x'\n"), login="bob")
    assert "The one in the machines file is only for me." in caught.value.hint
    with pytest.raises(sosagent.PasswordMissing) as caught:
        await passwords(write(text), login="bob")
    assert "file of machines" not in caught.value.hint


async def test_errors_of_the_endpoints_source_name_the_machine() -> None:
    answer = answer_from(PasswordSource("command", "false"), "u@h", None, "[machines.m] endpoint_password")
    with pytest.raises(sosagent.UsageError, match=r"^\[machines.m\] endpoint_password: the password command"):
        await answer("u@h", "Password:", False)


def test_what_does_not_work_of_files(write: Write, tmp_path: Path) -> None:
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


@pytest.mark.parametrize(
    ("endpoint", "prompt", "echo", "own"),
    [
        ("u@h", "Password:", False, True),
        ("u@h", "u@h's password", False, True),
        ("u@h", "Password:", True, False),
        ("", "Password:", False, False),
        ("jump", "Password:", False, False),
        ("u@h", "root password:", False, False),
        ("u@h", "Root's Password:", False, False),
        ("u@h", "Passphrase of id:", False, False),
        ("u@h", "Code:", False, False),
        ("u@h", "One-time password:", False, False),
        ("u@h", "New password:", False, False),
    ],
)
async def test_which_questions_are_the_endpoints_own(endpoint: str, prompt: str, echo: bool, own: bool) -> None:
    asked: list[str] = []

    async def ask(name: str, words: str, echo: bool) -> str | None:
        asked.append(words)
        return "typed"

    answer = answer_from(PasswordSource("command", "echo stored"), "u@h", ask)
    assert await answer(endpoint, prompt, echo) == ("stored" if own else "typed")
    assert await answer(endpoint, prompt, echo) == "typed"
    assert len(asked) == (1 if own else 2)
    alone = answer_from(PasswordSource("command", "echo stored"), "u@h", None)
    assert await alone(endpoint, prompt, echo) == ("stored" if own else None)
    assert await alone(endpoint, prompt, echo) is None
    prompted = answer_from(PasswordSource("prompt"), "u@h", ask)
    assert await prompted(endpoint, prompt, echo) == "typed"


class Endpoint(asyncssh.SSHServer):
    """Lets in whoever has the password, and shows a login prompt."""

    tried: list[str]

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        self.tried.append(password)
        return password == PASSWORD

    def session_requested(self) -> Any:
        return Prompt()


class Prompt(asyncssh.SSHServerSession[str]):
    def connection_made(self, chan: Any) -> None:
        self.channel = chan

    def pty_requested(self, *_: object) -> bool:
        return True

    def shell_requested(self) -> bool:
        return True

    def session_started(self) -> None:
        self.channel.write("\r\nweb1 login: ")


@pytest.fixture
async def endpoint() -> AsyncIterator[tuple[str, list[str]]]:
    Endpoint.tried = []
    key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.listen("127.0.0.1", 0, server_host_keys=[key], server_factory=Endpoint)
    yield f"u@127.0.0.1:{server.get_port()}", Endpoint.tried
    server.close()
    await server.wait_closed()


async def test_the_endpoint_gets_its_own_password(endpoint: tuple[str, list[str]], write: Write) -> None:
    where, tried = endpoint
    pw = write(f"{PASSWORD}\n", "pw")
    text = f"[machines.m]\nconsole='{where}'\npassword='command:echo machines-own'\n"
    file = write(f"{text}endpoint_password='file:pw'\n")
    call = ["state", "m", "--config", file, "--host-key", "accept-new", "-v"]
    status, out, err = await command(*call)
    assert (status, tried) == (0, [PASSWORD]), err
    assert out.startswith("login: ")
    assert PASSWORD not in out + err
    tried.clear()
    write(text)
    assert (await command(*call))[0] == 3
    write(f"{text}endpoint_password='command:echo wrong'\n")
    assert (await command(*call))[0] == 3
    assert tried == ["wrong"]
    pw.chmod(0o644)
    write(f"{text}endpoint_password='file:pw'\n")
    status, out, err = await command(*call)
    assert (status, out, "read by others" in err) == (2, "", True)
    assert tried == ["wrong"]


# -- whole commands


def table(lab: Lab, more: str = "") -> str:
    return (
        f"[machines.web1]\nconsole = '{lab.host}'\nidentity = '{lab.identity}'\nhostname = 'lab'\n"
        f"password = 'file:{lab.password_file}'\n{more}\n"
    )


async def test_a_key_is_added_by_the_machines_name(lab: Lab, write: Write) -> None:
    keyfile = write(new_key("me@here").line + "\n", "id.pub")
    file = write(table(lab))
    call: list[object] = ["web1", keyfile, "--known-hosts", lab.known_hosts]
    status, out, err = await command(*call, name=COMMAND, SOSAGENT_CONFIG=str(file))
    assert (status, lab.authorized_keys.read_text()) == (0, keyfile.read_text()), err
    assert lab.password.reveal() not in out + err
    status, out, _ = await command(*call, "--config", file, "--json", name=COMMAND)
    done = json.loads(out)
    assert (status, done["status"], done["host"], done["user"]) == (0, "present", lab.host, "root")


async def test_the_hostname_is_compared_before_the_password(lab: Lab, write: Write) -> None:
    keyfile = write(new_key().line + "\n", "id.pub")
    file = write(table(lab).replace("'lab'", "'other'"))
    call: list[object] = ["web1", keyfile, "--known-hosts", lab.known_hosts, "--config", file]
    status, out, err = await command(*call, "--json", name=COMMAND)
    failed = json.loads(out)
    assert (status, failed["error"]["code"], failed["host"]) == (4, "wrong-machine", "web1"), err
    assert "hostname in the machines file" in failed["error"]["hint"]
    assert not lab.authorized_keys.exists()
    status, out, _ = await command(*call, "--expect-host", "third", "--json", name=COMMAND)
    assert (status, "in the file of machines" in json.loads(out)["error"]["hint"]) == (4, False)
    assert (await command(*call, "--expect-host", "lab", name=COMMAND))[0] == 0
    assert (await command(*call, "--expect-host", "", name=COMMAND))[0] == 0


async def test_all_commands_take_names(lab: Lab, write: Write) -> None:
    file = write(table(lab))
    call: list[object] = ["web1", "--known-hosts", lab.known_hosts, "--config", file]
    status, out, err = await command("keys", "list", *call)
    assert (status, "no keys" in out) == (0, True), err
    status, out, err = await command("state", *call, "--poke")
    assert (status, out.startswith("login: ")) == (0, True), err
    status, out, err = await command("screen", *call, "--poke")
    assert (status, "lab login:" in out) == (0, True), err
    status, out, err = await command("break", *call, "--yes")
    assert (status, "a BREAK was sent" in out) == (0, True), err
    status, _, err = await command("hostkeys", *call)
    assert "logged in as root" in err


async def test_a_wrong_file_is_told_by_every_command(write: Write) -> None:
    file = write(f"[machines.a]\nconsole = 'h'\npassword = '{PASSWORD}'\n")
    keyfile = write(new_key().line, "id.pub")
    for call in (["addkey", "a", keyfile], ["keys", "list", "a"], ["hostkeys", "a"], ["state", "a"], ["screen", "a"],
                 ["break", "a", "-y"], ["machines", "list"], ["machines", "check"]):  # fmt: skip
        for extra in ([], ["--json"]):
            if extra and call[0] in ("screen", "break"):
                continue
            status, out, err = await command(*call, "--config", file, *extra)
            assert status == 2, call
            assert f"{file}, line 3: password: the file must not contain a password" in out + err
            assert PASSWORD not in out + err


async def test_known_names_are_those_of_the_machine(write: Write) -> None:
    file = write(
        "[machines.m]\nconsole='u@h'\nknown_as=['web1', '10.0.0.5']\naddress='web1:2222'\n[machines.n]\nconsole='u@h'\n"
    )
    assert names_for_ssh(options(file)) == ["web1", "10.0.0.5", "web1:2222"]
    assert names_for_ssh(options(file, host="n")) == names_for_ssh(options(file, host="u@h")) == []
    call = ["--config", file, "--write", "--timeout", "10", "-q"]
    # Without a name it does not even connect; with one it does.
    for host, code, words in (("n", 2, "--write needs --name"), ("m", 3, "the name h is not known")):
        status, _, err = await command("hostkeys", host, *call, SOS_PASSWORD="x")
        assert (status, words in err) == (code, True), err


def test_where_verify_logs_in(write: Write) -> None:
    file = write("[machines.m]\nconsole = 'u@h'\naddress = 'web1.example.net:2222'\n")
    proof = AddOptions(verify=True).proof([], options(file), Progress())
    assert proof is not None
    assert (proof.address, proof.port) == ("web1.example.net", 2222)
    other = AddOptions(verify_as="else").proof([], options(file), Progress())
    unknown = AddOptions(verify=True).proof([], options(file, host="u@h"), Progress())
    assert other is not None and unknown is not None
    assert (other.address, unknown.address) == ("else", "")


# -- sosagent machines


async def test_list(write: Write) -> None:
    file = write(
        "[machines.web1]\nconsole='u@h'\ngroups=['web','all']\n[machines.db]\nconsole='exec:ipmitool -P pw sol'\n"
        "hostname='d\u00e9'\nlogin='me'\ngroups=['all']\n"
    )
    status, out, err = await command("machines", "list", "--config", file)
    assert (status, err) == (0, "")
    assert out == "web1  u@h            -   root  web,all\ndb    exec:ipmitool  d\u00e9  me    all\n"
    status, out, _ = await command("machines", "list", "--config", file, "--group", "web", "--json")
    assert [one["name"] for one in json.loads(out)["machines"]] == ["web1"]
    status, out, err = await command("machines", "list", "--config", file, "--group", "wbe")
    assert (status, out) == (2, "")
    assert "'wbe'\n  web is meant?" in err


async def test_check(write: Write) -> None:
    file = write("[machines.a]\nconsole='h'\npassword='file:none'\n")
    status, out, err = await command("machines", "check", "--config", file)
    assert (status, err) == (0, "")
    assert out.startswith("warning: a, password: cannot read the password file")
    assert out.endswith(f"ok: 1 machine in {file}\n")
    write("[machines.a]\nconsole='h'\nx=1\n[machines.b]\nbaud=1\n")
    status, out, err = await command("machines", "check", "--config", file)
    assert (status, out) == (2, "")
    assert [f"{file}, line {line}: " in err for line in (3, 4, 5)] == [True] * 3
    status, out, _ = await command("machines", "check", "--config", file, "--json")
    said = json.loads(out)
    assert (status, said["status"], len(said["mistakes"])) == (2, "invalid", 3)
    assert is_clean("".join(said["mistakes"]))


async def test_check_without_a_file(tmp_path: Path) -> None:
    status, out, err = await command("machines", "check")
    file = tmp_path / ".config/sosagent/machines.toml"
    assert (status, out, err) == (0, f"there is no file {file} yet\n", "")
    status, out, _ = await command("machines", "check", "--json")
    assert (status, json.loads(out)["file"], json.loads(out)["machines"]) == (0, str(file), 0)
    status, _, err = await command("machines", "check", "--config", "~nobody-there/x")
    assert (status, "home of a user" in err) == (2, True)


async def test_schema() -> None:
    status, out, _ = await command("machines", "schema")
    assert (status, json.loads(out)["properties"]["machines"]["type"]) == (0, "object")


def test_what_is_added_leaves_the_rest(write: Write, tmp_path: Path) -> None:
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


def test_nothing_is_added_to_what_is_wrong(write: Write) -> None:
    for text, words in (("nonsense", "line 1"), ("machines = {a = {console = 'h'}}\n", "with what is to be added")):
        file = write(text)
        with pytest.raises(sosagent.ConfigInvalid, match=words):
            add_machines(file, {"b": '[machines.b]\nconsole = "y"\n'})
        assert file.read_text() == text
        assert list(file.parent.iterdir()) == [file]

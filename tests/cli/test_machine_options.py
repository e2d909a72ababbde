"""The options of a command and the fields of machines.toml: which one applies, and where passwords come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import sosagent
from sosagent.cli.addkey import AddOptions
from sosagent.cli.machine_options import MachineOptions
from sosagent.cli.show import Progress

from ..support.commands import Write


def options(file: Path, **values: Any) -> MachineOptions:
    return MachineOptions(values.pop("host", "m"), config=file, **{"password_command": "echo x"} | values)


@pytest.mark.parametrize(
    ("values", "machine", "defaults", "expected"),
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
async def test_options_override_the_machine_and_the_defaults(
    values: dict[str, str], machine: str, defaults: str, expected: tuple[str | None, ...], write: Write
) -> None:
    file = write(f"[defaults]\n{defaults}\n[machines.m]\nconsole = 'u@h'\n{machine}\n")
    made = options(file, **values)
    access = await made.access(Progress(quiet=True))
    assert (access.login, made.user_name, access.become, access.expect_host) == expected
    assert made.user_or_login() == (expected[1] or expected[0])


async def passwords(file: Path, **values: Any) -> tuple[str, str | None]:
    access = await options(file, password_command=None, **values).access(Progress(quiet=True))
    second = access.become_password
    assert access.password is not None
    return access.password.reveal(), None if second is None else second.reveal()


async def test_the_source_of_each_password(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOS_PASSWORD", "from environment")
    text = "[machines.m]\nconsole='u@h'\nlogin='me'\nbecome='su'\n"
    both = write(f"{text}password='command:echo mine'\nbecome_password='command:echo roots'\n")
    pw = write("from option", "pw")
    assert await passwords(both) == ("mine", "roots")
    assert await passwords(both, password_file=pw, become_password_file=pw) == ("from option", "from option")
    # The password in the file is not for other users.
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
    assert "machines file" not in caught.value.hint


def test_verify_uses_the_address_of_the_machine(write: Write) -> None:
    file = write("[machines.m]\nconsole = 'u@h'\naddress = 'web1.example.net:2222'\n")
    proof = AddOptions(verify=True).proof([], options(file), Progress())
    assert proof is not None
    assert (proof.address, proof.port) == ("web1.example.net", 2222)
    other = AddOptions(verify_as="else").proof([], options(file), Progress())
    unknown = AddOptions(verify=True).proof([], options(file, host="u@h"), Progress())
    assert other is not None and unknown is not None
    assert (other.address, unknown.address) == ("else", "")


def test_the_user_is_known_although_the_file_is_broken(write: Write) -> None:
    write("nonsense", ".config/sosagent/machines.toml")
    assert MachineOptions("h", login="me").user_or_login() == "me"


@pytest.mark.parametrize(
    ("host", "config", "noted"),
    [
        ("web1-sos", "Host web1-sos\n", False),
        ("web1-sos", "Host other web1-s*\n  Port 1\n", False),
        ("web1-sos", "Match all\nHost *\n", True),
        ("web1-sos", "", True),
    ],
)
async def test_a_name_of_ssh_config_is_no_mistyped_machine(
    host: str, config: str, noted: bool, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write("[machines.web1-os]\nconsole = 'u@h'\n")
    progress = Progress(quiet=True)
    await options(file, host=host, ssh_config=write(config, "config")).access(progress)
    progress.stop()
    assert ("did you mean 'web1-os'" in capsys.readouterr().err) is noted

"""Redfish, from a real HTTP server with recorded replies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import sosagent
from sosagent.endpoint.dialects import DIALECTS
from sosagent.endpoint.redfish import SerialConsole, apply_redfish, serial_console
from sosagent.endpoint.target import SshTarget, dialect_of
from sosagent.lab import open_lab
from sosagent.printable import is_clean

from ..conftest import new_key
from ..support.commands import run_process
from ..support.web import Answer, Web, serving

PASSWORD = "c0ntroller-pass"
SUPERMICRO = {
    "MaxConcurrentSessions": 1,
    "SSH": {
        "ServiceEnabled": True,
        "Port": 22,
        "SharedWithManagerCLI": True,
        "ConsoleEntryCommand": "cd system1/sol1; start",
        "HotKeySequenceDisplay": "press <Enter>, <Esc>, and then <T> to terminate session",
    },
    "IPMI": {
        "HotKeySequenceDisplay": "Press ~.  - terminate connection",
        "ServiceEnabled": True,
        "Port": 623,
    },
}
OPENBMC = {
    "IPMI": {"ServiceEnabled": True},
    "MaxConcurrentSessions": 15,
    "SSH": {"HotKeySequenceDisplay": "Press ~. to exit console", "Port": 2200, "ServiceEnabled": True},
}


@pytest.fixture
def web() -> Iterator[Web]:
    with serving() as running:
        yield running


def answer(web: Web, *consoles: object) -> None:
    """Give the controller machines 1, 2, ..., each with a description of its console."""
    paths = [f"/redfish/v1/Systems/{number}" for number, _ in enumerate(consoles, 1)]
    members = [{"@odata.id": path} for path in paths]
    web.answers["/redfish/v1/Systems"] = Answer({"Members@odata.count": len(members), "Members": members})
    for path, console in zip(paths, consoles, strict=True):
        web.answers[path] = Answer({"Id": path[-1], "Name": "system"} | ({"SerialConsole": console} if console else {}))


async def asked(web: Web, **options: Any) -> SerialConsole:
    return await serial_console(web.address, "admin", sosagent.Secret(PASSWORD), **options)


async def refused(web: Web, **options: Any) -> sosagent.SosError:
    with pytest.raises(sosagent.SosError) as caught:
        await asked(web, **options)
    text = str(caught.value) + caught.value.hint
    assert is_clean(text)
    assert PASSWORD not in text
    return caught.value


async def test_supermicro(web: Web) -> None:
    answer(web, SUPERMICRO)
    leave = "press <Enter>, <Esc>, and then <T> to terminate session"
    assert await asked(web) == SerialConsole("ssh", 22, ("cd system1/sol1", "start"), leave, 1, True, True)
    assert web.paths == ["/redfish/v1/Systems", "/redfish/v1/Systems/1"]
    assert {headers["Authorization"] for _, headers in web.asked} == {"Basic YWRtaW46YzBudHJvbGxlci1wYXNz"}


async def test_openbmc(web: Web) -> None:
    answer(web, OPENBMC)
    assert await asked(web) == SerialConsole("ssh", 2200, (), "Press ~. to exit console", 15, True, False)


async def test_the_first_enabled_protocol(web: Web) -> None:
    off = {"ServiceEnabled": False, "Port": 22}
    answer(web, {"SSH": off, "IPMI": {"ServiceEnabled": True, "Port": 623}}, {"SSH": off}, OPENBMC)
    first = await asked(web)
    assert (first.protocol, first.port, first.enabled, first.sessions) == ("ipmi", 623, True, None)
    second = await asked(web, system="2")
    assert (second.protocol, second.enabled) == ("ssh", False)
    assert (await asked(web, system="3")).port == 2200
    error = await refused(web, system="x")
    assert "has no system 'x'" in str(error)
    assert error.hint == "Its systems: 1, 2, 3."


@pytest.mark.parametrize(
    "command", ["start\r\nreset", "start\x1b[2J", "s" * 201, "stört", 5], ids=["lines", "escape", "long", "é", "number"]
)
async def test_unusable_commands_are_rejected(web: Web, command: object) -> None:
    answer(web, {"SSH": {"ServiceEnabled": True, "ConsoleEntryCommand": command}})
    assert "an unusable command" in str(await refused(web))


async def test_unusable_answers(web: Web) -> None:
    for console, words in (
        (None, "does not describe a serial console"),
        ({"MaxConcurrentSessions": 1}, "lists no protocol"),
    ):
        answer(web, console)
        assert words in str(await refused(web))
    answer(web)
    assert "lists no system" in str(await refused(web))
    web.answers["/redfish/v1/Systems"] = Answer({"Members": [{"@odata.id": "/redfish/v1/Systems/../../x"}, 1, None]})
    assert "lists no system" in str(await refused(web))
    web.answers["/redfish/v1/Systems"] = Answer(b"<html>")
    assert "is not JSON" in str(await refused(web))
    for status, kind in ((401, "EndpointRefused"), (404, "EndpointRefused"), (503, "EndpointUnreachable")):
        web.answers["/redfish/v1/Systems"] = Answer({}, status)
        error = await refused(web)
        assert (type(error).__name__, error.exit_code, f"status {status}" in str(error)) == (kind, 3, True)


async def test_invalid_values_are_ignored(web: Web) -> None:
    answer(web, {"MaxConcurrentSessions": True, "SSH": {"ServiceEnabled": 1, "Port": 70000, "ConsoleEntryCommand": None,
                                                        "HotKeySequenceDisplay": "\x1b[2J"}})  # fmt: skip
    assert await asked(web) == SerialConsole("ssh", None, (), "\\x1b[2J", None, False, False)


async def test_invalid_addresses_are_rejected() -> None:
    password = sosagent.Secret(PASSWORD)
    for address in ("http://bmc.example.net", "ftp://bmc", "https://u:p@bmc", "https://", "a b", "https://bmc/?x=1"):
        with pytest.raises(sosagent.UsageError, match="Redfish address"):
            await serial_console(address, "admin", password)
    with pytest.raises(sosagent.UsageError, match="colon"):
        await serial_console("bmc", "a:b", password)
    with pytest.raises(sosagent.EndpointUnreachable):
        await serial_console("https://127.0.0.1:1", "admin", password)
    with pytest.raises(sosagent.EndpointUnreachable, match="No such file"):
        await serial_console("127.0.0.1:1", "admin", password, ca=Path("/no/such/file"))


CONSOLE = SerialConsole("ssh", 22, ("cd system1/sol1", "start"), "ESC (", 1, True, True)


def test_the_controllers_commands_and_keys_are_used() -> None:
    target = apply_redfish(CONSOLE, SshTarget("bmc", "root"))
    assert isinstance(target, SshTarget)
    dialect = dialect_of(target)
    assert (target.port, dialect.name, dialect.enter[0], dialect.leave) == (
        22,
        "smash",
        ("cd system1/sol1", "start"),
        b"\x1b(",
    )
    assert b"\x1b(" in dialect.forbidden
    assert not dialect.shared
    assert DIALECTS["smash"].leave == b""  # the table is unchanged
    other = apply_redfish(replace(CONSOLE, entry=("start /map1/sol1",)), SshTarget("bmc", "root", dialect="smash"))
    assert dialect_of(other).enter == (("start /map1/sol1",), *DIALECTS["smash"].enter)


def test_what_is_not_used() -> None:
    """The port in HOST stays, keys with Enter are not typed, and no commands are typed at an unknown prompt."""
    target = apply_redfish(replace(CONSOLE, port=2200, leave="Enter ~."), SshTarget("bmc", "root", 22))
    assert isinstance(target, SshTarget)
    assert (target.port, dialect_of(target).leave) == (22, b"")
    unknown = dialect_of(apply_redfish(replace(CONSOLE, entry=("open sesame",), sessions=15), SshTarget("bmc", "root")))
    assert (unknown.name, unknown.enter, unknown.leave, unknown.shared) == ("plain", (), b"", True)


def certificate(folder: Path) -> Path:
    """Write a self-signed certificate for 127.0.0.1 and its key to a file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bmc")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "tls.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


async def test_a_machine_with_a_controller(tmp_path: Path) -> None:
    """The prompt does not identify the endpoint, but Redfish does. It is not used without a valid certificate."""
    (tmp_path / "key.pub").write_text(new_key().line + "\n")
    async with open_lab(front="smash-quiet") as lab:
        with serving(certificate(tmp_path)) as web:
            web.answers = {
                "/redfish/v1/Systems": Answer({"Members": [{"@odata.id": "/redfish/v1/Systems/1"}]}),
                "/redfish/v1/Systems/1": Answer({"SerialConsole": SUPERMICRO}),
            }
            machine = (
                f'[machines.web1]\nconsole = "{lab.host}"\nredfish = "{web.address}"\n'
                'endpoint_password = "env:CONTROLLER"\n'
            )
            (tmp_path / "m.toml").write_text(machine)
            (tmp_path / "config").touch()
            words = ["--config", tmp_path / "m.toml", "-F", tmp_path / "config", *lab.arguments[:-1]]
            status, _, err = await run_process(*words, "web1", tmp_path / "key.pub", stdin=None, CONTROLLER=PASSWORD)
            assert "Redfish at" in err and "continuing without Redfish" in err
            assert (status, web.asked) == (4, [])
            (tmp_path / "m.toml").write_text(machine + 'redfish_ca = "tls.pem"\n')
            status, out, err = await run_process(*words, "web1", tmp_path / "key.pub", stdin=None, CONTROLLER=PASSWORD)
            assert status == 0, err
            assert PASSWORD not in out + err

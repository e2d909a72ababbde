"""`packet:DEVICE`, with a real HTTP server and recorded replies of Equinix Metal's API."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sosagent
from sosagent.endpoint.parse import parse_target
from sosagent.endpoint.target import ProviderReference, SshTarget
from sosagent.fetch import FetchFailed, fetch
from sosagent.lab import Lab
from sosagent.printable import is_clean
from sosagent.providers import ask_provider, keys_of
from sosagent.providers.sos import console_of

from ..conftest import new_key
from ..support.commands import SOSAGENT, run_process
from ..support.web import Answer, Web, serving

ID = "6d8bb9e7-2f5c-4e0b-9a63-3f1f2a7c9d10"
PROJECT = "0b0ad7a1-8a2b-4c5e-b5a5-9f3cbb1f4c11"
TOKEN = "t0ken-of-the-portal"
ROOT = "r00t-P4ssword"
DEVICE = f"/metal/v1/devices/{ID}?include=ssh_keys,facility"
PROJECT_KEYS = f"/metal/v1/projects/{PROJECT}/ssh-keys"
MINE, OURS, THEIRS, OLD = new_key(""), new_key("ops@bastion"), new_key(""), new_key("old@laptop")
EXAMPLE = Path(__file__).parents[2] / "examples" / "provider"
WHERE = ProviderReference("packet", ID)


def device(**fields: object) -> dict[str, Any]:
    """Return a device as in the API's replies, with fewer fields."""
    return {
        "id": ID,
        "short_id": ID[:8],
        "hostname": "web-1.example.net",
        "state": "active",
        "user": "root",
        "root_password": ROOT,
        "facility": {"id": "f1", "name": "Parsippany, NJ", "code": "ewr1"},
        "metro": {"id": "m1", "name": "New York", "code": "ny"},
        "project": {"href": f"/metal/v1/projects/{PROJECT}"},
        "project_lite": {"href": f"/metal/v1/projects/{PROJECT}"},
        "ssh_keys": [{"href": "/metal/v1/ssh-keys/k-old"}],
        "sos": "sos.ewr1.platformequinix.com",
        "href": f"/metal/v1/devices/{ID}",
    } | fields


def key_fields(key: sosagent.PublicKey, label: str) -> dict[str, Any]:
    return {"id": f"k-{label}", "label": label, "key": f"{key.line}\n", "href": f"/metal/v1/ssh-keys/k-{label}"}


def page(entries: list[Any], number: int = 1, last: int = 1) -> dict[str, Any]:
    following = {"href": f"?page={number + 1}"} if number < last else None
    meta = {"current_page": number, "last_page": last, "next": following, "total": len(entries)}
    return {"ssh_keys": entries, "meta": meta}


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """Serve the API with one device, and set the environment variables for it."""
    with serving() as running:
        running.answers |= {
            DEVICE: Answer(device()),
            "/metal/v1/ssh-keys/k-old": Answer(key_fields(OLD, "old")),
            f"{PROJECT_KEYS}?page=1&per_page=100": Answer(page([key_fields(OURS, "bastion")], 1, 2)),
            f"{PROJECT_KEYS}?page=2&per_page=100": Answer(page([key_fields(THEIRS, "second\npage")], 2, 2)),
            "/metal/v1/ssh-keys?page=1&per_page=100": Answer({"ssh_keys": [key_fields(MINE, "mine"),
                                                                           key_fields(OURS, "again")]}),
        }  # fmt: skip
        monkeypatch.setenv("SOSAGENT_PACKET_API", f"{running.address}/metal/v1/")
        monkeypatch.setenv("METAL_AUTH_TOKEN", TOKEN)
        monkeypatch.delenv("PACKET_AUTH_TOKEN", raising=False)
        monkeypatch.delenv("SOSAGENT_PACKET_TOKEN_FILE", raising=False)
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")  # must not be used on this computer
        yield running


async def refused(where: ProviderReference = WHERE) -> sosagent.SosError:
    with pytest.raises(sosagent.SosError) as caught:
        await ask_provider(where)
    text = str(caught.value) + caught.value.hint
    assert is_clean(text)
    assert TOKEN not in text
    assert ROOT not in text
    return caught.value


async def test_a_device(web: Web) -> None:
    found = await ask_provider(parse_target(f"packet:{ID}", known_hosts=Path("/k"), host_key="accept-new"))  # type: ignore[arg-type]
    sos = SshTarget("sos.ewr1.platformequinix.com", ID, known_hosts=Path("/k"), host_key="accept-new")
    assert (found.target, found.hostname, found.note) == (sos, "web-1.example.net", "")
    assert found.password is not None
    assert found.password.reveal() == ROOT
    assert ROOT not in repr(found)
    ((path, headers),) = web.asked
    assert (path, headers["X-Auth-Token"]) == (DEVICE, TOKEN)


@pytest.mark.parametrize(
    ("fields", "user", "host", "port"),
    [
        ({"sos": "u-1@sos.dfw2.packet.net"}, "u-1", "sos.dfw2.packet.net", None),
        ({"sos": "sos.example.net:2222"}, ID, "sos.example.net", 2222),
        ({"sos": "u@[::1]:2222"}, "u", "::1", 2222),
        ({"sos": None}, ID, "sos.ewr1.platformequinix.com", None),
        ({"sos": "", "id": None, "facility": {"code": "sjc1"}}, ID, "sos.sjc1.platformequinix.com", None),
    ],
    ids=["user", "port", "v6", "none", "empty"],
)
async def test_forms_of_sos(
    web: Web, fields: dict[str, Any], user: str, host: str, port: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOSAGENT_PACKET_SOS", "example.net")
    web.answers[DEVICE] = Answer(device(**fields))
    assert (await ask_provider(WHERE)).target == SshTarget(host, user, port)


@pytest.mark.parametrize(
    "fields",
    [
        {"sos": "exec:touch /tmp/x"}, {"sos": "u:p@host"}, {"sos": "h?dialect=x"}, {"sos": "h\x1b[2J"}, {"sos": 5},
        {"sos": "h:99999"}, {"sos": "-oProxyCommand=x"}, {"sos": "", "facility": {"href": "/f"}},
        {"sos": None, "facility": {"code": "ny.evil/"}}, {"sos": None, "facility": None},
    ],
    ids=range(10),
)  # fmt: skip
async def test_invalid_consoles_are_rejected(web: Web, fields: dict[str, Any]) -> None:
    web.answers[DEVICE] = Answer(device(**fields))
    error = await refused()
    assert isinstance(error, sosagent.EndpointRefused)
    assert "console" in str(error)


@pytest.mark.parametrize(
    ("api", "allowed", "sos", "trusted"),
    [
        ("http://127.0.0.1:1", "", "lab@127.0.0.1:2222", True),
        ("http://127.0.0.1:1", "", "lab@prod-db", False),
        ("http://127.0.0.1:1", "", "lab@localhost", False),
        ("http://127.0.0.1:1", "prod-db", "lab@prod-db.", False),
        ("http://127.0.0.1:1", "", "sos.0.1", False),
        ("http://127.0.0.1:1", "", "10.0.0.5", False),
        ("http://127.0.0.1:1", "10.0.0.5", "10.0.0.5", True),
        ("https://api.equinix.com/metal/v1", "", "sos.ny5.packet.net", True),
        ("https://api.equinix.com/metal/v1", "", "SOS.ny5.platformequinix.com", True),
        ("https://api.equinix.com/metal/v1", "", "console.equinix.com", True),
        ("https://api.equinix.com/metal/v1", "", "sos.evil.packet.net.example.org", False),
        ("https://api.equinix.com/metal/v1", "", "sosxny5.packet.net", False),
        ("https://api.equinix.com/metal/v1", "", "notequinix.com", False),
        ("https://api.equinix.com/metal/v1", "", "127.0.0.1", False),
        ("https://api.equinix.com/metal/v1", "", "[::1]", False),
        ("https://api.equinix.com/metal/v1", "example.net", "ts.example.net", True),
        ("https://api.equinix.com/metal/v1", ".example.net", "example.net", True),
        ("https://api.equinix.com/metal/v1", "example.net", "evilexample.net", False),
        ("https://api.host.co.uk", "", "sos.host.co.uk", True),
        ("https://api.host.co.uk", "", "sos.other.co.uk", False),
        ("https://10.0.0.5", "", "sos.0.5", False),
    ],
)
def test_only_consoles_of_trusted_domains_are_accepted(
    api: str, allowed: str, sos: str, trusted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOSAGENT_PACKET_SOS", allowed)
    if trusted:
        assert console_of(device(sos=sos), ID, api).host in sos
        return
    with pytest.raises(sosagent.EndpointRefused) as caught:
        console_of(device(sos=sos), ID, api)
    target = parse_target(f"ssh://{sos}")
    assert isinstance(target, SshTarget)
    host = target.host
    assert (host in str(caught.value), api in str(caught.value)) == (True, True)
    assert "SOSAGENT_PACKET_SOS" in caught.value.hint


async def test_states_are_reported(web: Web) -> None:
    for state, words in (("provisioning", "read-only until"), ("reinstalling", "read-only until"), ("queued", "queued"),
                         ("inactive", "switch it on"), ("failed", "failed"), ("active", "")):  # fmt: skip
        web.answers[DEVICE] = Answer(device(state=state, root_password=None, hostname=""))
        found = await ask_provider(WHERE)
        assert (words in found.note, bool(found.note), found.password, found.hostname) == (
            True,
            bool(words),
            None,
            None,
        )


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (Answer({"errors": [f"Invalid authentication token {TOKEN}"]}, 401), "EndpointRefused", "Invalid auth"),
        (Answer({"errors": ["You are not authorized"]}, 403), "EndpointRefused", "You are not authorized"),
        (Answer({"errors": ["Not found"]}, 404), "TargetInvalid", "has no device"),
        (Answer({"error": "id is wrong\x1b[2J"}, 422), "EndpointRefused", "id is wrong\\x1b[2J"),
        (Answer({}, 429), "EndpointUnreachable", "status 429"),
        (Answer(b"<html>", 503), "EndpointUnreachable", "status 503"),
        (Answer(b"<html>"), "EndpointUnreachable", "not JSON"),
        (Answer(b"[" * 100_000), "EndpointUnreachable", "not JSON"),
        (Answer([1]), "EndpointUnreachable", "not a JSON object"),
        (Answer(b"{" + b" " * (5 << 20) + b"}"), "EndpointUnreachable", "longer than"),
        (Answer(b"{}", length=500), "EndpointUnreachable", "is incomplete"),
    ],
    ids=["401", "403", "404", "422", "429", "503", "html", "deep", "list", "huge", "cut"],
)
async def test_unusable_answers(web: Web, answer: Answer, kind: str, words: str) -> None:
    web.answers[DEVICE] = answer
    error = await refused()
    assert words in str(error)
    assert kind in [one.__name__ for one in type(error).__mro__]
    assert error.hint


@pytest.mark.parametrize("secret", [TOKEN, ROOT, TOKEN.upper()])
async def test_secrets_in_replies_are_redacted(web: Web, secret: str) -> None:
    plain = web.answers[DEVICE]
    for fields in (
        {"sos": f"u@{secret}"}, {"sos": f"{secret}@evil.example.net"}, {"sos": {"a": [secret]}}, {"hostname": secret},
        {"hostname": f"web-{secret}", "sos": None}, {"id": secret, "sos": f"{secret}.example.net"},
        {"sos": None, "facility": {"code": secret}},
    ):  # fmt: skip
        web.answers[DEVICE] = Answer(device(**fields))
        error = await refused()
        assert secret not in f"{error} {error.hint}"
    web.answers[DEVICE] = Answer(device(state=secret))
    assert secret not in repr(await ask_provider(WHERE))
    web.answers[DEVICE] = plain
    label = {"label": f"x {secret}", "key": f"{OURS.line} {secret}"}
    web.answers[f"{PROJECT_KEYS}?page=1&per_page=100"] = Answer(page([label, {"label": secret, "key": secret}]))
    assert secret not in await keys_of(WHERE)


@pytest.mark.parametrize("where", [f"{TOKEN}.example.net", f"{TOKEN}@h", f"{'x' * 60}.{TOKEN}{'y' * 70}"])
async def test_a_redirect_does_not_show_the_token(web: Web, where: str) -> None:
    web.answers[DEVICE] = Answer(status=302, headers={"Location": f"https://{where}/"})
    error = await refused()
    assert ("redirects to" in str(error), TOKEN[-9:] in str(error)) == (True, False)


async def test_an_error_does_not_show_the_token(web: Web) -> None:
    for body in ({"errors": [f"{TOKEN} is wrong"]}, {"error": f"{TOKEN}{'y' * 195}"}):
        web.answers[DEVICE] = Answer(body, 401)
        error = await refused()
        assert TOKEN[-9:] not in str(error)


async def test_time_limits(web: Web) -> None:
    web.answers["/slow"] = Answer(b"x", wait=lambda: time.sleep(60))
    started = time.monotonic()
    with pytest.raises(FetchFailed, match=r"within 1 s|timed out"):
        await fetch(f"{web.address}/slow", seconds=1)
    assert time.monotonic() - started < 30
    web.answers[DEVICE] = Answer(device(), wait=lambda: time.sleep(60))
    with pytest.raises(sosagent.DeadlineExceeded, match="packet:"):
        await ask_provider(WHERE, timeout=0.5)


async def test_the_token_is_sent_to_no_other_host(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as other:
        web.answers[DEVICE] = Answer(status=302, headers={"Location": f"{other.address}{DEVICE}"})
        other.answers[DEVICE] = Answer(device())
        error = await refused()
        assert isinstance(error, sosagent.EndpointUnreachable)
        assert "redirects to 127.0.0.1:" in str(error)
        assert other.asked == []
    web.answers[DEVICE] = Answer(status=302, headers={"Location": "/metal/v1/moved"})
    web.answers["/metal/v1/moved"] = Answer(device())
    assert (await ask_provider(WHERE)).hostname == "web-1.example.net"  # a redirect on the same host is followed
    for address in (
        "http://api.example.net",
        "ftp://127.0.0.1",
        "api",
        "https://u:p@api.example.net",
        "https://h/?a=1",
    ):
        monkeypatch.setenv("SOSAGENT_PACKET_API", address)
        error = await refused()
        assert (error.exit_code, "SOSAGENT_PACKET_API" in str(error)) == (2, True)
    monkeypatch.setenv("SOSAGENT_PACKET_API", "http://127.0.0.1:1")
    assert (await refused()).exit_code == 3


async def test_sources_of_the_token(web: Web, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("METAL_AUTH_TOKEN")
    assert "needs an API token" in str(await refused())
    monkeypatch.setenv("PACKET_AUTH_TOKEN", f"{TOKEN}\nX-Evil: 1")
    assert "is not valid" in str(await refused())
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    file.chmod(0o644)
    monkeypatch.setenv("SOSAGENT_PACKET_TOKEN_FILE", str(file))
    assert "can be read by others" in str(await refused())
    file.chmod(0o600)
    await ask_provider(WHERE)
    assert [headers["X-Auth-Token"] for _, headers in web.asked] == [TOKEN]
    file.unlink()
    assert "No such file" in str(await refused())


async def test_invalid_ids_are_rejected(web: Web) -> None:
    for rest in ("../projects", "a/b", "a b", "x" * 65, "a?b", "ä"):
        error = await refused(ProviderReference("packet", rest))
        assert (type(error), "is not the id of a device" in str(error)) == (sosagent.TargetInvalid, True)
    assert web.asked == []


async def test_unusable_passwords_are_rejected(web: Web) -> None:
    for password in ("a\nb", "a\x03", "x" * 600):
        web.answers[DEVICE] = Answer(device(root_password=password))
        assert "cannot be typed" in str(await refused())


async def test_the_keys_of_the_portal(web: Web) -> None:
    lines = (await keys_of(WHERE)).splitlines()
    assert lines == [OLD.line, OURS.line, f"{THEIRS.line} second page", f"{MINE.line} mine"]
    assert {headers["X-Auth-Token"] for _, headers in web.asked} == {TOKEN}
    web.answers[DEVICE] = Answer(device(ssh_keys=[key_fields(OLD, "old")], project=None, project_lite=None))
    del web.answers["/metal/v1/ssh-keys?page=1&per_page=100"]
    web.answers["/metal/v1/ssh-keys?page=1&per_page=100"] = Answer({}, 403)
    assert (await keys_of(WHERE)).splitlines() == ["# the token is not allowed to read the keys of the user", OLD.line]


async def test_unusable_keys_are_skipped(web: Web) -> None:
    entries = [{"label": "b\nssh-rsa AAAA", "key": "ssh-ed25519 AAAA"}, 5, {"key": 7}, key_fields(MINE, "")]
    web.answers[DEVICE] = Answer(device(ssh_keys=entries, project=None, project_lite=None))
    lines = (await keys_of(WHERE)).splitlines()
    assert [line for line in lines if not line.startswith("#")] == [MINE.line, OURS.line]
    assert any(line.startswith("# the key b ssh-rsa AAAA cannot be used:") for line in lines)
    web.answers["/metal/v1/ssh-keys?page=1&per_page=100"] = Answer({}, 401)
    with pytest.raises(sosagent.EndpointRefused):
        await keys_of(WHERE)


async def test_the_number_of_keys_is_limited(web: Web) -> None:
    many = [{"label": str(n), "key": OLD.line} for n in range(1001)]
    path = f"{PROJECT_KEYS}?page=1&per_page=100"
    copies = "".join(f"{OLD.line} {n}\n" for n in range(1001))
    for where, answer in (
        (DEVICE, device(ssh_keys=many)),
        (path, page(many)),
    ):
        before, web.answers[where] = web.answers[where], Answer(answer)
        with pytest.raises(sosagent.EndpointRefused, match="more than 1000 keys") as caught:
            await keys_of(WHERE)
        assert "file" in caught.value.hint
        web.answers[where] = before
    web.answers[path] = Answer(page([{"label": "x", "key": copies}]))
    assert len((await keys_of(WHERE)).splitlines()) == 3  # OLD and two others


def lab_device(lab: Lab, **fields: object) -> Answer:
    return Answer(device(sos=lab.host, root_password=lab.password.reveal(), hostname="lab") | fields)


async def addkey(lab: Lab, *arguments: object, **env: str) -> tuple[int, str, str]:
    """Run the command, and check that its output contains no secret."""
    (lab.folder / "config").touch()
    names = ("SOSAGENT_PACKET_API", "METAL_AUTH_TOKEN")
    options = ["-F", lab.folder / "config", "-i", lab.identity, "--known-hosts", lab.known_hosts]
    env = {name: os.environ[name] for name in names if name in os.environ} | env
    status, out, err = await run_process("addkey", *options, *arguments, stdin=None, command=SOSAGENT, **env)
    assert not [secret for secret in (TOKEN, lab.password.reveal()) if secret in out + err]
    return status, out, err


async def test_the_portals_keys_are_added_to_the_machine(web: Web, lab: Lab) -> None:
    web.answers[DEVICE] = lab_device(lab)
    status, _, err = await addkey(lab, f"packet:{ID}", "packet:")
    assert (status, "--yes accepts them" in err, OURS.fingerprint in err) == (2, True, True)
    status, out, err = await addkey(lab, f"packet:{ID}", "packet:", "--yes")
    assert status == 0, err
    assert lab.authorized_keys.read_text().splitlines() == [
        OLD.line, OURS.line, f"{THEIRS.line} second page", f"{MINE.line} mine"
    ]  # fmt: skip
    assert f"packet:{ID} is at {lab.host}" in err
    assert "using root's password from the provider" in err
    assert "the provider calls the machine lab" in err
    assert all(map(is_clean, [*out.splitlines(), *err.splitlines()]))
    status, out, _ = await addkey(lab, f"packet:{ID}", f"packet:{ID}", "--yes", "--json")
    assert (status, json.loads(out)["status"], json.loads(out)["host"]) == (0, "present", lab.host)


async def test_the_users_options_override_the_provider(web: Web, lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "id.pub").write_text(f"{MINE.line}\n")
    right = lab.password.reveal()
    wrong = {"root_password": "wr0ng-password"}
    for fields, env, options, status in (
        (wrong, {"SOS_PASSWORD": right}, [], 0),
        (wrong, {}, ["--password-file", lab.password_file], 0),
        (wrong, {}, [], 5),
        ({"root_password": None}, {}, [], 2),
        ({"hostname": "other"}, {}, [], 4),
        ({"hostname": "other"}, {}, ["--expect-host", "lab"], 0),
        ({"hostname": "other"}, {}, ["--expect-host", ""], 0),
        ({}, {}, ["--login", "nobody"], 2),
    ):
        web.answers[DEVICE] = lab_device(lab, **fields)
        done = await addkey(lab, f"packet:{ID}", tmp_path / "id.pub", *options, **env)
        assert done[0] == status, (fields, options, done)


async def test_from_python(web: Web, lab: Lab) -> None:
    web.answers[DEVICE] = lab_device(lab)
    target = parse_target(f"packet:{ID}", identities=(lab.identity,), known_hosts=lab.known_hosts)
    events: list[str] = []
    result = await sosagent.add_key(
        target, MINE, password=None, timeout=60, on_event=lambda event: events.append(str(event))
    )
    assert (result.status, result.host) == ("added", lab.host)
    assert not [event for event in events if lab.password.reveal() in event or TOKEN in event]
    state = await sosagent.console_state(target)
    assert state.host == f"packet:{ID}"
    with pytest.raises(sosagent.PasswordMissing):
        await sosagent.add_key(lab.host, MINE, password=None)
    web.answers[DEVICE] = lab_device(lab, root_password=None)
    with pytest.raises(sosagent.PasswordMissing):
        await sosagent.add_key(target, MINE, password=None)

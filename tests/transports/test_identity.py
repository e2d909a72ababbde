"""Logging in to the endpoint with encrypted keys of OpenSSH and PuTTY, after asking for the passphrase."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import sosagent
from sosagent.lab import Lab
from sosagent.transports.identity import unlocked
from sosagent.transports.remember import remembering

from ..conftest import installed, new_key, target_of

PHRASE = "tell nobody"


def putty(version: str, phrase: str) -> Callable[[Path, Path], None]:
    def make(clear: Path, saved: Path) -> None:
        installed(["puttygen"])
        file = saved.with_name("phrase")
        file.write_text(f"{phrase}\n" if phrase else "")
        call: list[str | Path] = ["puttygen", clear, "-O", "private", "--ppk-param", f"version={version}"]
        subprocess.run([*call, "--new-passphrase", file, "-o", saved], check=True)

    return make


def openssh() -> Callable[[Path, Path], None]:
    def make(clear: Path, saved: Path) -> None:
        saved.write_bytes(clear.read_bytes())
        saved.chmod(0o600)
        subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", PHRASE, "-f", saved], check=True)

    return make


FORMS = {
    "ppk 2": putty("2", PHRASE),
    "ppk 3": putty("3", PHRASE),
    "openssh": openssh(),
}


def on(lab: Lab, identity: Path) -> sosagent.SshTarget:
    return replace(target_of(lab), identities=(identity,))


@pytest.mark.parametrize("name", FORMS)
async def test_the_passphrase_is_asked_for(name: str, lab: Lab, tmp_path: Path) -> None:
    identity = tmp_path / "id.ppk"
    FORMS[name](lab.identity, identity)
    asked: list[tuple[str, str, bool]] = []

    async def ask(endpoint: str, prompt: str, echo: bool) -> str | None:
        asked.append((endpoint, prompt, echo))
        return "wrong" if len(asked) == 1 else PHRASE

    done = await sosagent.add_key(on(lab, identity), new_key(), password=lab.password, ask=ask)
    assert done.status == "added"
    assert asked == [("", f"Passphrase of {identity}:", False)] * 2


@pytest.mark.parametrize("name", FORMS)
async def test_without_anybody_to_ask(name: str, lab: Lab, tmp_path: Path) -> None:
    identity = tmp_path / "id.ppk"
    FORMS[name](lab.identity, identity)
    with pytest.raises(sosagent.UsageError, match="is encrypted") as caught:
        await sosagent.add_key(on(lab, identity), new_key(), password=lab.password)
    assert "agent" in caught.value.hint

    async def ask(endpoint: str, prompt: str, echo: bool) -> str | None:
        return "wrong"

    with pytest.raises(sosagent.UsageError, match="wrong passphrase"):
        await sosagent.add_key(on(lab, identity), new_key(), password=lab.password, ask=ask)


@pytest.mark.parametrize("form", ["PEM", "PKCS8"])
@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
async def test_older_forms(kind: str, form: str, tmp_path: Path) -> None:
    path = tmp_path / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-m", form, "-N", PHRASE, "-f", path], check=True)
    answers = iter(["wrong", PHRASE])

    async def ask(endpoint: str, prompt: str, echo: bool) -> str | None:
        return next(answers)

    key = await unlocked(path, ask)
    assert key.public_data == sosagent.parse_public_keys(Path(f"{path}.pub").read_bytes())[0].blob
    with pytest.raises(sosagent.UsageError, match="is encrypted"):
        await unlocked(path, None)


async def test_within_a_job_it_is_asked_for_once(lab: Lab, tmp_path: Path) -> None:
    identity = tmp_path / "id"
    openssh()(lab.identity, identity)
    asked = []

    async def ask(endpoint: str, prompt: str, echo: bool) -> str | None:
        asked.append(prompt)
        return PHRASE

    with remembering():
        assert await unlocked(identity, ask) is await unlocked(identity, ask)
    assert len(asked) == 1
    await unlocked(identity, ask)
    assert len(asked) == 2


async def test_a_ppk_without_a_passphrase(lab: Lab, tmp_path: Path) -> None:
    identity = tmp_path / "id.ppk"
    putty("3", "")(lab.identity, identity)
    assert (await sosagent.add_key(on(lab, identity), new_key(), password=lab.password)).status == "added"


async def test_a_damaged_ppk(lab: Lab, tmp_path: Path) -> None:
    identity = tmp_path / "id.ppk"
    putty("3", "")(lab.identity, identity)
    identity.write_text(identity.read_text()[:200])
    with pytest.raises(sosagent.UsageError, match=r"id\.ppk"):
        await sosagent.add_key(on(lab, identity), new_key(), password=lab.password)

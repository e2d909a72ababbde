"""PuTTY's private keys: what puttygen saves comes out as the same key, and only with the right passphrase."""

from __future__ import annotations

import subprocess
from pathlib import Path

import asyncssh
import pytest

import sosagent
from sosagent.keys.putty import PuttyFile, WrongPassphrase

from .conftest import installed

PHRASE = "tell nobody grüße"


@pytest.mark.parametrize("version", ["2", "3"])
@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
@pytest.mark.parametrize("encrypted", [False, True])
def test_what_puttygen_saves(kind: str, version: str, encrypted: bool, tmp_path: Path) -> None:
    installed(["puttygen"])
    pair, phrase, saved = tmp_path / "id", tmp_path / "phrase", tmp_path / "id.ppk"
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", pair], check=True)
    phrase.write_text(f"{PHRASE}\n" if encrypted else "")
    call: list[str | Path] = [
        "puttygen",
        pair,
        "-O",
        "private",
        "--new-passphrase",
        phrase,
        "--ppk-param",
        f"version={version}",
    ]
    subprocess.run([*call, "-o", saved], check=True)
    file = PuttyFile.read(saved.read_text("utf-8").splitlines(), "id.ppk")
    assert (file.version, file.is_encrypted) == (int(version), encrypted)
    key = asyncssh.import_private_key(file.openssh(sosagent.Secret(PHRASE)))
    public = sosagent.parse_public_keys(Path(f"{pair}.pub").read_bytes())[0]
    assert key.public_data == public.blob
    assert key.sign(b"x", key.sig_algorithms[-1])
    if encrypted:
        for wrong in (None, sosagent.Secret("wrong")):
            with pytest.raises(WrongPassphrase):
                file.openssh(wrong)
    else:
        damaged = saved.read_text("utf-8").replace("Private-MAC: ", "Private-MAC: 0")
        with pytest.raises(sosagent.KeyInvalid, match="damaged"):
            PuttyFile.read(damaged.splitlines(), "id.ppk").openssh(None)

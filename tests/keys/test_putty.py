"""PuTTY files that puttygen saves contain the same key, and open only with the right passphrase."""

from __future__ import annotations

import hmac
import subprocess
from dataclasses import replace
from pathlib import Path

import asyncssh
import pytest

import sosagent
from sosagent.keys.putty import PuttyFile, WrongPassphrase

from ..conftest import installed

PHRASE = "tell nobody grüße"


@pytest.mark.sample(2)
@pytest.mark.parametrize("version", ["2", "3"])
@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
@pytest.mark.parametrize("encrypted", [False, True])
def test_files_saved_by_puttygen(kind: str, version: str, encrypted: bool, tmp_path: Path) -> None:
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
    file = PuttyFile.read(_lines(saved.read_bytes()), "id.ppk")
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
        damaged = saved.read_bytes().replace(b"Private-MAC: ", b"Private-MAC: 0")
        with pytest.raises(sosagent.KeyInvalid, match="damaged"):
            PuttyFile.read(_lines(damaged), "id.ppk").openssh(None)


@pytest.mark.parametrize("comment", ["grüße", "R\udce9mi", "blank behind ", "line\u2028separator"])
def test_comments_of_any_bytes(comment: str, tmp_path: Path) -> None:
    installed(["puttygen"])
    pair, phrase, saved = tmp_path / "id", tmp_path / "phrase", tmp_path / "id.ppk"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", pair], check=True)
    phrase.write_text("x\n")
    raw = comment.encode("utf-8", "surrogateescape")
    call = [b"puttygen", bytes(pair), b"-O", b"private", b"--new-passphrase", bytes(phrase), b"-C", raw]
    subprocess.run([*call, b"-o", bytes(saved)], check=True)
    assert b"Comment: " + raw + b"\n" in saved.read_bytes()
    assert PuttyFile.read(_lines(saved.read_bytes()), "id.ppk").openssh(sosagent.Secret("x"))


@pytest.mark.parametrize("change", [("Argon2-Passes: ", "4000000000"), ("Argon2-Memory: ", "99999999")])
def test_a_derivation_that_would_not_end(change: tuple[str, str]) -> None:
    name, value = change
    headers = {
        "Encryption": "aes256-cbc",
        "Key-Derivation": "Argon2id",
        "Argon2-Memory": "8192",
        "Argon2-Passes": "13",
        "Argon2-Parallelism": "1",
        "Argon2-Salt": "00" * 16,
    }
    headers[name.removesuffix(": ")] = value
    lines = ["PuTTY-User-Key-File-3: ssh-ed25519", *(f"{key}: {held}" for key, held in headers.items())]
    lines += ["Public-Lines: 0", "Private-Lines: 0", "Private-MAC: 00"]
    with pytest.raises(sosagent.KeyInvalid, match="too long or too much"):
        PuttyFile.read(lines, "id.ppk").openssh(sosagent.Secret("x"))


def test_halves_that_do_not_belong_together(tmp_path: Path) -> None:
    installed(["puttygen"])
    files = []
    for name in ("one", "other"):
        pair, phrase = tmp_path / name, tmp_path / "phrase"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", pair], check=True)
        phrase.write_text("")
        call: list[str | Path] = ["puttygen", pair, "-O", "private", "--new-passphrase", phrase]
        subprocess.run([*call, "-o", f"{pair}.ppk"], check=True)
        files.append(PuttyFile.read(_lines(Path(f"{pair}.ppk").read_bytes()), name))
    mixed = replace(files[0], private=files[1].private)
    covered = b"".join(
        len(part).to_bytes(4, "big") + part
        for part in (b"ssh-ed25519", b"none", mixed.comment.encode(), mixed.public, mixed.private)
    )
    mixed.headers["Private-MAC"] = hmac.new(b"", covered, "sha256").hexdigest()
    with pytest.raises(sosagent.KeyInvalid, match="does not match the private half"):
        mixed.openssh(None)


def _lines(data: bytes) -> list[str]:
    return data.decode("latin-1").split("\n")

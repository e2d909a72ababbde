"""Every kind of key file: the exact outcome, and the fingerprint that ssh-keygen prints."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import sosagent
from sosagent.keys.read import read_keys

from ..conftest import installed
from ..support.key_files import FILES, Expected, Forge


@pytest.fixture(scope="module")
def forge(tmp_path_factory: pytest.TempPathFactory) -> Forge:
    for program in ("ssh-keygen", "puttygen", "openssl"):
        installed([program])
    return Forge(tmp_path_factory.mktemp("keys"))


def test_the_table_is_long() -> None:
    assert len(FILES) >= 60


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_keys(name: str, forge: Forge, tmp_path: Path) -> None:
    make, outcome = FILES[name]
    data = make(forge)
    if isinstance(outcome, Expected):
        found = read_keys(data, "my.pub", from_private=outcome.from_private, cert_authority=outcome.cert_authority)
        assert len(found) == len(outcome.keys)
        for one, (key_type, comment, words) in zip(found, outcome.keys, strict=True):
            assert one.key.type == key_type
            assert comment in ("*", one.key.comment)
            said = " ".join((*one.key.warnings, *one.notes))
            assert words in said
            assert words or not said
            assert ("cert-authority" in one.key.options) == outcome.cert_authority
            _compare_with_ssh_keygen(one.key, tmp_path / "line")
        return
    with pytest.raises(sosagent.KeyInvalid) as caught:
        read_keys(data, "my.pub", from_private=outcome.from_private)
    assert caught.value.message.startswith(f"my.pub:{outcome.line}: " if outcome.line else "my.pub ")
    assert outcome.words in caught.value.message
    assert outcome.hint in caught.value.hint


def _compare_with_ssh_keygen(key: sosagent.PublicKey, path: Path) -> None:
    path.write_text(f"{key.line}\n")
    for kind, fingerprint in (("sha256", key.fingerprint), ("md5", key.md5)):
        call = ["ssh-keygen", "-l", "-E", kind, "-f", str(path)]
        done = subprocess.run(call, capture_output=True, text=True, check=False)
        if key.bits is None:
            assert done.returncode != 0  # it does not know the type
        else:
            assert done.stdout.split()[:2] == [str(key.bits), fingerprint], done

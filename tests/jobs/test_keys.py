"""jobs/keys.py: what sshd reads in each line of a file."""

from __future__ import annotations

import base64
import os
import struct
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sosagent.jobs.keys import classify_lines

from ..conftest import installed, new_key

ONE, TWO, THREE = new_key("one"), new_key("two"), new_key("three")


def test_each_line_is_classified() -> None:
    now = datetime(2026, 6, 1, tzinfo=UTC)
    reasons = {
        f"cert-authority {ONE.line}": "belongs to an authority",
        f'expiry-time="20260101" {TWO.line}': "it expired at",
        f'expiry-time="20270101Z" {TWO.line}': "",
        f"no-such {THREE.line}": "unknown option",
        "ssh-ed25519": "not a public key",
        f"ssh-ed25519-cert-v01@openssh.com {ONE.base64} c": "certificate",
        f"\ufeff{THREE.line}": "",
    }
    listed = classify_lines(list(reasons), now)
    assert len(listed) == len(reasons)
    for one, (line, words) in zip(listed, reasons.items(), strict=True):
        assert one.text == line
        assert words in one.why_not
        assert bool(one.why_not) == (bool(words) or one.entry is None)
        assert ":1" not in one.why_not
    assert listed[2].limits == ("until 20270101Z; sshd before 9.1 ignores the whole line",)


def test_a_repeated_key_is_usable_once() -> None:
    first, second = classify_lines([ONE.line, f"restrict {ONE.line}"], datetime.now(UTC))
    assert (first.why_not, first.allows_shell) == ("", True)
    assert "an earlier line contains the same key" in second.why_not


def test_limited_keys_do_not_count_as_shells() -> None:
    lines = [f"{option} {new_key('x').line}" for option in ('from="10.0.0.1"', 'command="x"', 'expiry-time="20990101"')]
    assert [one.allows_shell for one in classify_lines([*lines, f"no-pty {TWO.line}"], datetime.now(UTC))] == [
        False, False, False, True,
    ]  # fmt: skip


def public_file(kind: str, folder: Path) -> Path:
    """Return a file with a public key of a type that ssh-keygen calls `kind`; "sk" is one of a security key."""
    path = folder / "id.pub"
    if kind == "sk":
        fields = (b"sk-ssh-ed25519@openssh.com", os.urandom(32), b"ssh:")
        blob = b"".join(struct.pack(">I", len(one)) + one for one in fields)
        path.write_text(f"{fields[0].decode()} {base64.b64encode(blob).decode()} a key\n")
        return path
    words = [*kind.split(), "-N", "", "-C", "a key", "-f", str(path.with_suffix(""))]
    subprocess.run(["ssh-keygen", "-q", "-t", *words], check=True)
    return path


@pytest.mark.parametrize("kind", ["ed25519", "rsa -b 2048", "ecdsa -b 256", "ecdsa -b 384", "ecdsa -b 521", "sk"])
def test_a_fingerprint_is_as_ssh_keygen_prints_it(kind: str, tmp_path: Path) -> None:
    """Of each line that contains a key or a certificate, whether sshd accepts it or not."""
    installed(["ssh-keygen"])
    path = public_file(kind, tmp_path)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "ca"], check=True)
    subprocess.run(["ssh-keygen", "-q", "-s", tmp_path / "ca", "-I", "id", "-n", "root", path], check=True)
    key, certificate = path.read_text().strip(), (tmp_path / "id-cert.pub").read_text().strip()
    lines = [
        f"{options}{one}"
        for one in (key, certificate)
        for options in ("", "cert-authority ", 'no-such="a b" ', 'permitopen="8080",restrict ', "\t ")
    ]
    (tmp_path / "file").write_text("\n".join(lines) + "\n")
    printed = subprocess.run(["ssh-keygen", "-lf", tmp_path / "file"], check=True, capture_output=True, text=True)
    wanted = [line.split()[1] for line in printed.stdout.splitlines()]
    listed = classify_lines(lines, datetime.now(UTC))
    assert [one.fingerprint for one in listed] == wanted
    assert len({*wanted}) == 1
    assert [one.entry is None for one in listed].count(True) > 5


def test_a_line_without_a_whole_key_has_no_fingerprint() -> None:
    lines = [
        "ssh-ed25519", "nonsense", f"ssh-ed25519 {ONE.base64[:40]}", f"ssh-ed25519-cert-v01@openssh.com {ONE.base64} c",
        "ssh-ed25519-cert-v01@openssh.com AAAA", 'from="', f'from="x {ONE.line}', "ssh-rsa-cert-v01@openssh.com",
    ]  # fmt: skip
    listed = classify_lines(lines, datetime.now(UTC))
    assert [(one.text, one.fingerprint, one.entry) for one in listed] == [(line, None, None) for line in lines]

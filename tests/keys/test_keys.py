"""Public keys: parsing, fingerprints, and the meaning of authorized_keys lines."""

from __future__ import annotations

import base64
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sosagent
from sosagent.authorized_keys.line import Presence, judge, parse_line
from sosagent.keys import PublicKey, parse_public_keys

from ..conftest import new_key

ED = new_key("you@laptop")
BLOB = ED.base64


def parse(text: str | bytes) -> list[PublicKey]:
    return parse_public_keys(text.encode() if isinstance(text, str) else text, "my.pub")


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_fingerprints_are_those_of_ssh_keygen(kind: str, tmp_path: Path) -> None:
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not installed")
    path = tmp_path / "k"
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "a b", "-f", str(path)], check=True)
    public = path.with_suffix(".pub")
    said = subprocess.run(["ssh-keygen", "-lf", str(public)], capture_output=True, text=True, check=True).stdout
    (key,) = parse(public.read_bytes())
    assert key.fingerprint == said.split()[1]
    assert key.line == public.read_text().strip()


def test_a_type_of_later_versions_is_not_taken_for_ed25519() -> None:
    name = b"ssh-mldsa44-ed25519"  # OpenSSH 10.6
    blob = b"".join(len(part).to_bytes(4, "big") + part for part in (name, bytes(range(1, 225)) * 6))
    (key,) = parse(f"{name.decode()} {base64.b64encode(blob).decode()} me\n")
    assert (key.type, key.comment) == (name.decode(), "me")


def test_several_keys_comments_blank_lines_bom_and_crlf() -> None:
    other = new_key("two")
    text = f"\ufeff# mine\r\n\r\n{ED.line}\r\n  {other.line}  \n{ED.type} {BLOB} again\n"
    assert parse(text) == [ED, other]


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN RSA PRIVATE KEY-----\n",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\n",
        "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n",
    ],
)
def test_a_piece_of_a_private_key_is_refused_as_one(text: str) -> None:
    with pytest.raises(sosagent.KeyInvalid, match="private key") as caught:
        parse(text)
    assert "my.pub.pub" in caught.value.hint


@given(st.binary(max_size=200))
def test_no_file_raises_anything_else(data: bytes) -> None:
    try:
        parse(data)
    except sosagent.KeyInvalid:
        pass


LINES = [
    (ED.line, Presence.USABLE),
    (f"  {ED.type}\t{BLOB}   a  b", Presence.USABLE),
    (f"{ED.line}\r", Presence.USABLE),
    (f"pty,agent-forwarding {ED.line}", Presence.USABLE),
    (f'from="10.0.0.0/8" {ED.line}', Presence.RESTRICTED),
    (f'command="echo \\"a b\\" , x",no-pty {ED.line}', Presence.RESTRICTED),
    (f"cert-authority {ED.line}", Presence.ABSENT),
    (f'principals="root" {ED.line}', Presence.ABSENT),
    (f'from="10.0.0.1/8" {ED.line}', Presence.ABSENT),
    (f"RESTRICT {ED.line}", Presence.RESTRICTED),
    (f"#{ED.line}", Presence.ABSENT),
    (f"# off {ED.line}", Presence.ABSENT),
    (f"{new_key('x').line}{ED.line}", Presence.ABSENT),
    (f"no-such-option {ED.line}", Presence.ABSENT),
    (f"no-pty, restrict {ED.line}", Presence.ABSENT),
    (f'from="10.0.0.0/8 {ED.line}', Presence.ABSENT),
    (f"SSH-ED25519 {BLOB}", Presence.ABSENT),
    (f"ssh-rsa {BLOB}", Presence.ABSENT),
    (f"{ED.type} {BLOB}x", Presence.ABSENT),
    (f"{ED.type} {BLOB[:-4]}", Presence.ABSENT),
    (f"\ufeff{ED.line}", Presence.ABSENT),
    (f"a\0 {ED.line}", Presence.ABSENT),
    ("", Presence.ABSENT),
]


@pytest.mark.parametrize(("line", "presence"), LINES, ids=range(len(LINES)))
def test_lines_have_the_meaning_that_sshd_gives_them(line: str, presence: Presence) -> None:
    assert judge([line], ED).presence is presence


def test_base64_with_other_unused_bits_is_no_key() -> None:
    key = new_key("you@laptop", "ecdsa-sha2-nistp256")
    other = f"{key.base64[:-2]}{chr(ord(key.base64[-2]) + 1)}="
    assert base64.b64decode(other, validate=True) == key.blob
    assert judge([f"{key.type} {other}"], key).presence is Presence.ABSENT
    with pytest.raises(sosagent.KeyInvalid, match="canonical"):
        parse(f"{key.type} {other}")


def test_the_first_match_decides() -> None:
    restricted = f"no-pty {ED.line}"
    assert judge([f"#{ED.line}", restricted, ED.line], ED).options == ("no-pty",)
    assert judge([ED.line, restricted], ED).presence is Presence.USABLE


def test_options_are_split_as_sshd_does() -> None:
    entry = parse_line(f'command="a, \\" b",from="x,y" {ED.line}')
    assert entry is not None
    assert entry.options == ('command="a, \\" b"', 'from="x,y"')


@given(st.text(max_size=120))
def test_any_line_has_an_answer(line: str) -> None:
    judge([line], ED)


@pytest.mark.parametrize("option", ["command", "from", "principals"])
def test_an_option_that_sshd_takes_once_makes_the_line_invalid_if_it_is_repeated(option: str) -> None:
    assert parse_line(f'{option}="a" {ED.line}') is not None
    assert parse_line(f'{option}="a",{option}="b" {ED.line}') is None

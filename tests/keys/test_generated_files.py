"""Generated RFC 4716 and PuTTY files: key and comment are what puttygen and ssh-keygen read."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

import sosagent
from sosagent.keys.read import parse_public_keys

from ..conftest import installed, new_key

SEED = 4716
COUNT = 130
PUTTY_COUNT = 55

_PARTS = (
    "me", "CORP\\alice", '"lap top"', " ", "  ", "\\", "\\\\", '"', "a:b", "ü", "é", "鍵", "#", "'", "ssh-rsa",
    "AAAA", "(work)", "me@x", "$(id)", "\\n", "====", "---- END", "Comment: x", "\t", ",",
)  # fmt: skip
_HEADERS = ("Subject: me", "x-note: a b", 'Subject: "q"', "x-1: a:b", 'Subject: \\"')


def rfc4716(number: int) -> tuple[str, sosagent.PublicKey, str | None]:
    """Return a file, its key, and its comment if RFC 4716 alone says what it is (puttygen knows no continued lines)."""
    r = random.Random(f"{SEED}-{number}")
    key = KEYS[number % len(KEYS)]
    plain = "".join(r.choice(_PARTS) for _ in range(r.randint(1, 5))).strip(" \t")
    continued = r.random() < 0.4
    joined: str | None = None
    headers = [r.choice(_HEADERS) for _ in range(r.choice((0, 0, 1, 2)))]
    if continued:
        # Without backslashes and quotes, whose meaning RFC 4716 does not define.
        plain = plain.replace("\\", "").replace('"', "").strip(" \t") or "x"
        at = sorted(r.sample(range(len(plain) + 1), min(2, len(plain) + 1)))
        pieces = [plain[: at[0]], plain[at[0] : at[-1]], plain[at[-1] :]]
        joined = plain
        quote = r.choice(("", '"'))
        headers.append(f"{r.choice(('Comment', 'comment', 'COMMENT'))}: " + quote + "\\\n".join(pieces) + quote)
    else:
        text = plain if r.random() < 0.5 else plain.replace("\\", "\\\\").replace('"', '\\"')
        headers.append(
            "Comment: " + r.choice(('"{}"', '"{}"', "{}", '"{}', '{}"', '"{}" ')).format(text.rstrip("\\") or "x")
        )
    r.shuffle(headers)
    width = r.choice((70, 72, 64, 40))
    body = "\n".join(key.base64[at : at + width] for at in range(0, len(key.base64), width))
    lines = ["---- BEGIN SSH2 PUBLIC KEY ----", *headers, body, "---- END SSH2 PUBLIC KEY ----"]
    return r.choice(("\n", "\n", "\r\n")).join("\n".join(lines).split("\n")) + "\n", key, joined


KEYS = [new_key("x", "ssh-ed25519"), new_key("x", "ecdsa-sha2-nistp384"), new_key("x", "ssh-ed25519")]


def output(*call: str | Path) -> str | None:
    """Return the output of a program; None if it fails."""
    done = subprocess.run([*call], capture_output=True, check=False)
    return done.stdout.decode("utf-8", "surrogateescape") if done.returncode == 0 and done.stdout else None


def test_rfc_4716_files(tmp_path: Path) -> None:
    for program in ("puttygen", "ssh-keygen"):
        installed([program])
    file, compared, by_openssh = tmp_path / "key", 0, 0
    for number in range(COUNT):
        text, key, joined = rfc4716(number)
        file.write_bytes(text.encode())
        theirs = output("puttygen", "-L", file)
        openssh = output("ssh-keygen", "-i", "-f", file)
        assert openssh is None or openssh.split()[:2] == [key.type, key.base64], text
        by_openssh += openssh is not None
        if joined is None and theirs is None:
            continue
        expected = joined if joined is not None else " ".join((theirs or "").rstrip("\n").split(" ")[2:])
        try:
            ours = parse_public_keys(text)[0]
        except sosagent.KeyInvalid as error:
            raise AssertionError(f"{error.message}: {text!r}") from None
        assert (ours.type, ours.base64) == (key.type, key.base64)
        assert ours.comment == expected.strip(" \t"), text
        compared += 1
    assert compared > 100 and by_openssh > 60


@pytest.mark.parametrize("version", ["2", "3"])
def test_putty_files(version: str, tmp_path: Path) -> None:
    installed(["puttygen"])
    pair, phrase, saved = tmp_path / "id", tmp_path / "phrase", tmp_path / "id.ppk"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", pair], check=True)
    phrase.write_text("")
    r = random.Random(f"{SEED}-{version}")
    for _ in range(PUTTY_COUNT):
        comment = "".join(r.choice(_PARTS) for _ in range(r.randint(1, 4)))
        call: list[str | Path] = ["puttygen", pair, "-C", comment, "-O", "private", "--new-passphrase", phrase]
        subprocess.run([*call, "--ppk-param", f"version={version}", "-o", saved], check=True)
        data = saved.read_bytes()
        data = r.choice((data, data.replace(b"\n", b"\r\n"), data + b"\n\n"))
        saved.write_bytes(data)
        theirs = output("puttygen", "-L", saved)
        assert theirs is not None
        kind, text, *rest = theirs.rstrip("\n").split(" ")
        ours = parse_public_keys(data)[0]
        assert (ours.type, ours.base64, ours.comment) == (kind, text, " ".join(rest).strip(" \t"))

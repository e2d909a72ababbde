"""authorized_keys/line.py against a real sshd: a key that is judged usable logs in, and no other."""

from __future__ import annotations

import getpass
import random
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest

import sosagent
from sosagent.authorized_keys.line import Presence, judge, parse_line

from ..support.sshd import running_sshd

_LINES = 100
_SEED = 5
_GOOD = (
    "restrict", "no-pty", "pty", "RESTRICT", 'command="true"', 'command="a, \\"b\\" c"', 'from="127.0.0.0/8"',
    'from="*"', 'from="!10.0.0.1,127.0.0.1"', 'environment="A=b"', 'permitopen="a:22"',
    'permitopen="localhost:http"', 'expiry-time="20301231UTC"', 'permitlisten="80"',
    'tunnel="1"', 'expiry-time="20991231"', "no-port-forwarding", "no-verify-required", "user-rc", "touch-required",
    "pty,", ",pty",
)  # fmt: skip
#: Valid options that refuse this login.
_REFUSING = ('principals="a"', 'from="10.0.0.0/8"', 'expiry-time="20200101"', "cert-authority", 'from="!127.0.0.1,*"')
_BAD = (
    "no-such", "command=ls", 'command="ls', 'from=""x', "restrict=", "no-restrict", 'environment="a b"', "=", '"',
    "no-cert-authority", 'expiry-time="never"', 'tunnel="x"', 'permitopen="a"', "restrict=no",
)  # fmt: skip


class _Lines:
    """Makes random lines that contain the key."""

    def __init__(self, key: sosagent.PublicKey, other: sosagent.PublicKey) -> None:
        self._random = random.Random(_SEED)
        self._key, self._other = key, other

    def line(self) -> str:
        r = self._random
        text = f"{self._options()}{self._type()}{r.choice((' ', '  ', chr(9)))}{self._blob()}{self._comment()}"
        return r.choice(("", "", "", " ", "\t")) + text + r.choice(("", "", "", "\r", " "))

    def _options(self) -> str:
        r = self._random
        kinds = r.choice(((), (), (), (_GOOD,), (_GOOD, _GOOD), (_GOOD, _BAD), (_BAD,), (_REFUSING,)))
        chosen = [r.choice(kind) for kind in kinds]
        return ",".join(chosen) + r.choice((" ", " ", "  ", "\t")) if chosen else ""

    def _type(self) -> str:
        right = self._key.type
        return self._random.choice(
            (right,) * 12 + (right.upper(), "ssh-rsa", f"#{right}", f"\ufeff{right}", f"x{right}")
        )

    def _blob(self) -> str:
        r, right = self._random, self._key.base64
        at = r.randrange(len(right))
        wrong = (
            right[:at],
            right[:at] + " " + right[at:],
            right + "=",
            right + "AAAA",
            right[:at] + "*" + right[at + 1 :],
        )
        return r.choice((right,) * 12 + wrong)

    def _comment(self) -> str:
        return self._random.choice(
            (
                "",
                " you@laptop",
                " a b",
                " # no",
                ' "open',
                "\t\ttabs",
                " grüße",
                " x" * 4000,
                self._other.line,
                f" {self._other.line}",
            )
        )


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    with running_sshd(tmp_path) as running:
        yield running


async def _logs_in(port: int, key: asyncssh.SSHKey) -> bool:
    try:
        async with asyncssh.connect(
            "127.0.0.1", port, username=getpass.getuser(), client_keys=[key], known_hosts=None, agent_path=None,
            config=None,
        ):  # fmt: skip
            return True
    except asyncssh.PermissionDenied:
        return False


@pytest.mark.timeout(300)
async def test_sshd_agrees_with_our_judgement_of_each_line(sshd: tuple[int, Path]) -> None:
    port, file = sshd
    private = asyncssh.generate_private_key("ssh-ed25519")
    key = sosagent.parse_public_keys(private.export_public_key())[0]
    other = sosagent.parse_public_keys(asyncssh.generate_private_key("ssh-ed25519").export_public_key())[0]
    lines = _Lines(key, other)
    wrong: list[str] = []
    logins = 0
    for _ in range(_LINES):
        line = lines.line()
        file.write_text(f"{line}\n")
        theirs = await _logs_in(port, private)
        logins += theirs
        entry = parse_line(line)
        ours = entry is not None and entry.key.same_key(key) and not any(text in line for text in _REFUSING)
        if ours != theirs:
            wrong.append(f"only {'we accept' if ours else 'sshd accepts'}: {line[:200]!r}")
        if judge([line], key).presence is Presence.USABLE and not theirs:
            wrong.append(f"judged usable: {line[:200]!r}")
    assert not wrong, "\n".join(wrong)
    assert 20 < logins < 80  # the lines are of both kinds

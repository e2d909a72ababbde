"""No success without a login: what append_keys says about each configuration of a real sshd, on one real login."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import sosagent
from sosagent.access import access_to
from sosagent.session.machine import at_machine

from ..conftest import new_key, until
from ..support.logins import PASSWORD
from ..support.userland_jobs import World, install_sshd
from ..support.userlands import machine_of

_RSA = new_key("rsa", "ssh-rsa")  # of 2048 bits
_KEY = new_key("new")
_USUAL = "~/.ssh/authorized_keys"
_ELSEWHERE = "AuthorizedKeysFile /etc/ssh/keys/%u\n"


@dataclass(frozen=True)
class Claim:
    """A machine, and what sosagent should report about it.

    Fields:
        config: sshd_config.
        file: where the key is afterwards; empty if it is refused.
        problem: text that the problems (exit code 7) or the error must contain; empty if neither is expected.
        warning: text that the warnings must contain; empty if none is expected.
        lines: authorized_keys before; None if there is no ~/.ssh. {} stands for the key.
        prepare: changes the machine.
        key: the key.
        end: hours until its access ends.
    """

    config: str = ""
    file: str = _USUAL
    problem: str = ""
    warning: str = ""
    lines: str | None = None
    prepare: Callable[[World], None] = lambda world: None
    key: sosagent.PublicKey = _KEY
    end: int = 0


def _home(mode: int, group: int = 0) -> Callable[[World], None]:
    def prepare(world: World) -> None:
        os.chown(world.home, 0, group)
        world.home.chmod(mode)

    return prepare


def _without(name: str) -> Callable[[World], None]:
    def prepare(world: World) -> None:
        found = [path for path in world.root.rglob(name) if path.parent.name in ("bin", "sbin")]
        assert found
        for path in found:
            path.unlink()

    return prepare


def _folder(world: World) -> None:
    (world.root / "etc/ssh/keys").mkdir()


def _in_front(options: str) -> str:
    return f"{options} {{}}\n"


_REFUSED_ROOT = "it will refuse root"
CLAIMS = {
    "plain": Claim(),
    # -- which file sshd reads
    "tokens": Claim("AuthorizedKeysFile %h/.ssh/k-%U-%%\n", "~/.ssh/k-0-%"),
    "a token behind a percent sign": Claim("AuthorizedKeysFile .ssh/%%h-%u\n", "~/.ssh/%h-root"),
    "a number as the name": Claim("AuthorizedKeysFile /etc/ssh/keys/%U\n", "/etc/ssh/keys/0", prepare=_folder),
    "two files": Claim("AuthorizedKeysFile .ssh/a .ssh/b\n", "~/.ssh/a"),
    "a shared file, then an own one": Claim("AuthorizedKeysFile /etc/ssh/all .ssh/b\n", "~/.ssh/b"),
    "a shared file alone": Claim("AuthorizedKeysFile /etc/ssh/all\n", "", "reads no file of root alone"),
    "no file": Claim("AuthorizedKeysFile none\n", "", "reads no file of root alone"),
    "an unknown keyword": Claim("NoSuchKeyword yes\n", problem="sshd did not report which file it reads"),
    "an unknown keyword, a file": Claim(
        "NoSuchKeyword yes\n", problem="sshd did not report which file it reads", lines="# x\n"
    ),
    "a keyword without a value": Claim("PermitRootLogin\n", problem="sshd did not report which file it reads"),
    "an unknown condition": Claim("Match Nothing x\n", problem="sshd did not report which file it reads"),
    "a missing included file": Claim("Include /etc/ssh/missing\n"),
    "a port in a condition": Claim(
        f"{_ELSEWHERE}Match LocalPort 2222\nAllowTcpForwarding no\n", "/etc/ssh/keys/root", prepare=_folder
    ),
    "another file for a port": Claim(f"Match LocalPort 2222\n{_ELSEWHERE}", warning="port 2222"),
    "another file for our port": Claim(f"Match LocalPort 22\n{_ELSEWHERE}", "/etc/ssh/keys/root", prepare=_folder),
    "a routing domain in a condition": Claim(
        f"{_ELSEWHERE}Match RDomain vrf1\nAllowTcpForwarding no\n", "/etc/ssh/keys/root", prepare=_folder
    ),
    # -- who may log in
    "no root": Claim("PermitRootLogin no\n", problem=_REFUSED_ROOT),
    "no root, but from here": Claim(
        "PermitRootLogin no\nMatch Address 127.0.0.1,::1\nPermitRootLogin prohibit-password\n", problem=_REFUSED_ROOT
    ),
    "no root, but from 127/8": Claim(
        "PermitRootLogin no\nMatch Address 127.0.0.0/8,::1/128\nPermitRootLogin yes\n", problem=_REFUSED_ROOT
    ),
    "no root, but on localhost": Claim(
        "PermitRootLogin no\nMatch Host localhost\nPermitRootLogin yes\n", problem=_REFUSED_ROOT
    ),
    "no root, but at a local address": Claim(
        "PermitRootLogin no\nMatch LocalAddress 127.0.0.1\nPermitRootLogin yes\n", problem=_REFUSED_ROOT
    ),
    "no root, but from an office": Claim(
        "PermitRootLogin no\nMatch Address 10.0.0.0/8\nPermitRootLogin yes\n", problem="10.0.0.0/8"
    ),
    "root, but not from an office": Claim("Match Address 10.0.0.0/8\nPermitRootLogin no\n", warning="10.0.0.0/8"),
    "root for commands alone": Claim("PermitRootLogin forced-commands-only\n", problem="forced-commands-only"),
    "other users": Claim("AllowUsers operator\n", problem="AllowUsers"),
    "root from an address alone": Claim("AllowUsers root@10.1.2.3\n", problem="AllowUsers"),
    "a group of others": Claim("AllowGroups operator\n", prepare=lambda world: None),
    "a denied group": Claim("DenyGroups root\n", problem="DenyGroups"),
    "no keys": Claim("PubkeyAuthentication no\n", problem="PubkeyAuthentication no"),
    "a password besides": Claim("AuthenticationMethods publickey,password\n", problem="AuthenticationMethods"),
    # -- which keys
    "not this type": Claim("PubkeyAcceptedAlgorithms rsa-sha2-512\n", problem="PubkeyAcceptedAlgorithms"),
    "without this type": Claim("PubkeyAcceptedAlgorithms -ssh-ed25519\n", problem="PubkeyAcceptedAlgorithms"),
    "this type": Claim("PubkeyAcceptedAlgorithms rsa-sha2-512\n", key=_RSA),
    "short keys": Claim("RequiredRSASize 3072\n", problem="RequiredRSASize 3072", key=_RSA),
    "short keys, and another type": Claim("RequiredRSASize 3072\n"),
    # -- modes
    "a home for another group": Claim("# x\n", problem="group", prepare=_home(0o775, 1000)),
    "a home for everybody": Claim("# x\n", problem="write", prepare=_home(0o777)),
    "a home for everybody, StrictModes no": Claim("StrictModes no\n", prepare=_home(0o777)),
    "a home of another user": Claim(problem="belongs to", prepare=lambda world: os.chown(world.home, 1000, 0)),
    # -- options in front of the key
    **{
        f"{options} in front": Claim(lines=_in_front(options))
        for options in (
            'permitopen="8080"', 'from="10.1.2.3/24"', 'from="192.168.0.0/255.255.0.0"', 'from="!10.0.0.1"',
            "nosuch", 'expiry-time="20200101"', 'permitopen="h/22"', 'permitopen="user@h:22"',
            'from="192.0.2.0/24"', "no-pty", "restrict",
        )
    },
    # sshd uses this line, which gives no shell.
    **{
        f"{options} in front": Claim(lines=_in_front(options), problem="is already in", file="")
        for options in ('command="echo no"', 'restrict,command="echo no"')
    },
    "no expiry, and an end": Claim(lines="{}\n", problem="does not end", end=2),
    "an earlier expiry, and an end": Claim(lines='expiry-time="20200101Z" {}\n', end=2),
    # -- the last, because the programs are gone then
    "a machine without grep": Claim(warning="the machine may lack grep", prepare=_without("grep")),
}  # fmt: skip


async def _wrong(claim: Claim, world: World) -> str:
    """Add the key; return what differs from the claim."""
    world.configure(f"UsePAM yes\n{claim.config}")
    if claim.lines is not None:
        world.write(claim.lines.format(claim.key.line))
    claim.prepare(world)
    end = datetime.now(UTC) + timedelta(hours=claim.end) if claim.end else None
    try:
        done = await world.append(claim.key, end=end)
    except sosagent.EditRefused as error:
        written = [path for path in world.root.rglob("*") if path.is_file() and claim.key.line in _text(path)]
        fits = not claim.file and claim.problem in error.message and bool(written) == bool(claim.lines)
        return "" if fits else f"refused: {error.message}, {written}"
    path = done.file.replace(f"/{world.home.relative_to(world.root)}/", "~/")
    problems, warnings = " ".join(done.problems), " ".join(done.warnings)
    text = _text(world.root / done.file.lstrip("/"))
    return "; ".join(
        filter(
            None,
            (
                f"in {path}" if path != claim.file or claim.key.base64 not in text else "",
                f"problems: {problems}"
                if claim.problem not in problems or bool(claim.problem) != bool(problems)
                else "",
                f"warnings: {warnings}" if claim.warning not in warnings else "",
            ),
        )
    )


def _text(path: Path) -> str:
    return path.read_bytes().decode("latin-1") if path.exists() and path.stat().st_size < 10_000 else ""


@pytest.mark.timeout(300)
async def test_what_is_said_about_each_configuration(tmp_path: Path) -> None:
    wrong = {}
    async with machine_of("dash and coreutils", tmp_path) as (console, home):
        root = tmp_path / "root"
        install_sshd(root)
        access = access_to(console, password=PASSWORD, timeout=240.0)
        async with at_machine(access) as there:
            world = World(access, there, root, home)
            for name, claim in CLAIMS.items():
                shutil.rmtree(home / ".ssh", ignore_errors=True)
                shutil.rmtree(root / "etc/ssh/keys", ignore_errors=True)
                _home(0o755)(world)
                if found := await _wrong(claim, world):
                    wrong[name] = found
        await until(lambda: not console.shell_open)
    assert wrong == {}


@pytest.mark.parametrize("instead", ["nothing", "a file", "a dangling link"])
async def test_a_home_that_does_not_exist(instead: str, tmp_path: Path) -> None:
    """login sets HOME=/, and sshd never reads a file there."""
    async with machine_of("dash and coreutils", tmp_path) as (console, home):
        install_sshd(tmp_path / "root")
        for folder in (home, tmp_path / "home"):
            shutil.rmtree(folder)
            if instead == "a file":
                folder.write_text("")
            elif instead == "a dangling link":
                folder.symlink_to("missing")
        with pytest.raises(sosagent.EditRefused, match="home folder of root") as caught:
            await sosagent.add_key(console, _KEY, password=PASSWORD, timeout=90.0)
        assert caught.value.exit_code == 6
        assert not (tmp_path / "root/.ssh").exists()
        await until(lambda: not console.shell_open)

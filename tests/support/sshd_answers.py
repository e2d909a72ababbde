"""What the sshd of some releases of Debian answers to the lines of `option_lines`: ask it, and record the answers.

``python -m tests.support.sshd_answers ROOTS`` asks the sshd of this machine (Debian 12) and those in the folders of
ROOTS, and writes tests/authorized_keys/sshd_answers.json. ROOTS/11, ROOTS/13 and ROOTS/sid are made by root with

    mmdebstrap --variant=extract --include=openssh-server bullseye ROOTS/11 http://deb.debian.org/debian

and so on (trixie, sid; add --aptopt='Acquire::Check-Valid-Until "false"' if the clock is wrong).
"""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import asyncssh
from asyncssh.public_key import SSHKeyPair

from .option_lines import COUNT, SEED, blob_of, option_lines
from .ports import free_port

__all__ = ["RECORD", "accepted", "recorded"]

RECORD = Path(__file__).parent.parent / "authorized_keys" / "sshd_answers.json"
_TYPE = b"ssh-ed25519"
_BATCH = 100  # keys of one connection; sshd reads the whole file for each
_PASSWD = "root:x:0:0:root:/root:/usr/sbin/sshd\nsshd:x:100:65534::/run/sshd:/usr/sbin/sshd\n"


class _PublicHalf(SSHKeyPair):
    """A key without its private half. asyncssh asks it to sign once the server accepts the key."""

    def __init__(self, number: int, found: set[int]) -> None:
        super().__init__(_TYPE, _TYPE, (_TYPE,), (_TYPE,), blob_of(number), None)
        self._number, self._found = number, found

    def sign(self, data: bytes) -> bytes:
        """Note that the server accepts the key, and go on with the next one."""
        self._found.add(self._number)
        raise ValueError("no private half")


class _Client(asyncssh.SSHClient):
    def __init__(self, numbers: Sequence[int], found: set[int]) -> None:
        self._rest = [_PublicHalf(number, found) for number in reversed(numbers)]

    def public_key_auth_requested(self) -> SSHKeyPair | None:
        return self._rest.pop() if self._rest else None


async def accepted(port: int, file: Path, lines: Mapping[int, str]) -> set[int]:
    """Return the numbers of the lines whose keys an sshd accepts from 127.0.0.1.

    Args:
        port: of the sshd.
        file: the file of keys that it reads, which is written here.
        lines: lines of `option_lines` by their numbers.
    """
    found: set[int] = set()
    numbers = list(lines)
    for first in range(0, len(numbers), _BATCH):
        batch = numbers[first : first + _BATCH]
        file.write_text("".join(f"{lines[number]}\n" for number in batch), encoding="utf-8")
        make = partial(_Client, batch, found)
        try:
            async with asyncssh.connect(
                "127.0.0.1", port, username=getpass.getuser(), client_factory=make, known_hosts=None, agent_path=None,
                config=None, client_keys=None, preferred_auth="publickey", login_timeout=0,
            ):  # fmt: skip
                raise AssertionError("no key can log in")
        except asyncssh.PermissionDenied:
            pass
    return found


def recorded() -> dict[str, str]:
    """Return the answers of each release: a digit for each line, 1 if sshd accepts its key from 127.0.0.1."""
    record = json.loads(RECORD.read_text())
    assert (record["seed"], record["count"]) == (SEED, COUNT), "record the answers again"
    return {release: answers["accepted"] for release, answers in record["releases"].items()}


@contextmanager
def _sshd_in(root: Path) -> Iterator[int]:
    """Yield the port of the sshd in the folder `root`."""
    for name in ("run/sshd", "dev", "etc", "tmp", "root"):
        (root / name).mkdir(parents=True, exist_ok=True)
    if root != Path("/"):
        for name in ("bin", "sbin", "lib", "lib64"):
            if not (root / name).exists():
                (root / name).symlink_to(f"usr/{name}")
        (root / "etc/passwd").write_text(_PASSWD)
        (root / "etc/group").write_text("root:x:0:\nnogroup:x:65534:\n")
        shutil.copy("/etc/services", root / "etc/services")
        if not (root / "dev/null").exists():
            os.mknod(root / "dev/null", 0o666 | 0o020000, os.makedev(1, 3))
    folder = root / "tmp/options"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "host"], check=True)
    port = free_port()
    (folder / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey /tmp/options/host\nPidFile none\nStrictModes no\nUsePAM no\n"
        "PermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nLoginGraceTime 0\n"
        "MaxAuthTries 10000\nAuthorizedKeysFile /tmp/options/keys\nLogLevel DEBUG\n"
    )
    penalties = ["-o", "PerSourcePenalties=no"] if root.name in ("13", "sid") else []  # since 9.8
    call = ["chroot", str(root), "/usr/sbin/sshd", *penalties, "-D", "-e", "-f", "/tmp/options/config"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(call, stdin=subprocess.DEVNULL, stderr=log)
    try:
        end = time.monotonic() + 20
        while "listening on" not in (folder / "log").read_text(errors="replace"):
            assert server.poll() is None and time.monotonic() < end, (folder / "log").read_text(errors="replace")[-500:]
            time.sleep(0.05)
        yield port
    finally:
        server.terminate()
        server.wait()


def _permissions(log: str, found: Iterable[int]) -> dict[str, str]:
    """Return what sshd says of the options of each accepted line, which it accepts one after the other."""
    texts = re.findall(r"keys:\d+: key options:(.*)", log)
    numbers = sorted(found)
    assert len(texts) == len(numbers)
    return {str(number): text.strip() for number, text in zip(numbers, texts, strict=True)}


def main() -> None:
    """Record the answers."""
    roots = Path(sys.argv[1])
    releases = {}
    for release, root in {"11": roots / "11", "12": Path("/"), "13": roots / "13", "sid": roots / "sid"}.items():
        with _sshd_in(root) as port:
            found = asyncio.run(accepted(port, root / "tmp/options/keys", dict(enumerate(option_lines()))))
        version = subprocess.run(["chroot", root, "/usr/sbin/sshd", "-V"], capture_output=True, text=True, check=False)
        log = (root / "tmp/options/log").read_text(errors="replace")
        shutil.rmtree(root / "tmp/options")
        match = re.search(r"OpenSSH_\S+(?: Debian-\S+)?", version.stderr)
        releases[release] = {
            "version": match[0].rstrip(",") if match else "",
            "accepted": "".join("01"[number in found] for number in range(COUNT)),
            "flags": _permissions(log, found),
        }
        print(release, releases[release]["version"], len(found))
    RECORD.write_text(json.dumps({"seed": SEED, "count": COUNT, "releases": releases}, indent=1) + "\n")


if __name__ == "__main__":
    main()

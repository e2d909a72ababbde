"""(3) Time and bytes of one complete add as a process, compared with the naive script of `bench.naive`."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sosagent.lab import open_lab

_RUNS = 15
#: Runs BusyBox getty and login on the session's pty. Root's home and password come from the folder $1.
_GETTY = """#!/bin/sh
[ "$2" ] || exec unshare -m "$0" "$1" in
mount --bind $1/shadow /etc/shadow && mount --bind $1/home /root || exit
trap '' HUP
while :; do setsid busybox getty -l $1/login 38400 - vt220 || exit; done
"""


@dataclass(frozen=True)
class _Place:
    """How to reach one console.

    Fields:
        ours: options of `sos-addkey`, with HOST.
        ssh: arguments of `ssh`, with the host.
        password: root's.
    """

    ours: Sequence[str]
    ssh: Sequence[str]
    password: str


def lab() -> None:
    """Measure an add on the lab."""
    asyncio.run(_in_lab())


async def _in_lab() -> None:
    async with open_lab() as running:
        config = running.folder / "config"
        config.touch()
        running.authorized_keys.parent.mkdir(mode=0o777)
        running.authorized_keys.parent.chmod(0o777)
        port = running.host.rpartition(":")[2]
        ssh = ["-F", str(config), "-i", str(running.identity), "-o", f"UserKnownHostsFile={running.known_hosts}",
               "-p", port, "lab@127.0.0.1"]  # fmt: skip
        place = _Place(["-F", str(config), *running.arguments], ssh, running.password.reveal())
        await asyncio.to_thread(_compare, "in the lab", place)


def vm() -> None:
    """Measure an add on the Debian machine in QEMU, through OpenSSH. Needs root."""
    from tests.vm.image import PASSWORD
    from tests.vm.machine import machine

    with machine() as running:
        # The image has a hash that is cheap to emulate; Debian's default is this one.
        running.do(f"echo 'root:{PASSWORD}' | chpasswd -c YESCRYPT")
        ssh = ["-F", "none", "-i", str(running.identity), "-o", f"UserKnownHostsFile={running.known_hosts}",
               "-p", str(running.console_port), "127.0.0.1"]  # fmt: skip
        _compare("in the VM, through OpenSSH", _Place(running.arguments, ssh, PASSWORD))


def getty() -> None:
    """Measure an add on a getty on a pty, through OpenSSH. Needs root."""
    from tests.support.ports import answers, free_port, wait_for
    from tests.vm.machine import endpoint

    if os.getuid() != 0 or shutil.which("busybox") is None:
        print("an add over a getty on a pty: needs root, and busybox")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "home" / ".ssh").mkdir(parents=True, mode=0o700)
        (folder / "home" / ".ssh" / "authorized_keys").write_text("# none yet\n")
        password = "correct horse 2"
        made = ["openssl", "passwd", "-6", password]
        hashed = subprocess.run(made, capture_output=True, text=True, check=True).stdout.strip()
        (folder / "shadow").write_text(f"root:{hashed}:19000:0:99999:7:::\n")
        (folder / "login").write_text('#!/bin/sh\nexec busybox login "$@"\n')
        (folder / "getty").write_text(_GETTY)
        for program in ("login", "getty"):
            (folder / program).chmod(0o755)
        port = free_port()
        identity, known_hosts, server = endpoint(folder, port, f"{folder}/getty {folder}")
        try:
            wait_for(lambda: answers(port), 20, "the endpoint")
            ours = ["-F", str(folder / "empty"), "-i", str(identity), "--known-hosts", str(known_hosts),
                    f"root@127.0.0.1:{port}"]  # fmt: skip
            ssh = ["-F", "none", "-i", str(identity), "-o", f"UserKnownHostsFile={known_hosts}", "-p", str(port),
                   "root@127.0.0.1"]  # fmt: skip
            (folder / "empty").touch()
            _compare("over a getty on a pty, through OpenSSH", _Place(ours, ssh, password))
        finally:
            server.terminate()
            server.wait()


def _compare(title: str, place: _Place) -> None:
    naive: list[float] = []
    ours: list[float] = []
    inside: list[float] = []
    naive_bytes, ours_bytes = "", ""
    with tempfile.TemporaryDirectory() as folder:
        for run in range(_RUNS + 1):
            wall, out = _run(
                [sys.executable, "-m", "bench.naive", place.password, _key(folder, run, "n"), *place.ssh], place
            )
            command = str(Path(sys.executable).with_name("sos-addkey"))
            key = _key(folder, run, "o") and f"{folder}/o{run}.pub"
            own_wall, own_out = _run([command, *place.ours, key, "--json"], place)
            if not run:
                continue  # the first run fills the machine's caches
            done = json.loads(own_out)
            assert done["status"] == "added", done
            naive.append(wall)
            ours.append(own_wall)
            inside.append(done["seconds"])
            naive_bytes = " sent, ".join(out.split()) + " received"
            ours_bytes = f"{done['bytes_sent']} sent, {done['bytes_received']} received, {done['exchanges']} exchanges"
    print(f"one add {title}, median of {_RUNS}, side by side, start of the process included")
    print(f"  naive pexpect script {statistics.median(naive):6.2f} s   {naive_bytes} (nothing checked)")
    print(f"  sos-addkey           {statistics.median(ours):6.2f} s   {ours_bytes}")
    more = statistics.median(ours) - statistics.median(naive)
    print(
        f"  difference           {more:+6.2f} s   (the job itself, without start-up: {statistics.median(inside):.2f} s)"
    )


def _key(folder: str, run: int, kind: str) -> str:
    path = f"{folder}/{kind}{run}"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "root@bastion", "-f", path], check=True)
    return Path(f"{path}.pub").read_text().strip()


def _run(call: Sequence[str], place: _Place) -> tuple[float, str]:
    # With compiled modules, as pip installs them. The first run creates them.
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    done = subprocess.run(
        call, env={**env, "SOS_PASSWORD": place.password}, capture_output=True, text=True, check=False
    )
    taken = time.perf_counter() - start
    assert done.returncode == 0, (done.stdout, done.stderr)
    return taken, done.stdout

"""(3) One whole add, as a process, beside the naive script of `bench.naive`: wall time and bytes."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sosagent.lab import open_lab

_RUNS = 9


@dataclass(frozen=True)
class _Place:
    """What leads to one console.

    Fields:
        ours: options of `sos-addkey`, with HOST.
        ssh: arguments of `ssh`, with the host.
        password: root's.
    """

    ours: Sequence[str]
    ssh: Sequence[str]
    password: str


def lab() -> None:
    """Against the lab."""
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
    """Against the Debian machine in QEMU, through OpenSSH. Needs root."""
    from tests.vm.image import PASSWORD
    from tests.vm.machine import machine

    with machine() as running:
        ssh = ["-F", "none", "-i", str(running.identity), "-o", f"UserKnownHostsFile={running.known_hosts}",
               "-p", str(running.console_port), "127.0.0.1"]  # fmt: skip
        _compare("in the VM, through OpenSSH", _Place(running.arguments, ssh, PASSWORD))


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
                continue  # the first warms the machine's caches
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
    start = time.perf_counter()
    done = subprocess.run(
        call, env={**os.environ, "SOS_PASSWORD": place.password}, capture_output=True, text=True, check=False
    )
    taken = time.perf_counter() - start
    assert done.returncode == 0, (done.stdout, done.stderr)
    return taken, done.stdout

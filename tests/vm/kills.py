"""Cuts the line, kills the client, and cuts the machine's power at many moments of a run on a virtual machine.

`python -m tests.vm.kills` tries all moments (about half an hour); `test_kills.py` tries a few.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import sosagent
from sosagent.lab import Faults, FaultyTransport
from sosagent.transports.opening import open_transport

from ..support.ports import wait_for
from .image import PASSWORD
from .machine import Machine, machine, restart

__all__ = ["crash", "cut_at_points", "kill_client", "kill_clients"]

_SWITCH = 3  # seconds until the dead-man's switch closes the shell
_CUTS, _KILLS, _CRASHES = 60, 50, 30


def new_key(folder: Path, name: str) -> sosagent.PublicKey:
    """Generate a key pair in `folder`, and return the public key."""
    file = folder / name
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "me@bastion", "-f", str(file)], check=True)
    return sosagent.parse_public_keys(file.with_suffix(".pub").read_bytes())[0]


def keys_of(vm: Machine) -> str:
    """Return the contents of root's authorized_keys."""
    return vm.do("cat /root/.ssh/authorized_keys")


def shells_on(vm: Machine) -> bool:
    """Return whether anything other than getty runs on the console."""
    return vm.do("ps -t ttyS0 -o args= || true").split()[:1] != ["/sbin/agetty"]


async def cut_at_points(vm: Machine, count: int, folder: Path, points: range | None = None) -> list[str]:
    """Cut the connection at `count` evenly spaced bytes, counted in both directions, or only at these `points` of them.

    Returns:
        The problems.
    """
    key = new_key(folder, "whole")
    done = await sosagent.add_key(vm.target, key, password=PASSWORD)
    whole = done.bytes_sent + done.bytes_received
    wrong = []
    for number in points or range(count):
        at = round(whole * (number + 0.5) / count)
        wrong += await _cut(vm, at, new_key(folder, f"cut{at}"))
    return wrong


async def _cut(vm: Machine, at: int, key: sosagent.PublicKey) -> list[str]:
    old = keys_of(vm)
    line = FaultyTransport(await open_transport(vm.target, ask=None, note=print), Faults(cut=at))
    printed, show = bytearray(), line.line.print

    def spy(data: bytes) -> None:
        printed.extend(data)
        show(data)

    line.line.print = spy  # type: ignore[method-assign]
    result: str
    try:
        result = (await sosagent.add_key(line, key, password=PASSWORD, dead_man=_SWITCH)).status
    except sosagent.EndpointLost:
        result = "lost"
    return [f"cut at {at}: {wrong}" for wrong in await _after(vm, old, key, result, b"=R" in printed)]


async def _after(vm: Machine, old: str, key: sosagent.PublicKey, result: str, marked: bool) -> list[str]:
    """Check the file, the shells and the next run after a run was killed. Return the problems."""
    wrong = []
    if keys_of(vm) not in (old, f"{old}{key.line}\n"):
        wrong.append(f"result {result}, and the file is {keys_of(vm)!r}")
    if marked:
        try:
            wait_for(lambda: not shells_on(vm), _SWITCH + 12, "only getty on the console")
        except TimeoutError:
            wrong.append(f"result {result}, and a shell is open although its mark was printed")
    try:
        done = await sosagent.add_key(vm.target, key, password=PASSWORD)
    except sosagent.ConsoleError as error:
        return [*wrong, f"result {result}, and then {error.code}: {error.message} {error.tail}"]
    with contextlib.suppress(TimeoutError):
        wait_for(lambda: not shells_on(vm), 10, "a getty")
    if not done.logged_out or shells_on(vm) or keys_of(vm) != f"{old}{key.line}\n":
        wrong.append(f"result {result}, then {done.status}, logged out {done.logged_out}, {keys_of(vm)!r}")
    return wrong


_CLIENT = """
import sys, sosagent
from pathlib import Path
user, port, identity, config, known_hosts, switch, password, line = sys.argv[1:]
target = sosagent.SshTarget(
    "127.0.0.1", user, int(port),
    identities=(Path(identity),), ssh_config=Path(config), known_hosts=Path(known_hosts),
)
report = lambda event: print(event.kind, event.text, flush=True)
sosagent.blocking.add_key(target, line, password=password, dead_man=int(switch), on_event=report)
"""


async def kill_client(
    target: sosagent.SshTarget, key: sosagent.PublicKey, password: str, seconds: float, switch: int = _SWITCH
) -> bool:
    """Start a client process and kill it `seconds` after its first output. Return whether the receiver had answered."""
    words = [target.user, target.port, target.identities[0], target.ssh_config, target.known_hosts, switch, password]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _CLIENT, *map(str, words), key.line, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdout is not None
    output = await process.stdout.readline()
    await asyncio.sleep(seconds)
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGKILL)
    output += await process.stdout.read()
    await process.wait()
    return b" before, in " in output


async def kill_clients(vm: Machine, count: int, seed: int, folder: Path) -> list[str]:
    """Kill the client at `count` random moments. Return the problems."""
    moments = random.Random(seed)
    wrong = []
    for number in range(count):
        key, old, seconds = new_key(folder, f"kill{number}"), keys_of(vm), moments.random() * 3.2
        ready = await kill_client(vm.target, key, PASSWORD, seconds)
        wrong += [f"killed after {seconds:.3f} s: {it}" for it in await _after(vm, old, key, "nothing", ready)]
    return wrong


async def crash(seed: int, folder: Path) -> str:
    """Kill QEMU at a random moment of the edit, and boot the machine again. Return the problem, or an empty string."""
    after = random.Random(seed).random() * 0.5
    with machine() as vm:
        key, old = new_key(folder, f"crash{seed}"), keys_of(vm)
        loop = asyncio.get_running_loop()

        def on_event(event: sosagent.Event) -> None:
            if event.kind == "start" and event.text.startswith("append"):
                loop.call_later(after, vm.processes[0].kill)

        result: str
        try:
            result = (await sosagent.add_key(vm.target, key, password=PASSWORD, timeout=20, on_event=on_event)).status
        except sosagent.ConsoleError as error:
            result = error.code
        vm.processes[0].kill()
        restart(vm)
        text = vm.ssh(vm.admin, "cat /root/.ssh/authorized_keys").stdout  # logs in with the key installed earlier
    # After a crash, ext4 may have the file's new length without its new bytes. The old bytes were on disk long before.
    if not text.startswith(old) or (result == "added" and text != f"{old}{key.line}\n"):
        return f"crash {after:.3f} s into the edit: result {result}, and the file is {text!r}"
    return ""


def main() -> None:
    """Run all trials, or those that match an argument, and print the problems."""
    trials: dict[str, Callable[[Path], list[str]]] = {
        f"line cut at {_CUTS} evenly spaced points": _on_machine(lambda vm, folder: cut_at_points(vm, _CUTS, folder)),
        f"client killed at {_KILLS} random moments": _on_machine(
            lambda vm, folder: kill_clients(vm, _KILLS, 1, folder)
        ),
        f"machine killed at {_CRASHES} random moments of the edit": lambda folder: [
            wrong for seed in range(_CRASHES) if (wrong := asyncio.run(crash(seed, folder)))
        ],
    }
    for name, run in trials.items():
        if sys.argv[1:] and not any(word in name for word in sys.argv[1:]):
            continue
        with tempfile.TemporaryDirectory(prefix="sosagent-kills-") as folder:
            wrong = run(Path(folder))
        print(f"{name}: {len(wrong)} problems", flush=True)
        for line in wrong:
            print(f"  {line}")


def _on_machine(work: Callable[[Machine, Path], object]) -> Callable[[Path], list[str]]:
    def run(folder: Path) -> list[str]:
        with machine() as vm:
            return asyncio.run(work(vm, folder))  # type: ignore[arg-type]

    return run


if __name__ == "__main__":
    main()

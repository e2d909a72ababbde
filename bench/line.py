"""(6) How much longer a job takes than its bytes on a slow line, and how much memory a busy line costs."""

from __future__ import annotations

import asyncio
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import asyncssh

import sosagent
from sosagent.lab import DirectTransport, Faults, FaultyTransport, SimulatedMachine

_RUNS = 5
_BAUD = 9600
_BITS = 10
_PORTION = 16 * 1024
_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43
_PASSWORD = sosagent.Secret("correct horse 3")


async def _add(faults: Faults) -> sosagent.AddKeyResult:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o711)
        machine = SimulatedMachine("lab", folder / "root", _PASSWORD)
        machine.power_on()
        transport = FaultyTransport(DirectTransport(machine), faults)
        key = f"{_KEY} line"
        try:
            first = await sosagent.add_key(transport, key, password=_PASSWORD)
            assert first.status == "added"
            # In the second run the file exists, which is the usual case.
            other = FaultyTransport(DirectTransport(machine), faults)
            return await sosagent.add_key(other, key.replace("AAAA ", "AAAB "), password=_PASSWORD)
        finally:
            await transport.aclose()
            machine.power_off()


def speed() -> None:
    """Compare a job at 9600 baud in the lab with the time of its bytes, and with the same job on a fast line."""
    ratios = []
    for run in range(_RUNS):
        fast = asyncio.run(_add(Faults(seed=run)))
        slow = asyncio.run(_add(Faults(baud=_BAUD, seed=run)))
        line = (slow.bytes_sent + slow.bytes_received) * _BITS / _BAUD
        ratios.append(slow.seconds / (line + fast.seconds))
    print(f"an add at {_BAUD} baud, in the lab, median of {_RUNS}")
    print(f"  {slow.seconds:.2f} s; {slow.bytes_sent} bytes sent, {slow.bytes_received} received take {line:.2f} s")
    print(f"  {statistics.median(ratios):.2f} x that and the job's time on a fast line ({fast.seconds:.2f} s)")


async def _flooded(size: int) -> str:
    """Run a job against an endpoint that sends `size` bytes of boot log and closes. Return the output of the job."""
    said = (f"[{at / 7:12.6f}] systemd[1]: Started unit-{at:05}.service - of a long boot.\r\n" for at in range(300))
    lines = "".join(said)
    portion = (lines.encode() * (_PORTION // len(lines) + 1))[:_PORTION]

    async def console(process: asyncssh.SSHServerProcess[bytes]) -> None:
        for _ in range(size // _PORTION):
            process.stdout.write(portion)
            await process.stdout.drain()
        process.exit(0)

    key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.listen(
        "127.0.0.1", 0, server_host_keys=[key], server_factory=_Anybody, process_factory=console, encoding=None,
        line_editor=False,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        known = Path(folder) / "known_hosts"
        known.write_bytes(b"[127.0.0.1]:%d " % server.get_port() + key.export_public_key())
        call = [sys.executable, "-m", "bench.line", str(server.get_port()), str(known)]
        job = await asyncio.create_subprocess_exec(*call, stdout=subprocess.PIPE)
        out, _ = await job.communicate()
    server.close()
    return out.decode().strip()


class _Anybody(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return False


async def _job(port: int, known_hosts: Path) -> None:
    target = sosagent.parse_target(f"lab@127.0.0.1:{port}", known_hosts=known_hosts)
    try:
        await sosagent.add_key(target, f"{_KEY} boot", password=_PASSWORD, timeout=3600)
    except sosagent.ConsoleError as error:
        said = error.code
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{most:.1f} MiB at most, {said}")


def memory() -> None:
    """Measure the resident memory of a job that reads a boot log over SSH, in a separate process for each size."""
    print("resident memory of one job, by how much the console prints")
    for mebibytes in (1, 64, 1024):
        begun = time.perf_counter()
        said = asyncio.run(_flooded(mebibytes << 20))
        print(f"  {mebibytes:5} MiB: {said}, {time.perf_counter() - begun:.1f} s", flush=True)


if __name__ == "__main__":
    asyncio.run(_job(int(sys.argv[1]), Path(sys.argv[2])))

"""Runs many jobs over bad lines: `make soak`, or `python -m tests.support.soak [--runs N] [--seed N] [CLASS]...`

Each run has its own machine with two earlier keys, and a line with faults that the seed determines. It adds one key,
and then checks the file and the machine. A run succeeds only if its result reports success and the file has the key.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import os
import pwd
import shutil
import statistics
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import sosagent
from sosagent.lab import DirectTransport, Faults, FaultyTransport, SimulatedMachine

__all__ = ["CLASSES", "KEY", "OLD", "Outcome", "every", "one", "with_old_keys"]

#: The lines to try, and the smallest share of runs that must succeed.
CLASSES = {
    "drop 1e-4": (Faults(drop=1e-4), 0.99),
    "drop 1e-3": (Faults(drop=1e-3), 0.90),
    "double 1e-3": (Faults(double=1e-3), 0.90),
    "flip 1e-3": (Faults(flip=1e-3), 0.90),
    "kernel lines 5/s": (Faults(klog=5), 0.999),
    "kernel lines 50/s": (Faults(klog=50), 0.999),
    "mix": (Faults(drop=3e-4, double=3e-4, flip=3e-4, klog=10), 0.90),
}
OLD = "# the team\n" + "".join(f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{c * 43} {c}@old\n" for c in "BC")
KEY = sosagent.parse_public_keys(f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{'A' * 43} new")[0]
_PASSWORD = sosagent.Secret("correct horse 7")
_AT_ONCE = 16


@dataclass(frozen=True)
class Outcome:
    """The outcome of one run.

    Fields:
        result: ``added``, or the error's code.
        wrong: violated guarantees: a false success, changed old bytes, a torn line, a shell left open.
        seconds: duration of the run.
        error: the message, if the key was not added.
    """

    result: str
    wrong: tuple[str, ...]
    seconds: float
    error: str = ""


async def one(faults: Faults, timeout: float = 120.0) -> Outcome:
    """Run the job once over a line with `faults`."""
    folder = Path(tempfile.mkdtemp(prefix="sosagent-soak-"))
    folder.chmod(0o711)
    machine = SimulatedMachine("lab", folder / "root", _PASSWORD)
    file = with_old_keys(machine.home)
    machine.power_on()
    transport = FaultyTransport(DirectTransport(machine), faults)
    started = time.monotonic()
    result: str
    logged_out, error_text = True, ""
    try:
        done = await sosagent.add_key(transport, KEY, password=_PASSWORD, timeout=timeout)
        result, logged_out = done.status, done.logged_out
    except sosagent.ConsoleError as error:
        result, logged_out = error.code, False
        error_text = f"{error.message} | {error.hint} | {' / '.join(error.tail[-3:])}"
    seconds = time.monotonic() - started
    await transport.aclose()
    text = file.read_text("utf-8", "replace")
    violations = {
        "false success": result == "added" and not text.endswith(f"{KEY.line}\n"),
        "old bytes changed": not text.startswith(OLD),
        "torn line": text not in (OLD, f"{OLD}{KEY.line}\n"),
        "shell left open after reporting a logout": logged_out and machine.in_use,
    }
    machine.power_off()
    shutil.rmtree(folder)
    return Outcome(result, tuple(name for name, violated in violations.items() if violated), seconds, error_text)


def with_old_keys(home: Path) -> Path:
    """Create root's authorized_keys on a simulated machine, and return its path."""
    file = home / ".ssh" / "authorized_keys"
    file.parent.mkdir(mode=0o700)
    file.write_text(OLD)
    file.chmod(0o600)
    if os.getuid() == 0:  # the machine's shell runs as nobody
        for path in (file.parent, file):
            shutil.chown(path, pwd.getpwnam("nobody").pw_uid, pwd.getpwnam("nobody").pw_gid)
    return file


async def every(faults: Faults, seeds: range) -> list[Outcome]:
    """Run the job once for each of `seeds`, several at a time."""
    slots = asyncio.Semaphore(_AT_ONCE)

    async def run(seed: int) -> Outcome:
        async with slots:
            return await one(replace(faults, seed=seed))

    return await asyncio.gather(*map(run, seeds))


def main() -> None:
    """Print a table with one row for each class."""
    parser = argparse.ArgumentParser()
    parser.add_argument("classes", nargs="*", default=list(CLASSES), metavar="CLASS")
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-v", "--verbose", action="store_true", help="print every error")
    options = parser.parse_args()
    seeds = range(options.seed, options.seed + options.runs)
    print(f"seeds {seeds.start} to {seeds.stop - 1}, {os.cpu_count()} cores\n")
    print("| line | added | false, lost, torn or left | median s | 99 % s | errors |")
    print("|---|---|---|---|---|---|")
    for name in options.classes:
        outcomes = asyncio.run(every(CLASSES[name][0], seeds))
        seconds = sorted(outcome.seconds for outcome in outcomes)
        added = sum(outcome.result == "added" for outcome in outcomes)
        wrong = [
            f"seed {seed}: {outcome.wrong}" for seed, outcome in zip(seeds, outcomes, strict=True) if outcome.wrong
        ]
        errors = collections.Counter(outcome.result for outcome in outcomes if outcome.result != "added")
        print(
            f"| {name} | {added / len(outcomes):.1%} | {'; '.join(wrong) or 0} | {statistics.median(seconds):.1f} "
            f"| {seconds[int(len(seconds) * 0.99) - 1]:.1f} "
            f"| {', '.join(f'{code} {count}' for code, count in errors.most_common()) or '-'} |",
            flush=True,
        )
        for seed, outcome in zip(seeds, outcomes, strict=True):
            if options.verbose and outcome.error:
                print(f"  seed {seed}: {outcome.error}", flush=True)


if __name__ == "__main__":
    main()

"""The lab on a computer without sshd: its machine has one, so that jobs end as on a real machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_PROGRAM = """
import asyncio, sosagent
from sosagent.lab import open_lab
from tests.conftest import new_key, target_of

async def main():
    async with open_lab() as lab:
        for _ in range(2):
            done = await sosagent.add_key(target_of(lab), [new_key()], password=lab.password)
            print(done.status, done.warnings, done.problems)

asyncio.run(main())
"""


@pytest.mark.skipif(os.getuid() != 0 or not shutil.which("unshare"), reason="needs root: a mount")
def test_a_key_is_added() -> None:
    hide = "if [ -e /usr/sbin/sshd ]; then mount --bind /dev/null /usr/sbin/sshd; fi"
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", f'{hide} && exec "$0" -c "$1"']
    done = subprocess.run(
        [*command, sys.executable, _PROGRAM], env={**os.environ, "PYTHONPATH": str(Path.cwd())}, capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    if "mount" in done.stderr or "unshare" in done.stderr:
        pytest.skip("cannot mount here")
    assert done.stdout == "added () ()\n" * 2, done.stderr

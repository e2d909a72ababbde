"""`sosagent exec` as a process on a virtual machine."""

from __future__ import annotations

import os
import random
import signal
import subprocess

import pytest

from ..support.forks import forked
from ..support.ports import wait_for
from .image import PASSWORD
from .machine import Machine

pytestmark = pytest.mark.vm


def start(vm: Machine, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*forked(), "exec", *vm.arguments, *words],
        env={**os.environ, "SOS_PASSWORD": PASSWORD}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip


def test_streams_are_exact_and_apart(vm: Machine) -> None:
    data = random.Random(5).randbytes(40_000)
    with start(vm, "--stdin", "--", "sh", "-c", "cat; echo apart >&2; exit 200") as job:
        out, err = job.communicate(data)
    assert (job.returncode, out == data, err) == (200, True, b"apart\n")


def test_an_interrupted_command_is_gone(vm: Machine) -> None:
    with start(vm, "--", "sh", "-c", "echo up; exec sleep 612") as job:
        assert job.stdout is not None
        assert job.stdout.readline() == b"up\n"
        job.send_signal(signal.SIGINT)
        _, err = job.communicate()
    assert job.returncode == 255 and b"stopped by SIGINT" in err
    wait_for(lambda: "sleep 612" not in vm.do("ps -eo args="), 20, "the command to end")

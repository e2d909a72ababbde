"""What the tests on the real machine share."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .machine import Machine, machine


@pytest.fixture
def vm() -> Iterator[Machine]:
    """A machine of its own for each test, just booted and at its login prompt."""
    with machine() as running:
        yield running


@pytest.fixture
def identity(tmp_path: Path) -> Path:
    """A key pair that nobody has used before: its private half."""
    return generated(tmp_path / "id")


def generated(path: Path, *options: str) -> Path:
    """A key pair made by ssh-keygen: its private half."""
    call: list[str | Path] = ["ssh-keygen", "-q", "-N", "", "-C", "me@bastion"]
    call += [*(options or ("-t", "ed25519")), "-f", path]
    subprocess.run(call, check=True)
    return path

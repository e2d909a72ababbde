"""Fixtures for the tests on the virtual machine."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .machine import Machine, machine


@pytest.fixture
def vm() -> Iterator[Machine]:
    """A separate machine for each test, at its login prompt."""
    with machine() as running:
        yield running


@pytest.fixture
def identity(tmp_path: Path) -> Path:
    """The private key of a new pair."""
    return generated(tmp_path / "id")


def generated(path: Path, *options: str) -> Path:
    """Generate a key pair with ssh-keygen, and return the private key."""
    call: list[str | Path] = ["ssh-keygen", "-q", "-N", "", "-C", "me@bastion"]
    call += [*(options or ("-t", "ed25519")), "-f", path]
    subprocess.run(call, check=True)
    return path

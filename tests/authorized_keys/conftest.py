"""File systems for the tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ..support.authorized_keys import ext4


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A real ext4 file system of 1 MiB with 32 inodes."""
    with ext4(tmp_path) as folder:
        yield folder

"""The verified shell as jobs use it: run programs, and copy files to and from the machine."""

from __future__ import annotations

from collections.abc import Callable

from ..file_change import Confirm
from ..paths import StrPath, as_path
from .download import download
from .tools import Tools, ask_tools
from .transfer import MAX_BYTES, Transfer
from .upload import upload
from .verified import Result, VerifiedShell

__all__ = ["Result", "Shell"]


class Shell(VerifiedShell):
    """A plain /bin/sh on the machine that runs only what arrived intact; see `VerifiedShell`."""

    _tools: Tools | None = None

    async def find_tools(self) -> Tools:
        """Return the tools for file transfers that the machine has. They are tried once in each shell."""
        if self._tools is None:
            self._tools = await ask_tools(self)
        return self._tools

    async def upload(
        self,
        source: StrPath | bytes,
        target: str,
        *,
        mode: int | None = None,
        on_progress: Callable[[int, int], None] | None = None,
        dry_run: bool = False,
        confirm: Confirm | None = None,
    ) -> Transfer:
        """Copy a file to the machine; see `upload.upload`."""
        return await upload(
            self, source, target, find_tools=self.find_tools, mode=mode, on_progress=on_progress,
            dry_run=dry_run, confirm=confirm,
        )  # fmt: skip

    async def download(
        self,
        source: str,
        target: StrPath | None,
        *,
        most: int = MAX_BYTES,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> Transfer:
        """Copy a file from the machine; see `download.download`."""
        return await download(
            self, source, as_path(target), find_tools=self.find_tools, most=most, on_progress=on_progress
        )

"""The verified shell as jobs use it: programs, and files to and from the machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .download import download
from .transfer import MOST_BYTES, Tools, Transfer, ask_tools
from .upload import upload
from .verified import Result, VerifiedShell

__all__ = ["Result", "Shell"]


class Shell(VerifiedShell):
    """A plain /bin/sh on the machine that runs nothing that did not arrive intact; see `VerifiedShell`."""

    _tools: Tools | None = None

    async def find_tools(self) -> Tools:
        """What the machine has for file transfers. It is tried once for each shell."""
        if self._tools is None:
            self._tools = await ask_tools(self)
        return self._tools

    async def upload(
        self,
        source: Path | bytes,
        target: str,
        *,
        mode: int | None = None,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> Transfer:
        """Copy a file to the machine; see `upload.upload`."""
        return await upload(self, source, target, find_tools=self.find_tools, mode=mode, on_progress=on_progress)

    async def download(
        self,
        source: str,
        target: Path | None,
        *,
        most: int = MOST_BYTES,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> Transfer:
        """Copy a file from the machine; see `download.download`."""
        return await download(self, source, target, find_tools=self.find_tools, most=most, on_progress=on_progress)

"""A root file system that is mounted read-only, made writable for the job if we are told to, and put back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ..console.events import Event
from ..errors import EditRefused
from ..printable import printable
from ..shell.programs import program
from ..shell.shell import Shell

__all__ = ["writable_root"]


@asynccontextmanager
async def writable_root(shell: Shell) -> AsyncIterator[None]:
    """Within it the root file system can be written to. In an initramfs the way in sees to that (console/login.py).

    Args:
        shell: on the machine, as root.

    Raises:
        EditRefused: it cannot be remounted.
    """
    options = (await shell.run(program("where"))).lines[-1].split(",")
    if "ro" not in options:
        yield
        return
    done = await shell.run("mount -o remount,rw /")
    if done.status != 0:
        raise EditRefused(
            "the root file system cannot be remounted read-write",
            state="our shell",
            tail=done.lines,
            hint="The kernel's last lines (dmesg) may say why; a disk with errors stays read-only until fsck has run.",
        )
    shell.console.tell(Event("note", "the root file system is writable for the job, and put back after it"))
    try:
        yield
    finally:
        back = await shell.run("sync;mount -o remount,ro /")
        if back.status != 0:
            text = printable(back.output.decode("utf-8", "replace"), 200)
            shell.console.tell(Event("note", f"the root file system could not be made read-only again: {text}"))

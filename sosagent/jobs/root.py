"""A root file system that is mounted read-only, made writable for the job if we are told to, and put back."""

from __future__ import annotations

from ..console.events import Event
from ..errors import EditRefused
from ..shell.programs import program
from ..shell.shell import Shell

__all__ = ["make_root_writable"]


async def make_root_writable(shell: Shell) -> None:
    """Remount the root file system if it is read-only; closing the shell puts it back.

    In an initramfs the way in sees to that (console/initramfs.py).

    Args:
        shell: on the machine, as root.

    Raises:
        EditRefused: it cannot be remounted.
    """
    options = (await shell.run(program("where"))).lines[-1].split(",")
    if "ro" not in options:
        return
    shell.put_back.append("sync;mount -o remount,ro /")
    done = await shell.run("mount -o remount,rw /")
    if done.status != 0:
        shell.put_back.pop()
        raise EditRefused(
            "the root file system cannot be remounted read-write",
            state="our shell",
            tail=done.lines,
            hint="The kernel's last lines (dmesg) may say why; a disk with errors stays read-only until fsck has run.",
        )
    shell.console.tell(Event("note", "the root file system is writable for the job, and put back after it"))

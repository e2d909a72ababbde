"""The sshd of a machine with a system of its own: the real one, started for each connection to a port of 127.0.0.1."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket

from .machine_files import SSH_SERVER_USER
from .own_system import OwnSystem

__all__ = ["SshServer", "missing_for_sshd"]

_SSHD = "/usr/sbin/sshd"
#: PAM and another user's rights need root's privileges; so sshd runs without them (see `machine_files.sshd_files`).
#: Its root has no uid 0 for sshd, which would therefore take root's password whatever PermitRootLogin is.
_WORDS = [_SSHD, "-i", "-o", "UsePAM=no", "-o", "PasswordAuthentication=no"]


def missing_for_sshd() -> str:
    """Return the program that this computer lacks for it; empty if it has all."""
    if not os.access(_SSHD, os.X_OK):
        return "sshd"
    return "" if shutil.which("unshare", path="/usr/bin:/bin") else "unshare"


class SshServer:
    """Listens on a free port of 127.0.0.1, and starts an sshd on the machine for each client.

    Args:
        system: the machine's system.

    Attributes:
        port: the port.
    """

    def __init__(self, system: OwnSystem) -> None:
        self._system = system
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._task = asyncio.create_task(self._accept())

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            client, _ = await loop.sock_accept(self._listener)
            with client:
                client.setblocking(True)  # for sshd, which shares the flag
                self._system.serve(SSH_SERVER_USER, _WORDS, client)

    async def aclose(self) -> None:
        """Stop listening."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._listener.close()

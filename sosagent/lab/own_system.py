"""A system of its own for the lab's machine: uid 0, host name, users, processes and files, in namespaces.

No privileges are needed where the kernel allows user namespaces; root can create them on every Linux. The machine's
root is the lab's own user, or nobody if root runs the lab, so it can change nothing that this user cannot change; and
apart from its home folders, nothing of this computer that it sees can be written to.
"""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import shutil
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..printable import printable
from ..secrets.secret import Secret
from .machine_files import COPIED, PRIVATE, SSH_SERVER_USER, files, hash_password, make_homes, users

__all__ = ["NoSystem", "OwnSystem", "Program"]

_SECONDS = 10.0
_MAX_PACKET = 1 << 16
_PROGRAM = Path(__file__).with_name("first_process.py")


class NoSystem(Exception):
    """This computer does not allow the machine a system of its own; the argument says why."""


@dataclass(eq=False)
class Program:
    """A program on the machine's terminal.

    Fields:
        child_fd: the master side of the terminal.
    """

    child_fd: int

    def isalive(self) -> bool:
        """Whether the terminal has not been hung up."""
        return self.child_fd >= 0

    def close(self, force: bool = True) -> None:
        """Hang up the terminal."""
        if self.child_fd >= 0:
            os.close(self.child_fd)
            self.child_fd = -1


class OwnSystem:
    """A running system.

    Args:
        process: the program that started it.
        control: the socket to its first process.
    """

    def __init__(self, process: asyncio.subprocess.Process, control: socket.socket) -> None:
        self._process = process
        self._control = control
        self._users = users()

    @classmethod
    async def start(cls, folder: Path, name: str, password: Secret, extra: Mapping[str, str]) -> OwnSystem:
        """Start a system whose home folders are below `folder`.

        Args:
            folder: the lab's folder.
            name: the machine's host name.
            password: the password of its users.
            extra: files that it has besides those of `machine_files`: paths without the first slash, and contents.

        Raises:
            NoSystem: this computer does not allow it.
        """
        if sys.platform != "linux":
            raise NoSystem("this computer does not run Linux")
        uid, gid = os.getuid(), os.getgid()
        if uid == 0:
            nobody = pwd.getpwnam("nobody")
            uid, gid = nobody.pw_uid, nobody.pw_gid
        (folder / "system").mkdir(mode=0o755)
        for home in (folder / "system", *make_homes(folder)):
            if os.getuid() == 0:
                shutil.chown(home, uid, gid)
        description = {
            "folder": str(folder), "name": name, "uid": uid, "gid": gid, "users": users(), "copied": COPIED,
            "private": PRIVATE, "files": {**files(name, hash_password(password)), **extra},
        }  # fmt: skip
        control, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with far:
            words = [sys.executable, "-I", "-S", str(_PROGRAM), str(far.fileno())]
            process = await asyncio.create_subprocess_exec(
                *words, pass_fds=[far.fileno()], stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        system = cls(process, control)
        control.settimeout(_SECONDS)
        try:
            control.send(json.dumps(description).encode())
            await asyncio.to_thread(system._answer)
        except OSError as error:
            await system.aclose()
            raise NoSystem(str(error)) from None
        except BaseException:
            await system.aclose()
            raise
        return system

    def log_in(self, user: str) -> Program:
        """Start the login shell of a user on the machine's terminal."""
        shell = self._users[user]["shell"]
        return self.start_program(user, [f"-{Path(shell).name}"], path=shell)

    def knows(self, user: str) -> bool:
        """Whether a user can log in."""
        return user in self._users and user != SSH_SERVER_USER

    def start_program(self, user: str, words: list[str], *, path: str = "") -> Program:
        """Start a program on the machine's terminal.

        Args:
            user: who runs it.
            words: its arguments, with its name.
            path: the path of the program, if it is not the first word.
        """
        self._control.send(json.dumps({"user": user, "words": words, "path": path or words[0]}).encode())
        return Program(self._answer()[0])

    def serve(self, user: str, words: list[str], client: socket.socket) -> None:
        """Start a program whose standard input and output is a socket."""
        request = {"user": user, "words": words, "path": words[0], "given": True}
        socket.send_fds(self._control, [json.dumps(request).encode()], [client.fileno()])
        self._answer()

    async def aclose(self) -> None:
        """End everything that runs on the machine."""
        self._control.close()
        try:
            async with asyncio.timeout(_SECONDS):
                await self._process.wait()
        except TimeoutError:
            # The first process is in this group, and the kernel ends everything else with it (pid_namespaces(7)).
            os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()

    def _answer(self) -> list[int]:
        """Wait for the answer to a request.

        Returns:
            The file descriptors that came with it.

        Raises:
            OSError: the request was refused; the text says why.
        """
        data, received, _, _ = socket.recv_fds(self._control, _MAX_PACKET, 1)
        answer: dict[str, Any] = json.loads(data) if data else {"error": "the first process has ended"}
        if "error" in answer:
            raise OSError(printable(answer["error"], 200))
        return received

"""Run commands under test in forks of a process that has imported everything.

A new Python spends half a second of the processor on what a command imports, and the tests start hundreds of commands.
`forked()` returns the words of a small program (fork_client.py) that takes the place of ``python -m sosagent``: it
passes its arguments, environment, folder and standard streams to a server, which forks; the fork runs the command. The
small program forwards SIGINT, SIGTERM and SIGHUP, and ends as the command ended.

The command itself must be started by tests of its start, of a controlling terminal, of closed standard streams, of
SIGKILL, and of variables that Python reads at its start (PYTHONPATH, LANG).
"""

from __future__ import annotations

import array
import atexit
import gc
import importlib
import os
import pkgutil
import random
import selectors
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NoReturn

from .accounts import join

__all__ = ["CLOSED", "ENCODING", "forked", "share_server"]

_VARIABLE = "SOSAGENT_TEST_FORKS"
#: Variables of a command: the numbers of the standard streams that are closed, as in "01", and the encoding of the
#: rest.
CLOSED, ENCODING = "TESTS_CLOSED_STREAMS", "TESTS_STREAM_ENCODING"

_CLIENT = Path(__file__).with_name("fork_client.py")


def forked(name: str = "sosagent") -> list[str]:
    """Return the words that start `name`, "sosagent" or "sos-addkey", in a fork. The server is started if it is not."""
    return [sys.executable, "-I", "-S", str(_CLIENT), _server(), name]


def share_server() -> None:
    """Start the server now, for this process and all that it starts."""
    os.environ[_VARIABLE] = _server()


@cache
def _server() -> str:
    """Start a server that ends with this process, if none is shared. Return the path of its socket."""
    if _VARIABLE in os.environ:
        return os.environ[_VARIABLE]
    folder = tempfile.mkdtemp(prefix="sosagent-forks-")
    path = str(Path(folder, "socket"))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(64)
        words = [sys.executable, "-m", __name__, str(listener.fileno())]
        process = subprocess.Popen(words, stdin=subprocess.PIPE, pass_fds=[listener.fileno()])

    def end() -> None:
        assert process.stdin is not None
        process.stdin.close()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(end)
    return path


class _Forks:
    """The server: one connection is one command.

    Args:
        listener: the socket for commands.
    """

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ)
        self._selector.register(0, selectors.EVENT_READ)

    def serve(self) -> None:
        """Run commands until the process that started this one ends."""
        while True:
            for key, _ in self._selector.select():
                if key.fileobj == 0:
                    return
                if key.fileobj is self._listener:
                    self._start()
                else:
                    self._report(key.fd, *key.data)

    def _start(self) -> None:
        connection, _ = self._listener.accept()
        head, passed, _, _ = connection.recvmsg(4, socket.CMSG_SPACE(12))
        streams = array.array("i", passed[0][2])
        data = connection.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL)
        peer, _, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        pid = os.fork()
        if not pid:
            join(peer)
            _run(data, list(streams))
        for one in streams:
            os.close(one)
        connection.sendall(pid.to_bytes(4, "big"))
        self._selector.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, connection))

    def _report(self, descriptor: int, pid: int, connection: socket.socket) -> None:
        self._selector.unregister(descriptor)
        os.close(descriptor)
        _, status = os.waitpid(pid, 0)
        with connection, suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(status.to_bytes(4, "big"))


def _run(data: bytes, streams: list[int]) -> NoReturn:
    """Become the command, in the fork."""
    from sosagent.cli import main

    try:
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        os.closerange(3, 256)
        folder, count, *fields = data.split(b"\0")
        words, variables = fields[: int(count)], fields[int(count) :]
        os.environb.clear()
        os.environb.update((name, value) for name, _, value in (field.partition(b"=") for field in variables))
        os.chdir(folder)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        random.seed()
        sys.argv = [os.fsdecode(word) for word in words]
        _open_streams(os.environ.pop(CLOSED, ""), os.environ.pop(ENCODING, "utf-8"))
        (main.addkey_main if sys.argv[0].endswith("sos-addkey") else main.main)()
    finally:
        os._exit(99)


def _open_streams(closed: str, encoding: str) -> None:
    """Open the standard streams as Python does in the C and in UTF-8 locales, or with another PYTHONIOENCODING."""
    errors = "surrogateescape" if encoding == "utf-8" else "strict"
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if str(number) in closed:
            os.close(number)
            setattr(sys, name, None)
        else:
            mode, how = "w" if number else "r", "backslashreplace" if number == 2 else errors
            setattr(sys, name, open(number, mode, encoding=encoding, errors=how, closefd=False))  # noqa: SIM115


def _import_all() -> None:
    import sosagent

    for module in pkgutil.walk_packages(sosagent.__path__, "sosagent."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _import_all()
    gc.collect()
    gc.freeze()
    _Forks(socket.socket(fileno=int(sys.argv[1]))).serve()

"""TCP ports of this machine, and waiting for other processes."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path

__all__ = ["answers", "free_port", "listens", "wait_for"]


def free_port() -> int:
    """Return a port on 127.0.0.1 that no server listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert isinstance(port, int)
    return port


def answers(port: int, greeting: bytes = b"SSH-") -> bool:
    """Return whether a server on 127.0.0.1 sends a text that starts with `greeting` (4 bytes)."""
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as line:
            line.settimeout(5)
            return line.recv(4) == greeting
    except OSError:
        return False


def listens(port: int) -> bool:
    """Return whether a server listens on 127.0.0.1, without connecting to it."""
    return f"0100007F:{port:04X} 00000000:0000 0A" in Path("/proc/net/tcp").read_text()


def wait_for(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Wait until `condition` of another process is true, by polling.

    Raises:
        TimeoutError: it was not true within `seconds`; the message names `what`.
    """
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"no sign of {what} within {seconds:.0f} s")
        time.sleep(0.02)

"""A real sshd on the loopback interface that reads one file of keys."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..conftest import installed
from .ports import free_port

__all__ = ["running_sshd"]


@contextmanager
def running_sshd(folder: Path, *, certificate_for: str = "", settings: str = "") -> Iterator[tuple[int, Path]]:
    """Yield its port and its file of keys. Its host key is ``host`` in `folder`.

    Args:
        folder: for its files.
        certificate_for: names for which ``authority`` in `folder` certifies the host key; separated by commas.
        settings: more lines for its configuration.
    """
    program = installed([shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin") or "sshd"])[0]
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "host"], check=True)
    certificate = ""
    if certificate_for:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "authority"], check=True)
        sign = ["ssh-keygen", "-q", "-s", str(folder / "authority"), "-I", "host", "-h", "-n", certificate_for]
        subprocess.run([*sign, str(folder / "host.pub")], check=True)
        certificate = f"HostCertificate {folder / 'host-cert.pub'}\n"
    keys, port = folder / "keys", free_port()
    keys.touch()
    config = folder / "sshd_config"
    config.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder / 'host'}\nPidFile none\nStrictModes no\nUsePAM no\n"
        f"PermitRootLogin yes\nPasswordAuthentication no\nMaxStartups 200\nAuthorizedKeysFile {keys}\n"
        f"{certificate}{settings}"
    )
    with (folder / "sshd.log").open("wb") as log:
        server = subprocess.Popen([program, "-D", "-e", "-f", config], stdin=subprocess.DEVNULL, stderr=log)
    try:
        _wait_until_it_answers(port)
        yield port, keys
    finally:
        server.terminate()
        server.wait()


def _wait_until_it_answers(port: int) -> None:
    end = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < end, "sshd does not answer"
            time.sleep(0.02)
        else:
            return

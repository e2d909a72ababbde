"""Run commands for the tests, inside the machine: requests come over a virtio port, one JSON object a line.

The image contains this file; systemd runs it as root. It is cheaper than ssh, which costs an emulated processor
seconds, and it still works when a test has stopped sshd or has cut the network.
"""

from __future__ import annotations

import json
import os
import subprocess
import time

PORT = "/dev/virtio-ports/errands"


def main() -> None:
    """Answer requests forever."""
    port, waiting = os.open(PORT, os.O_RDWR), b""
    while True:
        data = os.read(port, 65536)
        if not data:  # the host is not connected
            time.sleep(0.2)
            continue
        *requests, waiting = (waiting + data).split(b"\n")
        for request in requests:
            reply = run(**json.loads(request))
            left = json.dumps(reply).encode() + b"\n"
            while left:
                left = left[os.write(port, left) :]


def run(number: int, command: str) -> dict[str, object]:
    """Run `command` by /bin/sh, and return its status and its output."""
    done = subprocess.run(
        ["/bin/sh", "-c", command], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace"
    )
    return {"number": number, "status": done.returncode, "output": done.stdout, "errors": done.stderr}


if __name__ == "__main__":
    main()

"""`make demo`: start the lab, create a key, and run the real `sos-addkey` twice."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

import asyncssh

from sosagent.lab import Lab, open_lab


async def main() -> int:
    """Add a key, add it again, and return the exit status."""
    async with open_lab(machine="web-1") as lab:
        with tempfile.TemporaryDirectory() as folder:
            public = Path(folder) / "id_ed25519.pub"
            public.write_bytes(asyncssh.generate_private_key("ssh-ed25519", "you@laptop").export_public_key())
            print("A machine is running behind a serial console over SSH. It does not have this key:")
            print(f"    {public.read_text().strip()}")
            _show_file(lab)
            print(f"\n$ sos-addkey ... {lab.host} {public.name}")
            status = await _run(lab, public)
            _show_file(lab)
            print("\nRun it again:")
            status = await _run(lab, public) or status
            print("\n(The command warns that it could not check sshd: the lab's machine does not have one.)")
            return status


async def _run(lab: Lab, public: Path) -> int:
    command = str(Path(sys.executable).with_name("sos-addkey"))
    process = await asyncio.create_subprocess_exec(command, *lab.arguments, str(public))
    return await process.wait()


def _show_file(lab: Lab) -> None:
    print(f"\nauthorized_keys on {lab.machine.name}:")
    text = lab.authorized_keys.read_text() if lab.authorized_keys.exists() else "(no such file)"
    for line in text.splitlines():
        print(f"    {line}")


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))

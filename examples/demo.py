"""`make demo`: the lab, a fresh key, and the real `sos-addkey`, twice."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

import asyncssh

from sosagent.lab import Lab, open_lab


async def main() -> int:
    """Show an add and a second run; give the exit status."""
    async with open_lab(machine="web-1") as lab:
        with tempfile.TemporaryDirectory() as folder:
            public = Path(folder) / "id_ed25519.pub"
            public.write_bytes(asyncssh.generate_private_key("ssh-ed25519", "you@laptop").export_public_key())
            print("A machine is up behind a serial console over SSH. It does not hold this key:")
            print(f"    {public.read_text().strip()}")
            _show_file(lab)
            print(f"\n$ sos-addkey ... {lab.host} {public.name}")
            status = await _run(lab, public)
            _show_file(lab)
            print("\nOnce more:")
            status = await _run(lab, public) or status
            print("\n(The lab's machine runs no sshd: where the command could not ask one, it warns, and is right.)")
            return status


async def _run(lab: Lab, public: Path) -> int:
    command = str(Path(sys.executable).with_name("sos-addkey"))
    process = await asyncio.create_subprocess_exec(command, *lab.arguments, str(public))
    return await process.wait()


def _show_file(lab: Lab) -> None:
    print(f"\nauthorized_keys on {lab.machine.name}:")
    text = lab.authorized_keys.read_text() if lab.authorized_keys.exists() else "(there is none)"
    for line in text.splitlines():
        print(f"    {line}")


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))

"""Accounts of the tests' own: a passwd(5) in which a test sets the home folder that its shells have.

What runs on the machine finds the home folder by the account, as sshd does. Without this, a test whose shell has a HOME
of its own would look for keys in the real home of root.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

__all__ = ["join", "set_home", "use_own_accounts"]

_CLONE_NEWNS = 0x00020000
_PASSWD = Path("/etc/passwd")


@cache
def use_own_accounts() -> bool:
    """Give this process, and what it starts from now on, an /etc/passwd of its own; return whether it has one.

    Only root can do that. Another user's shells are refused by each job, because they are not root's.
    """
    if os.geteuid() != 0:
        return False
    own = Path(tempfile.mkdtemp(prefix="sosagent-accounts-")) / "passwd"
    own.write_bytes(_PASSWD.read_bytes())
    own.chmod(0o644)
    own.parent.chmod(0o755)
    _checked(ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNS), "unshare")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["mount", "--bind", own, _PASSWD], check=True)
    # Only at the end: over a file that is removed, nothing can be mounted, as the processes of xdist do.
    atexit.register(_remove, own.parent, os.getpid())
    return True


def _remove(folder: Path, process: int) -> None:
    if os.getpid() == process:  # not at the end of a process that this one forked
        shutil.rmtree(folder, ignore_errors=True)


def set_home(user: str, home: Path) -> None:
    """Change the home folder of `user` in the accounts of this process."""
    if use_own_accounts():
        text = _PASSWD.read_text()
        changed = re.sub(rf"(?m)^({user}(?::[^:\n]*){{4}}):[^:\n]*:", lambda found: f"{found[1]}:{home}:", text)
        _PASSWD.write_text(changed)


def join(process: int) -> None:
    """See the accounts, and the mounts, that another process of the tests sees. This process must have no threads."""
    if os.geteuid() == 0:
        with Path(f"/proc/{process}/ns/mnt").open("rb") as theirs:
            _checked(ctypes.CDLL(None, use_errno=True).setns(theirs.fileno(), _CLONE_NEWNS), "setns")


def _checked(result: int, call: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), call)

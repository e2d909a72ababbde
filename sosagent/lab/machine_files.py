"""The files that a machine with a system of its own has in /etc, and its users."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..secrets.secret import Secret

__all__ = ["COPIED", "HOST_KEY", "PRIVATE", "SSH_SERVER_USER", "USER", "files", "hash_password", "make_homes", "users"]

#: A user besides root, with the same password.
USER = "operator"
_UID = 1000
#: A name for what runs sshd (see `_sshd_files`); no user of the machine.
SSH_SERVER_USER = "(sshd)"
_SSH_UID = 1
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_USER_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games"

#: The private host key of its sshd.
HOST_KEY = "etc/ssh/ssh_host_ed25519_key"
#: Files and folders of this computer's /etc that its programs need, or by which they know the system.
COPIED = (
    "alternatives", "crypto-policies", "debian_version", "default", "inputrc", "ld.so.cache", "ld.so.conf",
    "ld.so.conf.d", "localtime", "login.defs", "manpath.config", "nanorc", "os-release", "pam.d", "protocols",
    "redhat-release", "screenrc", "security", "services", "shells", "terminfo", "timezone", "vim",
)  # fmt: skip
#: Files that only root can read.
PRIVATE = ("etc/shadow", HOST_KEY)

_PROFILE = f"""# /etc/profile: for login shells
if [ "$(id -u)" -eq 0 ]; then PATH={_PATH}; else PATH={_USER_PATH}; fi
export PATH
if [ "${{BASH-}}" ] && [ "$BASH" != /bin/sh ]; then . /etc/bash.bashrc
elif [ "$(id -u)" -eq 0 ]; then PS1="root@$(hostname 2>/dev/null || uname -n):~# "
else PS1="$USER@$(uname -n):~$ "
fi
"""
_BASHRC = """# /etc/bash.bashrc: for interactive shells
[ -z "${PS1-}" ] && return
shopt -s checkwinsize
PS1='\\u@\\h:\\w\\$ '
"""
#: As Debian's.
_SSHD_CONFIG = """Include /etc/ssh/sshd_config.d/*.conf
KbdInteractiveAuthentication no
UsePAM yes
X11Forwarding yes
PrintMotd no
AcceptEnv LANG LC_*
Subsystem\tsftp\t/usr/lib/openssh/sftp-server
"""


def hash_password(password: Secret) -> str | None:
    """Return a password as shadow(5) has it; None if this computer's libraries cannot compute it."""
    import ctypes  # only for a machine with a system of its own

    for name in ("libcrypt.so.1", "libcrypt.so.2", None):
        with suppress(OSError, AttributeError):
            crypt = ctypes.CDLL(name).crypt
            crypt.argtypes, crypt.restype = [ctypes.c_char_p, ctypes.c_char_p], ctypes.c_char_p
            hashed = crypt(password.reveal().encode(), f"$6${secrets.token_hex(8)}".encode())
            if hashed and hashed.startswith(b"$6$"):
                return str(hashed, "ascii")
    return None


def _login_shell() -> str:
    return "/bin/bash" if os.access("/bin/bash", os.X_OK) else "/bin/sh"


def _sshd_files(passwd: str, group: str, shell: str) -> dict[str, str]:
    """Return the files with which sshd runs.

    As root, sshd would change to other users, which the machine's user namespace does not have. So it runs as a user
    who is not root, in a user namespace of its own. There, both users of the machine have that user's number, because
    such an sshd lets in no other one. Their login shells give the session the right number again.
    """
    users = {"root": (0, "/root"), USER: (_UID, f"/home/{USER}")}
    lines = "".join(f"{name}:x:{_SSH_UID}:{_SSH_UID}::{home}:/run/lab/{name}\n" for name, (_, home) in users.items())
    shells = {
        f"run/lab/{name}": "#!/bin/sh\n[ $# = 0 ] && set -- -l\n"
        f'exec unshare --user --map-user={uid} --map-group={uid} {shell} "$@"\n'
        for name, (uid, _) in users.items()
    }
    return {"run/lab/passwd": lines + passwd, "run/lab/group": group.replace("tty:x:5:\n", ""), **shells}


def files(name: str, password_hash: str | None) -> dict[str, str]:
    """Return the machine's own files: their paths without the first slash, and their contents.

    Args:
        name: its host name.
        password_hash: of root's password, as in shadow(5); None if only the simulated login knows it.
    """
    shell, hashed = _login_shell(), password_hash or "*"
    passwd = f"root:x:0:0:root:/root:{shell}\n{USER}:x:{_UID}:{_UID}:Operator:/home/{USER}:{shell}\n"
    passwd += "sshd:x:100:65534::/run/sshd:/usr/sbin/nologin\n"
    passwd += "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
    group = f"root:x:0:\ntty:x:5:\nsudo:x:27:{USER}\n{USER}:x:{_UID}:\nnogroup:x:65534:\n"
    return {
        **_sshd_files(passwd, group, shell),
        "etc/passwd": passwd,
        "etc/group": group,
        "etc/shadow": f"root:{hashed}:19000:0:99999:7:::\n{USER}:{hashed}:19000:0:99999:7:::\n"
        "sshd:!:19000::::::\nnobody:*:19000:0:99999:7:::\n",
        "etc/hostname": f"{name}\n",
        "etc/hosts": f"127.0.0.1\tlocalhost\n127.0.1.1\t{name}\n",
        "etc/machine-id": f"{secrets.token_hex(16)}\n",
        "etc/nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n",
        "etc/profile": _PROFILE,
        "etc/bash.bashrc": _BASHRC,
        "etc/issue": "Debian GNU/Linux 12 \\n \\l\n\n",
        "etc/fstab": "",
        "etc/motd": "",
        "etc/ssh/sshd_config": _SSHD_CONFIG,
    }


def users() -> dict[str, dict[str, Any]]:
    """Return the users who can log in, with what a login gives them."""
    shell, found = _login_shell(), {}
    for name, uid, home, path in (("root", 0, "/root", _PATH), (USER, _UID, f"/home/{USER}", _USER_PATH)):
        environment = {"HOME": home, "SHELL": shell, "USER": name, "LOGNAME": name, "PATH": path, "TERM": "vt220"}
        found[name] = {"uid": uid, "home": home, "shell": shell, "environment": environment, "mounts": {}}
    mounts = {f"/etc/{name}": f"/run/lab/{name}" for name in ("passwd", "group")}
    sshd = {"uid": _SSH_UID, "home": "/", "shell": "", "environment": {"PATH": _PATH}, "mounts": mounts}
    return found | {SSH_SERVER_USER: sshd}


def make_homes(folder: Path) -> list[Path]:
    """Create the home folders below a lab's folder. Return those that must belong to the machine's root."""
    homes = [folder / "root", folder / "home", folder / "home" / USER]
    for home in homes:
        home.mkdir(mode=0o755 if home.name == "home" else 0o700, exist_ok=True)
    return homes

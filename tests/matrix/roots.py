"""The root file systems of the machines of the matrix, made once by mmdebstrap and kept in the user's cache folder."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from ..support.debian import debian_root, run_tool

__all__ = ["ADMIN_PASSWORD", "PASSWORD", "ROOTS", "Root", "built"]

PASSWORD = "correct horse 1"
#: The password of the user alice, who may become root.
ADMIN_PASSWORD = "correct horse 2"
#: Set at import time, because the tests change HOME.
_CACHE = Path(platformdirs.user_cache_dir("sosagent")) / "matrix"
_LOCALES = ("de_DE", "fr_FR", "ja_JP", "pt_BR", "ru_RU")
#: Runs after the packages are installed; $1 is the root folder.
_CUSTOMIZE = f"""#!/bin/sh
set -e
echo vm > "$1/etc/hostname"
printf '127.0.0.1 localhost vm\\n' > "$1/etc/hosts"
echo 0123456789abcdef0123456789abcdef > "$1/etc/machine-id"
# The default, yescrypt, takes a long time for each login.
sed -i 's/yescrypt/sha512/' "$1/etc/pam.d/common-password"
sed -i 's/YESCRYPT/SHA512/' "$1/etc/login.defs"
chroot "$1" useradd -m -s /bin/bash -G sudo alice
printf 'root:{PASSWORD}\\nalice:{ADMIN_PASSWORD}\\n' | chroot "$1" chpasswd
rm -rf "$1"/usr/share/doc "$1"/usr/share/man "$1"/var/lib/apt/lists "$1"/var/cache/apt
"""
_LOCALE_HOOK = "".join(f'chroot "$1" localedef -i {name} -f UTF-8 {name}.UTF-8\n' for name in _LOCALES)
#: uutils has its programs in a folder of its own. Ubuntu links them and sudo-rs, as here; and here also sudo-rs's su.
_UUTILS_HOOK = """
for tool in "$1"/usr/lib/cargo/bin/coreutils/*; do
    name=${tool##*/}
    ln -sf "../lib/cargo/bin/coreutils/$name" "$1/usr/bin/$name"
done
ln -sf sudo-rs "$1/usr/bin/sudo"
ln -sf su-rs "$1/usr/bin/su"
"""


#: The beginning of a root file system that has few programs; $1 is its folder, $2 that of a Debian which has them.
_SMALL = """#!/bin/sh
set -e
cd "$1"
mkdir -p bin sbin usr/bin usr/sbin etc/dropbear lib64 root home/alice var/log var/tmp proc dev run sys tmp
chmod 700 root home/alice
chmod 1777 tmp var/tmp
chown 1000:1000 home/alice
# Copies a program and the libraries that it needs.
program() {
    for file in "$1" $(chroot "$base" ldd "$1" 2>/dev/null | grep -o '/[^ ]*'); do
        mkdir -p ".${file%/*}"
        chroot "$base" cat "$file" > ".$file"
        chmod 755 ".$file"
    done
}
base=$2
echo vm > etc/hostname
printf 'root:x:0:0:root:/root:/bin/sh\\nalice:x:1000:1000::/home/alice:/bin/sh\\n' > etc/passwd
printf 'root:x:0:\\ntty:x:5:\\nutmp:x:43:\\nalice:x:1000:\\n' > etc/group
grep -E '^(root|alice):' "$base/etc/shadow" > etc/shadow
chmod 600 etc/shadow
printf '/bin/sh\\n' > etc/shells
program /usr/sbin/dropbear
program /usr/bin/dropbearkey
chroot . /usr/bin/dropbearkey -t ed25519 -f /etc/dropbear/dropbear_ed25519_host_key > etc/dropbear/made
rm etc/dropbear/made
"""
_BUSYBOX = """
cp "$base/usr/bin/busybox" bin/busybox
chroot . /bin/busybox --install -s
# Its su needs that.
chmod 4755 bin/busybox
"""
#: Programs of glibc before 2.34 find users by this library.
_NAMES = "program /lib/x86_64-linux-gnu/libnss_files.so.2\n"
#: busybox-static's own shell runs the applets whatever the PATH, so the name is changed in the program.
_NO_STTY = """
sed -i 's/\\x00stty\\x00/\\x00sttz\\x00/' bin/busybox
rm bin/stty
"""
_TOYBOX = """
program /usr/bin/toybox
chmod 4755 usr/bin/toybox
for tool in $(chroot . /usr/bin/toybox); do
    ln -s /usr/bin/toybox "usr/bin/$tool"
done
rm usr/bin/login
program /usr/bin/mksh
ln -s /usr/bin/mksh bin/sh
"""
#: toybox's own login does not erase by ^U.
_TOYBOX_LOGIN = """
program /usr/sbin/agetty
ln -s /usr/sbin/agetty sbin/agetty
ln -s /usr/bin/toybox bin/login
"""
_BUSYBOX_LOGIN = """
program /usr/bin/busybox
mv usr/bin/busybox sbin/getty
ln sbin/getty bin/login
"""


@dataclass(frozen=True)
class Root:
    """A root file system, of a Debian or with few programs.

    Fields:
        suite: the name of its Debian.
        packages: its packages besides the smallest installation, separated by commas.
        customize: shell commands to run at the end; $1 is the root folder.
        base: the name of the Debian that its programs are from. It then has only those that `customize` copies.
    """

    suite: str = ""
    packages: str = ""
    customize: str = ""
    base: str = ""


ROOTS = {
    "bullseye": Root("bullseye", "openssh-server,sudo,busybox-static,dropbear-bin"),
    "trixie": Root(
        "trixie", "openssh-server,sudo,locales,util-linux-locales,dropbear-bin,mksh,busybox-static,toybox", _LOCALE_HOOK
    ),
    "sid": Root("sid", "openssh-server,sudo,sudo-rs,rust-coreutils", _UUTILS_HOOK),
    "sysvinit": Root("trixie", "openssh-server,sudo,sysvinit-core"),
    "openrc": Root("trixie", "openssh-server,sudo,openrc,sysvinit-core"),
    "busybox": Root(base="trixie", customize=_BUSYBOX),
    "busybox-cksum": Root(base="trixie", customize=_BUSYBOX + "program /usr/bin/cksum\n"),
    "busybox-old": Root(base="bullseye", customize=_BUSYBOX.replace("/usr/bin/busybox", "/bin/busybox", 1) + _NAMES),
    "busybox-no-stty": Root(base="trixie", customize=_BUSYBOX + _NO_STTY),
    "toybox": Root(base="trixie", customize=_TOYBOX + _BUSYBOX_LOGIN),
    "toybox-login": Root(base="trixie", customize=_TOYBOX + _TOYBOX_LOGIN),
}


def built(name: str) -> Path:
    """Return the folder of a root file system, which nothing writes to; make it first if it does not exist."""
    root = ROOTS[name]
    base = built(root.base) if root.base else Path()
    customize = (_SMALL if root.base else _CUSTOMIZE) + root.customize
    recipe = hashlib.sha256(f"{base.name or root.suite} {root.packages} {customize}".encode()).hexdigest()[:12]
    _CACHE.mkdir(parents=True, exist_ok=True)
    folder = _CACHE / f"{name}-{recipe}"
    with (_CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # machines start side by side, and only the first of them makes it
        if not folder.exists():
            unfinished, hook = folder.with_suffix(".new"), folder.with_suffix(".sh")
            shutil.rmtree(unfinished, ignore_errors=True)
            hook.write_text(customize)
            hook.chmod(0o700)
            if root.base:
                unfinished.mkdir()
                run_tool(str(hook), str(unfinished), str(base))
            else:
                debian_root(unfinished, root.suite, root.packages, hook)
            unfinished.rename(folder)
    return folder

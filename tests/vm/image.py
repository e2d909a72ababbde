"""A Debian image for the tests: mmdebstrap builds it once, and it stays in the user's cache folder.

`python -m tests.vm.image` builds it now, which needs root.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from ..support.debian import debian_root, run_tool

__all__ = ["HOSTNAME", "PASSWORD", "PLAIN", "SELINUX", "Image", "Variant", "build", "missing_tools"]

HOSTNAME = "vm"
PASSWORD = "correct horse 1"
_SUITE = "bookworm"
#: Set at import time, because the tests change HOME.
_CACHE = Path(platformdirs.user_cache_dir("sosagent")) / "vm"
_PACKAGES = (
    "systemd-sysv,udev,kmod,login,passwd,procps,iproute2,openssh-server,linux-image-cloud-amd64,zstd,"
    "less,vim-tiny,sudo,zsh,fish,tcsh,mksh,busybox-static,python3,nano,screen,tmux,iputils-ping,nftables,dropbear-bin,"
    "iptables,fail2ban,python3-systemd"
)
_TOOLS = {
    "mmdebstrap": "mmdebstrap",
    "mke2fs": "e2fsprogs",
    "qemu-img": "qemu-utils",
    "qemu-system-x86_64": "qemu-system-x86",
    "socat": "socat",
    "sshd": "openssh-server",
    "ssh": "openssh-client",
    "/usr/share/ovmf/OVMF.fd": "ovmf",
}
_ERRANDS = Path(__file__).with_name("guest_errands.py")
_ERRANDS_UNIT = """[Unit]
StartLimitIntervalSec=0
[Service]
ExecStart=/usr/bin/python3 /usr/local/sbin/errands
WorkingDirectory=/root
Environment=HOME=/root USER=root LOGNAME=root
Environment=PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
Restart=always
RestartSec=0.5
[Install]
WantedBy=multi-user.target
"""
#: A program to run after the packages are installed; $1 is the image's root folder.
_CUSTOMIZE = f"""
set -e
echo {HOSTNAME} > "$1/etc/hostname"
printf '127.0.0.1 localhost {HOSTNAME}\\n' > "$1/etc/hosts"
echo 0123456789abcdef0123456789abcdef > "$1/etc/machine-id"
# The default, yescrypt, takes half a second of an emulated processor for each login.
sed -i 's/yescrypt/sha512/' "$1/etc/pam.d/common-password"
sed -i 's/YESCRYPT/SHA512/' "$1/etc/login.defs"
# sshd's first choice of a key exchange takes two seconds.
echo 'SSHD_OPTS="-o KexAlgorithms=curve25519-sha256"' > "$1/etc/default/ssh"
printf 'root:{PASSWORD}\\n' | chroot "$1" chpasswd
chroot "$1" useradd -m -s /bin/bash alice
printf 'alice:{PASSWORD}\\n' | chroot "$1" chpasswd
printf '[Match]\\nName=e*\\n[Network]\\nDHCP=yes\\n' > "$1/etc/systemd/network/80-dhcp.network"
install -m 755 "$ERRANDS" "$1/usr/local/sbin/errands"
cat > "$1/etc/systemd/system/errands.service" << 'END'
{_ERRANDS_UNIT}END
chroot "$1" systemctl enable -q systemd-networkd ssh errands
chroot "$1" systemctl mask -q apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer
chroot "$1" systemctl disable -q fail2ban
chroot "$1" systemctl mask -q e2scrub_reap.service systemd-networkd-wait-online.service
chroot "$1" systemctl mask -q getty@tty1.service getty-static.service
mkdir -p -m 700 "$1/root/.ssh"
printf '# keys of the team\\n' | cat - "$ADMIN" > "$1/root/.ssh/authorized_keys"
chmod 600 "$1/root/.ssh/authorized_keys"
printf '/dev/vda / ext4 defaults 0 1\\n' > "$1/etc/fstab"
rm -rf "$1/usr/share/doc" "$1/usr/share/man" "$1/usr/share/locale"
# The next Debian's sshd, for what this one has not got (PerSourcePenalties).
cd "$1/var/tmp"
APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" apt-get -q -o APT::Sandbox::User=root download openssh-server/{_SUITE}-backports
dpkg-deb -x openssh-server_*.deb "$1/opt/openssh-10"
rm openssh-server_*.deb
"""


@dataclass(frozen=True)
class Variant:
    """What an image has besides the plain one.

    Fields:
        packages: its additional packages, each after a comma.
        finish: shell commands to run in its root folder at the end.
        kernel_words: additional words on the kernel's command line.
    """

    packages: str = ""
    finish: str = ""
    kernel_words: str = ""


PLAIN = Variant()
#: With Debian's policy, and enforcing. setfiles writes the labels without a kernel for them, and mke2fs copies them.
SELINUX = Variant(
    ",selinux-policy-default,policycoreutils,selinux-utils",
    "printf 'SELINUX=enforcing\\nSELINUXTYPE=default\\n' > /etc/selinux/config;"
    "mount -t proc none /proc; setfiles -e /proc /etc/selinux/default/contexts/files/file_contexts /",
    " security=selinux selinux=1 enforcing=1",
)


@dataclass(frozen=True)
class Image:
    """The files that QEMU boots from.

    Fields:
        folder: the folder of the files, and of the saved state of a booted machine.
        disk: a qcow2 file that nothing writes to.
        kernel, initrd: QEMU boots them directly, without a boot loader.
        admin: a private key that root's authorized_keys contains from the start.
        variant: what it has besides the plain one.
    """

    folder: Path
    disk: Path
    kernel: Path
    initrd: Path
    admin: Path
    variant: Variant = PLAIN


def missing_tools() -> list[str]:
    """Return the Debian packages that are needed and not installed."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    return [
        package for tool, package in _TOOLS.items() if shutil.which(tool, path=path) is None and not Path(tool).exists()
    ]


def image(variant: Variant = PLAIN) -> Image:
    """Return the paths of the image, which change with the recipe. The files may not exist yet."""
    recipe = f"{_SUITE} {_PACKAGES}{variant.packages} {_CUSTOMIZE}{variant.finish} {_ERRANDS.read_text()}"
    folder = _CACHE / hashlib.sha256(recipe.encode()).hexdigest()[:12]
    return Image(folder, folder / "disk.qcow2", folder / "vmlinuz", folder / "initrd.img", folder / "admin", variant)


def build(variant: Variant = PLAIN) -> Image:
    """Return the image; build it first if it does not exist, which takes about a minute and needs root."""
    made = image(variant)
    if made.disk.exists():
        return made
    made.folder.mkdir(parents=True, exist_ok=True)
    root, raw, hook = made.folder / "root", made.folder / "disk.raw", made.folder / "customize.sh"
    made.admin.unlink(missing_ok=True)
    run_tool("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "admin", "-f", str(made.admin))
    hook.write_text(f"#!/bin/sh\nADMIN={made.admin}.pub\nERRANDS={_ERRANDS}\n{_CUSTOMIZE}")
    hook.chmod(0o700)
    shutil.rmtree(root, ignore_errors=True)
    try:
        debian_root(root, _SUITE, _PACKAGES + variant.packages, hook, backports=True)
        if variant.finish:
            run_tool("unshare", "--mount", "chroot", str(root), "/bin/sh", "-c", variant.finish)
        shutil.copy(next(root.glob("boot/vmlinuz-*")), made.kernel)
        shutil.copy(next(root.glob("boot/initrd.img-*")), made.initrd)
        run_tool("mke2fs", "-q", "-t", "ext4", "-F", "-d", str(root), str(raw), "1500M")
        run_tool("qemu-img", "convert", "-O", "qcow2", str(raw), str(made.disk))
    finally:
        shutil.rmtree(root, ignore_errors=True)
        raw.unlink(missing_ok=True)
    return made


if __name__ == "__main__":
    if absent := missing_tools():
        sys.exit(f"install these Debian packages first: {' '.join(absent)}")
    print(build().folder)

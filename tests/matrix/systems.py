"""The rows of the matrix: systems, each a machine that can be started anew for each job."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ..vm.image import PASSWORD as VM_PASSWORD
from ..vm.image import PLAIN, SELINUX, Variant
from ..vm.machine import Machine, machine
from .container import container
from .roots import ADMIN_PASSWORD, PASSWORD, built

__all__ = ["KEYS", "SYSTEMS", "Running", "System"]

#: As systemd's serial-getty@ starts it. A getty that ends is started again, as by init.
_AGETTY = "setsid /sbin/agetty -o '-p -- \\u' --keep-baud 115200,57600,38400,9600 ttyS0 vt220"
_DROPBEAR = "/usr/sbin/dropbear"
_NEW_KEY = "mkdir /etc/dropbear; dropbearkey -t ed25519 -f /etc/dropbear/dropbear_ed25519_host_key >&2"
_DROPBEAR_KEYS = "for k in /etc/dropbear/dropbear_*_host_key; do dropbearkey -y -f $k | grep '^[a-z].* AAAA'; done"
KEYS = "/root/.ssh/authorized_keys"


def _start(server: str, getty: str = _AGETTY) -> dict[str, str]:
    """Return the program that starts a server, and a getty again and again."""
    return {"/etc/start": f"#!/bin/sh\n{server}\nwhile :; do\n    {getty} || sleep 1\ndone\n"}


_INITTAB = """id:2:initdefault:
{before}l2:2:wait:{level}
T0:2:respawn:/sbin/getty -L ttyS0 115200 vt100
"""
_SYSVINIT = {"/etc/inittab": _INITTAB.format(before="", level="/etc/init.d/rc 2")}
_OPENRC = {
    "/etc/inittab": _INITTAB.format(
        before="si::sysinit:/sbin/openrc sysinit\nrc::bootwait:/sbin/openrc boot\n", level="/sbin/openrc default"
    ),
    # It then mounts nothing and sets no clock.
    "/etc/rc.conf": 'rc_sys="lxc"\n',
}
_BUSYBOX = {
    "/etc/inittab": f"::sysinit:{_DROPBEAR}\nttyS0::respawn:/sbin/getty -L 115200 ttyS0 vt100\n",
}


class Running(Protocol):
    """What the jobs and their checks need of a running machine; see `Container`."""

    @property
    def arguments(self) -> list[str]: ...

    @property
    def serial(self) -> Path: ...

    def do(self, command: str) -> str: ...

    def read(self, path: str) -> bytes | None: ...

    def owner_and_mode(self, path: str) -> str: ...

    def accepts(self, identity: Path, user: str) -> bool: ...

    def programs(self) -> list[str]: ...


@dataclass(frozen=True)
class Virtual:
    """A virtual machine, as a `Running`."""

    vm: Machine

    @property
    def arguments(self) -> list[str]:
        return self.vm.arguments

    @property
    def serial(self) -> Path:
        return self.vm.serial

    def do(self, command: str) -> str:
        return self.vm.do(command)

    def read(self, path: str) -> bytes | None:
        text = self.do(f"[ ! -e '{path}' ] || base64 '{path}'; echo .")
        return None if text == ".\n" else base64.b64decode(text.removesuffix(".\n"))

    def owner_and_mode(self, path: str) -> str:
        return self.do(f"stat -c '%u %a' '{path}'").strip()

    def accepts(self, identity: Path, user: str) -> bool:
        return self.vm.ssh(identity, "id -un", user).stdout.strip() == user

    def programs(self) -> list[str]:
        """Return the names of the programs on the console, and of a dead-man's switch."""
        return sorted(self.do("ps -t ttyS0 -o comm=; ps -C sleep -o comm=; true").split())


@dataclass(frozen=True)
class System:
    """A row.

    Fields:
        name: a word, for the command line.
        title: what it is, for the page.
        root: the name of its root file system; empty for a virtual machine.
        init: its first process.
        environment: the environment of its first process.
        files: the texts of more files.
        setup: shell commands that run on it before the job.
        variant: the image of a virtual machine.
        host_keys: shell commands that print its sshd's public host keys.
    """

    name: str
    title: str
    root: str = ""
    init: str = "/bin/sh /etc/start"
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=lambda: _start("/usr/sbin/sshd"))
    setup: str = ""
    variant: Variant = PLAIN
    host_keys: str = "cat /etc/ssh/ssh_host_*_key.pub"

    @property
    def has_sshd(self) -> bool:
        """Whether its SSH server is OpenSSH's."""
        return self.host_keys != _DROPBEAR_KEYS

    @property
    def password(self) -> str:
        """Root's password."""
        return PASSWORD if self.root else VM_PASSWORD

    @property
    def admin_password(self) -> str:
        """The password of alice, who may become root."""
        return ADMIN_PASSWORD if self.root else VM_PASSWORD

    @contextmanager
    def start(self, keys: str) -> Iterator[Running]:
        """Start a new machine of this kind, and wait for its login prompt.

        Args:
            keys: what root's authorized_keys contains.
        """
        if not self.root:
            with machine(variant=self.variant) as vm:
                running = Virtual(vm)
                running.do(f"usermod -aG sudo alice; printf '%s' '{keys}' > {KEYS}; {self.setup or ':'}")
                yield running
            return
        files = {path: (text, 0o644) for path, text in self.files.items()}
        with container(built(self.root), self.init, self.environment, {**files, KEYS: (keys, 0o600)}) as started:
            if self.setup:
                started.do(self.setup)
            yield started


def _language(code: str, name: str) -> System:
    return System(code[:2], f"Debian 13 in {name}", "trixie", environment={"LANG": f"{code}.UTF-8"})


def _busybox(name: str, title: str) -> System:
    return System(name, title, name, "/sbin/init", files=_BUSYBOX, host_keys=_DROPBEAR_KEYS)


SYSTEMS = {
    system.name: system
    for system in (
        System("debian11", "Debian 11", "bullseye"),
        System("debian12", "Debian 12"),
        System("debian13", "Debian 13", "trixie"),
        System("sid", "Debian sid with uutils and sudo-rs", "sid"),
        System("selinux", "Debian 12 with SELinux, enforcing", variant=SELINUX),
        System("sysvinit", "Debian 13 with sysvinit", "sysvinit", "/sbin/init", files=_SYSVINIT),
        System("openrc", "Debian 13 with OpenRC", "openrc", "/sbin/init", files=_OPENRC),
        _busybox("busybox-cksum", "BusyBox 1.37, with cksum"),
        _busybox("busybox", "BusyBox 1.37, without cksum"),
        _busybox("busybox-old", "BusyBox 1.30, without cksum and crc32"),
        _busybox("busybox-no-stty", "BusyBox 1.37, without cksum and stty"),
        System(
            "toybox", "toybox with mksh, and BusyBox's getty and login", "toybox",
            files=_start(_DROPBEAR, "setsid /sbin/getty -L 115200 ttyS0 vt100"), host_keys=_DROPBEAR_KEYS,
        ),
        System(
            "toybox-login", "toybox with mksh, agetty and toybox's login", "toybox-login",
            files=_start(_DROPBEAR), host_keys=_DROPBEAR_KEYS,
        ),
        System(
            "mksh", "Debian 13 with mksh as /bin/sh", "trixie", setup="ln -sf mksh /usr/bin/sh",
        ),
        System(
            "dropbear", "Debian 13 with dropbear instead of sshd", "trixie", files=_start(f"{_NEW_KEY}\n{_DROPBEAR}"),
            setup="dpkg --purge openssh-server openssh-sftp-server >&2", host_keys=_DROPBEAR_KEYS,
        ),
        _language("de_DE", "German"),
        _language("fr_FR", "French"),
        _language("ja_JP", "Japanese"),
        _language("pt_BR", "Portuguese"),
        _language("ru_RU", "Russian"),
    )
}  # fmt: skip

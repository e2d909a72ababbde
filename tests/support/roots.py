"""Root file systems of Debian with login programs and their translations, to run those programs in a chroot.

`python -m tests.support.roots [NAME ...]` builds them, which needs root, mmdebstrap and a mirror. They stay in the
user's cache folder.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import platformdirs

__all__ = ["HOSTNAME", "PASSWORD", "ROOTS", "Root", "build"]

HOSTNAME = "web1"
PASSWORD = "correct horse 7"
_MIRROR = "http://deb.debian.org/debian"
#: Set at import time, because the tests change HOME.
_CACHE = Path(platformdirs.user_cache_dir("sosagent")) / "roots"
_PACKAGES = "login,passwd,util-linux,util-linux-locales,locales,libpam-runtime,openssl"
_APT = ("APT::Sandbox::User root", "Acquire::Check-Valid-Until false")
#: The users: alice may use sudo; the password of aged has expired, and the account of gone; locked failed too often.
_CUSTOMIZE = f"""
set -e
echo {HOSTNAME} >"$1/etc/hostname"
echo 127.0.0.1 localhost {HOSTNAME} >"$1/etc/hosts"
for name in alice aged gone locked; do chroot "$1" useradd -m -s /bin/bash $name; done
for name in root alice aged gone locked; do echo "$name:{PASSWORD}"; done | chroot "$1" chpasswd -c SHA512
chroot "$1" chage -d 0 aged
chroot "$1" chage -E 2020-01-01 gone
echo 'alice ALL=(ALL:ALL) ALL' >>"$1/etc/sudoers"
# A refused login need not take three seconds.
sed -i '/pam_faildelay/d' "$1/etc/pam.d/login"
sed -i 's/pam_unix.so nullok/pam_unix.so nullok nodelay/' "$1/etc/pam.d/common-auth"
sed -i '1i auth required pam_faillock.so preauth' "$1/etc/pam.d/login"
rm -f "$1/etc/motd" "$1/etc/update-motd.d/"*
rm -rf "$1/usr/share/doc" "$1/usr/share/man" "$1/var/cache/apt" "$1/var/lib/apt/lists"
"""
#: sudo-rs takes the place of sudo, and su-rs that of su, as in Ubuntu.
_RUST = """
mv "$1/usr/bin/su" "$1/usr/bin/su.util-linux"
cp -p "$1/usr/bin/su-rs" "$1/usr/bin/su"
cp -p "$1/usr/bin/sudo-rs" "$1/usr/bin/sudo"
printf '@include common-auth\\n@include common-account\\n@include common-session\\n' >"$1/etc/pam.d/sudo"
chmod 440 "$1/etc/sudoers"
"""


@dataclass(frozen=True)
class Root:
    """A root file system.

    Fields:
        suite: of Debian.
        more: packages besides those of every root.
        customize: what else to do; $1 is the folder.
    """

    suite: str
    more: str = ""
    customize: str = ""

    @property
    def folder(self) -> Path:
        """Where it is; the name changes with the recipe. It may not exist."""
        recipe = f"{self} {_PACKAGES} {_CUSTOMIZE}"
        return _CACHE / f"{self.suite}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"


ROOTS = {
    "bookworm": Root("bookworm", "sudo,libpam-google-authenticator,libpam-oath,oathtool"),
    "trixie": Root("trixie", "sudo"),
    "sid": Root("sid", "sudo-rs", _RUST),
}


def build(name: str) -> Path:
    """Return the folder of a root; build it first if it does not exist, which takes about two minutes."""
    root = ROOTS[name]
    if root.folder.exists():
        return root.folder
    new = root.folder.with_suffix(".new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    packages = ",".join(filter(None, (_PACKAGES, root.more)))
    options = [f"--aptopt={option}" for option in (f'{key} "{value}"' for key, value in map(str.split, _APT))]
    hook = new.with_suffix(".sh")
    hook.write_text(f"#!/bin/sh\n{_CUSTOMIZE}{root.customize}")
    hook.chmod(0o755)
    subprocess.run(
        ["mmdebstrap", "--quiet", "--mode=root", "--variant=essential", *options, f"--include={packages}",
         "--dpkgopt=force-unsafe-io", f"--customize-hook={hook}", root.suite, new, _MIRROR],
        check=True,
    )  # fmt: skip
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda locale: _define(new, locale), locales(new).values()))
    hook.unlink()
    new.rename(root.folder)
    return root.folder


def locales(folder: Path) -> dict[str, str]:
    """Return for each language of the login programs the UTF-8 locale of a root that uses it."""
    supported = (folder / "usr/share/i18n/SUPPORTED").read_text().splitlines()
    names = [line.split()[0] for line in supported if line.endswith(" UTF-8")]
    found = {}
    for path in sorted(folder.glob("usr/share/locale/*/LC_MESSAGES")):
        language = path.parent.name
        if not any((path / f"{catalogue}.mo").exists() for catalogue in ("Linux-PAM", "shadow", "util-linux", "sudo")):
            continue
        base, at, variant = language.partition("@")
        home = f"{base}_{base.upper()}.UTF-8"
        fitting = [name for name in names if name.startswith((f"{base}.", f"{base}_")) and name.endswith(at + variant)]
        if not at:
            fitting = [name for name in fitting if "@" not in name]
        if fitting:
            found[language] = home if home in fitting else fitting[0]
    return found


def _define(folder: Path, locale: str) -> None:
    """Compile a locale inside a root."""
    place, at, variant = locale.partition("@")
    source = place.partition(".")[0] + at + variant
    target = f"/usr/lib/locale/{place.partition('.')[0]}.UTF-8{at}{variant}"
    if not (folder / target[1:]).exists():
        command = ["chroot", str(folder), "localedef", "--no-archive", "-c", "-i", source, "-f", "UTF-8", target]
        subprocess.run(command, check=False, capture_output=True)  # a warning is a failure to it


def _main() -> None:
    for name in sys.argv[1:] or ROOTS:
        print(build(name), flush=True)


if __name__ == "__main__":
    _main()

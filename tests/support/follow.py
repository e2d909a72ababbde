"""Follows the documentation in a clean Debian 12, page by page, as a reader does who copies and pastes every block.

`python -m tests.support.follow [PAGE...]` needs root. The Debian has only what the page about the installation asks
for, no network, and the source of this checkout. The root file system and the packages of Python are made once, with
the network, and stay in the user's cache folder.
"""

from __future__ import annotations

import hashlib
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import platformdirs
import yaml

from .debian import debian_root, run_tool
from .doc_blocks import ROOT, Block, blocks_of, script_of
from .doc_outputs import problems_of

__all__ = ["main", "pages_in_order"]

_CACHE = Path(platformdirs.user_cache_dir("sosagent")) / "follow"
_SUITE, _PYTHON = "bookworm", "3.11"
_INSTALL = ROOT / "docs/install.md"
_SECONDS, _PAGE_SECONDS = 1800, 120
#: Packages of Debian that a reader's computer may have, which the lab's machine uses if so.
_ALSO_INSTALLED = ("openssh-server",)
#: Packages of Python that pages install, besides sosagent, and that pipx updates.
_ALSO_NEEDED = ("uv", "pytest", "pip", "setuptools", "wheel")
_USER, _HOSTNAME, _WORK = "you", "desk", "/tmp/blocks"

#: Everything that differs from what a reader does. Besides, blocks with a comment "not run: WHY" are left out.
_ENVIRONMENT = {
    "HOME": f"/home/{_USER}",
    "USER": _USER,
    "SHELL": "/bin/bash",
    "LANG": "C.UTF-8",
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    # The packages come from a folder, because there is no network.
    "PIP_NO_INDEX": "1",
    "PIP_FIND_LINKS": "/wheels",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_COMPILE": "1",  # this takes half of the time
    "UV_OFFLINE": "1",
    "UV_FIND_LINKS": "/wheels",
}
#: Runs before the first page after the installation: the consoles of the pages are a lab, and the reader has a key.
_ONCE = """
. ~/sosagent-venv/bin/activate
mkdir -m 700 ~/.ssh ~/.lab
ssh-keygen -q -t ed25519 -N '' -C you@laptop -f ~/.ssh/id_ed25519
ssh-keygen -q -t ed25519 -N '' -C first -f ~/.lab/first
ssh-keygen -q -t ed25519 -N '' -C second -f ~/.lab/second
sosagent lab --machine web-1 >~/.lab/lab.txt 2>&1 &
until grep -q 'Ctrl-C' ~/.lab/lab.txt; do kill -0 $! || { cat ~/.lab/lab.txt; exit 1; }; sleep 0.2; done
lab=$(sed -n 's|^authorized_keys: *\\(.*\\)/root/.ssh/authorized_keys$|\\1|p' ~/.lab/lab.txt)
port=$(sed -n 's|.*lab@127.0.0.1:\\([0-9]*\\)[.]$|\\1|p' ~/.lab/lab.txt)
cat >~/.ssh/config <<END
Host sos.example.net web1-sos web2-sos
    HostName 127.0.0.1
    Port $port
    IdentityFile $lab/id_lab
    UserKnownHostsFile $lab/known_hosts
END
cp -p $lab/password ~/root.password
echo $lab >~/.lab/folder
disown
"""
#: Runs in the shell of each page after the installation, which is a new one.
_EACH = """
. ~/sosagent-venv/bin/activate
export SOS_PASSWORD=$(cat ~/root.password)
lab=$(cat ~/.lab/folder)
mkdir -p -m 700 $lab/root/.ssh
cat ~/.lab/first.pub ~/.lab/second.pub >$lab/root/.ssh/authorized_keys
chmod 600 $lab/root/.ssh/authorized_keys
unset lab
"""

_CUSTOMIZE = f"""#!/bin/sh
set -e
printf '127.0.0.1 localhost {_HOSTNAME}\\n' >"$1/etc/hosts"
chroot "$1" useradd -m -s /bin/bash {_USER}
rm -rf "$1/var/lib/apt/lists" "$1/var/cache/apt"
"""
_BOOT = """
set -e
mount -t overlay none -o lowerdir={lower},upperdir={folder}/upper,workdir={folder}/work {folder}/root
cd {folder}/root
mount -t proc none proc
mount -t tmpfs -o mode=755 none dev
mkdir dev/pts dev/shm
chmod 1777 dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 none dev/pts
for device in null zero full random urandom tty; do cp -a /dev/$device dev; done
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mkdir wheels
mount --bind {wheels} wheels
hostname {hostname}
echo 0123456789abcdef0123456789abcdef >etc/machine-id
PATH=$PATH:/usr/sbin:/sbin
ip link set lo up
# A new root instead of chroot, below which the kernel allows no user namespaces (for the lab).
mkdir old
pivot_root . old
cd /
umount -l old
exec env -i {environment} setpriv --reuid={user} --regid={user} --init-groups bash {work}/all.sh
"""


def pages_in_order() -> list[Path]:
    """Return all pages in the order of the navigation. The installation is first, because the start page uses it."""
    navigation = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))["nav"]
    pages = [ROOT / "docs" / name for name in _names(navigation)]
    return [_INSTALL, *(page for page in pages if page != _INSTALL)]


def _names(navigation: Any) -> list[str]:
    if isinstance(navigation, str):
        return [navigation]
    parts = navigation.values() if isinstance(navigation, dict) else navigation
    return [name for part in parts for name in _names(part)]


def _packages() -> list[str]:
    """Return the packages of Debian that the page about the installation names."""
    start = "sudo apt-get install "
    (words,) = (block.text for block in blocks_of(_INSTALL) if block.text.startswith(start))
    return words.removeprefix(start).split()


def _root() -> Path:
    """Return the root file system of the Debian; make it first if it does not exist."""
    packages = ",".join(["python3", *_packages(), *_ALSO_INSTALLED])
    folder = _CACHE / f"root-{hashlib.sha256(f'{_SUITE} {packages} {_CUSTOMIZE}'.encode()).hexdigest()[:12]}"
    if not folder.exists():
        unfinished, hook = folder.with_suffix(".new"), folder.with_suffix(".sh")
        shutil.rmtree(unfinished, ignore_errors=True)
        hook.write_text(_CUSTOMIZE)
        hook.chmod(0o700)
        debian_root(unfinished, _SUITE, packages, hook)
        unfinished.rename(folder)
    return folder


def _wheels() -> Path:
    """Return the folder of the packages of Python that sosagent and the pages need; fetch them first if need be."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    needed = [*project["build-system"]["requires"], *project["project"]["dependencies"], *_ALSO_NEEDED]
    folder = _CACHE / f"wheels-{hashlib.sha256(f'{_PYTHON} {needed}'.encode()).hexdigest()[:12]}"
    if not folder.exists():
        unfinished = folder.with_suffix(".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        glibc = [f"--platform=manylinux{version}_{platform.machine()}" for version in ("2014", "_2_28", "_2_34")]
        run_tool(
            sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:", f"--python-version={_PYTHON}",
            *glibc, f"--dest={unfinished}", *needed,
        )  # fmt: skip
        unfinished.rename(folder)
    return folder


def _copy_source(folder: Path) -> None:
    """Copy the files of this checkout, also those that are not committed, into `folder`."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().rstrip("\0").split("\0"):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def _write_programs(pages: list[Path], work: Path) -> list[list[Block]]:
    """Write the programs of the pages, and one that runs them all, to `work`. Return the blocks of each page."""
    lines = ["cd"]
    blocks_of_pages = []
    for at, page in enumerate(pages):
        blocks = [replace(one, notes=_without(one.notes, "only followed", "printed by")) for one in blocks_of(page)]
        folder, there = work / str(at), Path(_WORK) / str(at)
        folder.mkdir()
        program = script_of(blocks, folder, there, as_printed=True)
        (folder / "page.sh").write_text(("" if at == 0 else _EACH) + program, "utf-8")
        lines += [f"timeout -k 5 {_PAGE_SECONDS} bash {there}/page.sh"]
        if at == 0:
            (work / "once.sh").write_text(_ONCE, "utf-8")
            lines += [f"bash {_WORK}/once.sh || exit"]
        blocks_of_pages.append(blocks)
    (work / "all.sh").write_text("\n".join([*lines, ""]), "utf-8")
    return blocks_of_pages


def _without(notes: dict[str, str], *names: str) -> dict[str, str]:
    return {name: text for name, text in notes.items() if name not in names}


def _run(folder: Path, root: Path, wheels: Path) -> None:
    """Run the programs as an ordinary user of the Debian `root`, which stays as it is: changes go to `folder`."""
    environment = " ".join(f"{name}={value}" for name, value in _ENVIRONMENT.items())
    boot = _BOOT.format(
        lower=root, folder=folder, wheels=wheels, hostname=_HOSTNAME, environment=environment, user=_USER, work=_WORK
    )
    own = ["--mount", "--pid", "--uts", "--ipc", "--net", "--fork", "--kill-child", "--propagation", "private"]
    subprocess.run(["unshare", *own, "sh", "-c", boot], stdin=subprocess.DEVNULL, timeout=_SECONDS, check=False)


def _prepare(root: Path, folder: Path) -> Path:
    """Make the folders of the Debian's changes, with the source. Return the folder of the programs."""
    folder.chmod(0o755)
    for name in ("root", "work"):
        (folder / name).mkdir()
    for name in ("tmp", "home", f"home/{_USER}"):
        (folder / "upper" / name).mkdir(parents=True)
        shutil.copystat(root / name, folder / "upper" / name)
    work = folder / "upper" / _WORK.lstrip("/")
    work.mkdir()
    _copy_source(folder / "upper" / "home" / _USER / "sosagent")
    return work


def _give_to_the_user(root: Path, folder: Path) -> None:
    """Make everything in `folder` the user's."""
    owner = (root / "home" / _USER).stat()
    for path in (folder, *folder.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _follow(pages: list[Path]) -> tuple[list[str], str]:
    """Follow `pages`. Return the problems, and a summary."""
    root, wheels = _root(), _wheels()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    folder = Path(tempfile.mkdtemp(prefix="sosagent-follow-"))
    try:
        work = _prepare(root, folder)
        pages_blocks = _write_programs(pages, work)
        for path in (work, folder / "upper/home" / _USER):
            _give_to_the_user(root, path)
        _run(folder, root, wheels)
        problems = [
            problem
            for at, blocks in enumerate(pages_blocks)
            for number, block in enumerate(blocks)
            for problem in problems_of(block, number, work / str(at), _HOSTNAME)
        ]
        turns = len(list(work.rglob("*.status")))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    left_out = [one for blocks in pages_blocks for one in blocks if "not run" in one.notes]
    lines = [f"{one.place}: left out: {one.notes['not run']}" for one in left_out]
    lines.append(
        f"{len(pages)} pages, {turns} commands and programs, {len(left_out)} blocks left out, {seconds:.0f} s CPU"
    )
    return problems, "\n".join(lines)


def main() -> None:
    """Exit with status 1 if a page does not do what it says."""
    if os.geteuid() != 0:
        sys.exit("tests.support.follow needs root")
    _CACHE.mkdir(parents=True, exist_ok=True)
    wanted = [Path(name).resolve() for name in sys.argv[1:]]
    problems, summary = _follow([one for one in pages_in_order() if one == _INSTALL or not wanted or one in wanted])
    print(summary)
    sys.exit("\n\n".join(["", *problems]) if problems else 0)


if __name__ == "__main__":
    main()

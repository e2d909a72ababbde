"""What `inspect_keys.sh` says of a machine and of a user's file of keys, as values; and what it means. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Looked", "ModesFault", "PathInfo", "faults_of_modes", "keys_path", "obstacles", "parse_look"]

_FLAGS = {"l": "is_link", "c": "changed", "f": "failed", "w": "not_put_back", "p": "put_back", "y": "overtaken"}
_MACHINE = re.compile(r"m (?P<home>[/~]\S*)(?: (?P<hostname>(?![0-9a-f]{32}$)\S+))?(?: (?P<machine_id>[0-9a-f]{32}))?")
_CHECKSUM = re.compile(r"([ab]) (\d{1,10} \d{1,15})")
_SIZE = re.compile(
    r"s (?P<plain>[px])(?P<odd>[xn]*)(?: (?P<checksum>\d{1,10} (?P<length>\d{1,15})))?"
    r" (?P<in_lines>\d{1,15}) (?P<count>\d{1,15})"
)
_MOUNT = re.compile(r"d (?P<point>/\S*) (?P<options>\S+) (?P<super>\S+)")
_ATTRIBUTES = re.compile(r"(?P<letters>(?=\S*-)[-a-zA-Z]{8,}) +(?P<path>/\S*)")
_BACKUP = re.compile(r"k (/\S+)")
_SSHD = re.compile(r"(a[lu]|de|permitr|pubkeyau)[a-z]* ")
_LS = re.compile(
    r"(?P<kind>[-dlbcps])(?P<modes>[-rwxsStT]{9})[.+@]?\s+(?P<links>\d{1,10})\s+(?P<uid>\d{1,10})\s+\d+\s+\d+,?\s"
    r"[^/]*?(?P<path>/\S*)(?: -> .*)?"
)
_BYTE_ORDER_MARK = "\ufeff"
_TOKEN = re.compile(r"%(.)")


@dataclass(frozen=True)
class PathInfo:
    """A line of ``ls -ldn``.

    Fields:
        path: as it was asked for.
        kind: ``-`` a regular file, ``d`` a folder, ``l`` a link, and so on.
        modes: nine letters such as ``rw-------``.
        uid: its owner.
        links: how many names it has.
    """

    path: str
    kind: str
    modes: str
    uid: int
    links: int = 1

    @property
    def others_may_write(self) -> bool:
        """Whether group or world may write to it: sshd's StrictModes refuses that."""
        return "w" in (self.modes[4], self.modes[7])


@dataclass(frozen=True)
class Looked:
    """What stands on the machine.

    Fields:
        hostname, home: as the machine says; empty if it did not.
        machine_id: of /etc/machine-id; None where there is none.
        sshd: keyword -> value, of ``sshd -T``; empty if sshd did not answer.
        is_link: whether the file is a symbolic link.
        paths: home, folder and file, as far as they are there.
        chain: every path that sshd checks the modes of, where those are others.
        uid: the user's, where there is a /proc.
        mount: the mount point that the file is on, its options, and those of the file system beneath.
        immutable: what `chattr +i` was done to, of the file and its folder.
        checksum: "CRC LENGTH" of the file; None if it cannot be read.
        length: its length in bytes.
        length_in_lines: the same with a newline for every line.
        ends_in_newline: whether its last byte is a newline, or it is empty.
        plain: whether sshd reads the usual file, as far as that was looked at.
        count: lines that are neither empty nor comments.
        lines: those that may hold our keys, in their order.
        complaints: what the commands complained of.
        changed: the file was no longer what had been seen, and nothing was done.
        failed: the append's write failed.
        put_back, not_put_back: what was lifted for the write was tried to be put back; something could not be.
        overtaken: the old file was changed while the new one took its place.
        after: "CRC LENGTH" of the file after the append; None if there was none.
        before: "CRC LENGTH" of the part that was there before it.
        backup: where the file as it was is kept, after a rewrite.
    """

    hostname: str = ""
    home: str = ""
    machine_id: str | None = None
    sshd: dict[str, str] = field(default_factory=dict)
    is_link: bool = False
    paths: tuple[PathInfo, ...] = ()
    chain: tuple[PathInfo, ...] = ()
    uid: int | None = None
    mount: tuple[str, frozenset[str], frozenset[str]] | None = None
    immutable: tuple[str, ...] = ()
    checksum: str | None = None
    length: int = 0
    length_in_lines: int = 0
    ends_in_newline: bool = True
    plain: bool = False
    count: int = 0
    lines: tuple[str, ...] = ()
    complaints: tuple[str, ...] = ()
    changed: bool = False
    failed: bool = False
    put_back: bool = False
    not_put_back: bool = False
    overtaken: bool = False
    after: str | None = None
    before: str | None = None
    backup: str | None = None

    @property
    def holds_nul(self) -> bool:
        """Whether the file holds bytes that no line of text has."""
        return self.length_in_lines != self.length + (not self.ends_in_newline)

    @property
    def through_links(self) -> bool:
        """Whether the home, the folder or the file is a link."""
        return any(info.kind == "l" for info in self.paths)

    def path(self, name: str) -> PathInfo | None:
        """What is known of the path `name`; None if it is not there."""
        return next((info for info in self.paths if info.path == name), None)


def parse_look(lines: list[str]) -> Looked:
    """Read what the programs that look at a file and append to it have printed.

    Lines that fit nothing are complaints; a machine that prints nonsense gives a `Looked` that
    knows nothing, never an exception.
    """
    found: dict[str, Any] = {}
    sshd: dict[str, str] = {}
    paths: list[PathInfo] = []
    held: list[str] = []
    complaints: list[str] = []
    immutable: list[str] = []
    for line in lines:
        if line in _FLAGS:
            found[_FLAGS[line]] = True
        elif machine := _MACHINE.fullmatch(line):
            found |= machine.groupdict(default="") | {"machine_id": machine["machine_id"]}
        elif checksum := _CHECKSUM.fullmatch(line):
            found["after" if checksum[1] == "a" else "before"] = checksum[2]
        elif size := _SIZE.fullmatch(line):
            found |= {
                "plain": size["plain"] == "p",
                "ends_in_newline": "n" not in size["odd"],
                "checksum": size["checksum"],
                "length": int(size["length"] or 0),
            }
            found |= {"length_in_lines": int(size["in_lines"]), "count": int(size["count"])}
        elif backup := _BACKUP.fullmatch(line):
            found["backup"] = backup[1]
        elif mount := _MOUNT.fullmatch(line):
            options, beneath = (frozenset(mount[name].split(",")) for name in ("options", "super"))
            found["mount"] = (mount["point"], options, beneath)
        elif attributes := _ATTRIBUTES.fullmatch(line):
            immutable += [attributes["path"]] * ("i" in attributes["letters"])
        elif _SSHD.match(line):
            keyword, _, value = line.partition(" ")
            sshd[keyword] = f"{sshd[keyword]} {value}" if keyword in sshd else value
        elif ls := _LS.fullmatch(line):
            if ls["path"].startswith("/proc/"):
                found["uid"] = int(ls["uid"])
            else:
                paths.append(PathInfo(ls["path"], ls["kind"], ls["modes"], int(ls["uid"]), int(ls["links"])))
        elif line.startswith(":"):
            held.append(line[1:])
        elif line.strip():
            complaints.append(line)
    return Looked(
        sshd=sshd,
        paths=tuple(paths),
        immutable=tuple(immutable),
        lines=tuple(held),
        complaints=tuple(complaints),
        **found,
    )


def keys_path(looked: Looked, user: str) -> str | None:
    """The file that sshd reads for `user` (sshd_config(5), AuthorizedKeysFile).

    Returns:
        The first entry that is this user's own; None if there is none, because every listed file
        is shared by all users or the list is ``none``.
    """
    patterns = looked.sshd.get("authorizedkeysfile", ".ssh/authorized_keys").split()
    values = {"h": looked.home, "u": user, "%": "%"}
    for pattern in patterns:
        if pattern == "none" or "%U" in pattern:
            continue
        path = _TOKEN.sub(lambda token: values.get(token[1], token[0]), pattern)
        if not path.startswith("/"):
            path = f"{looked.home}/{path}"
        if path.startswith(f"{looked.home}/") or "%h" in pattern or "%u" in pattern:
            return path
    return None


def obstacles(looked: Looked, user: str, path: str) -> list[str]:
    """What would keep sshd from letting `user` in by a key in `path`, in sentences."""
    sshd = looked.sshd
    said: list[str] = []
    if not sshd and not looked.plain:
        said.append(
            f"sshd did not say which file it reads; {path} is the usual one (is sshd installed and its setup whole?)"
        )
    if user == "root" and sshd.get("permitrootlogin") in ("no", "forced-commands-only"):
        said.append(f"sshd is set to PermitRootLogin {sshd['permitrootlogin']}: it will refuse root")
    if sshd.get("pubkeyauthentication") == "no":
        said.append("sshd is set to PubkeyAuthentication no: it takes no keys")
    if (methods := sshd.get("authenticationmethods", "any")) != "any" and "publickey" not in methods.split():
        said.append(f"sshd wants more than a key: AuthenticationMethods {methods}")
    for keyword in ("allowusers", "allowgroups", "denyusers", "denygroups"):
        if keyword in sshd and (keyword.startswith("deny") or user not in sshd[keyword].split()):
            said.append(f"sshd is set to {keyword} {sshd[keyword]}: look whether {user} may log in")
    said += [fault.said for fault in faults_of_modes(looked, user, path)]
    if any(line.startswith(_BYTE_ORDER_MARK) for line in looked.lines):
        said.append("a line of the file begins with a byte order mark: sshd does not read that line")
    return said


@dataclass(frozen=True)
class ModesFault:
    """Something that sshd's StrictModes refuses.

    Fields:
        said: it, in a sentence.
        command: what mends it.
        path: of what.
    """

    said: str
    command: str
    path: str


def faults_of_modes(looked: Looked, user: str, path: str) -> list[ModesFault]:
    """What sshd's StrictModes would refuse (misc.c, safe_path): of the file, its folders and the home."""
    home = looked.path(looked.home)
    own = home.uid if home and user != "root" else 0
    if looked.uid is not None:
        own = looked.uid
    usual = [looked.path(name) for name in dict.fromkeys((looked.home, path.rpartition("/")[0], path))]
    faults: list[ModesFault] = []
    for info in looked.chain or usual:
        if info is None or info.kind == "l":
            continue
        if info.others_may_write:
            but = "" if info.modes[7] == "w" else " (Debian's takes a group that is the user's alone)"
            said = f"{info.path} may be written by others ({info.modes}): with StrictModes sshd ignores the keys{but}"
            faults.append(ModesFault(said, f"chmod go-w {info.path}", info.path))
        if info.uid not in (0, own):
            said = f"{info.path} belongs to uid {info.uid}: with StrictModes sshd ignores the keys"
            faults.append(ModesFault(said, f"chown {user} {info.path}", info.path))
    return faults

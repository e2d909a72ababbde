"""The output of the programs that inspect and change an authorized_keys file, as values. No I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .server import Server

__all__ = ["GroupInfo", "Mount", "PathInfo", "Report", "parse_groups", "parse_report"]

_FLAGS = {
    "l": "is_link",
    "c": "changed",
    "f": "failed",
    "w": "not_restored",
    "p": "restored",
    "y": "changed_during_rewrite",
}
_MACHINE = re.compile(
    r"m(?= )(?: (?P<hostname>(?![0-9a-f]{32}(?: |$))[^\s/~]\S*))?(?: (?P<machine_id>[0-9a-f]{32}))?"
    r"(?: (?P<home>[/~].*))?"
)
_CHECKSUM = re.compile(r"([ab]) (\d{1,10} \d{1,15})")
_SIZE = re.compile(
    r"s (?P<plain>[px])(?P<odd>[xn]*)(?: (?P<checksum>\d{1,10} (?P<length>\d{1,15})))?"
    r" (?P<in_lines>\d{1,15}) (?P<count>\d{1,15})"
)
_MOUNT = re.compile(
    r"(?P<letter>[dD]) (?P<point>/\S*) (?P<options>\S+) (?P<kind>\S+) (?:(?P<source>\S+) )?(?P<super>\S+)"
)
_ATTRIBUTES = re.compile(r"(?P<letters>(?=\S*-)[-a-zA-Z]{8,}) +(?P<path>/\S*)")
_BACKUP = re.compile(r"k (/\S+)")
_GROUP = re.compile(r"Q (\d{1,10}) (\S+) (\S*)")
_PRIMARY = re.compile(r"q (\d{1,10}) (\S+) (\d{1,10})")
_PATCHED = re.compile(r"OpenSSH_\S+ (?:\w*[Dd]ebian|Ubuntu|Raspbian)")
_LS = re.compile(
    r"(?P<kind>[-dlbcps])(?P<modes>[-rwxsStT]{9})[.+@]?\s+(?P<links>\d{1,10})\s+(?P<uid>\d{1,10})\s+(?P<gid>\d{1,10})\s+(?P<size>\d{1,19}),?\s"
    r"[^/]*?(?P<path>/.*?)(?: -> .*)?"
)


@dataclass(frozen=True)
class PathInfo:
    """A line of ``ls -ldn``.

    Fields:
        path: as it was requested.
        kind: ``-`` for a regular file, ``d`` for a folder, ``l`` for a link, and so on.
        modes: nine letters such as ``rw-------``.
        uid: the numeric ID of the owner.
        links: number of hard links.
        gid: the numeric ID of the group; None if unknown.
        size: its size in bytes; None if unknown.
    """

    path: str
    kind: str
    modes: str
    uid: int
    links: int = 1
    gid: int | None = None
    size: int | None = None

    @property
    def others_may_write(self) -> bool:
        """Whether group or others may write to it, which StrictModes of sshd rejects."""
        return "w" in (self.modes[4], self.modes[7])


@dataclass(frozen=True)
class Mount:
    """A mounted file system.

    Fields:
        point: where it is mounted.
        options: the options of this mount.
        kind: its type.
        source: its device, or the word that its type has in its place.
        super_options: the options of the file system.
    """

    point: str
    options: frozenset[str]
    kind: str
    source: str
    super_options: frozenset[str]


@dataclass(frozen=True)
class GroupInfo:
    """A group that may write to a file.

    Fields:
        gid: its number.
        members: the names of its members in group(5).
        primary_of: names and uids of the accounts whose primary group it is.
    """

    gid: int
    members: tuple[str, ...] = ()
    primary_of: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Report:
    """The machine's report about itself and about an authorized_keys file.

    Fields:
        hostname, home: as the machine reports them; empty if it does not.
        machine_id: contents of /etc/machine-id, or None.
        server: the SSH server and the account; None if it was not asked, because everything is plain.
        groups: groups that may write to the file, its folders or the home, as far as they were inspected.
        openssh: the version of OpenSSH, if groups were inspected.
        revoked: for keys by their base64, whether RevokedKeys lists them; None if that file cannot be examined.
        chroot: the folder of ChrootDirectory and those above it, as far as they exist.
        shell_in_chroot: whether the account's shell exists there.
        is_link: whether the file is a dangling symbolic link.
        paths: home, folder and file, as far as they exist.
        checked_paths: the paths whose modes sshd checks, if they differ from `paths`.
        uid: the numeric ID of the user; None without /proc.
        mount: the mount that the file is on.
        upper: if that is an overlay, the mount that its upper layer is on.
        immutable: the file and its folder, if ``chattr +i`` is set on them.
        checksum: "CRC LENGTH" of the file; None if it cannot be read.
        length: its length in bytes.
        length_in_lines: sum of the lengths of its lines, with a newline for each.
        ends_in_newline: whether its last byte is a newline, or it is empty.
        plain: whether sshd reads the usual file, as far as that was checked.
        count: number of lines that are neither empty nor comments.
        lines: the lines that may contain our keys, in the order of the file.
        complaints: error messages of the commands.
        changed: whether nothing was done because the file had changed.
        failed: whether the write failed.
        restored, not_restored: whether the protection that was removed for the write was restored in the end, and
            whether restoring a part of it failed.
        changed_during_rewrite: whether the old file changed while the new one replaced it.
        checksum_after: "CRC LENGTH" of the file after the write; None if there was no write.
        prefix_checksum: "CRC LENGTH" of the part of the file that was there before the write.
        backup: path of the old file after a rewrite.
    """

    hostname: str = ""
    home: str = ""
    machine_id: str | None = None
    server: Server | None = None
    groups: tuple[GroupInfo, ...] = ()
    openssh: str = ""
    revoked: Mapping[str, bool | None] = field(default_factory=dict)
    chroot: tuple[PathInfo, ...] = ()
    shell_in_chroot: bool = False
    is_link: bool = False
    paths: tuple[PathInfo, ...] = ()
    checked_paths: tuple[PathInfo, ...] = ()
    uid: int | None = None
    mount: Mount | None = None
    upper: Mount | None = None
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
    restored: bool = False
    not_restored: bool = False
    changed_during_rewrite: bool = False
    checksum_after: str | None = None
    prefix_checksum: str | None = None
    backup: str | None = None

    @property
    def contains_nul(self) -> bool:
        """Whether the file contains bytes that no line of text has."""
        return self.length_in_lines != self.length + (not self.ends_in_newline)

    @property
    def has_links(self) -> bool:
        """Whether the home, the folder or the file is a link."""
        return any(info.kind == "l" for info in self.paths)

    @property
    def debian_rule(self) -> bool:
        """Whether sshd permits a group to write if the user is its only member, as Debian's and Ubuntu's do."""
        return _PATCHED.search(self.openssh) is not None

    def path(self, name: str) -> PathInfo | None:
        """Return what is known about the path `name`; None if it does not exist."""
        return next((info for info in self.paths if info.path == name), None)


def parse_report(lines: list[str]) -> Report:
    """Parse the output of the programs that inspect and change a file.

    Lines that match no known form are complaints. Nonsense from a machine gives an empty `Report`,
    never an exception.
    """
    fields: dict[str, Any] = {}
    paths: list[PathInfo] = []
    shown: list[str] = []
    complaints: list[str] = []
    immutable: list[str] = []
    for line in lines:
        if (parsed := _parse_fields(line)) is not None:
            fields |= parsed
        elif attributes := _ATTRIBUTES.fullmatch(line):
            immutable += [attributes["path"]] * ("i" in attributes["letters"])
        elif ls := _LS.fullmatch(line):
            if ls["path"].startswith("/proc/"):
                fields["uid"] = int(ls["uid"])
            else:
                numbers = (int(ls[name]) for name in ("uid", "links", "gid", "size"))
                paths.append(PathInfo(_plain_path(ls["path"]), ls["kind"], ls["modes"], *numbers))
        elif line.startswith(":"):
            shown.append(line[1:])
        elif line.strip():
            complaints.append(line)
    return Report(
        paths=tuple(paths),
        immutable=tuple(immutable),
        lines=tuple(shown),
        complaints=tuple(complaints),
        **fields,
    )


def parse_groups(lines: Sequence[str]) -> tuple[GroupInfo, ...]:
    """Parse the output of `inspect_groups`."""
    groups: dict[int, GroupInfo] = {}
    for line in lines:
        if match := _GROUP.fullmatch(line):
            groups[int(match[1])] = GroupInfo(int(match[1]), tuple(filter(None, match[3].split(","))))
    return tuple(
        replace(
            one,
            primary_of=tuple(
                (match[2], int(match[3]))
                for line in lines
                if (match := _PRIMARY.fullmatch(line)) and int(match[1]) == one.gid
            ),
        )
        for one in groups.values()
    )


def _parse_fields(line: str) -> dict[str, Any] | None:
    """Return the fields of a `Report` that `line` sets; None if it is a line of another kind."""
    if line in _FLAGS:
        return {_FLAGS[line]: True}
    for pattern, parse in _FIELD_LINES:
        if match := pattern.fullmatch(line):
            return parse(match)
    return None


def _parse_machine(match: re.Match[str]) -> dict[str, Any]:
    home = _plain_path(match["home"] or "")
    return {"hostname": match["hostname"] or "", "machine_id": match["machine_id"], "home": home}


def _plain_path(path: str) -> str:
    """Return a path without slashes at its end and without double ones, which a home folder may bring along."""
    return re.sub("/+", "/", path).rstrip("/") or path[:1]


def _parse_checksum(match: re.Match[str]) -> dict[str, Any]:
    return {"checksum_after" if match[1] == "a" else "prefix_checksum": match[2]}


def _parse_size(match: re.Match[str]) -> dict[str, Any]:
    return {
        "plain": match["plain"] == "p",
        "ends_in_newline": "n" not in match["odd"],
        "checksum": match["checksum"],
        "length": int(match["length"] or 0),
        "length_in_lines": int(match["in_lines"]),
        "count": int(match["count"]),
    }


def _parse_mount(match: re.Match[str]) -> dict[str, Any]:
    options, super_options = (frozenset(match[name].split(",")) for name in ("options", "super"))
    mount = Mount(match["point"], options, match["kind"], match["source"] or "", super_options)
    return {"mount" if match["letter"] == "d" else "upper": mount}


#: Lines of a report that set fields, and how to parse them.
_FIELD_LINES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], dict[str, Any]]], ...] = (
    (_MACHINE, _parse_machine),
    (_CHECKSUM, _parse_checksum),
    (_SIZE, _parse_size),
    (_BACKUP, lambda match: {"backup": match[1]}),
    (_MOUNT, _parse_mount),
)

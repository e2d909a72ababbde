"""The output of the programs that inspect and change an authorized_keys file, as values. No I/O."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["PathInfo", "Report", "parse_report"]

_FLAGS = {
    "l": "is_link",
    "c": "changed",
    "f": "failed",
    "w": "not_restored",
    "p": "restored",
    "y": "changed_during_rewrite",
}
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


@dataclass(frozen=True)
class PathInfo:
    """A line of ``ls -ldn``.

    Fields:
        path: as it was requested.
        kind: ``-`` for a regular file, ``d`` for a folder, ``l`` for a link, and so on.
        modes: nine letters such as ``rw-------``.
        uid: the numeric ID of the owner.
        links: number of hard links.
    """

    path: str
    kind: str
    modes: str
    uid: int
    links: int = 1

    @property
    def others_may_write(self) -> bool:
        """Whether group or others may write to it, which StrictModes of sshd rejects."""
        return "w" in (self.modes[4], self.modes[7])


@dataclass(frozen=True)
class Report:
    """The machine's report about itself and about an authorized_keys file.

    Fields:
        hostname, home: as the machine reports them; empty if it does not.
        machine_id: contents of /etc/machine-id, or None.
        sshd: settings of ``sshd -T`` by keyword; empty if sshd did not answer.
        is_link: whether the file is a dangling symbolic link.
        paths: home, folder and file, as far as they exist.
        checked_paths: the paths whose modes sshd checks, if they differ from `paths`.
        uid: the numeric ID of the user; None without /proc.
        mount: mount point of the file, its options, and the options of the file system.
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
    sshd: dict[str, str] = field(default_factory=dict)
    is_link: bool = False
    paths: tuple[PathInfo, ...] = ()
    checked_paths: tuple[PathInfo, ...] = ()
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

    def path(self, name: str) -> PathInfo | None:
        """Return what is known about the path `name`; None if it does not exist."""
        return next((info for info in self.paths if info.path == name), None)


def parse_report(lines: list[str]) -> Report:
    """Parse the output of the programs that inspect and change a file.

    Lines that match no known form are complaints. Nonsense from a machine gives an empty `Report`,
    never an exception.
    """
    fields: dict[str, Any] = {}
    sshd: dict[str, str] = {}
    paths: list[PathInfo] = []
    shown: list[str] = []
    complaints: list[str] = []
    immutable: list[str] = []
    for line in lines:
        if (parsed := _parse_fields(line)) is not None:
            fields |= parsed
        elif attributes := _ATTRIBUTES.fullmatch(line):
            immutable += [attributes["path"]] * ("i" in attributes["letters"])
        elif _SSHD.match(line):
            keyword, _, value = line.partition(" ")
            sshd[keyword] = f"{sshd[keyword]} {value}" if keyword in sshd else value
        elif ls := _LS.fullmatch(line):
            if ls["path"].startswith("/proc/"):
                fields["uid"] = int(ls["uid"])
            else:
                paths.append(PathInfo(ls["path"], ls["kind"], ls["modes"], int(ls["uid"]), int(ls["links"])))
        elif line.startswith(":"):
            shown.append(line[1:])
        elif line.strip():
            complaints.append(line)
    return Report(
        sshd=sshd,
        paths=tuple(paths),
        immutable=tuple(immutable),
        lines=tuple(shown),
        complaints=tuple(complaints),
        **fields,
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
    return match.groupdict(default="") | {"machine_id": match["machine_id"]}


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
    return {"mount": (match["point"], options, super_options)}


#: Lines of a report that set fields, and how to parse them.
_FIELD_LINES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], dict[str, Any]]], ...] = (
    (_MACHINE, _parse_machine),
    (_CHECKSUM, _parse_checksum),
    (_SIZE, _parse_size),
    (_BACKUP, lambda match: {"backup": match[1]}),
    (_MOUNT, _parse_mount),
)

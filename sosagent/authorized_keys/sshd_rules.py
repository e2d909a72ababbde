"""The rules of sshd for authorized_keys: which file it reads, and what makes it refuse a key. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .report import Report

__all__ = ["ModeFault", "keys_path", "login_obstacles", "mode_faults"]

_BYTE_ORDER_MARK = "\ufeff"
_TOKEN = re.compile(r"%(.)")


def keys_path(report: Report, user: str) -> str | None:
    """Return the file that sshd reads for `user` (sshd_config(5), AuthorizedKeysFile).

    Returns:
        The first entry that belongs to this user alone; None if all users share every listed file, or
        the list is ``none``.
    """
    patterns = report.sshd.get("authorizedkeysfile", ".ssh/authorized_keys").split()
    values = {"h": report.home, "u": user, "%": "%"}
    for pattern in patterns:
        if pattern == "none" or "%U" in pattern:
            continue
        path = _TOKEN.sub(lambda token: values.get(token[1], token[0]), pattern)
        if not path.startswith("/"):
            path = f"{report.home}/{path}"
        if path.startswith(f"{report.home}/") or "%h" in pattern or "%u" in pattern:
            return path
    return None


def login_obstacles(report: Report, user: str, path: str) -> list[str]:
    """Return sentences about what would make sshd refuse `user` in spite of a key in `path`."""
    sshd = report.sshd
    sentences: list[str] = []
    if not sshd and not report.plain:
        sentences.append(
            f"sshd did not report which file it reads; {path} is the usual one (is sshd installed and configured?)"
        )
    if user == "root" and sshd.get("permitrootlogin") in ("no", "forced-commands-only"):
        sentences.append(f"sshd is set to PermitRootLogin {sshd['permitrootlogin']}: it will refuse root")
    if sshd.get("pubkeyauthentication") == "no":
        sentences.append("sshd is set to PubkeyAuthentication no: it accepts no keys")
    if (methods := sshd.get("authenticationmethods", "any")) != "any" and "publickey" not in methods.split():
        sentences.append(f"sshd requires more than a key: AuthenticationMethods {methods}")
    for keyword in ("allowusers", "allowgroups", "denyusers", "denygroups"):
        if keyword in sshd and (keyword.startswith("deny") or user not in sshd[keyword].split()):
            sentences.append(f"sshd is set to {keyword} {sshd[keyword]}: check that {user} may log in")
    sentences += [fault.sentence for fault in mode_faults(report, user, path)]
    if any(line.startswith(_BYTE_ORDER_MARK) for line in report.lines):
        sentences.append("a line of the file starts with a byte order mark: sshd does not read that line")
    return sentences


@dataclass(frozen=True)
class ModeFault:
    """A mode or an owner that StrictModes of sshd rejects.

    Fields:
        path: the file or folder.
        sentence: a description for the user.
        command: the command that fixes it.
    """

    path: str
    sentence: str
    command: str


def mode_faults(report: Report, user: str, path: str) -> list[ModeFault]:
    """Return what StrictModes rejects of the file, its folders and the home (misc.c, safe_path)."""
    home = report.path(report.home)
    own = home.uid if home and user != "root" else 0
    if report.uid is not None:
        own = report.uid
    usual = [report.path(name) for name in dict.fromkeys((report.home, path.rpartition("/")[0], path))]
    faults: list[ModeFault] = []
    for info in report.checked_paths or usual:
        if info is None or info.kind == "l":
            continue
        if info.others_may_write:
            exception = "" if info.modes[7] == "w" else " (Debian's accepts a group with only this user)"
            effect = f"with StrictModes sshd ignores the keys{exception}"
            sentence = f"other users may write to {info.path} ({info.modes}): {effect}"
            faults.append(ModeFault(info.path, sentence, f"chmod go-w {info.path}"))
        if info.uid not in (0, own):
            sentence = f"{info.path} belongs to uid {info.uid}: with StrictModes sshd ignores the keys"
            faults.append(ModeFault(info.path, sentence, f"chown {user} {info.path}"))
    return faults

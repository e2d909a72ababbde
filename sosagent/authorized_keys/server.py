"""The machine's SSH server and the user's account, as `ask_sshd` and `inspect_account` report them. No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .connections import Connection

__all__ = ["Account", "Server", "Settings", "parse_server"]

#: Keywords of which sshd prints one line for each value.
_LISTS = ("allowusers", "denyusers", "allowgroups", "denygroups")
_PASSWD = re.compile(r"P (?P<uid>\d{1,10}):(?P<gid>\d{1,10}):(?P<home>[^:]*):(?P<shell>[^:]*)")
_SHADOW = re.compile(
    r"S (?P<lock>x?):(?P<changed>-?\d*):\d*:(?P<most>-?\d*):\d*:(?P<inactive>-?\d*):(?P<expires>-?\d*)"
)
_VERSION = re.compile(r"OpenSSH_(\d{1,3})\.(\d{1,3})")


@dataclass(frozen=True)
class Settings:
    """What sshd does with one connection.

    Fields:
        connection: the connection.
        values: the values of each keyword in lower case, as ``sshd -T`` prints them: one, or any number for Allow...
            and Deny.... Empty if sshd did not answer.
    """

    connection: Connection
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def get(self, keyword: str, default: str = "") -> str:
        """Return the only value of `keyword`."""
        return self.values.get(keyword, (default,))[0]

    def all(self, keyword: str) -> tuple[str, ...]:
        """Return all values of `keyword`, each a word."""
        return tuple(word for value in self.values.get(keyword, ()) for word in value.split())


@dataclass(frozen=True)
class Account:
    """The account whose keys are meant (passwd(5), shadow(5)).

    Fields:
        uid, gid, home, shell: as in passwd.
        shell_missing: whether the shell does not exist or cannot be run.
        groups: names of all groups that have one.
        locked: whether the password starts with ``!``.
        changed, most, inactive, expires: days as in shadow; None where unlimited or unknown.
        today: the day on the machine, in days since 1970.
        nologin: the files that keep users other than root out.
        home_missing: whether the home does not exist or is no folder.
    """

    uid: int = 0
    gid: int = 0
    home: str = ""
    shell: str = ""
    shell_missing: bool = False
    groups: tuple[str, ...] = ()
    locked: bool = False
    changed: int | None = None
    most: int | None = None
    inactive: int | None = None
    expires: int | None = None
    today: int | None = None
    nologin: tuple[str, ...] = ()
    home_missing: bool = False


@dataclass(frozen=True)
class Server:
    """What the machine reports about its SSH server.

    Fields:
        program: path of the program; empty if it is in none of the usual places.
        version: what OpenSSH calls itself; empty if unknown.
        as_root: whether our shell is root's: nobody else can ask sshd.
        answers: the settings for each connection that was asked about.
        complaints: of sshd about its configuration, without answers.
        config: lines of its configuration with conditions or names of files.
        running: "NAME COMMAND" of servers that run, if there is no sshd in the usual places.
        account: the user's account, or None if it does not exist.
        is_openwrt: whether the system is OpenWrt.
        shells: the shells in /etc/shells, if the server is not sshd.
    """

    program: str = ""
    version: str = ""
    as_root: bool = True
    answers: tuple[Settings, ...] = ()
    complaints: tuple[str, ...] = ()
    config: tuple[str, ...] = ()
    running: tuple[str, ...] = ()
    account: Account | None = None
    is_openwrt: bool = False
    shells: tuple[str, ...] = ()

    @property
    def is_dropbear(self) -> bool:
        """Whether the server is dropbear instead of sshd."""
        names = (self.program.rpartition("/")[2], *(line.partition(" ")[0] for line in self.running))
        return "sshd" not in names and "dropbear" in names

    @property
    def number(self) -> tuple[int, int]:
        """The version of OpenSSH, or (0, 0)."""
        match = _VERSION.search(self.version)
        return (int(match[1]), int(match[2])) if match else (0, 0)


def parse_server(lines: Sequence[str], connections: Sequence[Connection]) -> Server:
    """Parse the output of `ask_sshd`, `inspect_account` and `find_ssh_server`.

    Lines of another form are ignored, so nonsense from a machine gives an empty `Server`.

    Args:
        lines: the output.
        connections: those that sshd was asked about.
    """
    values: list[dict[str, list[str]]] = []
    words: dict[str, list[str]] = {letter: [] for letter in "DVUecrGgTNHXWh"}
    passwd = shadow = None
    for line in lines:
        letter, _, rest = line.partition(" ")
        if letter == "@" and len(values) < len(connections):
            values.append({})
        elif letter in words:
            words[letter].append(rest)
        elif match := _PASSWD.fullmatch(line):
            passwd = match
        elif match := _SHADOW.fullmatch(line):
            shadow = match
        elif values and letter.isalnum() and len(letter) > 1:
            # In capitals and small letters since OpenSSH 10.6.
            values[-1].setdefault(letter.lower(), []).append(rest)
    return Server(
        program=words["D"][0] if words["D"] else "",
        version=words["V"][0] if words["V"] else "",
        as_root=words["U"][:1] == ["0"],
        answers=_answers(values, connections),
        complaints=tuple(words["e"]),
        config=tuple(words["c"]),
        running=tuple(words["r"]),
        account=None if passwd is None else _account(passwd, shadow, words),
        is_openwrt=bool(words["W"]),
        shells=tuple(words["h"]),
    )


def _answers(values: Sequence[dict[str, list[str]]], connections: Sequence[Connection]) -> tuple[Settings, ...]:
    """Return the settings of each connection; after the first, only what differs from it was printed."""
    if not values or not values[0]:
        return ()
    common = {keyword: one for keyword, one in values[0].items() if keyword not in _LISTS}
    return tuple(
        Settings(connection, {keyword: tuple(one) for keyword, one in (common | own).items()})
        for connection, own in zip(connections, values, strict=False)
    )


def _account(passwd: re.Match[str], shadow: re.Match[str] | None, words: Mapping[str, Sequence[str]]) -> Account:
    names, numbers = (" ".join(words[letter]).split() for letter in "Gg")
    seconds = next((int(text) for text in words["T"] if re.fullmatch(r"\d{1,12}", text)), None)
    days = {} if shadow is None else shadow.groupdict()
    return Account(
        uid=int(passwd["uid"]),
        gid=int(passwd["gid"]),
        home=passwd["home"],
        shell=passwd["shell"] or "/bin/sh",
        shell_missing=bool(words["X"]),
        # id prints the number of a group without a name, which sshd leaves out.
        groups=tuple(name for name in names if not (name.isdigit() and name in numbers)),
        locked=days.get("lock") == "x",
        changed=_days(days.get("changed")),
        most=_days(days.get("most")),
        inactive=_days(days.get("inactive")),
        expires=_days(days.get("expires")),
        today=None if seconds is None else seconds // 86400,
        nologin=tuple(words["N"]),
        home_missing=bool(words["H"]),
    )


def _days(text: str | None) -> int | None:
    """Return a field of shadow(5) as a number; None if it is empty, negative or unknown."""
    return int(text) if text and text.isdigit() and len(text) < 10 else None

"""A user's authorized_keys file, and the programs that inspect and change it. No I/O."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..errors import UsageError
from ..keys import PublicKey
from ..printable import printable
from ..shell.frame import EMPTY_CKSUM
from ..shell.programs import Expanded, Word, program, variables
from .report import Report

__all__ = ["SAFE_PATH", "KeyFile", "Unlock", "check_user", "is_typeable", "key_file_of", "printf_format"]

#: Paths that may be part of a program without quotes.
SAFE_PATH = re.compile(r"/[\w./@%+,-]*", re.ASCII)
#: Paths that may be part of a program in quotes.
_QUOTED_PATH = re.compile(r"/[\w./@%+,:= -]*", re.ASCII)
#: Defines cksum where the machine has none (remote/adapt.sh); otherwise the variable is empty.
_CKSUM = f'eval "{variables("crc")}"'
_SAFE_USER = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)
_SEARCHED_CHARACTERS = 10  # of a key's base64, which are 60 bits
#: A test for the shell: whether to append at once. It holds if the file can be read, ends in a newline, has no line
#: that must be judged first, and is the one that sshd reads; then its length in lines is its length, and neither
#: sos_odd nor sos_elsewhere adds a letter.
_APPEND_AT_ONCE = f'"$z{variables("odd", "elsewhere")}" = "${{{variables("was")[1:]}#* }}"'

_VERIFY = ("inspect_keys", "verify_append", "list_paths")


@dataclass(frozen=True)
class Unlock:
    """Removes the protection of a file for one write, and restores it at once, in the same program.

    The program continues if the line dies, so the protection is always restored.

    Fields:
        remove: commands to run before the write, such as ``chattr -i FILE``.
        restore: commands to run after it, in reverse order.
    """

    remove: tuple[str, ...] = ()
    restore: tuple[str, ...] = ()

    def around(self, text: str) -> str:
        """Return the program `text` between these commands.

        It prints "w" if something could not be restored, and "p" at the end. It runs in a process of its
        own, which the watchdog of a program that hangs does not end, and `text` runs in a subshell of
        that, because it may exit.
        """
        if not self.remove:
            return text
        restore = ";".join(f"{{ {command};}}||echo w" for command in self.restore)
        return f"{{ {'&&'.join(self.remove)}&&({text});{restore};echo p;}}&wait"

    def plus(self, remove: str, restore: str) -> Unlock:
        """Return these commands and two more: the last to remove protection, and the first to restore it."""
        return Unlock((*self.remove, remove), (restore, *self.restore))


@dataclass(frozen=True)
class KeyFile:
    """The authorized_keys file of a user, as the shell on the machine can reach it.

    Fields:
        user: the user who logs in with these keys.
        home: a word of the shell for the home folder.
        own: whether the shell runs as this user. Otherwise su runs the programs as the user, so that a link
            made by the user leads only where the user may go.
        path: a word of the shell for the file.
        unlock: how to remove the protection of the file for a write.
        pattern: patterns of `case` for the lines to show; if empty, the lines that may contain the keys.
    """

    user: str
    home: str
    own: bool
    path: str
    unlock: Unlock = field(default_factory=Unlock)
    pattern: str = ""

    def inspect(self, keys: Sequence[PublicKey], *, append_at_once: bool = False) -> str:
        """Return a program that inspects the file, and whether everything about sshd is plain.

        Args:
            keys: the keys to look for.
            append_at_once: also append `keys`, unless something must be judged first.
        """
        text = self._program(keys, "inspect_keys", "read_sshd_config")
        if append_at_once:
            append = self._program(keys, "append", path=Expanded(variables("path")))
            text += f";[ {_APPEND_AT_ONCE} ]&&{{ {append};}}"
        text += f";{self._program(keys, 'list_paths', path=Expanded(variables('path')))}"
        # The braces let the inspection run, too, where the first command of the source fails.
        source = f"{{ {program('print_sshd_config')};}}" if self.may_be_plain else ":"
        return f"{source}|{self._as_user(text)}"

    def append(self, keys: Sequence[PublicKey], report: Report, prefix: Sequence[str] = ()) -> str:
        """Return a program that appends the lines `prefix` and `keys` if the file is as in `report`.

        A missing file is created.
        """
        create = ("create_file",) if report.checksum is None else ()
        text = ("" if report.ends_in_newline else "\n") + _lines(keys, prefix)
        values = {"format": Expanded(printf_format(text)), "was": report.checksum or EMPTY_CKSUM}
        return self._unlocked(self._program(keys, *create, "require_unchanged", "append", **values))

    def undo_append(self, keys: Sequence[PublicKey], report: Report, prefix: Sequence[str] = ()) -> str:
        """Return a program that removes the remains of a failed append."""
        newline = "" if report.ends_in_newline else "\n"
        text = Expanded(f"$(printf {printf_format(newline + _lines(keys, prefix))})")
        return self._unlocked(self._program(keys, "undo_append", size=str(report.length), text=text))

    def verify_append(self, keys: Sequence[PublicKey], report: Report) -> str:
        """Return a program that inspects the file after an append, where its checksum alone is not a proof."""
        return self._as_user(self._program(keys, *_VERIFY, size=Expanded(str(report.length))))

    def pattern_for(self, keys: Sequence[PublicKey]) -> str:
        """Return patterns of `case` for the lines that may contain one of `keys`."""
        return "|".join(f"*{key.base64[-_SEARCHED_CHARACTERS - 4 : -4]}*" for key in keys) or "x"

    def find_lines(self, pattern: str) -> str:
        """Return a program that prints the lines that match `pattern`, and where they are."""
        return self._as_user(self._program((), "find_lines", pattern=Expanded(pattern)))

    def rewrite(self, was: str, want: str, size: int, copy: Expanded) -> str:
        """Return a program that replaces the contents of the file.

        Args:
            was, want: "CRC LENGTH" of the current and of the new contents.
            size: length of the current contents.
            copy: commands that print the new contents.
        """
        values = {"was": was, "want": want, "size": str(size), "copy": copy}
        return self._unlocked(self._program((), "rewrite", **values))

    def ask(self, part: str, *, as_user: bool = True) -> str:
        """Return the program `part` of `remote/`, which needs only the path of the file."""
        text = self._program((), part)
        return self._as_user(text) if as_user else text

    def fix_modes(self, chown: Sequence[str], chmod: Sequence[str]) -> str:
        """Return a program that gives the paths `chown` to the user, and makes `chmod` writable for its owner alone.

        The modes are changed as the user.
        """
        give = f"chown -h {self.user} {' '.join(chown)}" if chown else ":"
        return f"{give}&&{self._as_user('chmod go-w ' + ' '.join(chmod) if chmod else ':')}"

    def _program(self, keys: Sequence[PublicKey], *parts: str, **values: str) -> str:
        # Without field splitting, words that contain the path stay whole.
        prefix = "IFS=;" if " " in self.path and parts != ("mount_options",) else ""
        common = {
            "home": Expanded(self.home),
            "path": Word(self.quoted_path),
            "user": Expanded(self.user),
            "pattern": Expanded(self.pattern or self.pattern_for(keys)),
            "format": Expanded(printf_format(_lines(keys))),
        }
        return prefix + program(*parts, **(common | values))

    @property
    def may_be_plain(self) -> bool:
        """Whether the user has just logged in on the console, so that the account is neither locked nor expired."""
        return self.home == "~"

    @property
    def quoted_path(self) -> str:
        """The path as a word of the shell."""
        return shlex.quote(self.path) if " " in self.path else self.path

    def _unlocked(self, text: str) -> str:
        return self.unlock.around(self._as_user(text))

    def _as_user(self, text: str) -> str:
        # su may set a locale in which the shell counts characters instead of bytes.
        as_user = f"LC_ALL=C su -s /bin/sh -c {shlex.quote(f'LC_ALL=C;{_CKSUM};{text}')} {self.user}"
        return f"{{ {text};}}" if self.own else as_user


def key_file_of(user: str, *, own: bool, logged_in: bool) -> KeyFile:
    """Return the usual file of `user`; see `append_keys`."""
    home = "~" if own and logged_in else f"~{user}"
    return KeyFile(user, home, own, f"{home}/.ssh/authorized_keys")


def printf_format(text: str) -> str:
    """Return a quoted format of printf(1), all ASCII, that prints `text` exactly."""
    escaped = text.replace("\\", "\\\\").replace("%", "%%").replace("\n", "\\n")
    return shlex.quote(
        "".join(
            char if char.isascii() and char.isprintable() else "".join(f"\\{byte:03o}" for byte in char.encode("utf-8"))
            for char in escaped
        )
    )


def _lines(keys: Sequence[PublicKey], prefix: Sequence[str] = ()) -> str:
    return "".join(f"{line}\n" for line in (*prefix, *(key.line for key in keys)))


def is_typeable(path: str) -> bool:
    """Whether the path of a file of keys may be part of a program."""
    return _QUOTED_PATH.fullmatch(path) is not None and "/../" not in path


def check_user(name: str) -> str:
    """Return `name` if it is a valid user name, so that it may be part of a command.

    Raises:
        UsageError: it is not valid.
    """
    if not _SAFE_USER.fullmatch(name):
        raise UsageError(f"{printable(name, 60)!r} is not a user name")
    return name

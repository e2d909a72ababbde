"""Whose file of keys, and the programs that look at it and change it. No I/O."""

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
from .report import Looked

__all__ = ["SAFE_PATH", "Guard", "Work", "check_user", "printf_form", "work_for"]

SAFE_PATH = re.compile(r"/[\w./@%+,-]*", re.ASCII)
_SAFE_USER = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)
_PIECE = 10  # characters of a key's base64 that are looked for: 60 bits
#: Plainly right is an append to a file that can be read, ends in a newline, shows no line that is to be judged
#: and is the one that sshd reads: its length in lines, with nothing odd behind it, is its length.
_PLAINLY_RIGHT = f'"$z{variables("odd", "elsewhere")}" = "${{{variables("was")[1:]}#* }}"'


@dataclass(frozen=True)
class Guard:
    """What is lifted while the file is written, and put back at once, in the same program.

    The program goes on when the line dies, so that nothing stays lifted.

    Fields:
        lift: commands before the write, such as ``chattr -i FILE``.
        put_back: those after it, the other way round.
    """

    lift: tuple[str, ...] = ()
    put_back: tuple[str, ...] = ()

    def around(self, text: str) -> str:
        """`text` with the commands around it. "w" is printed if something could not be put back, "p" at the end.

        It runs in a process of its own, which the watchdog of a program that hangs does not end; `text` in one
        within that, since it may `exit`.
        """
        if not self.lift:
            return text
        back = ";".join(f"{{ {command};}}||echo w" for command in self.put_back)
        return f"{{ {'&&'.join(self.lift)}&&({text});{back};echo p;}}&wait"

    def with_also(self, lift: str, put_back: str) -> Guard:
        """This and one more, lifted last and put back first."""
        return Guard((*self.lift, lift), (put_back, *self.put_back))


@dataclass(frozen=True)
class Work:
    """Whose file, and the programs that look at it and change it.

    Fields:
        user: whose keys.
        home: the shell's word for the home folder.
        own: whether the shell is this user's; else the file is touched as that user, by su, so
            that a link which the user put there leads nowhere that the user may not go.
        path: the file, as the shell's word for it.
        guard: what is lifted for a write.
        piece: lines that are to be shown, as patterns of a `case`; those that may hold the keys, if empty.
    """

    user: str
    home: str
    own: bool
    path: str
    guard: Guard = field(default_factory=Guard)
    piece: str = ""

    def look(self, keys: Sequence[PublicKey], *, ask_sshd: bool, and_append: bool) -> str:
        """Look at the file, and at sshd's configuration or what sshd makes of it.

        With `and_append`, where all is plain, `keys` are appended in the same go.
        """
        source = "sshd_settings" if ask_sshd else "sshd_config"
        text = self._program(keys, "inspect_keys", f"read_{source}")
        if and_append:
            append = self._program(keys, "append", path=Expanded(variables("path")))
            text += f";[ {_PLAINLY_RIGHT} ]&&{{ {append};}}"
        return f"{program(f'print_{source}', user=Expanded(self.user))}|{self._as_user(text)}"

    def append(self, keys: Sequence[PublicKey], looked: Looked, first: Sequence[str] = ()) -> str:
        """Append the lines `first` and `keys` if the file is as it was seen; make it if it was missing."""
        create = ("create_file",) if looked.checksum is None else ()
        text = ("" if looked.ends_in_newline else "\n") + _lines(keys, first)
        was = looked.checksum or EMPTY_CKSUM
        return self._guarded(
            self._program(keys, *create, "require_unchanged", "append", format=Expanded(printf_form(text)), was=was)
        )

    def cut_tail(self, keys: Sequence[PublicKey], looked: Looked, first: Sequence[str] = ()) -> str:
        """Take back what a failed write left."""
        newline = "" if looked.ends_in_newline else "\n"
        text = Expanded(f"$(printf {printf_form(newline + _lines(keys, first))})")
        return self._guarded(self._program(keys, "undo_append", size=str(looked.length), text=text))

    def verify(self, keys: Sequence[PublicKey], looked: Looked) -> str:
        """See what stands in the file, where its checksum alone did not tell."""
        return self._as_user(self._program(keys, "inspect_keys", "verify_append", size=Expanded(str(looked.length))))

    def pattern(self, keys: Sequence[PublicKey]) -> str:
        """What lines look like that may hold one of `keys`, as patterns of a `case`."""
        return "|".join(f"*{key.base64[-_PIECE - 4 : -4]}*" for key in keys) or "x"

    def find(self, pattern: str) -> str:
        """Show the lines that fit `pattern`, and where they stand."""
        return self._as_user(self._program((), "find_lines", pattern=Expanded(pattern)))

    def rewrite(self, was: str, want: str, size: int, copy: Expanded) -> str:
        """Put what the commands `copy` print in the file's place, if it was and will be what the checksums say."""
        values = {"was": was, "want": want, "size": str(size), "copy": copy}
        return self._guarded(self._program((), "rewrite", **values))

    def ask(self, part: str, *, as_user: bool = True) -> str:
        """Return the program `part` of `remote/`, which needs only the path of the file."""
        text = self._program((), part)
        return self._as_user(text) if as_user else text

    def mend(self, chown: Sequence[str], chmod: Sequence[str]) -> str:
        """Give paths to the user, and take the right to write to them from all others: the latter as the user."""
        give = f"chown -h {self.user} {' '.join(chown)}" if chown else ":"
        return f"{give}&&{self._as_user('chmod go-w ' + ' '.join(chmod) if chmod else ':')}"

    def _program(self, keys: Sequence[PublicKey], *parts: str, **values: str) -> str:
        common = {
            "home": Expanded(self.home),
            "path": Word(self.path),
            "user": Expanded(self.user),
            "pattern": Expanded(self.piece or self.pattern(keys)),
            "format": Expanded(printf_form(_lines(keys))),
        }
        return program(*parts, **(common | values))

    def _guarded(self, text: str) -> str:
        return self.guard.around(self._as_user(text))

    def _as_user(self, text: str) -> str:
        # su may set a locale, in which a shell counts characters and not bytes.
        as_user = f"LC_ALL=C su -s /bin/sh -c {shlex.quote(f'LC_ALL=C;{text}')} {self.user}"
        return f"{{ {text};}}" if self.own else as_user


def work_for(user: str, *, own: bool, logged_in: bool) -> Work:
    """The usual file of `user`; see `append_keys`."""
    home = "~" if own and logged_in else f"~{user}"
    return Work(user, home, own, f"{home}/.ssh/authorized_keys")


def printf_form(text: str) -> str:
    """A word of the shell of which printf(1) makes `text`, whatever it holds: its format, ASCII alone."""
    form = text.replace("\\", "\\\\").replace("%", "%%").replace("\n", "\\n")
    return shlex.quote(
        "".join(
            char if char.isascii() and char.isprintable() else "".join(f"\\{byte:03o}" for byte in char.encode("utf-8"))
            for char in form
        )
    )


def _lines(keys: Sequence[PublicKey], first: Sequence[str] = ()) -> str:
    return "".join(f"{line}\n" for line in (*first, *(key.line for key in keys)))


def check_user(name: str) -> str:
    """Give `name` back if a system could have such a user; it goes into a command.

    Raises:
        UsageError: it could not.
    """
    if not _SAFE_USER.fullmatch(name):
        raise UsageError(f"{printable(name, 60)!r} is not a user name")
    return name

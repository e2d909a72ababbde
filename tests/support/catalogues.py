"""The texts of login programs in all their languages, from the message catalogues of three releases of Debian.

`python -m tests.support.catalogues` writes sosagent/terminal/translations.json: for each meaning the texts that the
programs print. It needs the root file systems that `python -m tests.support.roots` builds, and iconv.

The packages of other distributions have the same catalogues. The programs of BusyBox and musl's C library have none.
"""

from __future__ import annotations

import gettext
import json
import subprocess
from pathlib import Path

from .roots import ROOTS

__all__ = ["IN_ASCII", "MESSAGES", "in_ascii", "write"]

_OUTPUT = Path(__file__).parents[2] / "sosagent" / "terminal" / "translations.json"
_PAM, _SHADOW, _UTIL_LINUX, _SUDO, _BASH = "Linux-PAM", "shadow", "util-linux", "sudoers", "bash"
#: The key of the characters that the C library replaces in ASCII by others than a question mark, and those others.
IN_ASCII = "in ASCII"
#: The English texts by meaning, and the catalogues in which they are translated.
MESSAGES: dict[str, tuple[tuple[str, str], ...]] = {
    "login": ((_SHADOW, "\n%s login: "), (_SHADOW, "%s login: "), (_UTIL_LINUX, "login: "), (_PAM, "login:")),
    "password": (
        (_PAM, "Password: "), (_SHADOW, "Password: "), (_SHADOW, "%s's Password: "), (_UTIL_LINUX, "Password: "),
        (_SUDO, "Password: "),
    ),
    "sudo-password": ((_SUDO, "[sudo] password for %p: "),),
    "password-expired": (
        (_PAM, "Current password: "), (_PAM, "Current %s password: "), (_PAM, "(current) UNIX password: "),
        (_PAM, "New password: "), (_PAM, "New %s password: "), (_PAM, "Retype new password: "),
        (_PAM, "Retype new %s password: "), (_PAM, "Enter new UNIX password: "), (_SHADOW, "Old password: "),
        (_SHADOW, "New password: "), (_SHADOW, "New Password: "), (_SHADOW, "Re-enter new password: "),
    ),
    "maintenance": (
        (_UTIL_LINUX, "Give root password for maintenance\n"), (_UTIL_LINUX, "Give root password for login: "),
        (_UTIL_LINUX, "(or press Control-D to continue): "),
        (_UTIL_LINUX, "Enter root password for system maintenance\n"),
        (_UTIL_LINUX, "Enter root password for login: "),
    ),
    "maintenance-enter": (
        (_UTIL_LINUX, "Press Enter for maintenance\n"), (_UTIL_LINUX, "Press Enter for login: "),
        (_UTIL_LINUX, "Press Enter for system maintenance\n"),
    ),
    "maintenance-locked": (
        (_UTIL_LINUX, "\nCannot open access to console, the root account is locked.\n"
                      "See sulogin(8) man page for more details.\n\nPress Enter to continue.\n"),
    ),
    "refused": (
        (_SHADOW, "Login incorrect"), (_SHADOW, "\nLogin incorrect\n"), (_UTIL_LINUX, "Login incorrect\n\n"),
        (_UTIL_LINUX, "\nLogin incorrect\n"), (_UTIL_LINUX, "Password incorrect\n\n"),
        (_PAM, "Authentication failure"), (_PAM, "Permission denied"), (_SUDO, "Sorry, try again."),
        (_SHADOW, "Incorrect password for %s.\n"), (_SUDO, "%u incorrect password attempt"),
    ),
    "expired": (
        (_PAM, "You are required to change your password immediately (administrator enforced)."),
        (_PAM, "You are required to change your password immediately (password expired)."),
        (_PAM, "Authentication token expired"), (_SHADOW, "Your password has expired."),
        (_PAM, "User credentials expired"), (_SHADOW, "You must change your password."),
        (_SHADOW, "Your password is inactive."), (_SUDO, "Password expired, contact your system administrator"),
        (_SUDO, "Account or password is expired, reset your password and try again"),
    ),
    "account-expired": (
        (_PAM, "Your account has expired; please contact your system administrator."),
        (_PAM, "User account has expired"), (_SHADOW, "Your account has expired."),
        (_SHADOW, "Your login has expired."), (_SUDO, "your account has expired"),
    ),
    "locked": (
        (_PAM, "The account is locked due to %u failed logins."),
        (_PAM, "Account temporary locked (%ld seconds left)"),
        (_PAM, "The account is temporarily locked (%ld seconds left)."),
        (_SUDO, "account validation failure, is your account locked?"),
    ),
    "too-many-logins": ((_PAM, "There were too many logins for '%s'."), (_SHADOW, "Too many logins.\n")),
    "too-many-tries": (
        (_SHADOW, "Maximum number of tries exceeded (%u)\n"),
        (_PAM, "Have exhausted maximum number of retries for service"),
    ),
    "nologin": (
        (_SHADOW, "This account is currently not available.\n"),
        (_UTIL_LINUX, "This account is currently not available.\n"),
        (_SHADOW, "\nSystem closed for routine maintenance"),
    ),
    "timed-out": (
        (_SHADOW, "\nLogin timed out after %u seconds.\n"), (_UTIL_LINUX, "timed out after %u seconds"),
        (_SHADOW, "login time exceeded\n\n"),
    ),
    "may-not": (
        (_SUDO, "Sorry, user %s may not run sudo on %s.\n"),
        (_SUDO, "%s is not in the sudoers file.\n"), (_SUDO, "%s is not allowed to run sudo on %s.\n"),
        (_SHADOW, "Access to su to that account DENIED.\n"),
    ),
    "no-shell": (
        (_SHADOW, "Cannot execute %s"), (_UTIL_LINUX, "failed to execute %s"), (_UTIL_LINUX, "no shell"),
        (_UTIL_LINUX, "couldn't exec shell script"),
    ),
    "restricted": (
        (_BASH, "%s: restricted"), (_BASH, "%s: restricted: cannot specify `/' in command names"),
    ),
}  # fmt: skip


def _catalogues(root: Path) -> dict[str, dict[str, dict[str, list[str]]]]:
    """Return the translations of each catalogue and language of a root file system; one for each plural form."""
    found: dict[str, dict[str, dict[str, list[str]]]] = {}
    for path in sorted(root.glob("usr/share/locale/*/LC_MESSAGES/*.mo")):
        if path.stem not in (_PAM, _SHADOW, _UTIL_LINUX, _SUDO, _BASH):
            continue
        with path.open("rb") as file:
            texts = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
        translations = found.setdefault(path.stem, {}).setdefault(path.parts[-3], {})
        for text, translated in texts.items():
            translations.setdefault(text[0] if isinstance(text, tuple) else text, []).append(translated)
    return found


def _lines(text: str, meaning: str) -> list[str]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[: 1 if meaning == "maintenance-locked" else None]


def in_ascii(text: str) -> str:
    """Return what the C library prints for a text if the character set is ASCII."""
    command = ["iconv", "-f", "UTF-8", "-t", "ANSI_X3.4-1968//TRANSLIT"]
    done = subprocess.run(command, input=text.encode(), capture_output=True, check=False, env={"LC_ALL": "C"})
    return done.stdout.decode("ascii")


def _characters(texts: list[str]) -> list[str]:
    """Return the characters that ASCII replaces by others than a question mark, as one text, and those others."""
    characters = sorted({one for text in texts for one in text if not one.isascii()})
    replaced = zip(characters, in_ascii("\n".join(characters)).split("\n"), strict=True)
    known = {one: other for one, other in replaced if other != "?"}
    return ["".join(known), *known.values()]


def write(roots: list[Path]) -> None:
    """Write the texts of the catalogues of some root file systems."""
    languages: set[str] = set()
    meanings: dict[str, set[str]] = {meaning: set() for meaning in MESSAGES}
    for catalogues in map(_catalogues, roots):
        languages |= {language for found in catalogues.values() for language in found}
        for meaning, messages in MESSAGES.items():
            for catalogue, english in messages:
                for translations in catalogues.get(catalogue, {}).values():
                    for translated in translations.get(english, []):
                        meanings[meaning].update(_lines(translated, meaning))
    written = {meaning: sorted(texts) for meaning, texts in meanings.items()}
    written[IN_ASCII] = _characters([text for texts in written.values() for text in texts])
    _OUTPUT.write_text(json.dumps(written, ensure_ascii=False, indent=0, separators=(",", ":")) + "\n")
    print(len(languages), "languages;", ", ".join(f"{meaning}: {len(written[meaning])}" for meaning in MESSAGES))


if __name__ == "__main__":
    write([root.folder for root in ROOTS.values()])

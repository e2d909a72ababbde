"""The texts of login programs in all their languages, from the message catalogues of Debian's packages.

`python -m tests.support.catalogues` downloads the packages (apt-get download) and writes
sosagent/terminal/translations.json: for each meaning the texts that the programs print. It needs apt and dpkg-deb.
"""

from __future__ import annotations

import gettext
import json
import subprocess
import tempfile
from pathlib import Path

__all__ = ["MESSAGES", "write"]

_PACKAGES = ("libpam-runtime", "login", "passwd", "util-linux-locales", "sudo")
_OUTPUT = Path(__file__).parents[2] / "sosagent" / "terminal" / "translations.json"
_PAM, _SHADOW, _UTIL_LINUX, _SUDO = "Linux-PAM", "shadow", "util-linux", "sudoers"
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
        (_SHADOW, "New password: "), (_SHADOW, "Re-enter new password: "),
    ),
    "maintenance": (
        (_UTIL_LINUX, "Give root password for maintenance\n"), (_UTIL_LINUX, "Give root password for login: "),
        (_UTIL_LINUX, "(or press Control-D to continue): "),
    ),
    "maintenance-enter": (
        (_UTIL_LINUX, "Press Enter for maintenance\n"), (_UTIL_LINUX, "Press Enter for login: "),
    ),
    "maintenance-locked": (
        (_UTIL_LINUX, "\nCannot open access to console, the root account is locked.\n"
                      "See sulogin(8) man page for more details.\n\nPress Enter to continue.\n"),
    ),
    "refused": (
        (_SHADOW, "Login incorrect"), (_SHADOW, "\nLogin incorrect\n"), (_UTIL_LINUX, "Login incorrect\n\n"),
        (_UTIL_LINUX, "\nLogin incorrect\n"), (_UTIL_LINUX, "Password incorrect\n\n"),
        (_PAM, "Authentication failure"), (_PAM, "Permission denied"), (_SUDO, "Sorry, try again."),
    ),
    "expired": (
        (_PAM, "You are required to change your password immediately (administrator enforced)."),
        (_PAM, "You are required to change your password immediately (password expired)."),
        (_PAM, "Authentication token expired"), (_SHADOW, "Your password has expired."),
        (_SUDO, "Account or password is expired, reset your password and try again"),
    ),
    "account-expired": (
        (_PAM, "Your account has expired; please contact your system administrator."),
        (_PAM, "User account has expired"), (_SHADOW, "Your account has expired."),
        (_SUDO, "your account has expired"),
    ),
    "locked": (
        (_PAM, "The account is locked due to %u failed logins."),
        (_PAM, "Account temporary locked (%ld seconds left)"),
        (_PAM, "The account is temporarily locked (%ld seconds left)."),
    ),
    "too-many-logins": ((_PAM, "There were too many logins for '%s'."), (_SHADOW, "Too many logins.\n")),
    "too-many-tries": ((_SHADOW, "Maximum number of tries exceeded (%u)\n"),),
    "timed-out": (
        (_SHADOW, "\nLogin timed out after %u seconds.\n"), (_UTIL_LINUX, "timed out after %u seconds"),
    ),
    "may-not": (
        (_SUDO, "Sorry, user %s may not run sudo on %s.\n"),
        (_SUDO, "%s is not in the sudoers file.\n"),
    ),
}  # fmt: skip


def _catalogues(folder: Path) -> dict[str, dict[str, dict[str, str]]]:
    """Return the translations of each catalogue and language."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    for path in sorted(folder.glob("*/usr/share/locale/*/LC_MESSAGES/*.mo")):
        with path.open("rb") as file:
            texts = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
        plural = {text[0] if isinstance(text, tuple) else text: translated for text, translated in texts.items()}
        found.setdefault(path.stem, {})[path.parts[-3]] = plural
    return found


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def write(folder: Path) -> None:
    """Write the texts found below a folder, in which each package is unpacked in a folder of its own."""
    catalogues = _catalogues(folder)
    languages = {language for found in catalogues.values() for language in found}
    meanings = {
        meaning: sorted({
            line
            for catalogue, english in messages
            for translations in catalogues.get(catalogue, {}).values()
            if (translated := translations.get(english))
            for line in _lines(translated)[: 1 if meaning == "maintenance-locked" else None]
        })
        for meaning, messages in MESSAGES.items()
    }  # fmt: skip
    _OUTPUT.write_text(json.dumps(meanings, ensure_ascii=False, indent=0, separators=(",", ":")) + "\n")
    print(len(languages), "languages;", ", ".join(f"{meaning}: {len(texts)}" for meaning, texts in meanings.items()))


def _main() -> None:
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        subprocess.run(["apt-get", "download", "-q", *_PACKAGES], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        for package in folder.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", package, folder / package.name.partition("_")[0]], check=True)
        write(folder)


if __name__ == "__main__":
    _main()

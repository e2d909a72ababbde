"""Why a machine refused a login: what login, su, sudo and PAM's modules print, what it means, and what to do.

A reason may come before the prompt for a password (pam_faillock, pam_nologin), after it, or instead of it. The password
is the last to suspect: PAM's account and session modules refuse users whose password is right.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from ..console.console import Console, Mark
from ..errors import ConsoleError, LoginRefused
from ..printable import printable
from ..terminal.kernel import looks_like_kernel_line
from ..terminal.states import classify
from ..terminal.translations import message_meaning

__all__ = [
    "REFUSALS",
    "Refusal",
    "locked_before",
    "means",
    "printed_lines",
    "refusal_error",
    "refusal_reason",
    "wrong_password_of_others",
]


class Refusal(NamedTuple):
    """An entry of the table.

    Fields:
        meaning: its name, also in terminal/translations.json.
        pattern: matches the line.
        message: what happened; ``{}`` is "password" or "login".
        hint: what to do.
        before: whether it also counts in front of the prompt for a password.
    """

    meaning: str
    pattern: re.Pattern[str]
    message: str
    hint: str
    before: bool = False


_CHECK_PASSWORD = "Check the password. It was tried only once, so that no account is locked."
_OTHER_USER = "Log in as another user (--login), or let root correct it."
_CHANGE_IT = "Change it on the console; sosagent never changes one."
_NOT_TYPED = "The password was not typed."
_OTHER_KEYS = "Other keys answered the prompt for it: another user or program types on this console. Run again later."
_UNLOCK = (
    "It is unlocked after a time (the text may say when), or by root: faillock --user NAME --reset, or pam_tally2 -r "
    "-u NAME. Log in as another user (--login) until then."
)
_RULES = (
    "The password is right, and a rule of PAM refuses this user on this console: /etc/security/access.conf, time.conf "
    f"or limits.conf. {_OTHER_USER}"
)
_SESSIONS = f"End another session of this user, or raise maxlogins in /etc/security/limits.conf. {_OTHER_USER}"
_BROKEN_PAM = (
    "The machine's PAM configuration (/etc/pam.d/login) or a file it reads is broken. Log in as another user (--login) "
    "if one can, or boot a rescue system."
)
_NO_SHELL = (
    f"The password is right, and the account's login shell in /etc/passwd is missing or does not run. {_OTHER_USER}"
)
_NOLOGIN = f"Its login shell refuses logins (/usr/sbin/nologin in /etc/passwd). {_OTHER_USER}"
_NO_LOGINS = (
    "The machine lets only root log in (/etc/nologin; or it is booting or going down). Log in as root, or wait."
)
_NOT_ROOT = "The console's getty or login does not run as root. Boot a rescue system, or correct it there."
_BROKEN = "|".join(
    (
        "module is unknown", "system error", "error in service module", "symbol not found", "failed to load module",
        "critical error - immediate abort", "memory buffer error", "pam failure", "couldn't initialize pam",
        "cannot make/remove an entry for the specified session", "insufficient credentials to access",
        "user not known to the underlying authentication module", "failure setting user credentials",
        "authentication (?:service cannot retrieve|information cannot be)",
    )
)  # fmt: skip
_SHELL_MISSING = (
    r"^cannot execute |no shell: |^(?:login: )?(?:no shell|exec (?:of )?\S+ failed|failed to execute)\b"
    r"|^login: can't (?:execute|run)"
)
_CLOSED = (
    r"system (?:is|closed|will be|going) .{0,40}(?:booting|going down|maintenance|shut|down)|not permitted to log in"
    r"|logins? (?:is|are) (?:currently )?disabled|pam_nologin"
)
_EXPIRED = (
    r"password (?:has )?expired|required to change your password|must change your password|your password is inactive"
    r"|authentication token (?:expired|is no longer valid)"
)
_NO_PROGRAM = (
    r"\bexec: .{0,12}\b(?:sudo|su): |\b(?:sudo|su): (?:inaccessible or |command )?not found"
    r"|(?:not found|unknown command): (?:sudo|su)$"
)
_TOYBOX = r"^login\[\d+\]: invalid password for .{1,40} on /dev/|^No\.$"
_BY_HAND = (
    "The password may be right: toybox's login and su do not know ^U, by which sosagent erases the character that "
    "tests the prompt. Log in as root by hand (sosagent console HOST), leave that shell open, and run again."
)
_INCORRECT = r"^(?:login: |su: |sulogin: |sudo: )?(?:login|password|username or password) incorrect\.?$"
#: A narrow pattern precedes a wide one: the first that matches a line counts. In other languages, `meaning` decides.
REFUSALS: tuple[Refusal, ...] = tuple(
    Refusal(meaning, re.compile(pattern, re.IGNORECASE), message, hint, before)
    for meaning, pattern, message, hint, before in (
        ("expired", _EXPIRED, "the password has expired", _CHANGE_IT, False),
        ("account-expired", r"account (?:has )?expired|login has expired", "the account has expired", _OTHER_USER,
         True),
        ("locked", r"account.{0,80} locked|locked due to|temporar\w+ locked|\btally \d+, deny \d+",
         "the account is locked", _UNLOCK, True),
        ("too-many-logins", r"too many logins", "this user is logged in too often", _SESSIONS, True),
        ("too-many-tries", r"maximum number of (?:tries|retries)|too many (?:login )?failures",
         "the machine allows no more attempts", "Wait some minutes, then check the password.", True),
        ("system-closed", _CLOSED, "no user may log in now", _NO_LOGINS, True),
        ("nologin", r"account is (?:not currently|currently not) available|nologin", "this account may not log in",
         _NOLOGIN, False),
        ("timed-out", r"timed out|login time exceeded", "the login timed out",
         "Run again; if that repeats, give more time with --timeout.", True),
        ("may-not", r"not in the sudoers|may not run|not allowed to", "this user may not become root",
         "Log in as root, or as a user who may.", False),
        ("no-program", _NO_PROGRAM, "the machine has no such program",
         "Use the other of --become sudo and su, or log in as root.", False),
        ("toybox", _TOYBOX, "toybox refused the {}", _BY_HAND, False),
        ("no-shell", _SHELL_MISSING, "the login shell did not start", _NO_SHELL, False),
        ("not-root", r"cannot possibly work without effective root|must be suid to work properly",
         "login does not run as root, so nobody can log in here", _NOT_ROOT, True),
        ("broken", rf"^(?:login: |su: |sudo: )?(?:{_BROKEN})", "the machine cannot check logins", _BROKEN_PAM, True),
        ("rules", r"^(?:login: )?permission denied$|^access (?:is )?denied\b", "the machine's rules refuse this user",
         _RULES, False),
        ("refused", _INCORRECT, "the machine refused the {}", "", False),
        ("refused", r"incorrect|failure|authentication failed|denied|invalid|sorry", "the machine refused the {}", "",
         False),
    )
)  # fmt: skip
#: The meanings that terminal/translations.json has.
_TRANSLATED = (
    "expired", "account-expired", "locked", "too-many-logins", "too-many-tries", "nologin", "timed-out", "may-not",
    "no-shell", "refused",
)  # fmt: skip
#: The rest of a reason, on the next line: the minutes until an account is unlocked, in any language.
_REST = re.compile(r"^[(\uff08][^()]{0,80}\d[^()]{0,80}[)\uff09]$")
#: A line of the system log, which other programs write; toybox's login shows there what it refuses.
_LOG = re.compile(
    r"^(?:<\d{1,3}>)?(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d |\d{4}-\d\d-\d\d[T ]\d\d:\d\d"
    r"|[\w.-]+\[\d+\]: (?!invalid password for .{1,40} on /dev/))"
    r"|^audit: |^\[ *\d+\.\d+\]"
)
#: Lines that usually precede a prompt.
_USUAL = re.compile(r"(?i)^last (?:failed )?login|^password:?$|^login:?$")


def refusal_error(
    console: Console, mark: Mark, otherwise: str = "", *, typed: bool, before: Mark | None = None
) -> ConsoleError:
    """Return the error for a refused login.

    Args:
        console: the console.
        mark: the position before the password, or before the prompt if none was typed.
        otherwise: the message if the machine gave no reason since `mark`.
        typed: whether the password was typed.
        before: the position before the prompt for the password, where PAM may have given the reason.
    """
    reason, hint = refusal_reason(console, mark, "password" if typed else "login", before)
    message = reason or otherwise or _unexplained(typed)
    if not typed:
        rest = hint or (_OTHER_KEYS if wrong_password_of_others(console, mark) else _no_prompt(otherwise))
        return console.error(LoginRefused, message, f"{_NOT_TYPED} {rest}".rstrip())
    if not hint and not reason and not otherwise:
        hint = f"The account's login shell may have ended at once (/bin/false in /etc/passwd). {_CHECK_PASSWORD}"
    elif not hint:
        # The line may have damaged the password, whose echo cannot be compared.
        damage = console.damage_report()
        hint = f"{_CHECK_PASSWORD} The line may have damaged it, too. {damage}" if damage else _CHECK_PASSWORD
    notice = _notice(console, before, mark) if reason and before is not None else ""
    return console.error(LoginRefused, message, f"{hint} {notice}".rstrip())


def refusal_reason(console: Console, mark: Mark, refused: str, before: Mark | None = None) -> tuple[str, str]:
    """Return the machine's reason for a refusal, and what to do; two empty strings without a reason.

    Args:
        console: the console.
        mark: the position before the password, or before the prompt if none was typed.
        refused: what was refused, "password" or "login".
        before: the position before the prompt for the password.
    """
    lines, earlier = printed_lines(console, mark), [] if before is None else printed_lines(console, before)
    found = _find_refusal(lines, earlier)
    if found is None:
        return "", ""
    refusal, line = found
    reason = f"{line} {_rest([*earlier, *lines], line)}".rstrip()
    return f"{refusal.message.format(refused)}: {printable(reason)}", refusal.hint


def _find_refusal(lines: Sequence[str], earlier: Sequence[str] = ()) -> tuple[Refusal, str] | None:
    for refusal in REFUSALS:
        for line in [*reversed(lines), *(reversed(earlier) if refusal.before else ())]:
            if refusal.pattern.search(line) or means(line, refusal.meaning):
                return refusal, line
    return None


def wrong_password_of_others(console: Console, mark: Mark) -> bool:
    """Return whether a password was asked for since `mark`, and a wrong one given, though we typed none.

    Keys of an interrupted run, or our own second Enter, may arrive late on a slow line and answer that prompt.
    """
    lines = printed_lines(console, mark)
    found = _find_refusal(lines)
    asked = any(classify((), f"{line} ").state.name == "password" for line in lines)
    return asked and found is not None and found[0].meaning == "refused"


def locked_before(console: Console, mark: Mark) -> bool:
    """Return whether the machine reported since `mark` that the account is locked, before it asked for a password."""
    locked = next(refusal for refusal in REFUSALS if refusal.meaning == "locked")
    return any(locked.pattern.search(line) or means(line, "locked") for line in printed_lines(console, mark))


def means(line: str, meaning: str) -> bool:
    """Return whether a line says that in another language.

    login, su and sudo may put their name in front, and the system's reason at the end.
    """
    if meaning not in _TRANSLATED:
        return False
    texts = [line, line.partition(": ")[2]]
    if meaning == "no-shell":
        texts += [text.rpartition(": ")[0] for text in texts]
    return any(message_meaning(text, meaning) for text in texts)


def printed_lines(console: Console, mark: Mark) -> list[str]:
    """Return the lines since `mark` that login or PAM may have printed."""
    finished, _ = console.since(mark)
    # The first of them is the prompt, and what we typed there.
    echoed = bool(finished) and bool(mark.open_line) and finished[0].startswith(mark.open_line)
    lines = (line.strip() for line in finished[int(echoed) :])
    return [line for line in lines if line and not looks_like_kernel_line(line) and not _LOG.search(line)]


def _rest(lines: Sequence[str], line: str) -> str:
    """Return what continues the reason on the line after `line`."""
    at = len(lines) - 1 - lines[::-1].index(line)
    following = lines[at + 1] if at + 1 < len(lines) else ""
    return following if _REST.search(following) else ""


def _notice(console: Console, before: Mark, mark: Mark) -> str:
    """Return a sentence about unknown text in front of the prompt for the password, such as that of /etc/nologin."""
    printed = printed_lines(console, before)
    count = len(printed) - len(printed_lines(console, mark))
    lines = [line for line in printed[:count] if not _is_usual(line)]
    known = any(refusal.before and refusal.pattern.search(line) for refusal in REFUSALS for line in lines)
    if known or not lines:
        return ""
    return f"Before it asked for the password, the machine printed: {printable(' '.join(lines), 200)}"


def _is_usual(line: str) -> bool:
    """Return whether a line usually precedes a prompt, or is a prompt itself, in any language."""
    return bool(_USUAL.search(line)) or classify((), f"{line} ").state.name in ("login", "password")


def _unexplained(typed: bool) -> str:
    if typed:
        return "the machine refused the login without a reason, and is back at its login prompt"
    return "the machine refused the login and is back at its login prompt"


def _no_prompt(otherwise: str) -> str:
    """Return why a machine may refuse a name without asking for its password."""
    if otherwise:
        return ""
    return (
        "The machine did not ask for it: this user may not log in on this console (for root: /etc/securetty), or not "
        "at all. Log in as another user (--login)."
    )

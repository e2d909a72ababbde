"""Refused logins: real login and PAM's modules on a pty, and texts. The error has the true cause and a next step."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import sosagent
from sosagent.errors import LoginRefused
from sosagent.login.refusals import REFUSALS

from ..conftest import installed, new_key
from ..support.dialogue import typed
from ..support.logins import PASSWORD, USER, real_console
from .conversation import ASK_LOGIN, CLEAR, LOGIN, TYPE_NAME, Case, answer, key, play
from .conversation import PASSWORD as PASSWORD_OF_CASES

UNIX = "auth required pam_unix.so\naccount required pam_unix.so\nsession required pam_unix.so\n"
_FAILLOCK = "dir=FOLDER/failures conf=/dev/null even_deny_root deny=1 unlock_time=600"


def faillock(control: str) -> str:
    return (
        f"auth {control} pam_faillock.so preauth {_FAILLOCK}\nauth [success=1 default=bad] pam_unix.so\n"
        f"auth [default=die] pam_faillock.so authfail {_FAILLOCK}\n"
        f"auth sufficient pam_faillock.so authsucc {_FAILLOCK}\nauth required pam_deny.so\n"
        f"account required pam_faillock.so {_FAILLOCK}\naccount required pam_unix.so\nsession required pam_unix.so\n"
    )


@dataclass(frozen=True)
class Refused:
    """A machine that refuses a login.

    Fields:
        message: a part of the error's message.
        hint: a part of its hint.
        pam: the rules of PAM for login.
        shadow: the fields of /etc/shadow behind the password.
        shell: the login shell in /etc/passwd.
        password: the password to type.
        files: the machine's files in FOLDER.
        login: the user.
        before: a wrong login first.
        typed: whether the password is typed.
    """

    message: str
    hint: str
    pam: str = UNIX
    shadow: str = "19000:0:99999:7:::"
    shell: str = ""
    password: str = PASSWORD
    files: dict[str, str] = field(default_factory=dict)
    login: str = "root"
    before: bool = False
    typed: bool = True


CASES = {
    "faillock, without a prompt": Refused(
        "the account is locked: The account is locked due to 1 failed logins. (10 minutes left to unlock)",
        "faillock --user", faillock("requisite"), before=True, typed=False,
    ),
    "faillock, before the prompt": Refused(
        "the account is locked: The account is locked due to 1 failed logins. (10 minutes left to unlock)",
        "faillock --user", faillock("required"), before=True, typed=False,
    ),
    "account expired": Refused("the account has expired: ", "another user", shadow="19000:0:99999:7::100:"),
    "password expired": Refused("the password has expired: You are required", "Change it", shadow="0:0:99999:7:::"),
    "password inactive": Refused(
        "the password has expired: Authentication token", "Change it", shadow="19000:0:10:7:1::"
    ),
    "nologin, before the prompt": Refused(
        "the machine refused the password: Login incorrect", "the machine printed: Closed until noon.",
        "auth required pam_nologin.so file=FOLDER/nologin\n" + UNIX, login=USER,
        files={"nologin": "Closed until noon.\n"},
    ),
    "nologin, booting": Refused(
        "no user may log in now: System is booting up.", "lets only root log in",
        "account required pam_nologin.so file=FOLDER/nologin\n" + UNIX, login=USER,
        files={"nologin": "System is booting up. Unprivileged users are not permitted to log in yet.\n"},
    ),
    "maxlogins": Refused(
        "this user is logged in too often: There were too many logins", "maxlogins",
        UNIX + "session required pam_limits.so conf=FOLDER/limits\n", login=USER,
        files={"limits": "* hard maxsyslogins 0\n"},
    ),
    "access.conf": Refused(
        "the machine's rules refuse this user: Permission denied", "access.conf",
        UNIX + "account required pam_access.so accessfile=FOLDER/access\n", files={"access": "-:ALL:ALL\n"},
    ),
    "time.conf": Refused(
        "the machine's rules refuse this user: Permission denied", "time.conf",
        UNIX + "account required pam_time.so conffile=FOLDER/time\n", files={"time": "*;*;*;!Al0000-2400\n"},
    ),
    "refused without a prompt": Refused(
        "the machine refused the login: Login incorrect", "securetty",
        "auth requisite pam_listfile.so item=user sense=allow file=FOLDER/users onerr=fail\n" + UNIX,
        files={"users": "nobody\n"}, typed=False,
    ),
    "no such module": Refused(
        "the machine cannot check logins: Module is unknown", "pam.d/login", UNIX + "account required pam_none.so\n"
    ),
    "a session that fails": Refused(
        "the machine cannot check logins: Cannot make/remove an entry", "pam.d/login",
        UNIX + "session required pam_deny.so\n",
    ),
    "no shell": Refused("the login shell did not start: Cannot execute", "login shell", shell="/nonexistent"),
    "nologin as the shell": Refused("this account may not log in: ", "nologin", shell="/usr/sbin/nologin"),
    "false as the shell": Refused("refused the login without a reason", "/bin/false", shell="/bin/false"),
    "a wrong password": Refused(
        "the machine refused the password: Login incorrect", "Check the password", password="wrong"
    ),
}  # fmt: skip


@pytest.mark.sample(3)
@pytest.mark.parametrize("name", CASES)
async def test_a_refusal_by_the_real_login(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    (tmp_path / "failures").mkdir()
    for file, text in case.files.items():
        (tmp_path / file).write_text(text)
    async with real_console(tmp_path, "/bin/bash", pam=case.pam, shadow=case.shadow) as console:
        if case.shell:
            passwd = tmp_path / "passwd"
            passwd.write_text(passwd.read_text().replace(":/bin/bash", f":{case.shell}"))
        if case.before:
            with pytest.raises(sosagent.LoginRefused):
                await sosagent.add_key(console, new_key(), login=case.login, password="wrong", timeout=100)
        with pytest.raises(sosagent.LoginRefused) as caught:
            await sosagent.add_key(
                console,
                new_key(),
                login=case.login,
                password=case.password,
                timeout=100,
                become=None if case.login == "root" else "su",
            )
        assert not console.shell_open
    error = caught.value
    assert case.message in error.message, (error.message, error.hint)
    assert case.hint in error.hint, (error.message, error.hint)
    assert ("not typed" not in error.hint, error.exit_code) == (case.typed, 5), (error.message, error.hint)


#: What follows the name (up to the prompt for the password, or to the next login prompt), what follows the password, a
#: part of the message, and a part of the hint.
TEXTS: list[tuple[str, str, str, str]] = [
    ("", "[  127.331234] audit: type=1100 res=failed\nLogin incorrect\n", "password: Login incorrect", "Check the"),
    ("", "Login incorrect\n[  127.331234] audit: type=1100 res=failed\n", "password: Login incorrect", "Check the"),
    ("", "<85>Nov 28 05:00:00 web1 login[812]: pam_unix(login:auth): authentication failure\nLogin incorrect\n",
     "password: Login incorrect", "Check the"),
    ("", "2026-11-28T05:00:00 web1 login[812]: FAILED LOGIN (1), Authentication failure\nLogin incorrect\n",
     "password: Login incorrect", "Check the"),
    ("", "login[812]: invalid password for 'root' on 'ttyS0'\nLogin incorrect\n", "password: Login incorrect", "Check"),
    ("", "login[24]: invalid password for 'root' on /dev/ttyS0\nLogin incorrect\n", "toybox refused the", "^U"),
    ("", "No.\n", "toybox refused the password: No.", "sosagent console HOST"),
    ("The account is locked due to 3 failed logins.\n(10 minutes left to unlock)\n", "", "(10 minutes", "faillock"),
    ("Account locked due to 4 failed logins\n", "", "the account is locked: ", "pam_tally2"),
    ("Account temporary locked (60 seconds left)\n", "", "(60 seconds left)", "pam_tally2"),
    ("Account temporarily locked due to 4 failed logins\n", "", "the account is locked: ", "pam_tally2"),
    ("user root (0) tally 5, deny 3\n", "", "the account is locked: ", "pam_tally2"),
    ("Das Konto ist wegen 3 fehlgeschlagener Anmelde-Versuche gesperrt.\n", "", "the account is locked: ", "faillock"),
    ("", "Account locked due to 4 failed logins\n\nLogin incorrect\n", "the account is locked: ", "pam_tally2"),
    ("System is going down. Unprivileged users are not permitted to log in anymore.\n", "Login incorrect\n",
     "no user may log in now: System is going down", "/etc/nologin"),
    ("", "\nSystem closed for routine maintenance\n", "no user may log in now: ", "/etc/nologin"),
    ("", "Too many logins for 'root'.\n\nPermission denied\n", "logged in too often", "maxlogins"),
    ("", "There were too many logins for 'root'.\n\nPermission denied\n", "logged in too often", "maxlogins"),
    ("", "Permission denied\n", "rules refuse this user: Permission denied", "access.conf"),
    ("", "Access denied\n", "rules refuse this user: Access denied", "access.conf"),
    ("", "System error\n", "cannot check logins: System error", "pam.d/login"),
    ("", "Error in service module\n", "cannot check logins: ", "pam.d/login"),
    ("", "Critical error - immediate abort\n", "cannot check logins: ", "pam.d/login"),
    ("", "Authentication service cannot retrieve authentication info\n", "cannot check logins: ", "pam.d/login"),
    ("", "login: no shell: No such file or directory\n", "the login shell did not start: ", "/etc/passwd"),
    ("", "No shell: /bin/zsh: No such file or directory\n", "the login shell did not start: ", "/etc/passwd"),
    ("", "Cannot execute /bin/zsh: No such file or directory\n", "the login shell did not start: ", "/etc/passwd"),
    ("", "Cannot possibly work without effective root\n", "does not run as root", "rescue"),
    ("", "Your account has expired; please contact your system administrator.\n\nUser account has expired\n",
     "the account has expired: ", "another user"),
    ("", "\nYour password has expired.\n", "the password has expired: ", "Change it"),
    ("", "Maximum number of tries exceeded (5)\n", "allows no more attempts", "Wait some minutes"),
    ("", "Too many login failures\n", "allows no more attempts", "Wait some minutes"),
    ("", "\nLogin timed out after 60 seconds.\n", "the login timed out", "Run again"),
    ("Authorised use only\n", "Login incorrect\n", "password: Login incorrect", "the machine printed: Authorised use"),
    ("Last failed login: Fri Nov 27 on ttyS0\n", "Login incorrect\n", "password: Login incorrect", "Check the"),
]  # fmt: skip


@pytest.mark.parametrize("become", ["sudo", "su"])
@pytest.mark.parametrize("shell", ["dash", "bash", "busybox ash", "mksh", "zsh", "fish", "tcsh"])
def test_a_shell_that_does_not_find_the_program(shell: str, become: str, tmp_path: Path) -> None:
    program, *rest = shell.split()
    installed([program])
    command = [shutil.which(program) or program, *rest, "-c", f"exec {become} -H"]
    done = subprocess.run(command, env={"PATH": str(tmp_path), "HOME": str(tmp_path)}, capture_output=True, text=True)
    if become in subprocess.run(["busybox", "--list"], capture_output=True, text=True).stdout.split() and rest:
        pytest.skip("busybox-static has this program in itself")
    matching = [refusal for refusal in REFUSALS for line in done.stderr.splitlines() if refusal.pattern.search(line)]
    assert matching and matching[0].meaning == "no-program", done.stderr


CHKPWD = "unix_chkpwd[26]: password check failed for user (root)"
#: A prompt that hides what is typed is no shell's.
HIDDEN = key("^") + key(CLEAR)


def _crlf(text: str) -> str:
    return text.replace("\n", "\r\n")


@pytest.mark.virtual_time
@pytest.mark.parametrize(("before", "after", "message", "hint"), TEXTS, ids=[f"{t[0]}{t[1]}"[:60] for t in TEXTS])
async def test_the_texts_of_a_refusal(before: str, after: str, message: str, hint: str) -> None:
    """Where the password would be typed in vain, it is not typed."""
    locked = bool(before) and not after
    for prompt in ("Password: ", LOGIN) if locked else ("Password: ",):
        ask = typed("root", _crlf(before) + prompt)
        password = () if locked else answer(PASSWORD_OF_CASES, "\r\n" + _crlf(after) + LOGIN)
        end = key("\r", "\r\nLogin incorrect\r\n" + LOGIN) if locked and prompt != LOGIN else ()
        error = await play(
            Case((LOGIN,), ASK_LOGIN + ask + password, end, state="login", error=LoginRefused, message=message)
        )
        assert error is not None
        assert hint in error.hint, (error.message, error.hint)


@pytest.mark.virtual_time
@pytest.mark.parametrize("seconds", [2.0, 3.5, 5.0])
async def test_a_refusal_that_comes_late_after_a_line_of_the_log(seconds: float) -> None:
    late = (f"\r\n{CHKPWD}\r\n", seconds, "Login incorrect\r\n\r\n" + LOGIN)
    log_in = ASK_LOGIN + TYPE_NAME + answer(PASSWORD_OF_CASES, *late)
    error = await play(
        Case((LOGIN,), log_in, state="login", error=LoginRefused, message="refused the password: Login incorrect")
    )
    assert error is not None and "the machine printed" not in error.hint


@pytest.mark.virtual_time
@pytest.mark.parametrize("prompt", ["Password: ", "Пароль: ", "Passwort: ", "パスワード: "])
async def test_the_prompt_is_no_message_of_the_machine(prompt: str) -> None:
    log_in = ASK_LOGIN + typed("root", prompt) + answer(PASSWORD_OF_CASES, "\r\nLogin incorrect\r\n\r\n" + LOGIN)
    error = await play(
        Case((LOGIN,), log_in, state="login", error=LoginRefused, message="refused the password: Login incorrect")
    )
    assert error is not None and "the machine printed" not in error.hint


@pytest.mark.virtual_time
async def test_a_second_factor_is_called_that() -> None:
    factor = "Verification code: "
    error = await play(
        Case(
            (LOGIN,), ASK_LOGIN + TYPE_NAME + answer(PASSWORD_OF_CASES, "\r\n" + factor) + HIDDEN,
            key("\r", "\r\nLogin incorrect\r\n" + LOGIN), state="login", error=LoginRefused,
            message="the machine asks for a second factor: Verification code:",
        )
    )  # fmt: skip
    assert error is not None and "second factor" in error.hint

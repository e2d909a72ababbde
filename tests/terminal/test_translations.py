"""Prompts and messages of login programs in other languages, from the catalogues of Debian's packages."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from importlib.resources import files
from typing import Any

import pytest

import sosagent.terminal
from sosagent.login.confirm import _is_from_sulogin
from sosagent.login.refusals import REFUSALS, means
from sosagent.terminal.states import classify
from sosagent.terminal.text import Text
from sosagent.terminal.translations import _in_ascii, message_meaning, prompt_meaning

from ..conftest import installed
from ..support.catalogues import IN_ASCII, MESSAGES, in_ascii

TEXTS: dict[str, list[str]] = json.loads(files(sosagent.terminal).joinpath("translations.json").read_text("utf-8"))
PROMPTS = ("login", "password", "sudo-password", "password-expired", "maintenance", "maintenance-enter")
MEANINGS = [meaning for meaning in MESSAGES if meaning not in PROMPTS]


def shown(text: str, meaning: str) -> str:
    """Return the text as it appears, with a value in each place for one."""
    line = re.sub(r"%(?:\d\$)?l?[a-z]", "web-1", text)
    return f"web-1 {line}" if meaning == "login" and "%" not in text else line


def test_the_texts_are_of_many_languages() -> None:
    assert set(TEXTS) == {*MESSAGES, IN_ASCII}
    assert {meaning: len(TEXTS[meaning]) >= 15 for meaning in MESSAGES} == dict.fromkeys(MESSAGES, True)


@pytest.mark.parametrize("meaning", PROMPTS)
@pytest.mark.parametrize("end", ["", " ", "\u00a0"])
def test_each_prompt_is_recognised(meaning: str, end: str) -> None:
    asked = [shown(text, meaning) for text in TEXTS[meaning]]
    asked = [line for line in asked if re.search(r"[:\uff1a\u17d6]$", line)]
    assert len(asked) >= 12
    found = {line: classify([], line + end) for line in asked}
    assert {line: one.state.name for line, one in found.items()} == dict.fromkeys(asked, meaning)
    if meaning == "login":
        assert {one.hostname for one in found.values()} == {"web-1"}


def test_the_second_line_of_a_maintenance_prompt_depends_on_the_first() -> None:
    second = "(oder drücken Sie Strg+D, um fortzufahren):"
    for first, state in (
        ("Administratorpasswort für Wartungszwecke eingeben", "maintenance"),
        ("Drücken Sie die Eingabetaste für Wartungsarbeiten", "maintenance-enter"),
    ):
        assert classify([first], second).state.name == state
    # A prompt needs an open line.
    assert classify([], "Administratorpasswort für Wartungszwecke eingeben").state.name == "unknown"


@pytest.mark.parametrize(
    ("first", "state"),
    [("Give root password for maintenance", "maintenance"),
     # util-linux 2.40, as in Debian 13
     ("Enter root password for system maintenance", "maintenance"),
     ("Press Enter for maintenance", "maintenance-enter"), ("Press Enter for system maintenance", "maintenance-enter")],
)  # fmt: skip
def test_the_texts_of_each_sulogin(first: str, state: str) -> None:
    assert classify([first], "(or press Control-D to continue): ").state.name == state
    assert _is_from_sulogin(first)


def in_charset(text: str, charset: str) -> str:
    """Return how a text looks if its bytes in a character set are read as UTF-8."""
    return Text().feed(text.encode(charset) + b"\n")[0]


#: Texts in the character sets of locales without UTF-8, and in which state the console is then.
OTHER_CHARSETS = [
    ("Пароль: ", "koi8-r", "password"), ("Пароль: ", "iso8859-5", "password"), ("Пароль: ", "cp1251", "password"),
    ("パスワード:", "euc-jp", "password"), ("密码： ", "gb2312", "password"), ("密碼：", "big5", "password"),
    ("암호: ", "euc-kr", "password"), ("Contraseña: ", "iso8859-1", "password"), ("Hasło: ", "iso8859-2", "password"),
    ("סיסמה: ", "iso8859-8", "password"), ("Συνθηματικό: ", "iso8859-7", "password"),
    ("web1 用户名：", "gb18030", "login"), ("web1 användarnamn: ", "iso8859-1", "login"),
    ("[sudo] Passwort für alice: ", "iso8859-15", "sudo-password"),
    ("Geben Sie ein neues Passwort ein: ", "iso8859-1", "password-expired"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "charset", "state"), OTHER_CHARSETS)
def test_a_prompt_in_another_character_set(text: str, charset: str, state: str) -> None:
    found = classify([], in_charset(text, charset))
    assert found.state.name == state
    if state == "login":
        assert found.hostname == "web1"


@pytest.mark.parametrize("charset", ["iso8859-1", "iso8859-2", "iso8859-7", "koi8-r", "euc-jp", "euc-kr", "gb2312"])
@pytest.mark.parametrize("meaning", MEANINGS)
def test_messages_in_another_character_set(meaning: str, charset: str) -> None:
    """All that the character set can hold, with a value in each place for one."""
    for text in TEXTS[meaning]:
        with suppress(UnicodeEncodeError):
            line = in_charset(shown(text, meaning), charset)
            if meaning == "refused" or re.search(r"\w", line):
                assert message_meaning(line, meaning) == meaning, (text, line)


@pytest.mark.parametrize("line", ["\ufffd\ufffd\ufffd\ufffd\ufffd", "\ufffd\ufffd x\ufffd: ", "\ufffd" * 400])
def test_unreadable_text_is_no_prompt(line: str) -> None:
    assert prompt_meaning(line) is None
    assert classify([], line).state.name in ("garbled", "unknown")


def test_what_the_c_library_prints_in_ascii() -> None:
    """util-linux's sulogin does not set its character set."""
    installed(["iconv"])
    texts = [text for meaning in MESSAGES for text in TEXTS[meaning]]
    assert list(map(_in_ascii, texts)) == in_ascii("\n".join(texts)).split("\n")
    first, second = "Administratorpasswort f?r Wartungszwecke eingeben", "(oder dr?cken Sie Strg+D, um fortzufahren):"
    assert classify([first], second).state.name == "maintenance"
    assert _is_from_sulogin(first)
    assert classify([], "??????: ").state.name == "password"
    # Japanese: as many characters as in a message about an expired password.
    assert [name for name in MEANINGS if means("???????????", name)] == ["refused"]


def test_a_locked_root_account_is_recognised() -> None:
    for text in TEXTS["maintenance-locked"]:
        assert classify([text, ""], "").state.name == "maintenance-locked", text


@pytest.mark.parametrize("meaning", MEANINGS)
def test_each_message_is_recognised(meaning: str) -> None:
    for text in TEXTS[meaning]:
        for line in (shown(text, meaning), f"  {shown(text, meaning).upper()}\r"):
            if "ß" not in text and "İ" not in line and "ı" not in text:
                assert message_meaning(line, meaning) == meaning, line


@pytest.mark.parametrize(
    "line",
    ["", ":", "Passwort", "mein Passwort:", "Passwort: x", "Last login:", "web 1 Anmeldung:", "Anmeldung:", "entrada:",
     f"{'x' * 400} Anmeldung:", "[sudo] Passwort für :", f"[sudo] Passwort für {'x' * 65}:", "/etc Anmeldung:"],
)  # fmt: skip
def test_other_text_is_no_prompt(line: str) -> None:
    assert prompt_meaning(line) is None


#: Prompts that were not recognised, or for a shell.
FOUND: dict[str, Any] = {
    "(none) login: ": "login", "Welcome to My Device 2.4 mydev login: ": "login", "web1 ttyS0 login: ": "login",
    "[su: authenticate] Password: ": "sudo-password", "[sudo: authenticate] Password: ": "sudo-password",
    "\U0001f510 Please enter passphrase for disk vda5 (cryptroot): (press TAB for no echo) ": "disk-passphrase",
    "Enter LUKS passphrase: ": "disk-passphrase", "Enter passphrase for 'rpool/ROOT': ": "disk-passphrase",
    "Please unlock disk vda5_crypt: ": "disk-passphrase", "Enter passphrase for /dev/vda3: ": "disk-passphrase",
    "Marvell>> ": "boot-prompt", "rk3399 => ": "boot-prompt", "=> ": "boot-prompt",
    "MX6Q SABRESD U-Boot > ": "boot-prompt", "boot> ": "boot-prompt", "db> ": "boot-prompt", "ddb> ": "boot-prompt",
    "db{0}> ": "boot-prompt", "[0]kdb> ": "boot-prompt", "kdb> ": "boot-prompt",
    "barebox@Phytec phyCORE:/ ": "boot-prompt",
    "barebox:/ ": "boot-prompt", "ok ": "boot-prompt", "0 > ": "boot-prompt", "RedBoot> ": "boot-prompt",
    "Verification code: ": "second-factor", "(alice@web1) Verification code: ": "second-factor",
    "One-time password (OATH) for `root': ": "second-factor", "Enter PIN: ": "second-factor",
    "Enter your token code: ": "second-factor", "OTP: ": "second-factor", "Security code: ": "second-factor",
    # These stay what they are.
    "Last login: ": "unknown", "postgres=> ": "repl", "12 > ": "shell", "> ": "continuation", "root@web1:~# ": "shell",
    "Give root password for login: ": "maintenance", "Enter root password for login: ": "maintenance",
    "Press Enter for login: ": "maintenance-enter",
}  # fmt: skip


@pytest.mark.parametrize("line", FOUND)
def test_prompts_of_other_programs(line: str) -> None:
    assert classify([], line).state.name == FOUND[line]


@pytest.mark.parametrize(
    ("line", "meaning"),
    [("su: Fehler bei Authentifizierung", "refused"), ("Anmeldung falsch", "refused"),
     ("Das Konto ist wegen 3 fehlgeschlagener Anmelde-Versuche gesperrt.", "locked"),
     ("sudo: 3 incorrect password attempts", "")],
)  # fmt: skip
def test_a_refusal_in_another_language_has_its_reason(line: str, meaning: str) -> None:
    found = list(dict.fromkeys(name for name, *_ in REFUSALS if means(line, name)))
    assert found == ([meaning] if meaning else [])

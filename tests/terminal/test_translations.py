"""Prompts and messages of login programs in other languages, from the catalogues of Debian's packages."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import Any

import pytest

import sosagent.terminal
from sosagent.login.password import _ENGLISH, _REFUSALS, _means
from sosagent.terminal.states import classify
from sosagent.terminal.translations import message_meaning, prompt_meaning

from ..support.catalogues import MESSAGES

TEXTS: dict[str, list[str]] = json.loads(files(sosagent.terminal).joinpath("translations.json").read_text("utf-8"))
PROMPTS = ("login", "password", "sudo-password", "password-expired", "maintenance", "maintenance-enter")
MEANINGS = [meaning for meaning in MESSAGES if meaning not in PROMPTS]


def shown(text: str, meaning: str) -> str:
    """Return the text as it appears, with a value in each place for one."""
    line = re.sub(r"%(?:\d\$)?l?[a-z]", "web-1", text)
    return f"web-1 {line}" if meaning == "login" and "%" not in text else line


def test_the_texts_are_of_many_languages() -> None:
    assert set(TEXTS) == set(MESSAGES)
    assert {meaning: len(texts) >= 15 for meaning, texts in TEXTS.items()} == dict.fromkeys(MESSAGES, True)


@pytest.mark.parametrize("meaning", PROMPTS)
@pytest.mark.parametrize("end", ["", " ", "\u00a0"])
def test_each_prompt_is_recognised(meaning: str, end: str) -> None:
    asked = [shown(text, meaning) for text in TEXTS[meaning]]
    asked = [line for line in asked if re.search(r"[:\uff1a\u17d6]$", line)]
    assert len(asked) >= 12
    found = {line: classify([], line + end) for line in asked}
    assert {line: one.state.name for line, one in found.items()} == dict.fromkeys(asked, meaning)
    if meaning == "login":
        # One language joins the name to the word; then no name is known.
        assert [line for line, one in found.items() if one.hostname != "web-1"] == ["web-1-tunnus:"]


def test_the_second_line_of_a_maintenance_prompt_depends_on_the_first() -> None:
    second = "(oder drücken Sie Strg+D, um fortzufahren):"
    for first, state in (
        ("Administratorpasswort für Wartungszwecke eingeben", "maintenance"),
        ("Drücken Sie die Eingabetaste für Wartungsarbeiten", "maintenance-enter"),
    ):
        assert classify([first], second).state.name == state
    # A prompt needs an open line.
    assert classify([], "Administratorpasswort für Wartungszwecke eingeben").state.name == "unknown"


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
    "Give root password for login: ": "maintenance",
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
    found = [name for name, *_ in _REFUSALS if name not in _ENGLISH and _means(line, name)]
    assert found == ([meaning] if meaning else [])

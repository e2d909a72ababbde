"""Questions of the endpoint, and which of them a stored password answers."""

from __future__ import annotations

import asyncio

import pytest

import sosagent
from sosagent.cli import ask
from sosagent.cli.ask import answer_from, in_thread
from sosagent.secrets.sources import PasswordSource


@pytest.mark.parametrize("kind", [RuntimeError, ValueError, SystemExit, StopIteration, sosagent.UsageError])
async def test_a_failing_question_raises_its_error(kind: type[BaseException]) -> None:
    def question() -> str:
        raise kind("because")

    with pytest.raises(sosagent.SosError, match="because"):
        await asyncio.wait_for(in_thread(question), 5)


async def test_errors_of_the_endpoints_source_name_the_machine() -> None:
    answer = answer_from(PasswordSource("command", "false"), "u@h", None, "[machines.m] endpoint_password")
    with pytest.raises(sosagent.UsageError, match=r"^\[machines.m\] endpoint_password: the password command"):
        await answer("u@h", "Password:", False)


@pytest.mark.parametrize(
    ("endpoint", "prompt", "echo", "own"),
    [
        ("u@h", "Password:", False, True),
        ("u@h", "u@h's password", False, True),
        ("u@h", "Password:", True, False),
        ("", "Password:", False, False),
        ("jump", "Password:", False, False),
        ("u@h", "root password:", False, False),
        ("u@h", "Root's Password:", False, False),
        ("u@h", "Passphrase of id:", False, False),
        ("u@h", "Code:", False, False),
        ("u@h", "One-time password:", False, False),
        ("u@h", "New password:", False, False),
    ],
)
async def test_only_the_endpoints_own_password_prompt_is_answered(
    endpoint: str, prompt: str, echo: bool, own: bool
) -> None:
    asked: list[str] = []

    async def asking(name: str, words: str, echo: bool) -> str | None:
        asked.append(words)
        return "typed"

    answer = answer_from(PasswordSource("command", "echo stored"), "u@h", asking)
    assert await answer(endpoint, prompt, echo) == ("stored" if own else "typed")
    assert await answer(endpoint, prompt, echo) == "typed"
    assert len(asked) == (1 if own else 2)
    alone = answer_from(PasswordSource("command", "echo stored"), "u@h", None)
    assert await alone(endpoint, prompt, echo) == ("stored" if own else None)
    assert await alone(endpoint, prompt, echo) is None
    prompted = answer_from(PasswordSource("prompt"), "u@h", asking)
    assert await prompted(endpoint, prompt, echo) == "typed"


@pytest.mark.parametrize(
    ("answer", "yes"),
    [
        ("y", True),
        ("Y", True),
        (" yes ", True),
        ("YES", True),
        ("", False),
        ("n", False),
        ("yeah", False),
        ("ja", False),
    ],
)
def test_only_yes_is_yes(answer: str, yes: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def line(question: str) -> str:
        asked.append(question)
        return answer

    monkeypatch.setattr(ask, "ask_line", line)
    assert ask.ask_yes_or_no("Sure?") is yes
    assert asked == ["Sure? [y/N] "]

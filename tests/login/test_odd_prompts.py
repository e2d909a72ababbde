"""Root's shell is open already, and has an unusual prompt. Real shells on ptys; no prompt is visible at first."""

from __future__ import annotations

from pathlib import Path

import pytest

import sosagent
from sosagent.access import LoginSettings
from sosagent.session.root_shell import root_shell

from ..conftest import installed
from .test_existing import NO_PASSWORD, needs_root, open_shell

_UNKNOWN = (sosagent.ConsoleStateUnknown, sosagent.ConsoleStateUnknown)
#: A shell, what makes its prompt, and the class of the error without take_over and with it; None if the shell is used.
PROMPTS: dict[str, tuple[list[str], str, tuple[type[sosagent.SosError] | None, type[sosagent.SosError] | None]]] = {
    "bash, like a login's": (["bash"], "PS1='vm login: '", _UNKNOWN),
    "bash, like that for a password": (["bash"], "PS1='Password: '", _UNKNOWN),
    "fish, like a login's": (["fish", "-N"], "function fish_prompt; echo -n 'vm login: '; end", _UNKNOWN),
    "bash, the end of a login's": (["bash"], "PS1='in: '", _UNKNOWN),
    "bash, two lines": (["bash"], "PS1='[\\w]\\nready: '", _UNKNOWN),
    "bash, symbols of a font": (["bash"], "PS1='\ue0b0 root \ue0b1 ~ \ue0b0 '", _UNKNOWN),
    "bash, a clock above": (["bash"], "PROMPT_COMMAND='date +%T.%N'; PS1='go: '", _UNKNOWN),
    "zsh, a right prompt": (["zsh", "-f"], "PROMPT='%~ > '; RPROMPT='[right]'", (None, None)),
    "dash, none": (["dash"], "PS1=", (sosagent.ConsoleOccupied, sosagent.ConsoleSilent)),
}


@pytest.mark.sample(3)
@needs_root
@pytest.mark.parametrize("take_over", [False, True])
@pytest.mark.parametrize("name", PROMPTS)
async def test_an_open_root_shell_stays_as_it_is(name: str, take_over: bool, tmp_path: Path) -> None:
    command, setting, errors = PROMPTS[name]
    async with open_shell(installed(command), tmp_path, f"{setting}\r") as (console, transport):
        modes, error = transport.modes, errors[take_over]
        try:
            async with root_shell(console, NO_PASSWORD, settings=LoginSettings(take_over=take_over)) as session:
                assert (await session.shell.run("echo in")).output == b"in"
            assert error is None
            assert session.left, session.trouble
        except sosagent.ConsoleError as failure:
            assert type(failure) is error, failure
            assert "may be open" not in failure.message
        console.set_deadline(60)
        assert transport.modes == modes
        assert b"never typed" not in console.output
        console.skip()
        await console.send("echo m'ar'k\r")
        await console.expect(r"\nmark\n", 20.0)

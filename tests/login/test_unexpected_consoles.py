"""Adding a key over consoles that show something unexpected, lose the connection, or are hostile."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sosagent
from sosagent.printable import is_clean
from sosagent.terminal.states import STATES, classify
from sosagent.terminal.text import Text
from sosagent.transports.memory import memory_pair

from ..conftest import new_key

pytestmark = pytest.mark.virtual_time
PASSWORD = "s3cret-Passw0rd"


class Script:
    """A simulated machine that computes each answer from everything typed so far."""

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        self.near, self.far = memory_pair()
        self.typed = b""
        self._answer = answer
        self._task = asyncio.ensure_future(self._run())

    async def _run(self) -> None:
        while data := await self.far.read():
            self.typed += data
            if answer := self._answer(self.typed):
                await self.far.write(answer)

    async def add(self, **options: object) -> sosagent.AddKeyResult:
        options = {"password": PASSWORD, "timeout": 20.0, **options}
        return await sosagent.add_key(self.near, [new_key()], **options)  # type: ignore[arg-type]


async def test_a_password_prompt_that_times_out_gets_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """`Password:` is followed by a login prompt before the line was quiet long enough."""
    monkeypatch.setattr("sosagent.login.password._QUIET_SECONDS", 2.0)
    script = Script(lambda typed: b"")

    async def machine() -> None:
        while b"root\r" not in script.typed:
            was = script.typed
            await asyncio.sleep(0.005)
            if script.typed != was:
                await script.far.write(
                    b"\r\nvm login: " if script.typed.endswith(b"\x15\r") else script.typed[len(was) :]
                )
        await script.far.write(b"\r\nPassword: ")
        await asyncio.sleep(0.3)
        await script.far.write(b"\r\nLogin timed out after 60 seconds.\r\nvm login: ")

    task = asyncio.ensure_future(machine())
    with pytest.raises(sosagent.LoginRefused, match="timed out"):
        await script.add()
    assert PASSWORD.encode() not in script.typed
    await task


async def test_a_silent_console() -> None:
    script = Script(lambda typed: b"")
    with pytest.raises(sosagent.ConsoleSilent) as caught:
        await script.add()
    assert caught.value.exit_code == 4
    assert "getty" in caught.value.hint
    assert set(script.typed) <= set(b"\x0c\x15\r")


@pytest.mark.parametrize(
    ("screen", "kind", "name"),
    [
        (b"-> ", sosagent.ConsoleOccupied, "bmc-prompt"),
        (b"grub> ", sosagent.ConsoleOccupied, "grub"),
        (
            b"Cannot open access to console, the root account is locked.\r\n",
            sosagent.LoginRefused,
            "maintenance-locked",
        ),
        (b"Overwrite? [y/N] ", sosagent.ConsoleOccupied, "question"),
        (b"[Read-only SOS Session. Use ~? for help.]\r\n", sosagent.EndpointReadOnly, "endpoint-read-only"),
    ],
)
async def test_nothing_is_typed_in_states_without_a_login(
    screen: bytes, kind: type[sosagent.SosError], name: str
) -> None:
    script = Script(lambda typed: b"")
    await script.far.write(screen)
    with pytest.raises(kind) as caught:
        await script.add()
    assert script.typed == b""
    assert caught.value.state == name
    assert caught.value.hint


async def test_unknown_text_gets_no_key_but_the_one_that_erases() -> None:
    script = Script(lambda typed: b"")
    await script.far.write(b"what is this")
    with pytest.raises(sosagent.ConsoleStateUnknown) as caught:
        await script.add()
    assert script.typed == b"\x15"
    assert (caught.value.state, caught.value.exit_code) == ("unknown", 4)


async def test_nothing_is_typed_while_another_user_types() -> None:
    script = Script(lambda typed: b"")
    await script.far.write(b"root@vm:~# re")

    async def type_on() -> None:
        for letter in b"boot":
            await asyncio.sleep(0.2)
            await script.far.write(bytes([letter]))

    task = asyncio.ensure_future(type_on())
    with pytest.raises(sosagent.ConsoleOccupied, match="another user is typing"):
        await script.add()
    assert script.typed == b""
    await task


async def test_the_connection_is_lost_during_a_job() -> None:
    script = Script(lambda typed: b"\r\nvm login: " if typed.endswith(b"\r") else b"")

    async def die() -> None:
        while b"\r" not in script.typed:
            await asyncio.sleep(0.001)
        await script.far.aclose()

    task = asyncio.ensure_future(die())
    with pytest.raises(sosagent.EndpointLost) as caught:
        await script.add()
    assert caught.value.exit_code == 3
    await task


HOSTILE = b"\x1b]52;c;aGk=\x07\x1b[31m\x9b1m\xe2\x80\xae[/foo]\xc2\x9b31m\x00"


async def test_hostile_text_is_escaped_everywhere(tmp_path: Path) -> None:
    cast = tmp_path / "cast"
    script = Script(lambda typed: b"")
    await script.far.write(HOSTILE + b"\r\n" + HOSTILE)
    events: list[str] = []
    with pytest.raises(sosagent.SosError) as caught:
        await script.add(transcript=cast, on_event=lambda event: events.append(event.text))
    assert all(map(is_clean, [caught.value.message, caught.value.hint, *caught.value.tail, *events]))
    for line in cast.read_text().splitlines()[1:]:
        assert is_clean(json.loads(line)[2].replace("\x1b[31m", "").replace("\r\n", ""))


#: The example of every console state, and the dialogue of a login.
SCREENS = [
    *(state.example.replace("\n", "\r\n").encode() for state in STATES),
    b"\r\nvm login: ", b"Password: ", b"\r\nPassword: ", b"# ", b"$ ", b"Login incorrect\r\n", b"root",
    b"root\r\nPassword: ", b"^L", b"\x0c", b"\x1b[1m^L", b"\x1b[H\x1b[J# ", b"\x1b[5;5H~\x1b[1;7H", b"=R\r\n",
    b"=Z\r\n",
    b"[1]+  Stopped\r\n# ",
]  # fmt: skip


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.one_of(st.binary(max_size=40), st.sampled_from(SCREENS)), max_size=8),
    st.integers(1, 40),
    st.booleans(),
)
async def test_any_output_leads_to_an_end_and_the_password_goes_only_to_its_prompt(
    screens: list[bytes], size: int, take_over: bool
) -> None:
    """The password is sent only to a password prompt that came after our own name, or to one for maintenance."""
    remaining, shown = list(screens), Text()
    asked: list[tuple[str, bytes]] = []

    def answer(typed: bytes) -> bytes:
        if PASSWORD.encode() in typed and not asked:
            asked.append((shown.open_line, typed))
        out = remaining.pop(0) if remaining else b""
        for start in range(0, len(out), size):
            shown.feed(out[start : start + size])
        return out

    script = Script(answer)
    with pytest.raises(sosagent.SosError):
        await script.add(timeout=20.0, take_over=take_over)
    for prompt, typed in asked:
        name = classify([], prompt).state.name
        assert name == "maintenance" or (name == "password" and b"root\r" in typed), (prompt, typed)
    await script.near.aclose()


async def test_our_mark_is_a_receiver_only_as_the_last_line() -> None:
    script = Script(lambda typed: b"")
    await script.far.write(b"=R\r\n=Z\r\nroot@vm:~# rm -rf /srv/old")
    with pytest.raises(sosagent.ConsoleStateUnknown):
        await script.add()
    assert b"\r" not in script.typed


async def test_messages_of_the_endpoint_count_before_any_prompt() -> None:
    script = Script(lambda typed: b"")
    await script.far.write(b"[Read-only SOS Session. Use ~? for help.]\r\nweb-1 login: ")
    with pytest.raises(sosagent.EndpointReadOnly):
        await script.add()
    assert script.typed == b""


async def test_an_endpoint_that_is_busy_and_closes_is_reported_as_busy() -> None:
    script = Script(lambda typed: b"")
    await script.far.write(b"console access is limited to one connection at a time\r\n")
    await script.far.aclose()
    with pytest.raises(sosagent.EndpointBusy):
        await script.add()


async def test_unknown_text_after_the_password_gets_no_line() -> None:
    """Nothing that is typed is shown there."""

    def answer(typed: bytes) -> bytes:
        if typed.endswith((b"\x0c", b"\x15", b"^")):
            return b""
        if typed.endswith((b"\x03", b"\x04")):
            return b"\r\nvm login: "
        if PASSWORD.encode() in typed:
            return b"\r\n 1) Reboot\r\nEnter an option: " if typed.endswith(b"\r") else b""
        if typed.endswith(b"root\r"):
            return b"\r\nPassword: "
        return b"\r\nvm login: " if typed.endswith(b"\r") else b"root"

    script = Script(answer)
    with pytest.raises(sosagent.ConsoleStateUnknown, match="shows nothing that is typed"):
        await script.add()
    keys = script.typed.partition(PASSWORD.encode() + b"\r")[2]
    assert set(keys) <= set(b"\x0c\x15\x03\x04")

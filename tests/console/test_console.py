"""console/: waits, echoes, masking, and consoles that do not do what one hopes."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sosagent
from sosagent.console import Console
from sosagent.console.redact import Redactor
from sosagent.console.transcript import Transcript
from sosagent.errors import UsageError
from sosagent.login.record import OpenLogin
from sosagent.printable import is_clean
from sosagent.terminal.states import STATES, classify
from sosagent.terminal.text import OPEN_LINE_LIMIT, Text
from sosagent.transports.memory import MemoryTransport, memory_pair

from ..conftest import new_key

pytestmark = pytest.mark.virtual_time
PASSWORD = "s3cret-Passw0rd"


class Script:
    """The far end of a memory console: answers what was typed so far by a function."""

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


async def pair() -> tuple[Console, MemoryTransport]:
    near, far = memory_pair()
    return Console(near), far


async def test_expect_in_pexpects_shape() -> None:
    console, far = await pair()
    await far.write(b"Debian\r\nvm login: ")
    found = await console.expect([r"assword: $", r"(\w+) login: $", sosagent.TIMEOUT])
    assert (found.index, found.groups, found.before) == (1, ("vm",), "Debian\n")
    assert (await console.expect([sosagent.TIMEOUT, "x"], 0.01)).index == 0
    await far.aclose()
    assert (await console.expect(["x", sosagent.EOF])).index == 1


async def test_every_wait_ends_and_says_where() -> None:
    console, far = await pair()
    await far.write(b"booting\x1b[31m\r\nstill ")
    with pytest.raises(sosagent.DeadlineExceeded) as caught:
        await console.expect("never", 0.02)
    assert caught.value.tail == ("booting", "still ")
    console.set_deadline(0.02)
    for wait in (console.receive(9), console.expect("x", 9), console.quiet(9, 9), console.type_line("x")):
        with pytest.raises(sosagent.DeadlineExceeded, match="deadline"):
            await wait


async def test_a_cancelled_read_loses_nothing() -> None:
    console, far = await pair()
    task = asyncio.ensure_future(console.expect("word"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await far.write(b"word")
    assert (await console.expect("word")).text == "word"


async def test_a_secrets_echo_is_kept_nowhere(tmp_path: Path) -> None:
    near, far = memory_pair()
    cast = tmp_path / "cast"
    console = Console(near, transcript=Transcript(cast, "t"))
    await far.write(b"Password: ")
    await console.expect("Password: $")
    await console.send_secret(sosagent.Secret(PASSWORD))
    assert await far.read() == PASSWORD.encode() + b"\r"
    for part in (PASSWORD[:4], PASSWORD[4:] + "\r", "\nLast login\r\n# "):
        await far.write(part.encode())
    await console.expect("# $")
    await console.aclose()
    assert PASSWORD[:5] not in cast.read_text() + "".join(console.tail())
    assert console.tail()[-2:] == ("Last login", "# ")


def test_secrets_that_begin_alike_and_what_only_begins_like_one() -> None:
    hush = Redactor()
    for value in ("hunter2", "hunter2-long", "hunter2"):
        hush.add(sosagent.Secret(value))
    assert hush.redact("hunter2-long, hunter2") == "(a secret), (a secret)"
    assert hush.redact_stream(b"a hunter2-long hunt") + hush.flush() == b"a (a secret) hunt"


@pytest.mark.parametrize("size", [1, 3, 100])
async def test_a_secret_that_is_quoted_later_stays_hidden(tmp_path: Path, size: int) -> None:
    """Where it was typed at the wrong place: a shell names the command that it does not know."""
    near, far = memory_pair()
    cast = tmp_path / "cast"
    console = Console(near, transcript=Transcript(cast, "x"))
    console.set_deadline(10)
    await far.write(b"system> ")
    await console.expect("> $")
    await console.send_secret(sosagent.Secret(PASSWORD))
    said = f"{PASSWORD}\r\nInvalid command: <<{PASSWORD}>>\r\nsh: {PASSWORD}: not found\r\nsystem> ".encode()
    for at in range(0, len(said), size):
        await far.write(said[at : at + size])
    await console.expect("system> $")
    assert any("(a secret)" in line for line in console.tail())
    assert PASSWORD not in "".join(console.tail()) + console.output.decode() + cast.read_text()
    await console.aclose()


@pytest.mark.parametrize("damage", [lambda t: t[:-1], lambda t: t + b"x", lambda t: t.replace(b"o", b"p")])
async def test_a_line_that_comes_back_otherwise_gets_no_enter(damage: Callable[[bytes], bytes]) -> None:
    near, far = memory_pair()
    console = Console(near)
    console.set_deadline(30)
    await far.write(b"vm login: ")
    await console.expect("login: $")
    typed = b""

    async def machine() -> None:
        nonlocal typed
        while data := await far.read():
            typed += data
            await far.write(b"\r\x1b[Kvm login: " if data == b"\x15" else damage(data))

    task = asyncio.ensure_future(machine())
    with pytest.raises(sosagent.ConsoleStateUnknown):
        await console.type_line("root")
    assert typed == b"root\x15" * 3
    task.cancel()


async def test_a_prompt_that_times_out_gets_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
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


async def test_what_cannot_be_erased_is_not_typed_behind() -> None:
    near, far = memory_pair()
    console = Console(near)
    console.set_deadline(30)
    await far.write(b"# ")
    await console.expect("# $")
    task = asyncio.ensure_future(console.type_line("rm x"))
    assert await far.read() == b"rm x"
    await far.write(b"m x")  # the first byte was lost, and so will be the ^U
    with pytest.raises(sosagent.ConsoleStateUnknown):
        await task
    assert await far.read() == b"\x15"
    assert far._incoming.empty()


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
async def test_nothing_is_typed_into_what_is_not_a_login(
    screen: bytes, kind: type[sosagent.SosError], name: str
) -> None:
    script = Script(lambda typed: b"")
    await script.far.write(screen)
    with pytest.raises(kind) as caught:
        await script.add()
    assert script.typed == b""
    assert caught.value.state == name
    assert caught.value.hint


async def test_into_the_unknown_nothing_is_typed_but_what_erases() -> None:
    script = Script(lambda typed: b"")
    await script.far.write(b"what is this")
    with pytest.raises(sosagent.ConsoleStateUnknown) as caught:
        await script.add()
    assert script.typed == b"\x15"
    assert (caught.value.state, caught.value.exit_code) == ("unknown", 4)


async def test_while_somebody_types_nothing_is_typed() -> None:
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


async def test_the_connection_dies_in_mid_job() -> None:
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


async def test_hostile_text_reaches_nobody_raw(tmp_path: Path) -> None:
    cast = tmp_path / "cast"
    script = Script(lambda typed: b"")
    await script.far.write(HOSTILE + b"\r\n" + HOSTILE)
    events: list[str] = []
    with pytest.raises(sosagent.SosError) as caught:
        await script.add(transcript=cast, on_event=lambda event: events.append(event.text))
    assert all(map(is_clean, [caught.value.message, caught.value.hint, *caught.value.tail, *events]))
    for line in cast.read_text().splitlines()[1:]:
        assert is_clean(json.loads(line)[2].replace("\x1b[31m", "").replace("\r\n", ""))


async def test_ten_megabytes_without_a_newline() -> None:
    near, far = memory_pair()
    console = Console(near)
    console.set_deadline(60)
    for _ in range(160):
        await far.write(b"x" * 65536)
    await far.write(b"\r\nvm login: ")
    await console.expect("login: $", 50)
    assert console.bytes_received > 10_000_000
    assert sum(map(len, console.tail())) < 10_000


#: What every row of the table shows, and the dialogue around a login.
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
async def test_whatever_the_console_prints_it_ends_and_no_secret_goes_astray(
    screens: list[bytes], size: int, take_over: bool
) -> None:
    """The password is sent only to a password prompt that came after our own name, or to one for maintenance."""
    left, shown = list(screens), Text()
    asked: list[tuple[str, bytes]] = []

    def answer(typed: bytes) -> bytes:
        if PASSWORD.encode() in typed and not asked:
            asked.append((shown.open_line, typed))
        out = left.pop(0) if left else b""
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


RECORDINGS = Path(__file__).parents[1] / "recordings"


@pytest.mark.parametrize("recording", sorted(RECORDINGS.iterdir()), ids=lambda path: path.stem)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 300), min_size=1, max_size=20))
def test_a_recorded_console_reads_the_same_in_any_portions(recording: Path, sizes: list[int]) -> None:
    data = recording.read_bytes()
    whole, parts = Text(), Text()
    lines, in_parts, at, turn = whole.feed(data), list[str](), 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        in_parts += parts.feed(data[at : at + size])
        at, turn = at + size, turn + 1
        classify(in_parts, parts.open_line)
        classify(in_parts, parts.open_line, screen=True)
    assert (in_parts, parts.open_line, parts.prompt, parts.cursor_jumps) == (
        lines,
        whole.open_line,
        whole.prompt,
        whole.cursor_jumps,
    )
    assert all(map(is_clean, [*lines, whole.open_line]))


async def test_a_kernels_line_before_the_echo_does_not_uncover_the_password() -> None:
    console, far = await pair()
    await console.send_secret(sosagent.Secret(PASSWORD))
    for part in (
        b"[   12.345678] usb 1-1: new",
        b" device\r\n[   12.4] again\r\n",
        PASSWORD.encode() + b"\r\n",
        b"in\r\n# ",
    ):
        await far.write(part)
        await console.receive(1)
    assert PASSWORD not in str(console.tail())
    assert PASSWORD.encode() not in console.output
    assert console.tail()[-2:] == ("in", "# ")


async def test_a_mark_of_ours_that_is_not_the_last_thing_said_is_no_receiver() -> None:
    script = Script(lambda typed: b"")
    await script.far.write(b"=R\r\n=Z\r\nroot@vm:~# rm -rf /srv/old")
    with pytest.raises(sosagent.ConsoleStateUnknown):
        await script.add()
    assert b"\r" not in script.typed


async def test_an_endpoints_own_words_count_before_any_prompt() -> None:
    script = Script(lambda typed: b"")
    await script.far.write(b"[Read-only SOS Session. Use ~? for help.]\r\nweb-1 login: ")
    with pytest.raises(sosagent.EndpointReadOnly):
        await script.add()
    assert script.typed == b""


async def test_a_busy_endpoint_that_closes_is_busy() -> None:
    script = Script(lambda typed: b"")
    await script.far.write(b"console access is limited to one connection at a time\r\n")
    await script.far.aclose()
    with pytest.raises(sosagent.EndpointBusy):
        await script.add()


async def test_nothing_is_typed_into_what_comes_after_the_password_and_is_unknown() -> None:
    def answer(typed: bytes) -> bytes:
        if typed.endswith((b"\x0c", b"\x15")):
            return b""
        if PASSWORD.encode() in typed:
            return b"\r\n 1) Reboot\r\nEnter an option: " if typed.endswith(b"\r") else b""
        if typed.endswith(b"root\r"):
            return b"\r\nPassword: "
        return b"\r\nvm login: " if typed.endswith(b"\r") else b"root"

    script = Script(answer)
    with pytest.raises(sosagent.ConsoleStateUnknown, match="unknown text follows the password"):
        await script.add()
    assert script.typed.partition(PASSWORD.encode() + b"\r")[2].strip(b"\x0c\x15") == b""


@pytest.mark.parametrize(
    "text", [b"\x1b[" + b"1" * 5000 + b"C", b"\x1b[1;" + b"9" * 5000 + b"H", b"\x1b[65536@" * 1000]
)
def test_huge_numbers_in_escapes_are_harmless(text: bytes) -> None:
    shown = Text()
    shown.feed(text + b"x")
    assert len(shown.open_line) <= OPEN_LINE_LIMIT


def test_an_odd_record_is_none(tmp_path: Path) -> None:
    record = OpenLogin("x")
    record.path.parent.mkdir(parents=True)
    for odd in ("", "[]", "{", '{"since": 1' + "0" * 400 + "}", "[" * 5000, '{"since": "x"}', '{"since": -1}'):
        record.path.write_text(odd)
        assert record.seconds() is None
        assert not record.is_it(10**400)
    record.remember(is_open=False)
    assert record.is_it(0) and not record.is_it(30)  # a login takes a while: the shell is younger than the record
    record.path.write_text(json.dumps({"since": time.time() - 60, "open": False}))
    assert record.is_it(20) and record.is_it(60) and not record.is_it(100)
    record.path.write_text(json.dumps({"since": time.time() - 60, "open": True}))
    assert record.is_it(58) and not record.is_it(20)
    record.forget()
    assert record.seconds() is None


def test_a_recording_takes_the_place_of_a_recording_and_of_nothing_else(tmp_path: Path) -> None:
    key, device, old = tmp_path / "key", tmp_path / "null", tmp_path / "old"
    key.write_text("PRIVATE KEY")
    os.mkfifo(device)
    for path in (key, device):
        with pytest.raises(UsageError, match="is not a recording"):
            Transcript(path, "title")
    assert (key.read_text(), device.is_fifo()) == ("PRIVATE KEY", True)
    for title in ("first", "second"):
        Transcript(old, title).close()
    assert "second" in old.read_text()

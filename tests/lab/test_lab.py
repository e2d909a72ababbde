"""The whole job against the lab: asyncssh endpoint, simulated getty, real sh."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import platformdirs
import pytest

import sosagent
import sosagent.transports
from sosagent.jobs.state import console_state
from sosagent.lab import Lab
from sosagent.printable import is_clean

from ..conftest import new_key, until
from ..support.consoles import inner_console


async def add(
    lab: Lab, target: sosagent.SshTarget, *keys: sosagent.PublicKey, **options: object
) -> sosagent.AddKeyResult:
    options.setdefault("password", lab.password)
    return await sosagent.add_key(target, keys or [new_key()], **options)  # type: ignore[arg-type]


async def still_works(lab: Lab, target: sosagent.SshTarget) -> None:
    """The console is at its login prompt, and nobody is logged in."""
    await until(lambda: lab.machine.on_output is None)
    assert lab.machine._shell is None
    key = new_key("afterwards")
    done = await add(lab, target, key)
    assert (done.status, done.state_found, done.logged_out) == ("added", "login", True)
    assert lab.authorized_keys.read_text().count(key.line) == 1


async def test_added_then_present(lab: Lab, lab_target: sosagent.SshTarget, key: sosagent.PublicKey) -> None:
    steps: list[str] = []
    done = await add(lab, lab_target, key, on_event=lambda event: steps.append(f"{event.kind} {event.text}"))
    assert lab.authorized_keys.read_text() == f"{key.line}\n"
    assert (done.status, done.logged_out, done.state_found) == ("added", True, "login")
    assert done.file == str(lab.authorized_keys)
    assert (done.keys_before, done.keys_after) == (0, 1)
    assert [step for step in steps if step.startswith("done")] == [
        f"done connected to {lab_target}",
        "done console state: a login prompt",
        "done logged in as root",
        "done shell ready",
        f"done 0 keys before, in {lab.authorized_keys}",
        "done added 1, read back",
        "done logged out",
    ]
    again = await add(lab, lab_target, key)
    assert (again.status, again.keys_before, again.keys_after) == ("present", 1, 1)
    assert again.exchanges <= 8
    assert again.bytes_sent <= 1600
    await still_works(lab, lab_target)


class Far(sosagent.transports.Transport):
    """A transport with a round-trip time of `delay` seconds."""

    def __init__(self, near: sosagent.transports.Transport, delay: float) -> None:
        self.name, self._near, self._delay = near.name, near, delay
        self._arrived: asyncio.Queue[bytes] = asyncio.Queue()
        self._task = asyncio.ensure_future(self._carry())

    async def _carry(self) -> None:
        loop = asyncio.get_running_loop()
        while data := await self._near.read():
            loop.call_later(self._delay, self._arrived.put_nowait, data)
        loop.call_later(self._delay, self._arrived.put_nowait, b"")

    async def read(self) -> bytes:
        return await self._arrived.get()

    async def write(self, data: bytes) -> None:
        await self._near.write(data)

    async def aclose(self) -> None:
        await self._near.aclose()
        await self._task


@pytest.mark.sample(2)
@pytest.mark.parametrize("delay", [0.03, 0.06, 0.1, 0.3, 0.8])
async def test_a_far_endpoint(delay: float, lab: Lab, lab_target: sosagent.SshTarget) -> None:
    """sosagent waits for a slow answer, and does not take earlier output for it."""
    key = new_key()
    async with inner_console(lab_target) as console:
        done = await sosagent.add_key(Far(console.transport, delay), key, password=lab.password)
    assert (done.status, done.logged_out) == ("added", True)
    await until(lambda: lab.machine.on_output is None)
    async with inner_console(lab_target) as console:
        with pytest.raises(sosagent.LoginRefused):
            await sosagent.add_key(Far(console.transport, delay), key, password="wrong")
    await still_works(lab, lab_target)


async def test_dry_run(lab: Lab, lab_target: sosagent.SshTarget) -> None:
    done = await add(lab, lab_target, dry_run=True)
    assert (done.status, done.logged_out) == ("would-add", True)
    assert not lab.authorized_keys.exists()


async def test_wrong_password_is_tried_once(lab: Lab, lab_target: sosagent.SshTarget) -> None:
    with pytest.raises(sosagent.LoginRefused) as caught:
        await add(lab, lab_target, password="wrong-password")
    assert caught.value.exit_code == 5
    assert sum("Login incorrect" in line for line in caught.value.tail) == 1
    await still_works(lab, lab_target)


async def test_getty_reads_our_form_feed_as_part_of_a_name(lab: Lab, lab_target: sosagent.SshTarget) -> None:
    """Our ^L may come when getty has just begun to read, after a logout or a boot."""

    def late(event: sosagent.Event) -> None:
        if event.text.startswith("console state"):
            lab.machine.type(b"\x0c")

    assert (await add(lab, lab_target, on_event=late)).status == "added"


async def test_another_host_than_expected_gets_no_password(lab: Lab, lab_target: sosagent.SshTarget) -> None:
    with pytest.raises(sosagent.WrongMachine, match="the machine is lab, not web-7"):
        await add(lab, lab_target, expect_host="web-7")
    assert lab.machine._user is None
    done = await add(lab, lab_target, expect_host="LAB.example.net")
    assert done.status == "added"


async def test_an_existing_shell_that_shows_no_prompt_is_left_open(lab: Lab, lab_target: sosagent.SshTarget) -> None:
    async with inner_console(lab_target, timeout=20) as console:
        await console.send("\r")
        await console.expect("login: $")
        await console.send("root\r")
        await console.expect("Password: $")
        await console.send_secret(lab.password)
        await console.expect("# $")
    await until(lambda: lab.machine.on_output is None)
    # The lab's shell has no line editor, so only Enter would show that it is a shell. It could answer a question.
    with pytest.raises(sosagent.ConsoleOccupied, match="program that reads lines"):
        await add(lab, lab_target)
    assert lab.machine._shell is not None
    assert lab.machine._shell.isalive()


async def test_a_second_client_gets_a_busy_error(lab: Lab, lab_target: sosagent.SshTarget) -> None:
    async with inner_console(lab_target):
        with pytest.raises(sosagent.EndpointBusy, match="one connection at a time"):
            await add(lab, lab_target)
    await until(lambda: lab.machine.on_output is None)
    await still_works(lab, lab_target)


@pytest.mark.parametrize("after", range(0, 14))
async def test_cancelled_at_any_step_it_logs_out(after: int, lab: Lab, lab_target: sosagent.SshTarget) -> None:
    events = 0

    def count(_event: sosagent.Event) -> None:
        nonlocal events
        events += 1
        if events == after + 1:
            asyncio.get_running_loop().call_soon(task.cancel)

    task = asyncio.ensure_future(add(lab, lab_target, on_event=count))
    try:
        await task
    except asyncio.CancelledError:
        pass
    await still_works(lab, lab_target)


async def test_cancelled_at_any_byte_it_logs_out(lab: Lab, lab_target: sosagent.SshTarget) -> None:
    whole = (await add(lab, lab_target)).bytes_received
    for limit in range(20, whole, whole // 12):
        async with inner_console(lab_target, timeout=30) as console:
            seen = 0
            receive = console.transport.read

            async def read() -> bytes:
                nonlocal seen
                data = await receive()
                seen += len(data)
                if seen >= limit and not task.done():
                    task.cancel()
                    seen = -(10**9)
                return data

            console.transport.read = read  # type: ignore[method-assign]
            task = asyncio.ensure_future(sosagent.add_key(console.transport, [new_key()], password=lab.password))
            try:
                await task
            except asyncio.CancelledError:
                pass
        await still_works(lab, lab_target)


@pytest.mark.parametrize("moment", ["log in as root", "start the shell"])
async def test_where_the_line_dies_with_a_shell_open_it_connects_again(
    moment: str, lab: Lab, lab_target: sosagent.SshTarget
) -> None:
    cuts: list[str] = []

    def cut(event: sosagent.Event) -> None:
        if event.text == moment and not cuts:
            cuts.append(event.text)
            if moment == "start the shell":
                lab.hang_up()
                return
            # The password is on its way when the machine greets.
            write = lab.machine.on_output

            def until_greeted(data: bytes) -> None:
                if data.startswith(b"Linux"):
                    lab.hang_up()
                elif write is not None:
                    write(data)

            lab.machine.connect(until_greeted)

    with pytest.raises(sosagent.EndpointLost) as caught:
        await add(lab, lab_target, on_event=cut)
    assert caught.value.exit_code == 3
    assert "no shell of ours is open" in caught.value.__notes__[0]
    await still_works(lab, lab_target)


async def test_the_deadline_logs_out_first(lab: Lab, lab_target: sosagent.SshTarget) -> None:
    with pytest.raises(sosagent.DeadlineExceeded) as caught:
        await add(lab, lab_target, timeout=0.2)
    assert caught.value.exit_code == 8
    await still_works(lab, lab_target)


async def test_the_recording_has_no_secret_and_is_safe(
    lab: Lab, lab_target: sosagent.SshTarget, tmp_path: Path, key: sosagent.PublicKey
) -> None:
    cast = tmp_path / "cast"
    await add(lab, lab_target, key, transcript=cast)
    header, *events = map(json.loads, cast.read_text().splitlines())
    assert (header["version"], cast.stat().st_mode & 0o777) == (2, 0o600)
    typed = "".join(text for _, kind, text in events if kind == "i")
    shown = "".join(text for _, kind, text in events if kind == "o")
    assert "(a secret)" in typed
    assert key.base64 in typed
    assert "login: " in shown
    assert lab.password.reveal() not in cast.read_text()
    assert all(is_clean(text.replace("\r", "").replace("\n", "").replace("\b", "")) for _, _, text in events)


async def test_a_message_from_the_machine_is_made_printable(lab: Lab, lab_target: sosagent.SshTarget) -> None:
    lab.machine.name = "evil\x1b]52;c;aGk=\x07\x1b[31m\u202e[/foo]"
    with pytest.raises(sosagent.SosError) as caught:
        await add(lab, lab_target, expect_host="web-7")
    assert all(map(is_clean, [caught.value.message, *caught.value.tail]))


def test_the_blocking_twin(tmp_path: Path) -> None:
    import sosagent.blocking

    with pytest.raises(sosagent.EndpointUnreachable):
        sosagent.blocking.add_key(
            sosagent.SshTarget("127.0.0.1", "x", 1, known_hosts=tmp_path / "none"), new_key(), password="x"
        )


async def test_a_read_only_endpoint_is_tried_again(
    lab: Lab, lab_target: sosagent.SshTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sosagent.session.machine._READ_ONLY_SECONDS", 0.1)
    lab.machine.read_only_sessions = 2
    notes: list[str] = []
    done = await add(lab, lab_target, on_event=lambda event: notes.append(event.text))
    assert (done.status, lab.machine.read_only_sessions) == ("added", 0)
    assert sum("still read-only" in note for note in notes) == 2
    lab.machine.read_only_sessions = 1000
    with pytest.raises(sosagent.EndpointReadOnly) as caught:
        await add(lab, lab_target, timeout=2)
    assert caught.value.exit_code == 3


async def test_the_state_of_a_console_is_looked_at_without_a_login(lab: Lab, lab_target: sosagent.SshTarget) -> None:
    seen = await console_state(lab_target, seconds=0.2)
    assert (seen.name, seen.hostname) == ("silent", None)
    assert "--poke" in seen.hint
    seen = await console_state(lab_target, poke=True)
    assert (seen.name, seen.hostname, seen.host) == ("login", "lab", str(lab_target))
    assert seen.tail[-1] == "lab login: "
    assert b"lab login: " in seen.output
    await still_works(lab, lab_target)


async def test_an_open_login_is_recorded_until_it_is_closed(
    lab: Lab, lab_target: sosagent.SshTarget, tmp_path: Path
) -> None:
    """The record is in the user's own folder while our login is open."""
    records: list[int] = []
    folder = platformdirs.user_state_path("sosagent") / "open"
    assert str(tmp_path) in str(folder)
    await add(
        lab, lab_target, on_event=lambda event: records.append(len(list(folder.glob("*"))) if folder.exists() else 0)
    )
    assert max(records) == 1
    assert not list(folder.glob("*"))
    with pytest.raises(sosagent.LoginRefused):
        await add(lab, lab_target, password="wrong")
    # For a minute, login itself may ask for the next name, and shows that prompt once.
    assert [json.loads(file.read_text()).get("refused") for file in folder.glob("*")] == [True]
    assert (await add(lab, lab_target)).status == "added"
    assert not list(folder.glob("*"))

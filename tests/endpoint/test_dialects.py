"""Each dialect with a simulated endpoint that behaves as documented."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace

import pytest

import sosagent
from sosagent.console import Console
from sosagent.console.endpoint import Endpoint
from sosagent.console.events import Event
from sosagent.endpoint.dialects import DIALECTS, PLAIN, dialect_of_host, dialect_of_prompt
from sosagent.endpoint.parse import parse_target
from sosagent.endpoint.target import Target, TcpTarget, dialect_of, place_of
from sosagent.lab import Faults, Lab, open_lab
from sosagent.lab.fronts import FRONTS, dialect_of_front
from sosagent.login.detect import find_state
from sosagent.transports.memory import memory_pair

from ..conftest import new_key, target_of, until
from ..support.side_by_side import side_by_side

#: Simulated endpoint -> its dialect.
DIALECT_OF = {front: dialect_of_front(front) for front in FRONTS}
KICKED = [front for front, name in DIALECT_OF.items() if DIALECTS[name].kick and front != "xcc-sr650"]
FOUND = ["idrac", "idrac6", "ilo", "smash", "ilom"]


async def add(
    lab: Lab,
    front: str | None,
    on_event: Callable[[Event], None] | None = None,
    keys: list[sosagent.PublicKey] | None = None,
    **options: object,
) -> str:
    target = target_of(lab)
    if front is not None:
        target = replace(target, dialect=DIALECT_OF[front], console="web-1" if front == "lish" else None)
    done = await sosagent.add_key(
        target,
        keys or [new_key()],
        password=lab.password,
        on_event=on_event,
        timeout=60,
        **options,  # type: ignore[arg-type]
    )
    assert done.logged_out, done.warnings
    return done.status


def is_at_login(lab: Lab) -> bool:
    return not lab.machine.in_use


@pytest.mark.sample(3)
@pytest.mark.parametrize("front", FRONTS)
async def test_the_job_through_each(front: str) -> None:
    async with open_lab(front=front) as lab:
        assert await add(lab, front) == "added"
        assert is_at_login(lab)
        assert await add(lab, front) == "added"  # it was left correctly, so it can be entered again


@pytest.mark.parametrize("front", FOUND)
async def test_a_dialect_is_recognised_by_its_prompt(front: str) -> None:
    async with open_lab(front=front) as lab:
        assert await add(lab, None) == "added"


async def test_an_ambiguous_prompt_needs_a_dialect_in_host() -> None:
    assert dialect_of_prompt("-> ", []) is None
    assert dialect_of_prompt("-> ", ["Oracle(R) Integrated Lights Out Manager"]) is DIALECTS["ilom"]
    assert dialect_of_prompt("-> ", ["Insyde SMASH-CLP System Management Shell"]) is DIALECTS["smash"]
    assert dialect_of_prompt("root@web-1:~# ", []) is None


@pytest.mark.parametrize("front", ["idrac", "ilo", "smash", "ilom", "cyclades", "digi"])
async def test_the_error_for_a_busy_console_says_how_to_free_it(front: str) -> None:
    async with open_lab(front=front) as lab:
        lab.occupy()
        with pytest.raises(sosagent.EndpointBusy) as caught:
            await add(lab, front)
        assert DIALECTS[DIALECT_OF[front]].free in caught.value.hint
        assert ("--kick" in caught.value.hint) == (front in KICKED)
        assert lab.occupied
        assert is_at_login(lab)


@pytest.mark.parametrize("front", KICKED)
async def test_kick_frees_it(front: str) -> None:
    async with open_lab(front=front) as lab:
        lab.occupy()
        assert await add(lab, front, kick=True) == "added"
        assert not lab.occupied


@pytest.mark.parametrize("front", KICKED)
async def test_kick_on_a_free_console(front: str) -> None:
    notes: list[str] = []
    async with open_lab(front=front) as lab:
        assert await add(lab, front, lambda event: notes.append(event.text), kick=True) == "added"
    assert not any("ending" in note for note in notes)


async def test_a_controller_that_stays_at_its_prompt_is_not_kicked_unasked() -> None:
    """The message of Lenovo's controller for a console in use is unknown."""
    async with open_lab(front="xcc") as lab:
        lab.occupy()
        with pytest.raises(sosagent.ConsoleStateUnknown, match="stays at its own command line") as caught:
            await add(lab, "xcc")
        assert "--kick ends another session first" in caught.value.hint
        assert lab.commands == ["console 1", "console start", "exit"]
        assert lab.occupied


MOMENTS = ("console state", "log in as", "logged in", "shell ready")


RETURNS = [
    *(("idrac", moment, b"\r\n") for moment in MOMENTS),
    *(("ilo", moment, b"") for moment in MOMENTS),
    ("ilom", "log in as", b"\r\n\x1b[0m\x1b[K"),
    ("xcc", "log in as", b""),
    ("xcc", "logged in", b"\r\n"),
    ("lish", "logged in", b""),
]


async def test_the_endpoint_returns_to_its_prompt_during_a_job() -> None:
    """The job stops at once, types nothing at the prompt, and the next run can use the console.

    In half of the cases that run waits 25 s, until the machine has logged out, so all run at once.
    """
    await side_by_side(RETURNS, _returns_to_its_prompt)


async def _returns_to_its_prompt(case: tuple[str, str, bytes]) -> None:
    front, moment, left = case
    async with open_lab(front=front) as lab:
        fallen = False

        def fall(event: Event) -> None:
            nonlocal fallen
            if event.text.startswith(moment) and not fallen:
                fallen = True
                lab.fall_back(left)
                lab.commands.clear()

        with pytest.raises(sosagent.EndpointLost) as caught:
            await add(lab, front, fall)
        assert fallen
        assert "fell back to its own command line" in str(caught.value)
        assert caught.value.exit_code == 3
        row = DIALECTS[DIALECT_OF[front]]
        known = {line.format(console="web-1") for commands in row.enter for line in commands} | {row.close, "y"}
        typed = [line for line in lab.commands if line.strip("\x15\x0c") not in known]
        # Data in transit cannot be recalled: the user name, the start line, or one request, which no program would run.
        assert len([line for line in typed if not line.startswith((")", "]"))]) <= 1, typed
        assert lab.password.reveal() not in "".join(lab.commands)
        assert await add(lab, front) == "added"
        assert is_at_login(lab)


async def script(
    text: bytes, dialect: str, *, kick: bool = False, logged_in: bool = True, answers: dict[bytes, bytes] | None = None
) -> bytes:
    """Return what is typed into a console that shows `text`, and then only `answers` to lines."""
    near, far = memory_pair()
    near.logged_in = logged_in
    typed = b""

    async def serve() -> None:
        nonlocal typed
        while data := await far.read():
            typed += data
            for line, answer in (answers or {}).items():
                if typed.endswith(line + b"\r"):
                    await far.write(answer)

    task = asyncio.create_task(serve())
    await far.write(text)
    console = Console(near, endpoint=Endpoint(DIALECTS[dialect], kick=kick))
    console.set_deadline(6)
    with pytest.raises(sosagent.SosError):
        async with console:
            await find_state(console)
            raise sosagent.UsageError("found")
    await task
    return typed


OURS = set(b"\x0c\x15\r")


@pytest.mark.parametrize(
    ("dialect", "text"),
    [
        ("ilo", b"Virtual Serial Port is currently in use by another session\r\nroot@web1:~# rm -rf /srv/x"),
        ("cyclades", b"1) start\r\n4) wipe disk\r\nSelect an option: "),
        ("plain", b"Oracle Linux Server 9.2\r\n-> "),
        ("plain", b"ATEN LATENCY\r\nsystem> "),
        ("plain", b"publish\r\n[root@publish01 ~]# "),
        ("ilom", b"Format /dev/sda (y/n)? "),
        ("digi", b"Do you want 1 Initiate a regular session of yoga? "),
    ],
    ids=["busy", "menu", "oracle", "system", "lish", "question", "yoga"],
)
@pytest.mark.parametrize("kick", [False, True])
@pytest.mark.virtual_time
async def test_text_from_the_machine_is_not_taken_for_the_endpoints(dialect: str, text: bytes, kick: bool) -> None:
    """No command for an endpoint is typed at a prompt that may be a machine's."""
    typed = await script(text, dialect, kick=kick)
    assert set(typed) <= OURS, typed


@pytest.mark.virtual_time
async def test_a_controllers_prompt_counts_only_at_the_start() -> None:
    """After our own Enter, or without a login at the endpoint, the prompt may be a machine's."""
    typed = await script(b"", "plain", answers={b"\x15": b"\r\nracadm>>"})
    assert set(typed) <= OURS, typed
    typed = await script(b"racadm>>", "plain", logged_in=False)
    assert set(typed) <= OURS, typed
    assert b"connect com2\r" in await script(b"racadm>>", "plain")


@pytest.mark.virtual_time
async def test_a_machine_that_prints_the_text_of_a_controller() -> None:
    """After `console 1` the text comes from the machine, so a message about an active session kicks no user."""
    typed = await script(
        b"system> ", "xcc", kick=True, answers={b"console 1": b"[  OK  ] Reached target console is active\r\n"}
    )
    assert typed.startswith(b"console 1\r")
    assert b"kill" not in typed


@pytest.mark.virtual_time
async def test_a_prompt_inside_other_text_does_not_count() -> None:
    """A message of the day, in small packets: `-> read the rules`."""
    near, far = memory_pair()
    console = Console(near, endpoint=Endpoint(DIALECTS["ilom"]))
    console.set_deadline(10)
    console.endpoint.note_prompt("->")
    console.mark_machine_start()
    for piece in (b"Welcome\r\n", b"->", b" read the rules\r\n", b"# "):
        await far.write(piece)
        await asyncio.sleep(0.02)
    await console.expect("# $")
    await far.write(b"\r\n-> ")
    with pytest.raises(sosagent.EndpointLost, match="fell back"):
        await console.expect("never")
    with pytest.raises(sosagent.EndpointLost, match="fell back"):
        await console.send("rm -rf /")
    await console.aclose()


STANDS = [
    ("xcc", "system>", b"\r\nsystem> "),
    ("xcc", "system>", b"\r\nsystem> \x1b[m\x0f"),
    ("xcc", "system>", b"\r\nsystem> \r"),
    ("xcc", "system>", b"\r\n\x1b]P7aaaaaasystem> "),
    ("xcc", "system>", b"\r\n\x1b]0;title\r\nSystem> "),
    ("xcc", "", b"web1 login: system> "),
    ("xcc", "system>", b"Password: [   12.345678] usb 1-1: new devicesystem> \x0f"),
    ("xcc", "system>", b"Password: [   12.345678][  T123] usb 1-1: new devicesystem> "),
    ("smash", "/system1/sol1->", b"\r\n-> "),
    ("ilo", "</>hpiLO->", b"\r\n</system1>hpiLO-> "),
    ("ilo", "</>hpiLO->", b"root@web1:~# hpiLO-> "),
    ("idrac", "/admin1->", b"\r\nracadm>>"),
    ("idrac", "racadm>>", b"\r\nracadm>> roo"),
]
STANDS_NOT = [
    ("ilom", "->", b"\r\nroot@web /root -> "),
    ("ilom", "->", b"\r\nlrwxrwxrwx 1 root root 4 Jan 1 00:00 a ->"),
    ("xcc", "system>", b"\r\nfilesystem> "),
    ("xcc", "system>", b"\r\nmount: <filesystem> "),
    ("lish", "[me@lish-us]#", b"\r\n[root@publish01 ~]# "),
    ("plain", "", b"\r\nracadm>>"),
]


@pytest.mark.parametrize(
    ("dialect", "prompt", "data", "stands"),
    [*((*one, True) for one in STANDS), *((*one, False) for one in STANDS_NOT)],
)
def test_where_its_prompt_stands(dialect: str, prompt: str, data: bytes, stands: bool) -> None:
    endpoint = Endpoint(DIALECTS[dialect])
    endpoint.note_passed()
    endpoint.note_prompt(prompt)
    for byte in data:  # in the smallest packets
        endpoint.note_received(bytes([byte]))
    assert endpoint.shows_prompt() == stands


@pytest.mark.virtual_time
async def test_nothing_is_typed_at_a_prompt_that_arrived_unread() -> None:
    """After `Password:`, in an unfinished kernel message, and after an interrupted wait."""
    near, far = memory_pair()
    console = Console(near, endpoint=Endpoint(DIALECTS["xcc"]))
    console.set_deadline(10)
    console.endpoint.note_prompt("system>")
    console.mark_machine_start()
    await far.write(b"\r\nsystem> ")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await console.receive(1)
    for send in (console.send("exit\r"), console.send_secret(sosagent.Secret("the machine's"))):
        with pytest.raises(sosagent.EndpointLost, match="fell back"):
            await send
    await console.aclose()
    assert await far.read() == b""


@pytest.mark.virtual_time
async def test_a_prompt_after_a_kernel_message_is_recognised() -> None:
    near, far = memory_pair()
    console = Console(near, endpoint=Endpoint(DIALECTS["xcc"]))
    console.set_deadline(10)
    console.endpoint.note_prompt("system>")
    console.mark_machine_start()
    await far.write(b"Password: [   12.345678] usb 1-1: new devicesystem> ")
    with pytest.raises(sosagent.EndpointLost, match="fell back"):
        await console.expect("never")
    await console.aclose()


def test_what_a_target_is() -> None:
    rows = {
        "exec:/usr/bin/virsh -c qemu:///system console web1": "virsh",
        "exec:ipmitool -I lanplus -H bmc -U root -E sol activate": "ipmi",
        "exec:sudo ipmitool sol activate": "ipmi",
        "exec:cat": "plain",
        "ssh://root@bmc?dialect=idrac": "idrac",
        "i-0123abcd.port0@serial-console.ec2-instance-connect.eu-west-1.aws": "aws",
        "p.z.i.u@europe-west3-ssh-serialport.googleapis.com": "gcp",
        "me@lish-us-central.linode.com": "lish",
        "web1": "plain",
        "socket://cs:4001?dialect=digi": "digi",
    }
    assert {text: dialect_of(parse_target(text)).name for text in rows} == rows
    assert dialect_of_host("web1") is PLAIN


def test_clouds_have_ports_and_users_of_their_own() -> None:
    gcp = parse_target("p.z.i.u@europe-west3-ssh-serialport.googleapis.com")
    assert isinstance(gcp, sosagent.SshTarget)
    assert (gcp.user, gcp.port) == ("p.z.i.u", 9600)
    with pytest.raises(sosagent.TargetInvalid, match=r"PROJECT\.ZONE\.INSTANCE\.USER"):
        parse_target("alice@europe-west3-ssh-serialport.googleapis.com")
    with pytest.raises(sosagent.TargetInvalid, match=r"i-0123456789abcdef0\.port0"):
        parse_target("ec2-user@serial-console.ec2-instance-connect.eu-west-1.aws")


CONNECTION = "ocid1.instanceconsoleconnection.oc1.eu-frankfurt-1.antheljrabc"
INSTANCE = "ocid1.instance.oc1.eu-frankfurt-1.antheljrdef"
GATEWAY = "instance-console.eu-frankfurt-1.oci.oraclecloud.com"


@pytest.mark.parametrize(
    "text",
    [
        f"ssh -o ProxyCommand='ssh -W %h:%p -p 443 {CONNECTION}@{GATEWAY}' {INSTANCE}",
        f'ssh -i ~/.ssh/k -o ProxyCommand="ssh -i ~/.ssh/k -W %h:%p -p 443 {CONNECTION}@{GATEWAY}" {INSTANCE}',
        f"{CONNECTION}@{GATEWAY} {INSTANCE}",
        f"ssh -J {CONNECTION}@{GATEWAY}:443 {INSTANCE}",
    ],
    ids=["single", "double", "ids", "jump"],
)
def test_oracles_two_hops(text: str) -> None:
    target = parse_target(f"oci:{text}")
    assert isinstance(target, sosagent.SshTarget)
    assert (target.host, target.jump) == (INSTANCE, f"{CONNECTION}@{GATEWAY}:443")
    assert dialect_of(target).name == "oci"


@pytest.mark.parametrize(
    "text", ["oci:", f"oci:{INSTANCE}", f"oci:{CONNECTION}@{GATEWAY}"], ids=["none", "one", "other"]
)
def test_oracles_string_must_be_whole(text: str) -> None:
    with pytest.raises(sosagent.TargetInvalid, match="oci: needs"):
        parse_target(text)


@pytest.mark.parametrize("name", DIALECTS)
def test_no_dialect_forbids_its_own_keys(name: str) -> None:
    """Its own commands, and what every job types: Enter, ^U, ^L, ^C."""
    row = DIALECTS[name]
    for needed in (b"\r", b"\x15\r", b"\x0c", b"\x03", *(line.encode() for way in row.enter for line in way)):
        assert row.forbidden_in(b"\r", needed) is None


@pytest.mark.parametrize("name", DIALECTS)
def test_every_pattern_is_one(name: str) -> None:
    row = DIALECTS[name]
    for pattern in (row.prompt, row.banner, row.confirm, row.ready, row.busy, row.hosts, *(row.user or ())[:1]):
        re.compile(pattern)
    row.is_prompt("x"), row.is_ready(["x"]), row.is_busy(["x"])


def test_forbidden_keys_are_detected_across_writes() -> None:
    openbmc = DIALECTS["openbmc"]
    assert openbmc.forbidden_in(b"name\r", b"~x") == b"\r~"
    assert openbmc.forbidden_in(b"", b"a\r~") == b"\r~"
    assert openbmc.forbidden_in(b"name", b"~x") is None


async def test_a_password_with_forbidden_keys_is_not_sent() -> None:
    async with open_lab(front="openbmc") as lab:
        target = replace(target_of(lab), dialect="openbmc")
        with pytest.raises(sosagent.EndpointRefused) as caught:
            await sosagent.add_key(target, new_key(), password="tilde\r~ first", timeout=30)
        assert "the password contains a sequence that OpenBMC would interpret itself" in str(caught.value)
        assert "tilde first" not in str(caught.value) + caught.value.hint
        assert is_at_login(lab)


@pytest.mark.parametrize("front", ["idrac", "openbmc"])
async def test_a_second_run_is_refused_at_once(front: str) -> None:
    async with open_lab(front=front) as lab:
        first = asyncio.create_task(add(lab, front))
        await until(lambda: lab.machine.in_use)
        with pytest.raises(sosagent.EndpointBusy, match=r"another run of sosagent \(process \d+\) is using"):
            await add(lab, front)
        assert await first == "added"


def parsed(text: str) -> Target:
    target = parse_target(text)
    assert isinstance(target, Target)
    return target


def test_two_consoles_of_one_endpoint_are_independent() -> None:
    names = [
        "exec:virsh console web1",
        "exec:virsh console web2",
        "ssh://me@h",
        "ssh://me@h?console=a",
        "ssh://me@h:2200",
    ]
    assert len({place_of(parsed(name)) for name in names}) == len(names)
    assert place_of(parsed("ssh://me@h?dialect=ilo")) == place_of(parsed("me@h"))
    assert place_of(parsed("me@LocalHost")) == place_of(parsed("me@localhost"))


@pytest.mark.parametrize("moment", ["logged in", "shell ready"])
async def test_a_run_from_elsewhere_is_not_disturbed(moment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On an endpoint that allows several sessions, the second run listens first, and stops."""
    told = asyncio.Event()

    def tell(event: Event) -> None:
        if event.text.startswith(moment):
            told.set()

    # The line is slow, so the first run takes a while.
    async with open_lab(front="openbmc", faults=Faults(baud=9600)) as lab:
        first = asyncio.create_task(add(lab, "openbmc", tell, keys=[new_key() for _ in range(60)]))  # noqa: RUF006 - it is awaited below
        await told.wait()
        monkeypatch.setenv("XDG_STATE_HOME", str(lab.folder / "elsewhere"))
        with pytest.raises(sosagent.EndpointBusy, match="another run of sosagent is active"):
            await add(lab, "openbmc")
        assert await first == "added"


@pytest.mark.parametrize("dialect", ["digi", "cyclades", "plain"])
async def test_a_password_prompt_of_unknown_origin_gets_no_password(dialect: str) -> None:
    """The endpoint prints nothing before the prompt, so its origin is unknown, and no password is typed."""
    asked: list[str] = []
    got = b""

    async def ask(endpoint: str, prompt: str, echo: bool) -> str:
        asked.append(prompt)
        return "the endpoint's own"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal got
        writer.write(b"\r\nweb-1 login: root\r\nPassword: ")
        while data := await reader.read(100):
            got += data
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    target = TcpTarget("socket", "127.0.0.1", server.sockets[0].getsockname()[1], dialect=dialect)
    with pytest.raises(sosagent.SosError):
        await sosagent.add_key(target, new_key(), password="the machine's", timeout=3, ask=ask)
    server.close()
    await server.wait_closed()
    assert asked == []
    assert set(got.removesuffix(DIALECTS[dialect].leave)) <= OURS


async def test_a_telnet_endpoints_question_is_answered_as_its_own() -> None:
    """A question from a controller's own login is shown with the controller's name."""
    asked: list[tuple[str, bool]] = []

    async def ask(endpoint: str, prompt: str, echo: bool) -> str:
        assert endpoint.startswith("telnet://127.0.0.1")
        asked.append((prompt, echo))
        return "operator" if echo else "its own"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\r\nilo-web1 login: ")
        assert (await reader.readuntil(b"\r")).strip(b"\0\r") == b"operator"
        writer.write(b"operator\r\nPassword: ")
        assert (await reader.readuntil(b"\r")).strip(b"\0\r") == b"its own"
        writer.write(b"\r\n</>hpiLO-> ")
        assert (await reader.readuntil(b"\r")).strip(b"\0\r") == b"vsp"
        writer.write(b"vsp\r\nVirtual Serial Port is currently in use by another session.\r\n</>hpiLO-> ")
        while await reader.read(100):
            pass
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    target = TcpTarget("telnet", "127.0.0.1", server.sockets[0].getsockname()[1], dialect="ilo")
    with pytest.raises(sosagent.EndpointBusy):
        await sosagent.add_key(target, new_key(), password="the machine's", timeout=30, ask=ask)
    server.close()
    await server.wait_closed()
    assert asked == [("ilo-web1 login:", True), ("Password:", False)]

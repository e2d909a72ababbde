"""What endpoints say and want besides the console: each dialect against an endpoint that behaves by the facts."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace

import pytest

import sosagent
from sosagent.console.events import Event
from sosagent.dialects import DIALECTS, PLAIN, dialect_of_host, dialect_of_prompt
from sosagent.lab import Faults, Lab, open_lab
from sosagent.lab.fronts import FRONTS
from sosagent.target import dialect_of, parse_target

from .conftest import new_key, target_of, until

#: Simulated endpoint -> its dialect, and the console's name where it needs one.
DIALECT_OF = {front: front for front in FRONTS} | {"idrac6": "idrac", "xcc-sr650": "xcc", "smash-quiet": "smash"}
KICKED = [front for front, name in DIALECT_OF.items() if DIALECTS[name].kick and front != "xcc-sr650"]
FOUND = ["idrac", "idrac6", "ilo", "xcc", "xcc-sr650", "smash", "ilom"]


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


@pytest.mark.parametrize("front", FRONTS)
async def test_the_job_through_each(front: str) -> None:
    async with open_lab(front=front) as lab:
        assert await add(lab, front) == "added"
        assert is_at_login(lab)
        assert await add(lab, front) == "added"  # it was left so that it can be entered again


@pytest.mark.parametrize("front", FOUND)
async def test_what_it_is_is_found_by_what_it_says(front: str) -> None:
    async with open_lab(front=front) as lab:
        assert await add(lab, None) == "added"


async def test_a_prompt_of_two_needs_to_be_named() -> None:
    assert dialect_of_prompt("-> ", []) is None
    assert dialect_of_prompt("-> ", ["Oracle(R) Integrated Lights Out Manager"]) is DIALECTS["ilom"]
    assert dialect_of_prompt("-> ", ["Insyde SMASH-CLP System Management Shell"]) is DIALECTS["smash"]
    assert dialect_of_prompt("root@web-1:~# ", []) is None


@pytest.mark.parametrize("front", ["idrac", "ilo", "xcc", "smash", "ilom", "cyclades", "digi"])
async def test_busy_names_what_frees_it(front: str) -> None:
    async with open_lab(front=front) as lab:
        lab.occupy(True)
        with pytest.raises(sosagent.EndpointBusy) as caught:
            await add(lab, front)
        assert DIALECTS[DIALECT_OF[front]].free in caught.value.hint
        assert ("--kick" in caught.value.hint) == (front in KICKED)
        assert lab.occupy(None)
        assert is_at_login(lab)


@pytest.mark.parametrize("front", KICKED)
async def test_kick_frees_it(front: str) -> None:
    async with open_lab(front=front) as lab:
        lab.occupy(True)
        assert await add(lab, front, kick=True) == "added"
        assert not lab.occupy(None)


@pytest.mark.parametrize("front", KICKED)
async def test_kick_ends_nothing_where_nobody_is(front: str) -> None:
    notes: list[str] = []
    async with open_lab(front=front) as lab:
        assert await add(lab, front, lambda event: notes.append(event.text), kick=True) == "added"
    assert not any("is ended" in note for note in notes)


@pytest.mark.parametrize("moment", ["state found", "log in as", "logged in", "shell ready"])
@pytest.mark.parametrize("front", ["idrac", "ilo", "ilom", "lish"])
async def test_it_falls_back_in_mid_job(front: str, moment: str) -> None:
    """The job stops at once, the next connection logs out what was left, and no password is typed at its prompt."""
    async with open_lab(front=front) as lab:
        fallen = False

        def fall(event: Event) -> None:
            nonlocal fallen
            if event.text.startswith(moment) and not fallen:
                fallen = True
                lab.fall_back()

        with pytest.raises(sosagent.EndpointLost) as caught:
            await add(lab, front, fall)
        assert fallen
        assert "fell back to its own command line" in str(caught.value)
        assert caught.value.exit_code == 3
        assert lab.password.reveal() not in "\n".join(lab.told)
        assert await add(lab, front) == "added"
        assert is_at_login(lab)


def test_what_a_target_is() -> None:
    rows = {
        "exec:/usr/bin/virsh -c qemu:///system console web1": "virsh",
        "exec:ipmitool -I lanplus -H bmc -U root -E sol activate": "ipmi",
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
def test_no_row_forbids_what_it_needs_itself(name: str) -> None:
    """Its own commands, and what every job types: Enter, ^U, ^L, ^C."""
    row = DIALECTS[name]
    for needed in (b"\r", b"\x15\r", b"\x0c", b"\x03", *(line.encode() for way in row.enter for line in way)):
        assert row.taken(b"\r", needed) is None


@pytest.mark.parametrize("name", DIALECTS)
def test_every_pattern_is_one(name: str) -> None:
    row = DIALECTS[name]
    for pattern in (row.prompt, row.says, row.confirm, row.ready, row.busy, row.hosts, *(row.user or ())[:1]):
        re.compile(pattern)
    row.is_prompt("x"), row.is_ready(["x"]), row.is_busy(["x"])


def test_what_would_be_taken_is_seen_across_writes() -> None:
    openbmc = DIALECTS["openbmc"]
    assert openbmc.taken(b"name\r", b"~x") == b"\r~"
    assert openbmc.taken(b"", b"a\r~") == b"\r~"
    assert openbmc.taken(b"name", b"~x") is None


async def test_a_password_that_the_endpoint_would_eat_is_not_sent() -> None:
    async with open_lab(front="openbmc") as lab:
        target = replace(target_of(lab), dialect="openbmc")
        with pytest.raises(sosagent.EndpointRefused) as caught:
            await sosagent.add_key(target, new_key(), password="~tilde first", timeout=30)
        assert "the password holds what OpenBMC would take for itself" in str(caught.value)
        assert "tilde first" not in str(caught.value) + caught.value.hint
        assert is_at_login(lab)


@pytest.mark.parametrize("front", ["idrac", "openbmc"])
async def test_a_second_run_of_ours_waits_for_nobody_and_disturbs_nobody(front: str) -> None:
    async with open_lab(front=front) as lab:
        first = asyncio.create_task(add(lab, front))
        await until(lambda: lab.machine.in_use)
        with pytest.raises(sosagent.EndpointBusy, match=r"another run of sosagent \(process \d+\) is at"):
            await add(lab, front)
        assert await first == "added"


@pytest.mark.parametrize("moment", ["logged in", "shell ready"])
async def test_a_run_from_elsewhere_is_not_disturbed(moment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint that several may have: whoever comes second listens, and stops."""
    told = asyncio.Event()

    def tell(event: Event) -> None:
        if event.text.startswith(moment):
            told.set()

    # The line is slow enough for the first to be at work for a while.
    async with open_lab(front="openbmc", faults=Faults(baud=9600)) as lab:
        first = asyncio.create_task(add(lab, "openbmc", tell, keys=[new_key() for _ in range(60)]))  # noqa: RUF006 - it is awaited below
        await told.wait()
        monkeypatch.setenv("XDG_STATE_HOME", str(lab.folder / "elsewhere"))
        with pytest.raises(sosagent.EndpointBusy, match="another run of sosagent is at work"):
            await add(lab, "openbmc")
        assert await first == "added"

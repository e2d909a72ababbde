"""Endpoints that end or refuse, at each moment of a job: the error has their text, and a hint that fits it."""

from __future__ import annotations

import asyncio

import pytest

import sosagent
from sosagent.errors import EndpointBusy, EndpointLost, EndpointReadOnly, EndpointRefused, EndpointUnreachable
from sosagent.terminal.endpoint_texts import TEXTS, Means, Text
from sosagent.transports.memory import memory_pair

from ..conftest import new_key

PASSWORD = "s3cret-Passw0rd"
KINDS = {
    Means.BUSY: EndpointBusy, Means.READ_ONLY: EndpointReadOnly, Means.NO_CONSOLE: EndpointRefused,
    Means.LOGIN: EndpointRefused, Means.UNREACHABLE: EndpointUnreachable, Means.ENDED: EndpointLost,
}  # fmt: skip
#: What must be typed before the endpoint prints its text and closes: at once; at the search for the state; at the
#: login; in the middle of the job; while logging out.
MOMENTS = {"connecting": "", "searching": "\x0c", "login": "root\r", "password": f"{PASSWORD}\r", "job": "exec"}
#: How the machine answers what was typed last.
ANSWERS = (
    (f"{PASSWORD}\r", "Last login: today\r\nroot@vm:~# "),
    ("root\r", "Password: "),
    ("\r", "vm login: "),
)
#: Each text at one moment, and one text at each; `python -m tests.endpoint.test_endings` tries each text at each.
SAMPLE = [
    *((text, list(MOMENTS)[at % len(MOMENTS)]) for at, text in enumerate(TEXTS)),
    *((TEXTS[2], moment) for moment in MOMENTS),
]

pytestmark = pytest.mark.virtual_time


async def ending(text: str, typed: str) -> sosagent.SosError:
    """Return the error of adding a key where the endpoint prints `text` and closes once `typed` was typed."""
    near, far = memory_pair()

    async def machine() -> None:
        seen = ""
        while typed not in seen:
            data = (await far.read()).decode()
            seen += data
            for end, reply in ANSWERS:
                if seen.endswith(end):
                    await far.write(f"\r\n{reply}".encode())
                    break
            else:
                await far.write(b"" if data in "^\x15\x0c" or data in PASSWORD else data.encode())
        await far.write(f"\r\n{text}\r\n".encode())
        await far.aclose()

    task = asyncio.ensure_future(machine())
    with pytest.raises(sosagent.SosError) as caught:
        await sosagent.add_key(near, [new_key()], password=PASSWORD, timeout=100)
    task.cancel()
    return caught.value


async def check(text: Text, moment: str) -> None:
    error = await ending(text.example, MOMENTS[moment])
    assert error.exit_code == 3, error
    assert text.example[:60] in error.message, error.message
    assert error.hint
    if moment in ("connecting", "searching"):
        assert type(error) is KINDS[text.means], error
        assert error.state == text.means.state
    else:
        # Something of ours may be open there, so a new connection looks after it.
        assert type(error) is EndpointLost, error


@pytest.mark.parametrize(
    ("text", "moment"),
    [pytest.param(text, moment, id=f"{moment}: {text.example[:40]}") for text, moment in SAMPLE],
)
async def test_the_text_of_an_endpoint_that_closes(text: Text, moment: str) -> None:
    await check(text, moment)


async def test_a_connection_that_closes_without_a_known_text() -> None:
    error = await ending("good bye", "")
    assert type(error) is EndpointLost
    assert error.tail == ("good bye",)


if __name__ == "__main__":
    for one in TEXTS:
        for when in MOMENTS:
            asyncio.run(check(one, when))
    print(f"{len(TEXTS)} texts, each at {len(MOMENTS)} moments")

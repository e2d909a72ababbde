"""jobs/add_key.py: a large payload on a slow line."""

from __future__ import annotations

import struct

import pytest

import sosagent
from sosagent.lab import Faults, open_lab

from ..conftest import new_key, target_of
from ..support.soak import OLD, with_old_keys


@pytest.mark.timeout(180)
@pytest.mark.parametrize("faults", [Faults(baud=9600), Faults(longest=255)], ids=["9600 baud", "lines of 255"])
async def test_many_keys_and_a_long_one(faults: Faults) -> None:
    """The time limit grows with the payload, and an event reports that."""
    modulus = (1 << 16383 | 1).to_bytes(2049, "big")
    blob = b"".join(struct.pack(">I", len(field)) + field for field in (b"ssh-rsa", b"\1\0\1", modulus))
    keys = [*(new_key(f"key {number}") for number in range(50)), sosagent.PublicKey("ssh-rsa", blob, "long")]
    assert keys[-1].bits == 16384
    async with open_lab(faults=faults) as lab:
        with_old_keys(lab.machine.home)
        events: list[str] = []
        done = await sosagent.add_key(
            target_of(lab), keys, password=lab.password, on_event=lambda event: events.append(event.text)
        )
        assert (done.status, done.logged_out) == ("added", True)
        assert done.exchanges < 12, "a reply was asked for while it was arriving"
        assert done.seconds > 10 or not faults.baud
        assert any("the time limit is now" in text for text in events)
        text = lab.authorized_keys.read_text()
    assert text == OLD + "".join(f"{key.line}\n" for key in keys)

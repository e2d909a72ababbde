"""A lab in a thread of its own, beside whatever uses it: blocking code, another event loop, or programs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import asyncssh

from ..endpoint.parse import parse_target
from ..endpoint.target import SshTarget
from ..errors import UsageError
from ..loop_thread import LoopThread
from ..printable import printable
from ..secrets.secret import Secret
from .endpoint import Lab, open_lab
from .faults import Faults
from .fronts import FRONTS

__all__ = ["ThreadedLab", "lab_in_thread"]


class ThreadedLab:
    """A running endpoint and the machine behind it, for any thread.

    Args:
        lab: what runs.
        loop: where it runs.

    Attributes:
        host: HOST, for the command line; `arguments` say the rest.
        target: what to give to `sosagent.add_key` and the others: HOST with its key and host key, and nothing of
            the user's own ssh_config.
        password: root's on the machine.
        identity, known_hosts, password_file: files to give to commands.
        authorized_keys_file: root's, on the machine.
        arguments: the options of `sos-addkey` that lead here, and HOST.
    """

    def __init__(self, lab: Lab, loop: LoopThread) -> None:
        self._lab = lab
        self._loop = loop
        self.host: str = lab.address
        self.password: Secret = lab.password
        self.identity: Path = lab.identity
        self.known_hosts: Path = lab.known_hosts
        self.password_file: Path = lab.password_file
        self.authorized_keys_file: Path = lab.authorized_keys
        config = lab.folder / "ssh_config"
        config.touch()
        self.arguments: list[str] = ["-F", str(config), *lab.arguments]
        self.target: SshTarget = _target(lab, config)

    @property
    def authorized_keys(self) -> str:
        """What root's authorized_keys on the machine holds now; empty if there is none."""
        path = self.authorized_keys_file
        return path.read_text("utf-8", "replace") if path.exists() else ""

    @property
    def in_use(self) -> bool:
        """Whether somebody is logged in on the machine: after a job, nobody must be."""
        return self._lab.machine.in_use

    def hang_up(self) -> None:
        """End the connection of whoever has the console, as a line does that dies."""
        self._loop.soon(self._lab.hang_up)


def _target(lab: Lab, config: Path) -> SshTarget:
    target = parse_target(lab.address, identities=(lab.identity,), ssh_config=config, known_hosts=lab.known_hosts)
    assert isinstance(target, SshTarget)
    return target


@contextmanager
def lab_in_thread(
    *, machine: str = "lab", faults: str | Faults | None = None, endpoint: str | None = None, busy: bool = False
) -> Iterator[ThreadedLab]:
    """Start an endpoint and a machine in a thread; both end, and their folder goes, with the context.

    Args:
        machine: the machine's host name.
        faults: what happens on the line between the two, as `Faults` or its words (``"drop=1e-3,klog=20/s"``).
        endpoint: what kind of endpoint it is, such as ``"idrac"``; SOS by default.
        busy: somebody else has the console all the time.

    Raises:
        UsageError: there is no such fault or endpoint.
    """
    if endpoint is not None and endpoint not in FRONTS:
        raise UsageError(
            f"the lab knows no endpoint {printable(endpoint, 40)!r}", hint=f"There are: {', '.join(FRONTS)}."
        )
    parsed = Faults.parse(faults) if isinstance(faults, str) else faults
    with LoopThread("sosagent lab") as loop:
        way = AsyncExitStack()
        opened = loop.call(way.enter_async_context(open_lab(machine=machine, faults=parsed, front=endpoint)))
        try:
            if busy:
                loop.call(way.enter_async_context(_occupied(opened)))
            yield ThreadedLab(opened, loop)
        finally:
            loop.call(way.aclose())


@asynccontextmanager
async def _occupied(lab: Lab) -> AsyncIterator[None]:
    """Let somebody else have the console: of an SOS endpoint by a session of theirs, of others as those do it."""
    if lab.options:
        lab.occupy(True)
        yield
        return
    async with (
        asyncssh.connect(
            "127.0.0.1",
            int(lab.host.rpartition(":")[2]),
            username="somebody",
            client_keys=[str(lab.identity)],
            known_hosts=str(lab.known_hosts),
            config=None,
            agent_path=None,
        ) as connection,
        connection.create_process(term_type="vt220", encoding=None),
    ):
        yield

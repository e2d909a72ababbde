"""A lab in a thread of its own, for blocking code, another event loop, or other programs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import asyncssh

from ..endpoint.parse import parse_target
from ..endpoint.target import SshTarget
from ..loop_thread import LoopThread
from ..secrets.secret import Secret
from .endpoint import Lab, open_lab
from .faults import Faults
from .fronts import check_front

__all__ = ["ThreadedLab", "lab_in_thread"]


class ThreadedLab:
    """A running endpoint and its machine, usable from any thread.

    Args:
        lab: the lab.
        loop: the thread whose event loop runs it.

    Attributes:
        host: HOST for the command line.
        target: the target for `sosagent.add_key` and other functions: HOST with its private key and host key,
            independent of the user's ssh_config.
        password: root's password on the machine.
        identity, known_hosts, password_file: files for the options of the commands.
        authorized_keys_file: root's authorized_keys on the machine.
        arguments: the arguments of `sos-addkey` for this lab: options and HOST.
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
        """The current contents of root's authorized_keys on the machine; empty if the file is missing."""
        path = self.authorized_keys_file
        return path.read_text("utf-8", "replace") if path.exists() else ""

    @property
    def in_use(self) -> bool:
        """Whether a user is logged in on the machine; false after a successful job."""
        return self._lab.machine.in_use

    def hang_up(self) -> None:
        """End the connections of all clients, as when the line fails."""
        self._loop.soon(self._lab.hang_up)


def _target(lab: Lab, config: Path) -> SshTarget:
    target = parse_target(lab.address, identities=(lab.identity,), ssh_config=config, known_hosts=lab.known_hosts)
    assert isinstance(target, SshTarget)
    return target


@contextmanager
def lab_in_thread(
    *, machine: str = "lab", faults: str | Faults | None = None, endpoint: str | None = None, busy: bool = False
) -> Iterator[ThreadedLab]:
    """Start an endpoint and a machine in a thread. At the end of the context both stop, and their folder is deleted.

    Args:
        machine: the machine's host name.
        faults: the faults of the line, as `Faults` or as text (``"drop=1e-3,klog=20/s"``).
        endpoint: the kind of endpoint, such as ``"idrac"``; SOS by default.
        busy: let another user have the console all the time.

    Raises:
        UsageError: the fault or the endpoint is unknown.
    """
    if endpoint is not None:
        check_front(endpoint)
    parsed = Faults.parse(faults) if isinstance(faults, str) else faults
    with LoopThread("sosagent lab") as loop:
        stack = AsyncExitStack()
        lab = loop.call(stack.enter_async_context(open_lab(machine=machine, faults=parsed, front=endpoint)))
        try:
            if busy:
                loop.call(stack.enter_async_context(_occupied(lab)))
            yield ThreadedLab(lab, loop)
        finally:
            loop.call(stack.aclose())


@asynccontextmanager
async def _occupied(lab: Lab) -> AsyncIterator[None]:
    """Let another user have the console. At an SOS endpoint that takes a second client."""
    if lab.options:
        lab.occupy()
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

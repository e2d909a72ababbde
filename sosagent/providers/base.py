"""What a provider is: the interface that other packages implement."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from ..endpoint.target import Target
from ..errors import UsageError
from ..secrets.secret import Secret

__all__ = ["Provider", "Resolved"]


@dataclass(frozen=True)
class Resolved:
    """What a provider knows of one machine.

    Fields:
        target: its console: a `SshTarget` most often, never another `ProviderTarget`. The user's own private
            keys, ssh_config, known_hosts and host key policy are put in by sosagent, before those given here.
        password: root's on the machine, where the provider knows it. What the user gives goes before it.
        hostname: the machine's name, as its login prompt shows it. The password is not typed where another one
            is shown, so give none that is not sure; the user's --expect-host goes before it.
        note: one sentence for the user, such as that the machine is off; may be empty.
    """

    target: Target
    password: Secret | None = None
    hostname: str | None = None
    note: str = ""


class Provider(ABC):
    """One HOST scheme. It is made without arguments, for one use, by the entry point of its package.

    Both methods run in the event loop, so what waits must be awaited, or run by `asyncio.to_thread`. Both are
    cancelled when the job's time is up. Credentials come from the environment or from files of the provider's own.
    Errors are leaves of `sosagent.SosError`, such as `TargetInvalid` for an id that does not exist,
    `EndpointRefused` where the portal does not let us in, `EndpointUnreachable` where it does not answer. Any
    other exception is shown to the user by its type and its text, so secrets stay out of that.
    """

    @abstractmethod
    async def resolve(self, rest: str) -> Resolved:
        """Where the console of a machine is.

        Args:
            rest: what stands behind the scheme and its colon in HOST, as the user wrote it: not empty, without
                control characters, ``@`` and a leading slash or colon, and not digits only (that would be a port).
        """

    async def keys(self, rest: str) -> str:
        """The public keys that the portal holds for a machine, for KEYFILE ``scheme:rest``. Optional.

        Args:
            rest: the same as for `resolve`.

        Returns:
            Lines of authorized_keys. Lines that begin with ``#`` are shown to the user, who confirms the keys.
        """
        raise UsageError("this provider gives no keys")

"""The interface of a provider, which other packages implement."""

from __future__ import annotations

from abc import ABC, abstractmethod

from ..endpoint.located import Located
from ..errors import UsageError

__all__ = ["Provider"]


class Provider(ABC):
    """Looks up machines for one HOST scheme.

    The entry point of the provider's package is called without arguments and returns an instance, which is used once.

    Both methods run in the event loop, so they must await whatever blocks, or use `asyncio.to_thread`. Both are
    cancelled when the job's time is up. Credentials come from the environment or from the provider's own files.

    Raise subclasses of `sosagent.SosError`: `TargetInvalid` if the machine does not exist, `EndpointRefused` if the
    portal denies access, `EndpointUnreachable` if it does not answer. The type and text of any other exception are
    shown to the user, so they must not contain secrets.
    """

    @abstractmethod
    async def locate(self, name: str) -> Located:
        """Find the console of a machine.

        Args:
            name: the text after the scheme and its colon in HOST, as the user wrote it: not empty, without control
                characters or ``@``, without a leading slash or colon, and not only digits (that would be a port).

        Returns:
            The endpoint, usually an `SshTarget`, and what else is known about the machine. The user's own private keys,
            ssh_config, known_hosts and host key policy override those of the endpoint returned here.
        """

    async def keys(self, name: str) -> str:
        """Return the public keys that the portal holds for a machine, for KEYFILE ``scheme:name``. Optional.

        Args:
            name: as for `locate`.

        Returns:
            Lines of authorized_keys. Lines that start with ``#`` are shown to the user, who confirms the keys.
        """
        raise UsageError("this provider has no public keys")

"""Read keys from all sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..keys.read import SourcedKey, read_keys

if TYPE_CHECKING:
    from ..endpoint.target import ProviderReference, Target

__all__ = ["ReadOptions"]


@dataclass(frozen=True)
class ReadOptions:
    """How keys are read.

    Fields:
        agent: take the keys of the SSH agent.
        from_private: take the public half of a private key.
        cert_authority: the keys are those of certificate authorities.
        yes: accept fetched keys without confirmation.
        ignore_comment: drop the keys' comments unread, because they are going to be replaced.
        host: the target of HOST; a provider's bare scheme such as ``packet:`` means the keys of its machine.
    """

    agent: bool = False
    from_private: bool = False
    cert_authority: bool = False
    yes: bool = False
    ignore_comment: bool = False
    host: Target | ProviderReference | None = None

    def read(self, data: bytes, name: str) -> list[SourcedKey]:
        """Read the keys in `data`, the contents of a source called `name`; see `read_keys`."""
        return read_keys(
            data,
            name,
            from_private=self.from_private,
            cert_authority=self.cert_authority,
            ignore_comment=self.ignore_comment,
        )

"""The location of a machine's console, after HOST has been resolved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from ..secrets.secret import Secret
from .target import ProviderReference, Target

__all__ = ["Locatable", "Located"]


@dataclass(frozen=True)
class Located:
    """A machine whose console endpoint is known.

    Fields:
        target: the endpoint.
        password: root's password on the machine, if the provider knows it. The user's own password overrides it.
        hostname: the machine's name as its login prompt shows it. The password is not typed if the console shows
            another name, so set it only if it is certain; ``--expect-host`` overrides it.
        note: one sentence for the user, such as that the machine is off; may be empty.
    """

    target: Target
    password: Secret | None = None
    hostname: str | None = None
    note: str = ""

    def __str__(self) -> str:
        return str(self.target)


#: Anything that can be located: HOST as text, or the result of an earlier step.
Locatable: TypeAlias = str | Target | ProviderReference | Located

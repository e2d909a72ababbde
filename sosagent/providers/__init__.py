"""Where a HOST such as ``packet:ID`` leads: asked of a portal, by a built-in provider or by another package's.

A package adds a scheme with an entry point in its ``pyproject.toml``, and a class (README, "Providers")::

    [project.entry-points."sosagent.endpoints"]
    latitude = "sosagent_latitude:Latitude"
"""

from __future__ import annotations

from .ask import keys_of, resolve
from .base import Provider, Resolved
from .registry import provider_of, schemes

__all__ = ["Provider", "Resolved", "keys_of", "provider_of", "resolve", "schemes"]

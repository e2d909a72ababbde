"""Providers look up the console of a machine such as ``packet:ID`` in a portal or a cloud.

A package adds a scheme with an entry point in its ``pyproject.toml``, and a class (see "Providers" in the docs)::

    [project.entry-points."sosagent.endpoints"]
    latitude = "sosagent_latitude:Latitude"
"""

from __future__ import annotations

from ..endpoint.located import Located
from .ask import ask_provider, keys_of
from .base import Provider
from .registry import provider_of, schemes

__all__ = ["Located", "Provider", "ask_provider", "keys_of", "provider_of", "schemes"]

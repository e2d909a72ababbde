"""Ways to a console: the smallest interface, and what implements it."""

from .base import Transport

__all__ = ["Transport"]

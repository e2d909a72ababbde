"""Ways to a console: the smallest interface, and what implements it."""

from .base import Ask, Transport

__all__ = ["Ask", "Transport"]

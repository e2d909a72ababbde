"""Transports carry the bytes of a console: the interface, and one module for each kind of endpoint."""

from .base import Ask, Transport

__all__ = ["Ask", "Transport"]

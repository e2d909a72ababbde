"""Pictures of a console's screen: one layout, drawn as SVG or PNG."""

from .picture import Picture

__all__ = ["Picture"]

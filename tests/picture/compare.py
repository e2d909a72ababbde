"""Compare pictures cell by cell."""

from __future__ import annotations

import io
from collections.abc import Iterator

from PIL import Image, ImageChops, ImageStat

__all__ = ["differences", "image"]


def image(png: bytes) -> Image.Image:
    """Return the pixels of a PNG file."""
    return Image.open(io.BytesIO(png)).convert("RGB")


def differences(one: Image.Image, other: Image.Image, tolerance: float) -> list[str]:
    """Return the cells that differ by more than `tolerance` of 255 levels, as the mean of their pixels."""
    if one.size != other.size:
        return [f"size {one.size}, not {other.size}"]
    different = ImageChops.difference(one, other)
    return [
        f"cell at {left},{top} differs by {level:.1f}"
        for left, top, box in _cells(one.size)
        if (level := max(ImageStat.Stat(different.crop(box)).mean)) > tolerance
    ]


def _cells(size: tuple[int, int]) -> Iterator[tuple[int, int, tuple[int, int, int, int]]]:
    for top in range(0, size[1], 16):
        for left in range(0, size[0], 16):
            yield left, top, (left, top, min(left + 16, size[0]), min(top + 16, size[1]))

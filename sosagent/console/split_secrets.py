"""Find secrets in a terminal's bytes although something that a terminal does not print is in the middle of them.

A coloured prompt, a screen that is drawn by moving the cursor, and a row that is full put escape sequences, control
characters or a new row between two characters of a secret.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["redact_split", "start_of_secret", "without_gaps"]

#: What may be between two characters of a secret. Format characters are those that `printable.playable` drops.
_GAP = (
    rb"\x1b\[[0-?]*[ -/]*[@-~]"
    rb"|\x1b[P\]X^_][^\x07\x1b\r\n]*(?:\x07|\x1b\\|(?=[\x1b\r\n]))"
    rb"|\x1b[ -/]*[0-OQ-WYZ`-~\\]"
    rb"|[\x00-\x1f\x7f]"
    rb"|\xc2[\x80-\x9f\xad]|\xd8\x9c|\xe1\xa0\x8e|\xe2\x80[\x8b-\x8f\xa8-\xae]|\xe2\x81[\xa0-\xaf]"
    rb"|\xef\xbb\xbf|\xef\xbf[\xb0-\xbb\xbe\xbf]|\xf3\xa0[\x80-\xbf]{2}"
)
#: At the end of a row, line editors print a space, or the first character of the next row, and a carriage return. These
#: may also belong to a secret, so both are tried.
_GAPS = (
    re.compile(_GAP),
    re.compile(rb"\x20\r|(?P<next>[\x20-\x7e]|[\xc2-\xf4][\x80-\xbf]+)\r(?=(?P=next))|" + _GAP),
)
#: The start of a gap, or of a character, at the end of what has been received.
_UNFINISHED = re.compile(
    rb"(?:\x1b(?:\[[0-?]*[ -/]*|[P\]X^_][^\x07\x1b\r\n]*\x1b?|[ -/]*)|\x20"
    rb"|[\xc2-\xf4][\x80-\xbf]{0,2})\Z"
)
#: The most bytes that are held back, so that a long stream of gaps is shown at last.
_MAX_HELD = 4096


class _Plain(NamedTuple):
    """Bytes without gaps.

    Fields:
        text: the rest.
        starts, places: where each part of `text` starts, in `text` and in the bytes.
    """

    text: bytes
    starts: list[int]
    places: list[int]

    def place(self, at: int) -> int:
        """Return the place in the bytes of the character `at` of the text."""
        part = bisect_right(self.starts, at) - 1
        return self.places[part] + at - self.starts[part]


def _without_gaps(data: bytes, gaps: re.Pattern[bytes]) -> _Plain:
    parts, starts, places = [], [], []
    length = position = 0
    for gap in gaps.finditer(data):
        if gap.start() > position:
            parts.append(data[position : gap.start()])
            starts.append(length)
            places.append(position)
            length += gap.start() - position
        position = gap.end()
    parts.append(data[position:])
    starts.append(length)
    places.append(position)
    return _Plain(b"".join(parts), starts, places)


def redact_split(data: bytes, pattern: re.Pattern[bytes], mark: bytes) -> bytes:
    """Return `data` with each match of `pattern` replaced by `mark`, also if gaps are in the middle of it; they stay.

    Args:
        data: from a console.
        pattern: the secrets.
        mark: what stands in their place.
    """
    for gaps in _GAPS:
        plain = _without_gaps(data, gaps)
        shown, position = [], 0
        for match in pattern.finditer(plain.text):
            start, end = plain.place(match.start()), plain.place(match.end() - 1) + 1
            shown += [data[position:start], mark, *map(_kept, gaps.finditer(data, start, end))]
            position = end
        data = b"".join([*shown, data[position:]]) if shown else data
    return data


def _kept(gap: re.Match[bytes]) -> bytes:
    return gap[0].removeprefix(gap.groupdict().get("next") or b"")


def start_of_secret(data: bytes, values: Sequence[bytes]) -> int:
    """Return how many bytes at the end of `data` may be the start of one of `values`, gaps included.

    Args:
        data: from a console.
        values: the secrets.
    """
    data = data[-_MAX_HELD:]
    most = max((_partial_match(data, value) for value in values), default=0)
    unfinished = _UNFINISHED.search(data)
    parts = (data, data[: unfinished.start()]) if unfinished else (data,)
    for part, gaps in itertools.product(parts, _GAPS):
        plain = _without_gaps(part, gaps)
        size = max((_partial_match(plain.text, value) for value in values), default=0)
        if size:
            most = max(most, len(data) - plain.place(len(plain.text) - size))
    return most


def without_gaps(data: bytes) -> bytes:
    """Return what a terminal prints of `data`."""
    return _without_gaps(data, _GAPS[0]).text


def _partial_match(data: bytes, value: bytes) -> int:
    """Return how many bytes at the end of `data` may be the start of `value`."""
    return next((size for size in range(min(len(value) - 1, len(data)), 0, -1) if value.startswith(data[-size:])), 0)

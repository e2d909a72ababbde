"""The hierarchy of errors."""

from __future__ import annotations

import sosagent
from sosagent import errors
from sosagent.errors import SosError
from sosagent.printable import printable

HOSTILE = "\x1b]52;c;aGk=\x07\x1b[31mred\x9b1m\u202eevil\u2066[/foo]\r\n\x00\ufeff"


def _subclasses(kind: type[SosError]) -> list[type[SosError]]:
    return [one for subclass in kind.__subclasses__() for one in [subclass, *_subclasses(subclass)]]


def test_every_error_has_its_own_code_and_is_exported() -> None:
    kinds = [kind for kind in _subclasses(SosError) if kind.__module__ == errors.__name__]
    assert len({kind.code for kind in kinds}) == len(kinds)
    for kind in kinds:
        assert kind.__name__ in sosagent.__all__
        assert kind.exit_code in range(2, 10)


def test_the_tail_of_an_error_is_printable() -> None:
    assert SosError("x", tail=[HOSTILE]).tail == (printable(HOSTILE),)


def test_an_error_names_its_place_only_once() -> None:
    error = SosError("no such file")
    error.at("line 3")
    error.at("the runbook")
    assert str(error) == "line 3: no such file"

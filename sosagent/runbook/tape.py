"""A recording as it is gone through: what a runbook would do is looked for in it, in order. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from ..printable import playable, printable
from ..shell.shell import Result
from ..terminal.expect import Expecter, Match, Pattern, compile_patterns
from ..terminal.states import Observation, classify
from .recording import Item, Left, Marker, Printed, Private, Program, Recording, Started, Typed
from .sent import shown_program, shown_text, shown_values
from .site import WHO

__all__ = ["Tape", "Unlike", "Verdict", "Wanted"]

Verdict = Literal["same", "differs", "not in the recording", "cannot be compared"]
_TAIL_LINES = 3


class Unlike(Exception):
    """A step is not as in the recording, or nobody can tell.

    Fields:
        verdict, words: what is known.
        stand_in: what the recording ran in its place.
    """

    def __init__(self, verdict: Verdict, words: str, stand_in: Program | None = None) -> None:
        super().__init__(words)
        self.verdict: Verdict = verdict
        self.words = words
        self.stand_in = stand_in


@dataclass(frozen=True)
class Wanted:
    """What the steps that follow would do, as far as it is known before.

    Fields:
        ends: the ends of their programs, behind the values of names.
        sends: what they would type.
        words: what they are called in markers.
    """

    ends: frozenset[str] = frozenset()
    sends: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()

    def wants(self, item: Item) -> bool:
        """Whether that is for one of them."""
        if isinstance(item, Program):
            return any(map(item.text.endswith, self.ends))
        return isinstance(item, Typed) and item.text in self.sends


class Tape:
    """A recording, and how far it was gone through.

    Args:
        recording: it.

    Attributes:
        later: what comes after the step that is looked for; such items are not passed over.
    """

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.later = Wanted()
        self._items = recording.items
        self._at = 0  # what is before it was done, or passed over
        self._fed = 0  # what is before it was shown
        self._taken: set[int] = set()
        self._text = Expecter()
        self._lines: list[str] = []

    # -- markers --------------------------------------------------------------------------------

    def begin(self, number: str, words: str, own: Callable[[Item], bool]) -> bool:
        """Go to where this step began, if that is in the recording before anything that a later step wants."""
        for at in range(self._at, len(self._items)):
            item = self._items[at]
            if isinstance(item, Marker) and not item.failed:
                if item.words == words or (item.number == number and item.words not in self.later.words):
                    self._go(at + 1)
                    return True
                if item.words in self.later.words:
                    return False
            elif _weighs(item) and (own(item) or self.later.wants(item)):
                return False
        return False

    def failed(self, *, go: bool = False) -> str:
        """What the recording says of the failure of the step that was just done; empty if it did not fail.

        Args:
            go: behind it, for what is done then.
        """
        for at in range(self._at, len(self._items)):
            item = self._items[at]
            if isinstance(item, Marker):
                if go and item.failed:
                    self._go(at + 1)
                return item.failed
            if _weighs(item) or isinstance(item, Started):
                return ""
        return ""

    def leave(self) -> str:
        """Go to where the next step began; gives what is said of this one's failure."""
        failed = ""
        for at in range(self._at, len(self._items) + 1):
            item = self._items[at] if at < len(self._items) else Marker()
            if isinstance(item, Marker) and not item.failed:
                self._go(at)
                return failed
            if isinstance(item, Marker):
                failed = item.failed
            self._taken.add(at)
        return failed

    # -- the shell ------------------------------------------------------------------------------

    def log_in(self) -> tuple[Started | None, str]:
        """Go behind the next login; gives it, and the name that the machine told.

        None where the recording is logged in still.
        """
        for at in range(self._at, len(self._items)):
            item = self._items[at]
            if isinstance(item, Started):
                self._go(at + 1)
                return item, self._who()
            if isinstance(item, Marker) and item.failed:
                raise Unlike("cannot be compared", f"the login failed in the recording ({printable(item.failed, 200)})")
            if isinstance(item, Program | Private):
                return None, self._who()
        raise Unlike("not in the recording", "nobody logs in there any more")

    def _who(self) -> str:
        at, item = self._next(Program, Private)
        if isinstance(item, Program) and item.text == WHO:
            self._take(at)
            return printable(item.output.partition(b"\n")[0], 80)
        return ""

    def log_out(self) -> bool:
        """Go behind the end of the shell; False if something else is done there before."""
        for at in range(self._at, len(self._items)):
            item = self._items[at]
            if isinstance(item, Left):
                self._go(at + 1)
                return True
            if _weighs(item) and self.later.wants(item):
                return False
        return False

    def program(self, text: str, end: str, loose: bool) -> Result:
        """What came of that program.

        Args:
            text: the program.
            end: of it, behind the values of names.
            loose: whether these values are not known.
        """
        program = self._seek(
            lambda item: isinstance(item, Program) and (item.text == text or (loose and item.text.endswith(end)))
        )
        if isinstance(program, Program):
            return self._result(program)
        at, item = self._next(Program, Private, Typed)
        if isinstance(item, Private):
            self._take(at)
            raise Unlike("cannot be compared", "what ran there held a secret: it was not recorded")
        if not isinstance(item, Program) or self.later.wants(item):
            raise Unlike(
                "not in the recording", f"would run {shown_program(text)}; the recording has no such program there"
            )
        self._take(at)
        mine, theirs = shown_program(text), shown_program(item.text)
        if mine == theirs:
            mine, theirs = f"{mine} with {shown_values(text)}", f"it with {shown_values(item.text)}"
        raise Unlike("differs", f"would run {mine}; the recording ran {theirs}", item)

    def private(self) -> None:
        """A program that holds a secret: all that can be seen is that there was one."""
        if self._seek(lambda item: isinstance(item, Private)) is None:
            raise Unlike("not in the recording", "would run a program with a secret; no such program ran there")
        raise Unlike("cannot be compared", "secrets are not in a recording, nor are programs that hold one")

    def _result(self, program: Program) -> Result:
        if program.status is None:
            raise Unlike("cannot be compared", "the recording ends before the program does")
        return Result(program.status, program.output)

    # -- the raw console ------------------------------------------------------------------------

    def typed(self, text: str) -> None:
        """See that this was typed."""
        wanted = playable(text)
        if not wanted:
            raise Unlike("cannot be compared", "control keys are not in a recording")
        if self._seek(lambda item: isinstance(item, Typed) and item.text == wanted) is not None:
            return
        at, item = self._next(Program, Private, Typed)
        mine = shown_text(wanted)
        if not isinstance(item, Typed) or self.later.wants(item):
            raise Unlike("not in the recording", f"would type {mine}; the recording has nothing typed there")
        self._take(at)
        raise Unlike("differs", f"would type {mine}; the recording typed {shown_text(item.text)}")

    def expect(self, patterns: Sequence[Pattern]) -> Match | None:
        """Wait for the first that matches in what came before anything else was typed; None if nothing does."""
        compiled = compile_patterns(patterns)
        while (found := self._text.find(compiled)) is None:
            if not self._show():
                return None
        self._at = max(self._at, self._fed)
        return found

    def state(self, name: str) -> Observation | None:
        """Wait for a state in the same; None if it does not come."""
        while (seen := classify(self._lines, self._text.prompt)).state.name != name:
            if not self._show():
                return None
        self._at = max(self._at, self._fed)
        return seen

    def tail(self) -> tuple[str, ...]:
        """The last lines that came."""
        lines = [line for line in (*self._lines, self._text.open_line) if line.strip()]
        return tuple(printable(line) for line in lines[-_TAIL_LINES:])

    def _show(self) -> bool:
        """Let the next text come; False where something is typed next, or at the end."""
        self._fed = max(self._fed, self._at)
        while self._fed < len(self._items):
            item = self._items[self._fed]
            if _weighs(item) or isinstance(item, Started):
                return False
            self._feed(item)
            self._fed += 1
            if isinstance(item, Printed):
                return True
        return False

    # -- going on -------------------------------------------------------------------------------

    def left_over(self) -> list[str]:
        """What the recording did, and no step of the runbook would do."""
        found = []
        for at, item in enumerate(self._items):
            if at in self._taken or not _weighs(item) or (isinstance(item, Program) and item.text == WHO):
                continue
            if isinstance(item, Program):
                found.append(f"ran {shown_program(item.text)}")
            elif isinstance(item, Typed):
                found.append(f"typed {shown_text(item.text)}")
            else:
                found.append("ran a program with a secret")
        return found

    def _seek(self, match: Callable[[Item], bool]) -> Item | None:
        """Take the next item that matches, passing over what no later step wants."""
        for at in range(self._at, len(self._items)):
            item = self._items[at]
            if not _weighs(item):
                continue
            if match(item):
                self._take(at)
                return item
            if self.later.wants(item):
                return None
        return None

    def _next(self, *kinds: type[Item]) -> tuple[int, Item | None]:
        for at in range(self._at, len(self._items)):
            if isinstance(self._items[at], kinds) and _weighs(self._items[at]):
                return at, self._items[at]
        return len(self._items), None

    def _take(self, at: int) -> None:
        self._taken.add(at)
        self._go(at + 1)

    def _go(self, at: int) -> None:
        while self._fed < at:
            self._feed(self._items[self._fed])
            self._fed += 1
        self._at = at

    def _feed(self, item: Item) -> None:
        if isinstance(item, Printed):
            self._lines = [*self._lines, *self._text.feed(item.text.encode("utf-8", "replace"))][-200:]
        elif isinstance(item, Left):
            self._text.skip()  # what the shell answered is no text of the console's


def _weighs(item: Item) -> bool:
    """Whether a step did that, not what is around steps."""
    return isinstance(item, Program | Private) or (isinstance(item, Typed) and not item.own)

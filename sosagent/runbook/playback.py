"""Play back a recording: find in it, in order, the actions that a runbook would perform. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from ..printable import playable, printable
from ..shell.verified import Result
from ..terminal.expect import Expecter, Match, Pattern, compile_patterns
from ..terminal.states import Observation, classify
from .recording import Item, Marker, Printed, PrivateProgram, Program, Recording, ShellEnded, ShellStarted, Typed
from .sent import shown_program, shown_text, shown_values
from .site import IDENTIFY

__all__ = ["Differs", "LaterSteps", "Playback", "Verdict"]

Verdict = Literal["same", "differs", "not in the recording", "cannot be compared"]
_TAIL_LINES = 3
_MOST_LINES = 200


class Differs(Exception):
    """A step does something else than the recording, or cannot be compared with it.

    Attributes:
        verdict, message: how it differs.
        substitute: the program that the recording ran in its place.
    """

    def __init__(self, verdict: Verdict, message: str, substitute: Program | None = None) -> None:
        super().__init__(message)
        self.verdict: Verdict = verdict
        self.message = message
        self.substitute = substitute


@dataclass(frozen=True)
class LaterSteps:
    """The actions of the following steps, as far as they are known in advance.

    Fields:
        program_ends: the last parts of their programs, after the values of variables.
        texts: what they will type.
        titles: their titles in markers.
    """

    program_ends: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()
    titles: frozenset[str] = frozenset()

    def expect(self, item: Item) -> bool:
        """Return whether one of the following steps will do the action `item`."""
        if isinstance(item, Program):
            return any(map(item.text.endswith, self.program_ends))
        return isinstance(item, Typed) and item.text in self.texts


class Playback:
    """A recording, and the position in it.

    Args:
        recording: the recording to play back.
    """

    def __init__(self, recording: Recording) -> None:
        self._later = LaterSteps()
        self._items = recording.items
        self._at = 0  # the items before it are done or skipped
        self._shown = 0  # the text before it has been printed
        self._used: set[int] = set()
        self._text = Expecter()
        self._lines: list[str] = []

    # -- steps --------------------------------------------------------------------------------

    def start_step(self, number: str, title: str, is_own: Callable[[Item], bool], later: LaterSteps) -> bool:
        """Go to the start of a step, if it is in the recording before anything that a later step does.

        Args:
            number, title: identify the step.
            is_own: whether an item is what this step does.
            later: the actions of the steps after it; such items are never skipped while this step runs.
        """
        self._later = later
        for at in range(self._at, len(self._items)):
            item = self._items[at]
            if isinstance(item, Marker) and not item.failed:
                if item.title == title or (item.number == number and item.title not in later.titles):
                    self._go(at + 1)
                    return True
                if item.title in later.titles:
                    return False
            elif _is_step(item) and (is_own(item) or later.expect(item)):
                return False
        return False

    def failure(self) -> str:
        """Return the error code with which the current step failed; empty if it did not fail."""
        return self._next_marker()[1]

    def pass_failure(self) -> str:
        """Return the same, and skip to the actions after the failure."""
        at, code = self._next_marker()
        if code:
            self._go(at + 1)
        return code

    def _next_marker(self) -> tuple[int, str]:
        """Return the index and the error code of the next marker; no code if something is done before it."""
        for at in range(self._at, len(self._items)):
            item = self._items[at]
            if isinstance(item, Marker):
                return at, item.failed
            if _is_step(item) or isinstance(item, ShellStarted):
                break
        return len(self._items), ""

    def skip_step(self) -> str:
        """Go to the start of the next step, and return the error code with which this one failed, if it did."""
        failed = ""
        for at in range(self._at, len(self._items) + 1):
            item = self._items[at] if at < len(self._items) else Marker()
            if isinstance(item, Marker) and not item.failed:
                self._go(at)
                return failed
            if isinstance(item, Marker):
                failed = item.failed
            self._used.add(at)
        return failed

    # -- the shell ----------------------------------------------------------------------------

    def log_in(self) -> tuple[ShellStarted | None, str]:
        """Skip the next login.

        Returns:
            The login, or None if the recording is still logged in; and the machine's name.

        Raises:
            Differs: the recording has no login there, or a failed one.
        """
        for at in range(self._at, len(self._items)):
            item = self._items[at]
            if isinstance(item, ShellStarted):
                self._go(at + 1)
                return item, self._hostname()
            if isinstance(item, Marker) and item.failed:
                code = printable(item.failed, 200)
                raise Differs("cannot be compared", f"the login failed in the recording ({code})")
            if isinstance(item, Program | PrivateProgram):
                return None, self._hostname()
        raise Differs("not in the recording", "would log in; there is no further login in the recording")

    def _hostname(self) -> str:
        at, item = self._next(Program, PrivateProgram)
        if isinstance(item, Program) and item.text == IDENTIFY:
            self._use(at)
            return printable(item.output.partition(b"\n")[0], 80)
        return ""

    def log_out(self) -> bool:
        """Skip the end of the shell; return False if the recording does something else before it."""
        for at in range(self._at, len(self._items)):
            item = self._items[at]
            if isinstance(item, ShellEnded):
                self._go(at + 1)
                return True
            if _is_step(item) and self._later.expect(item):
                return False
        return False

    def run(self, text: str, end: str, *, any_values: bool) -> Result:
        """Return the result of a program.

        Args:
            text: the program.
            end: its last part, after the values of variables.
            any_values: whether a program with other values counts as the same, because they are unknown.

        Raises:
            Differs: the recording runs another program there, or none.
        """
        program = self._find(
            lambda item: isinstance(item, Program) and (item.text == text or (any_values and item.text.endswith(end)))
        )
        if isinstance(program, Program):
            if program.status is None:
                raise Differs("cannot be compared", "the recording ends before the program does")
            return Result(program.status, program.output)
        at, item = self._next(Program, PrivateProgram, Typed)
        if isinstance(item, PrivateProgram):
            self._use(at)
            raise Differs("cannot be compared", "the program there used a secret, so it was not recorded")
        if not isinstance(item, Program) or self._later.expect(item):
            raise Differs(
                "not in the recording", f"would run {shown_program(text)}; the recording has no such program there"
            )
        self._use(at)
        ours, theirs = shown_program(text), shown_program(item.text)
        if ours == theirs:
            ours, theirs = f"{ours} with {shown_values(text)}", f"it with {shown_values(item.text)}"
        raise Differs("differs", f"would run {ours}; the recording ran {theirs}", item)

    def run_private(self) -> None:
        """Skip a program with a secret. Nothing else is known about it.

        Raises:
            Differs: in every case.
        """
        if self._find(lambda item: isinstance(item, PrivateProgram)) is None:
            raise Differs("not in the recording", "would run a program with a secret; no such program ran there")
        raise Differs("cannot be compared", "recordings contain no secrets, and no programs that use them")

    # -- the raw console ----------------------------------------------------------------------

    def send(self, text: str) -> None:
        """Skip typed text.

        Raises:
            Differs: the recording types other text there, or none.
        """
        wanted = playable(text)
        if not wanted:
            raise Differs("cannot be compared", "recordings contain no control keys")
        if self._find(lambda item: isinstance(item, Typed) and item.text == wanted) is not None:
            return
        at, item = self._next(Program, PrivateProgram, Typed)
        ours = shown_text(wanted)
        if not isinstance(item, Typed) or self._later.expect(item):
            raise Differs("not in the recording", f"would type {ours}; the recording has nothing typed there")
        self._use(at)
        raise Differs("differs", f"would type {ours}; the recording typed {shown_text(item.text)}")

    def expect(self, patterns: Sequence[Pattern]) -> Match | None:
        """Return the first match in the text printed before anything else is typed, or None."""
        compiled = compile_patterns(patterns)
        while (match := self._text.find(compiled)) is None:
            if not self._print_next():
                return None
        self._at = max(self._at, self._shown)
        return match

    def wait_for_state(self, name: str) -> Observation | None:
        """Return the console state `name` in the same text; None if it does not occur."""
        while (observation := classify(self._lines, self._text.prompt)).state.name != name:
            if not self._print_next():
                return None
        self._at = max(self._at, self._shown)
        return observation

    def tail(self) -> tuple[str, ...]:
        """Return the last lines that were printed."""
        lines = [line for line in (*self._lines, self._text.open_line) if line.strip()]
        return tuple(printable(line) for line in lines[-_TAIL_LINES:])

    def _print_next(self) -> bool:
        """Print the next text; return False if something is typed before it, or the recording ends."""
        self._shown = max(self._shown, self._at)
        while self._shown < len(self._items):
            item = self._items[self._shown]
            if _is_step(item) or isinstance(item, ShellStarted):
                return False
            self._print(item)
            self._shown += 1
            if isinstance(item, Printed):
                return True
        return False

    # -- moving on ----------------------------------------------------------------------------

    def unused(self) -> list[str]:
        """Describe the actions in the recording that no step of the runbook performs."""
        descriptions = []
        for at, item in enumerate(self._items):
            if at in self._used or not _is_step(item) or (isinstance(item, Program) and item.text == IDENTIFY):
                continue
            if isinstance(item, Program):
                descriptions.append(f"ran {shown_program(item.text)}")
            elif isinstance(item, Typed):
                descriptions.append(f"typed {shown_text(item.text)}")
            else:
                descriptions.append("ran a program with a secret")
        return descriptions

    def _find(self, match: Callable[[Item], bool]) -> Item | None:
        """Use the next item that matches, skipping items that no later step will do."""
        for at in range(self._at, len(self._items)):
            item = self._items[at]
            if not _is_step(item):
                continue
            if match(item):
                self._use(at)
                return item
            if self._later.expect(item):
                return None
        return None

    def _next(self, *kinds: type[Item]) -> tuple[int, Item | None]:
        for at in range(self._at, len(self._items)):
            if isinstance(self._items[at], kinds) and _is_step(self._items[at]):
                return at, self._items[at]
        return len(self._items), None

    def _use(self, at: int) -> None:
        self._used.add(at)
        self._go(at + 1)

    def _go(self, at: int) -> None:
        while self._shown < at:
            self._print(self._items[self._shown])
            self._shown += 1
        self._at = at

    def _print(self, item: Item) -> None:
        if isinstance(item, Printed):
            self._lines = [*self._lines, *self._text.feed(item.text.encode("utf-8", "replace"))][-_MOST_LINES:]
        elif isinstance(item, ShellEnded):
            self._text.skip()  # the shell's replies are not text of the raw console


def _is_step(item: Item) -> bool:
    """Whether a step did this, and not the login or logout around it."""
    return isinstance(item, Program | PrivateProgram) or (isinstance(item, Typed) and not item.by_login)

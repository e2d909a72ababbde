"""What one SSH connection has come to, and the answers to the questions of its server (asyncssh's client object)."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Sequence
from typing import Any

import asyncssh

from ..errors import EndpointRefused
from ..printable import printable
from .base import Ask
from .host_keys import HostKeys

__all__ = ["CONNECT_SECONDS", "LOGIN_SECONDS", "Client", "Phase"]

CONNECT_SECONDS = 20.0
LOGIN_SECONDS = 40.0  # without the time that the user takes for an answer

_MOST_ATTEMPTS = 3  # a login by password is not started again after as many questions
_MOST_QUESTIONS = 10  # of one server: a password, a code and a new password, each asked again
_MOST_ROUNDS = 20  # of questions, including rounds without one
_PROMPT_CHARACTERS = 200
#: The most bytes to read at once. asyncssh copies all that was read for each packet in it, so that with asyncio's
#: 256 KiB, a flood of small packets keeps the event loop busy for half a second, and all deadlines late.
_READ_BYTES = 1 << 14


class Phase(enum.IntEnum):
    """How far a connection has come."""

    NOTHING = 0
    CONNECTED = 1
    LOGIN = 2
    LOGGED_IN = 3


class Client(asyncssh.SSHClient):
    """Answers the questions of one hop's authentication; never with the machine's password.

    Args:
        name: the server's name, safe to print.
        keys: its host key policy.
        ask: asks the user the server's questions; None if no user is present.

    Attributes:
        phase: how far the connection has come.
        questions: how many questions the server has asked.
        failure: the error that `ask` raised, or that ended the login because of too many questions.
    """

    def __init__(self, name: str, keys: HostKeys, ask: Ask | None) -> None:
        self.phase = Phase.NOTHING
        self.questions = 0
        self.failure: Exception | None = None
        self._name = name
        self._keys = keys
        self._ask = ask
        self._rounds = 0
        self._connection: asyncssh.SSHClientConnection | None = None
        self._limit: asyncio.Timeout | None = None

    def limit(self) -> asyncio.Timeout:
        """Return a context for connecting, which raises `TimeoutError` if the server takes too long for a phase."""
        self._limit = asyncio.timeout(CONNECT_SECONDS)
        return self._limit

    def _allow(self, seconds: float | None) -> None:
        """End the phase `seconds` from now; None removes the limit."""
        if self._limit is not None and not self._limit.expired():
            self._limit.reschedule(None if seconds is None else asyncio.get_running_loop().time() + seconds)

    @property
    def speaks_ssh(self) -> bool:
        """Whether the server has sent the first line of an SSH server."""
        return self._connection is not None and bool(self._connection.get_extra_info("server_version"))

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        self._connection, self.phase = conn, Phase.CONNECTED
        transport: Any = getattr(conn, "_transport", None)
        if hasattr(transport, "max_size"):  # asyncio's, of a socket
            transport.max_size = _READ_BYTES

    def begin_auth(self, username: str) -> None:
        self.phase = Phase.LOGIN
        self._allow(LOGIN_SECONDS)

    def auth_completed(self) -> None:
        self.phase = Phase.LOGGED_IN
        self._allow(LOGIN_SECONDS)

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        return self._keys.accept(key)

    async def password_auth_requested(self) -> str | None:
        if self._ask is None or self.questions >= _MOST_ATTEMPTS:
            return None
        return await self._answer("Password:", False)

    async def kbdint_auth_requested(self) -> str | None:
        return None if self._ask is None or self.questions >= _MOST_ATTEMPTS else ""

    async def kbdint_challenge_received(
        self, name: str, instructions: str, lang: str, prompts: Sequence[tuple[str, bool]]
    ) -> Sequence[str] | None:
        self._rounds += 1
        if self.questions + len(prompts) > _MOST_QUESTIONS or self._rounds > _MOST_ROUNDS:
            self.failure = EndpointRefused(
                f"{self._name} asks too many questions for its login; {self.questions} were answered",
                hint="Log in there with ssh to see what it asks. A key (-i) may avoid the questions.",
            )
            raise self.failure
        answers: list[str] = []
        for prompt, echo in prompts:
            answer = await self._answer(printable(prompt.strip(), _PROMPT_CHARACTERS), echo)
            if answer is None:
                return None
            answers.append(answer)
        return answers

    async def _answer(self, prompt: str, echo: bool) -> str | None:
        assert self._ask is not None
        self.questions += 1
        self._allow(None)
        try:
            return await self._ask(self._name, prompt, echo)
        except Exception as error:
            self.failure = error
            raise
        finally:
            self._allow(LOGIN_SECONDS)

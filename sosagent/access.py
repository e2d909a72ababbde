"""Every option for reaching a machine, defined once: as a dataclass for our own code, as keywords for callers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, fields
from typing import Any, Literal, Required, TypeAlias, TypedDict, Unpack

from .console.events import Event, EventSink, guarded
from .console.traffic import TrafficSink
from .endpoint.located import Locatable
from .errors import PasswordMissing
from .paths import StrPath
from .printable import printable
from .secrets.secret import Secret
from .transports import Ask, Transport

__all__ = [
    "Access",
    "AccessOptions",
    "AskCode",
    "Become",
    "ConnectOptions",
    "ConnectSettings",
    "LoginSettings",
    "Permissions",
    "access_to",
]

#: The program that makes a user root.
Become: TypeAlias = Literal["sudo", "su"]
#: Asks the user for a second factor: takes the machine's prompt, returns the code, or None if no user answers.
AskCode: TypeAlias = Callable[[str], Awaitable[Secret | str | None]]


@dataclass(frozen=True, kw_only=True)
class Permissions:
    """The changes that a job may make on the machine to get past an obstacle; none by default.

    Fields:
        remount: make a file system that is mounted read-only writable for the write, then read-only again.
        allow_immutable: remove the immutable attribute (``chattr +i``) for the write, then set it again.
        fix_permissions: fix owners and modes that sshd's StrictModes refuses. They stay fixed.
    """

    remount: bool = False
    allow_immutable: bool = False
    fix_permissions: bool = False


@dataclass(frozen=True, kw_only=True)
class ConnectSettings:
    """How to connect to a console endpoint. The fields are described in `ConnectOptions`."""

    transcript: StrPath | None = None
    on_event: EventSink | None = None
    on_traffic: TrafficSink | None = None
    ask: Ask | None = None
    kick: bool = False

    def __post_init__(self) -> None:
        """Guard the callbacks: their failure must not end a job that may have a shell open."""
        if self.on_event is not None:
            object.__setattr__(self, "on_event", guarded(self.on_event))
        if self.on_traffic is not None:
            object.__setattr__(self, "on_traffic", guarded(self.on_traffic, "the callback on_traffic"))

    def emit(self, event: Event) -> None:
        """Pass `event` to `on_event`."""
        if self.on_event is not None:
            self.on_event(event)


@dataclass(frozen=True, kw_only=True)
class LoginSettings:
    """How to get from the console to a root shell. The fields are described in `AccessOptions`.

    Fields:
        permissions: `Permissions`; a login in an initramfs may have to remount the root file system.
    """

    login: str = "root"
    become: Become | None = None
    become_password: Secret | None = None
    ask_code: AskCode | None = None
    expect_host: str | None = None
    take_over: bool = False
    continue_boot: bool = False
    permissions: Permissions = Permissions()


@dataclass(frozen=True)
class Access(ConnectSettings, LoginSettings):
    """How to get to a root shell on one machine. The other fields are described in `AccessOptions`.

    Fields:
        target: the machine: HOST as on the command line, an endpoint, a located machine, or a connected transport.
        extend_timeout: whether a large payload extends `timeout`; not if the caller or the user set it.
    """

    target: Locatable | Transport
    password: Secret | None
    timeout: float = field(default=120.0, kw_only=True)
    dead_man: int | None = field(default=None, kw_only=True)
    extend_timeout: bool = field(default=True, kw_only=True)

    @property
    def known_password(self) -> Secret:
        """The password.

        Raises:
            PasswordMissing: no password was given.
        """
        if self.password is None:
            raise PasswordMissing(f"no password for {printable(self.login, 60)} on the machine")
        return self.password

    @property
    def host(self) -> str:
        """The endpoint's name."""
        return self.target.name if isinstance(self.target, Transport) else str(self.target)

    def note(self, text: str) -> None:
        """Show `text` to the user."""
        self.emit(Event("note", text))


class ConnectOptions(TypedDict, total=False):
    """Keyword arguments for connecting to a console endpoint; all are optional.

    Fields:
        transcript: the file for a recording in asciicast v2, without secrets.
        on_event: is called with each progress event. If it fails, the job goes on, and its result or error notes that.
        on_traffic: is called with each line that is sent (``">"`` and the text) or received (``"<"``). The text is
            printable and without secrets, as in the transcript.
        ask: asks the user a question of the endpoint: ``await ask(endpoint, prompt, echo)``. It must not answer with
            the machine's password. None if no user can answer.
        kick: end another user's session on the endpoint, where supported.
    """

    transcript: StrPath | None
    on_event: EventSink | None
    on_traffic: TrafficSink | None
    ask: Ask | None
    kick: bool


class AccessOptions(ConnectOptions, total=False):
    """Keyword arguments for getting to a root shell on a machine; only `password` is required.

    Fields:
        password: the password of `login` on the machine (not on the endpoint). None uses the provider's, if it has one.
        login: the user to log in as on the console; ``root`` by default.
        become: how `login` becomes root, if it is another user and the job needs root. This requires our own login:
            in a shell that was open already, no password is typed, and `take_over` logs it out.
        become_password: the password that `become` asks for; `password` by default.
        ask_code: asks the user for a second factor, if the machine wants one besides the password:
            ``await ask_code(prompt)`` returns the code, which is kept as secret as a password. None if no user can.
        expect_host: the machine's name; it is compared with the one on the console before the password is typed. An
            empty text allows any name.
        take_over: end or discard what another user left on the console, if it is in the way.
        continue_boot: end a maintenance shell when done, so that the machine continues to boot. Otherwise `sulogin`
            takes its place.
        remount, allow_immutable, fix_permissions: what the job may change to get past an obstacle; see `Permissions`.
        timeout: seconds for the whole job, including connecting; 120 by default.
        dead_man: seconds after which the machine closes our shell by itself if the connection is lost; by default 30
            more than the job's remaining time.
        transcript: the file for a recording in asciicast v2, without secrets.
        on_event: is called with each progress event. If it fails, the job goes on, and its result or error notes that.
        on_traffic: is called with each line that is sent (``">"`` and the text) or received (``"<"``). The text is
            printable and without secrets, as in the transcript.
        ask: asks the user a question of the endpoint; see `ConnectOptions`.
        kick: end another user's session on the endpoint, where supported.
    """

    password: Required[Secret | str | None]
    login: str
    become: Become | None
    become_password: Secret | str | None
    ask_code: AskCode | None
    expect_host: str | None
    take_over: bool
    continue_boot: bool
    remount: bool
    allow_immutable: bool
    fix_permissions: bool
    timeout: float
    dead_man: int | None


def access_to(target: Locatable | Transport, **options: Unpack[AccessOptions]) -> Access:
    """Return the `Access` that these keyword arguments describe. A password may be a plain string."""
    given: dict[str, Any] = {**options}
    for name in ("password", "become_password"):
        if isinstance(given.get(name), str):
            given[name] = Secret(given[name])
    permitted = {one.name: given.pop(one.name) for one in fields(Permissions) if one.name in given}
    return Access(target, permissions=Permissions(**permitted), extend_timeout="timeout" not in given, **given)

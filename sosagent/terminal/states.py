"""The table of console states: how to recognise each state, what leads out of it, and how it is restored.

`classify` determines the state. A state's prompt is looked for on the open line, its message in the last lines.
The states are tried in the order of the table, all prompts before all messages, so a narrow pattern precedes a
wide one. A prompt never proves that a shell is there; only its answer to a probe does (login/probe.py).
docs/state_table.py generates the table of docs/reference/states.md from this one.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass

from .endpoint_texts import message_of
from .kernel import LOOSE_STAMP
from .own_text import RECEIVER_REPLY
from .program_texts import pattern_of
from .translations import message_meaning, prompt_meaning

__all__ = [
    "BY_NAME",
    "ECHOING",
    "GARBLED",
    "NOTHING",
    "PLAIN_SHELL",
    "READING",
    "RUNNING",
    "SILENT",
    "STATES",
    "UNKNOWN",
    "Action",
    "Observation",
    "State",
    "classify",
    "looks_garbled",
    "nearly_login",
]

_MESSAGE_LINES = 6  # a message counts while it is among the last lines
_LONGEST = 1024  # characters of a line that are matched: its start and its end
_SCREEN_LINES = 60  # on a screen that a program has drawn, it may be anywhere


class Action(enum.Enum):
    """The action of a job in a state; the values complete "a job would ..."."""

    LOG_IN = "log in, and log out at the end"
    MAINTAIN = "type root's password, and start sulogin again at the end"
    ENTER = "press Enter, which ends that login attempt"
    PRESS = "press Enter, and start sulogin again at the end"
    ACTIVATE = "press Enter, use the shell or login that starts, and end it"
    PROBE = "ask the shell for its user, use it if that is root, and leave it as it was"
    INTERRUPT = "press ^C, which discards the unfinished command"
    SUSPEND = "suspend it (^Z), use the shell below it, and resume it (fg)"
    LEAVE_INSERT = "leave insert mode, suspend the editor (^Z), use the shell below it, and restore both"
    END_OURS = "end it"
    START = "start the console there"
    WAIT = "wait"
    RECONNECT = "wait, and connect again"
    STOP = "stop with an error"
    REFUSED = "stop: no login is possible"
    BUSY = "stop: another session has the console"
    CLOSED = "stop: the endpoint provides no console"


@dataclass(frozen=True)
class State:
    """An entry of the table.

    Fields:
        name: short and stable; programs rely on it.
        title: a noun phrase for messages ("the console shows ...").
        action: what a job does about it.
        example: how the console looks in this state; a test checks that the entry matches it.
        prompt: matches the open line.
        above: matches the open line or the last finished line, where the prompt alone is ambiguous.
        message: matches one of the last lines.
        screen: whether the message counts only on a screen that a program has drawn by moving the cursor (True),
            only elsewhere (False), or on both (None).
        force: keys that discard what the console shows, the least destructive first; typed only with
            ``--take-over``.
        hint: what the user can do if `action` is to stop.
    """

    name: str
    title: str
    action: Action
    example: str = ""
    prompt: re.Pattern[str] | None = None
    above: re.Pattern[str] | None = None
    message: re.Pattern[str] | None = None
    screen: bool | None = False
    force: tuple[str, ...] = ()
    hint: str = ""


@dataclass(frozen=True)
class Observation:
    """The observed state of a console.

    Fields:
        state: the entry of the table.
        hostname: the machine's name, if the prompt shows it.
    """

    state: State
    hostname: str | None = None


def _state(
    name: str,
    title: str,
    action: Action,
    example: str,
    *,
    prompt: str | None = None,
    above: str | None = None,
    message: str | None = None,
    screen: bool | None = False,
    force: tuple[str, ...] = (),
    hint: str = "",
) -> State:
    patterns = [re.compile(text) if text is not None else None for text in (prompt, above, message)]
    return State(name, title, action, example, patterns[0], patterns[1], patterns[2], screen, force, hint)


_ODD_BYTES = 8
_TO_LOGIN = "Bring the console to a login prompt by hand, then run again."
_TAKE_OVER = "Bring the console to a login prompt by hand, or run again with --take-over to discard it."
_OR_CONTROL_D = r"\(or (?:press|type) control-d (?:to continue|for normal startup)\): ?$"

#: BusyBox's init, OpenWrt's procd, agetty --login-pause, and what people write in its place.
_ACTIVATE = (
    r"(?i)^\[?(?:please )?(?:press|hit|type) (?:the )?[<\[]?(?:enter|return|any key|a key)(?: key)?[>\]]? (?:key )?"
    r"(?:to|for) .{0,40}\b(?:console|shell|login|terminal|prompt)\b.{0,10}$"
)

STATES: tuple[State, ...] = (
    # -- the endpoint's own messages and prompts
    _state("endpoint-read-only", "a read-only session of the endpoint", Action.RECONNECT,
        "[Read-only SOS Session. Use ~? for help.]", message=message_of("endpoint-read-only"),
        hint="The endpoint lets you only watch. Run again when it accepts input, or as another of its users."),
    _state("endpoint-busy", "an endpoint that another session uses", Action.BUSY,
        "Virtual Serial Port is currently in use by another session.", message=message_of("endpoint-busy"),
        hint="Wait until the other session ends, or end it at the endpoint."),
    _state("endpoint-closed", "an endpoint that provides no console", Action.CLOSED, "Info: SOL payload disabled",
        message=message_of("endpoint-closed"), hint="The endpoint's message above shows the reason; correct it there."),
    _state("endpoint-menu", "the menu of a console server", Action.STOP, "  1 Initiate a regular session",
        message=r"(?i)Initiate a (?:regular|sniff) session|^Linodes located in this data center"
        r"|^\s*\d+[.)]? +Port \d+\b",
        hint="Name the console in HOST (its port or label), so that the endpoint shows no menu."),
    _state("bmc-prompt", "the endpoint's own prompt", Action.START, "racadm>>",
        prompt=r"^(?:racadm>>|(?:</[^>]*>)?hpiLO->|/admin1->|system>|->|/[\w/]*->|\[\S+@lish-[\w-]+\][#$>])\s*$",
        hint="Name the endpoint's dialect in HOST (ssh://...?dialect=NAME), or start the console there by hand."),
    _state("windows-sac", "the Windows Special Administration Console", Action.STOP, "SAC>", prompt=r"^SAC>\s*$",
        hint="This machine runs Windows. sosagent needs a system with a POSIX shell."),
    # -- left by sosagent
    _state("receiver", "a shell left by an interrupted run of sosagent", Action.END_OURS, "=R\n",
        prompt=r"^$", above=RECEIVER_REPLY),
    # -- before the system is up
    _state("grub", "the command line of the GRUB boot loader", Action.STOP, "grub> ", prompt=r"^grub(?: rescue)?> ?$",
        hint=_TO_LOGIN),
    _state("uefi-shell", "the UEFI shell", Action.STOP, "Shell> ", prompt=r"^(?:Shell|FS\d+:\\.*)> ?$", hint=_TO_LOGIN),
    _state("boot-prompt", "the prompt of a boot loader", Action.STOP, "iPXE> ",
        prompt=r"^(?:iPXE>|(?:\S{1,32} )?=>|.{0,40}\bU-Boot ?>|Marvell>>|(?:boot|uboot|CFE|RedBoot|YAMON|d?db)>|boot:"
        r"|db\{\d+\}>|(?:\[\d+\])?kdb>|barebox[^:]{0,60}:\S{0,60}|OK|ok|0 >) ?$", hint=_TO_LOGIN),
    _state("boot-menu", "a boot menu that counts down", Action.WAIT,
        "The highlighted entry will be executed automatically in 5s.",
        message=rf"(?i)executed automatically in \d+ ?s|{pattern_of('grub')}|^Booting .* in \d+ seconds"
        r"|autoboot(?: in|:) +\d|press \S+ in \d+ seconds", screen=None),
    _state("firmware", "a menu of the boot loader or the firmware", Action.STOP, "GNU GRUB  version 2.06\n",
        message=r"GNU GRUB,?(?:[ \u00a0]+[^\W\d]{1,20})?[ \u00a0]+\d"
        r"|(?i:aptio setup|uefi boot menu|boot manager|bios setup utility)", screen=None,
        hint="It waits for a choice. " + _TO_LOGIN),
    _state("maintenance-enter", "emergency mode, open to root without a password", Action.PRESS,
        "Press Enter for maintenance\n(or press Control-D to continue): ",
        prompt=rf"(?i)^press enter for (?:system )?maintenance|^press enter for login: ?$|^{_OR_CONTROL_D}",
        above=r"(?i)^press enter for (?:(?:system )?maintenance|login)"),
    _state("activation", "a console that asks for Enter before it starts a shell or a login", Action.ACTIVATE,
        "Please press Enter to activate this console. ", prompt=_ACTIVATE, message=_ACTIVATE),
    _state("maintenance", "emergency or rescue mode, waiting for root's password", Action.MAINTAIN,
        "Give root password for maintenance\n(or press Control-D to continue): ",
        prompt=rf"(?i)^(?:give|enter) root password for (?:(?:system )?maintenance|login).*: ?$|^{_OR_CONTROL_D}"),
    _state("maintenance-locked", "emergency mode with root's account locked", Action.REFUSED,
        "Cannot open access to console, the root account is locked.\nPress Enter to continue.\n",
        message=r"(?i)cannot open access to console, the root account is locked",
        hint="Enter would continue the boot. Boot a rescue system, or with init=/bin/sh."),
    _state("initramfs", "the shell of an initramfs", Action.PROBE, "(initramfs) ",
        prompt=r"^\(initramfs\)(?: \S{1,80})?(?: #)? ?$|^rescueshell \S{1,80} # ?$"
        r"|^(?:dracut|switch_root|pre-\w+|initqueue|cmdline):\S*# ?$"),
    # -- passwords
    _state("disk-passphrase", "a prompt for a disk's passphrase during the boot", Action.STOP,
        "Please unlock disk vda5_crypt: ",
        prompt=r"(?i)(?:please (?:enter (?:passphrase|\S{1,20}) for|unlock) disk .{0,200}|^enter (?:LUKS )?passphrase"
        r"(?: for \S{1,200})?): ?(?:\(press tab for no echo\) ?)?$",
        hint="Type the passphrase on the console, then run again. sosagent does not know it."),
    _state("password-expired", "a prompt to change an expired password", Action.STOP, "Current password: ",
        prompt=r"(?i)^(?:\(current\) unix|current|old|new|enter new|retype(?: new)?|re-enter new)(?: unix)?"
        r" password: ?$",
        force=("\x03",), hint="The password has expired. Change it on the console; sosagent never changes one."),
    _state("sudo-password", "a password prompt of another user's sudo", Action.STOP, "[sudo] password for alice: ",
        prompt=r"^\[su(?:do)?[^\]]*\] .*: ?$|^doas \(\S+\) password: ?$", force=("\x03",), hint=_TAKE_OVER),
    _state("second-factor", "a prompt for a second factor", Action.STOP, "Verification code: ",
        prompt=r"(?i)^(?:\(\S{1,128}\) )?(?:enter )?(?:your )?(?:otp|pin|passcode|token|one-time password"
        r"|(?:verification|mfa|2fa|authenticator|security) code)(?: .{0,60})? ?: ?$",
        force=("\x03",),
        hint="--ask lets you type it on your terminal. Or log in as a user who needs no second factor (--login)."),
    _state("password", "a password prompt of another login attempt", Action.ENTER, "Password: ",
        prompt=r"(?i)^(?:\S+'s )?(?:password|passwort|mot de passe|contraseña)(?: for \S+)? ?: ?$"),
    # -- programs
    _state("vim-swap", "a question of vim about a swap file", Action.STOP,
        "[O]pen Read-Only, (E)dit anyway, (R)ecover, (Q)uit: ",
        prompt=pattern_of("swap"), message=rf"^E325: |{pattern_of('swap')}", force=("q",),
        hint=_TAKE_OVER),
    _state("question", "a question that waits for an answer", Action.STOP, "Do you want to continue? [Y/n] ",
        prompt=r"(?i)[\[(<](?:y|yes|n|no)(?:/\S{0,40})?[\])>](?: \[default=\w\])? ?[?:]? ?$",
        force=("n\r", "\x03"), hint=_TAKE_OVER),
    # In another language, or with other answers, "n" may mean anything.
    _state("choice", "a question with a choice of answers", Action.STOP, "Möchten Sie fortfahren? [J/n] ",
        prompt=r"[\[(<\uff08](?:[^\W\d_]{1,6} ?[/|] ?){1,3}[^\W\d_]{1,6}[\])>\uff09] ?[?:\uff1f\uff1a]? ?$",
        force=("\x03",), hint=_TAKE_OVER),
    _state("pager", "a pager", Action.SUSPEND, "--More--(12%)",
        prompt=rf"^{pattern_of('more')}|^{pattern_of('end')} ?$|^:$|^lines \d+-\d+"
        rf"|^ ?{pattern_of('man')} .{{1,200}} line \d+|\(END\)$"
        r"|^\S+ \(press h for help"),
    _state("repl", "an interpreter", Action.SUSPEND, ">>> ",
        prompt=r"^(?:>>>|\.\.\.|In \[\d+\]:|irb\S*>|mysql>|MariaDB \[.*\]>|sqlite>|\w+[=('\"-][#>]|ftp>"
        r"|\(gdb\)|lua>) ?$"),
    _state("nano", "the editor nano", Action.STOP, "  GNU nano 7.2    /etc/fstab", screen=True, message=r"GNU nano \d",
        force=("\x18", "n"), hint=_TAKE_OVER),
    _state("multiplexer", "tmux or screen", Action.STOP, '[0] 0:bash*      "vm" 12:00 01-Jan-26', screen=None,
        message=r"^\[[\w.-]+\] ?\d+:\S.*\d\d:\d\d", force=("\x02d", "\x01d"),
        hint="Detach it by hand, or run again with --take-over to detach it. It keeps running."),
    _state("editor-insert", "an editor in insert mode", Action.LEAVE_INSERT, "^L", screen=True,
        message=rf"^-- ?{pattern_of('insert')} --"),
    _state("full-screen", "a full-screen program", Action.SUSPEND, "top - 12:00:00 up 3 days",
        screen=True, message=r""),
    # -- shells and logins
    _state("continuation", "a shell with an unfinished command", Action.INTERRUPT, "> ",
        prompt=r"^(?:(?:d?quote|bquote|heredocd?|cmdsubst|for|while|if|then|else|elif|function|pipe|cursh|subsh|braceparam"
        r"|case|select|repeat|cmdand|cmdor|math)[\w ]*)?> ?$|^(?:foreach|while|)\? $"),
    _state("login", "a login prompt", Action.LOG_IN, "web-1 login: ",
        prompt=r"(?i)^(?!last )(?:(?P<host>[\w.-]+)(?: \S+)? |.{0,300}\s)?login: ?$"),
    _state("shell", "an existing shell", Action.PROBE, "root@web-1:~# ", prompt=r"[#$%>❯➜λ»] ?$"),
    # -- recognised by messages alone
    _state("panic", "a kernel panic", Action.STOP, "Kernel panic - not syncing: VFS: Unable to mount root fs\n",
        message=r"Kernel panic - not syncing",
        hint="The machine has crashed. Reset it (power cycle), then run again."),
    _state("booting", "a booting machine", Action.WAIT, "[    0.000000] Linux version 6.1.0\n",
        message=rf"^{LOOSE_STAMP}"
        r"|^\[ *(?:OK|FAILED|DEPEND|WARN|TIME|INFO) *\] |^\[[ *]{4,}\] |^Begin: "
        r"|^Loading (?:Linux|initial)|^>>Start |^BdsDxe: |^iPXE .*Open Source|^Configuring \(net"
        r"|^(?:Starting|Started|Stopping|Reached target|Mounting|Welcome to) .*|^ \* \w+ing .*\.\.\.|^\s*Booting "),
    _state("garbled", "unreadable characters", Action.STOP, "\ufffd\ufffdx\ufffd\ufffd\ufffd",
        prompt=r"\ufffd.*\ufffd.*\ufffd", message=r"\ufffd.*\ufffd.*\ufffd",
        hint="The ends of the line differ in speed. Set the endpoint to the speed of the getty (often 115200)."),
)  # fmt: skip

#: States whose prompt also counts on a drawn screen.
_DRAWN = tuple(
    state
    for state in STATES
    if state.name in ("grub", "uefi-shell", "boot-prompt", "vim-swap", "question", "choice", "pager", "repl")
)
#: The states by name, for code that means a certain one.
BY_NAME = {state.name: state for state in STATES}
_ENDPOINTS = tuple(state for state in STATES if state.action in (Action.BUSY, Action.CLOSED, Action.RECONNECT))
GARBLED = BY_NAME["garbled"]
#: States without a pattern: they are recognised by the reaction to our keys (login/detect.py).
SILENT = State("silent", "no output from the machine", Action.STOP)
ECHOING = State("silent", "a program that echoes its input and prints nothing, as getty does", Action.STOP)
READING = State("reading", "a program that reads lines: a command, a question or a plain shell", Action.SUSPEND)
#: Recognised by login/own_shells.py.
PLAIN_SHELL = State("plain-shell", "a plain shell left by an interrupted run of sosagent", Action.END_OURS)
RUNNING = State("running", "a running program", Action.SUSPEND)
UNKNOWN = State("unknown", "text that sosagent does not recognise", Action.STOP)
NOTHING = (SILENT, ECHOING)


def classify(lines: Sequence[str], open_line: str, *, screen: bool = False, connecting: bool = False) -> Observation:
    """Determine the state that a console is in.

    Args:
        lines: the last finished lines, oldest first.
        open_line: the line that has no newline yet.
        screen: whether a program has drawn the text by moving the cursor. Then the prompts of shells and logins
            do not count, because they may be text in an editor.
        connecting: whether nothing was typed yet. Then messages of the endpoint count before any prompt.

    Returns:
        The state; `UNKNOWN` for an open line that no entry matches, `SILENT` if the open line is blank.

    A message in `lines` counts only if the open line is blank, or on a drawn screen.
    """
    count = _SCREEN_LINES if screen else _MESSAGE_LINES
    recent = [_bounded(line) for line in lines[-_SCREEN_LINES:] if line.strip()][-count:]
    open_line = _bounded(open_line)
    if connecting:
        for state in _ENDPOINTS:
            if state.message is not None and any(map(state.message.search, recent)):
                return Observation(state)
    if not screen and (translated := _translated(recent, open_line)) is not None:
        return translated
    for state in _DRAWN if screen else STATES:
        match = state.prompt.search(open_line) if state.prompt is not None else None
        if match and (state.above is None or any(map(state.above.search, [open_line, *recent[-1:]]))):
            return Observation(state, match.groupdict().get("host"))
    for state in STATES:
        if state.message is None or state.screen not in (screen, None):
            continue
        if state.message.search(open_line) or (
            (screen or not open_line.strip()) and any(map(state.message.search, recent))
        ):
            return Observation(state)
    return Observation(UNKNOWN if open_line.strip() else SILENT)


def _translated(recent: Sequence[str], open_line: str) -> Observation | None:
    """Return the state that the last lines stand for in another language."""
    if not open_line.strip():
        locked = any(message_meaning(line, "maintenance-locked") for line in recent)
        return Observation(BY_NAME["maintenance-locked"]) if locked else None
    found = prompt_meaning(open_line)
    if found is None:
        return None
    name, host = found
    if name == "maintenance" and recent and message_meaning(recent[-1], "maintenance-enter"):
        name = "maintenance-enter"
    return Observation(BY_NAME[name], host)


def _bounded(line: str) -> str:
    """Return `line` without its middle if it is long. With the NUL in its place, the end cannot look like a start."""
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST // 2]}\0{line[-_LONGEST // 2 :]}"


def looks_garbled(raw: bytes) -> bool:
    """Return whether `raw`, from which no text resulted, looks like a line read at too high a speed: mostly NULs."""
    odd = sum(byte == 0 or byte >= 0x80 for byte in raw)
    return odd >= _ODD_BYTES and 2 * odd > len(raw)


def nearly_login(line: str) -> bool:
    """Return whether `line` ends in a login prompt in which one character is missing, doubled or damaged."""
    expected = "login:"
    return any(_one_off(line.rstrip()[-size:], expected) for size in range(len(expected) - 1, len(expected) + 2))


def _one_off(text: str, expected: str) -> bool:
    """Return whether at most one character of `text` differs from `expected`, is missing or is too many."""
    pairs = enumerate(zip(text, expected, strict=False))
    at = next((index for index, pair in pairs if pair[0] != pair[1]), min(len(text), len(expected)))
    remaining = text[at:], expected[at:]
    return (
        remaining[0] == remaining[1]
        or remaining[0][1:] == remaining[1]
        or remaining[0] == remaining[1][1:]
        or remaining[0][1:] == remaining[1][1:]
    )

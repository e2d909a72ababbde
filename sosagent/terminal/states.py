"""The table of console states: how each looks, what leads out of it, how it is put back.

`classify` names a state. A row's prompt is looked for on the open line, its message in the last lines;
rows are tried in their order, all prompts before all messages, so the narrower stands above the wider. A
prompt never proves that a shell is there; that a probe does (login/transitions.py). The README's chapter on
states is made from this table (`docs/state_table.py`).
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass

from .kernel import LOOSE_STAMP

__all__ = [
    "ECHOING",
    "NOTHING",
    "READING",
    "RUNNING",
    "SILENT",
    "STATES",
    "UNKNOWN",
    "Action",
    "Observation",
    "State",
    "classify",
    "nearly_login",
]

_MESSAGE_LINES = 6  # a message counts while it is among the last lines
_SCREEN_LINES = 60  # and on a screen that a program has drawn, wherever it stands


class Action(enum.Enum):
    """What leads out of a state, in words that follow "sosagent would"."""

    LOG_IN = "log in, and log out again at the end"
    MAINTAIN = "type the password there, and leave the shell at its prompt"
    ENTER = "press Enter, which ends that attempt"
    PRESS = "press Enter, and leave the shell at its prompt"
    PROBE = "ask whose shell it is; in root's do the job, and leave it as it was"
    INTERRUPT = "press ^C, which drops the unfinished command"
    SUSPEND = "suspend it (^Z), do the job in the shell beneath, and bring it back (fg)"
    LEAVE_INSERT = "leave insert mode, suspend it (^Z), do the job in the shell beneath, and bring both back"
    END_OURS = "end it"
    START = "start the console there"
    WAIT = "wait"
    RECONNECT = "wait, and connect again"
    STOP = "stop and say so"
    REFUSED = "stop: nobody can log in"
    BUSY = "stop: somebody else has the endpoint"
    CLOSED = "stop: there is no console"


@dataclass(frozen=True)
class State:
    """A row of the table.

    Fields:
        name: short and stable; programs see it.
        title: in words, for people.
        action: what leads out of it.
        example: how it looks, as a reader would know it; a test holds the row to it.
        prompt: how the open line looks.
        above: how the last finished line looks, where the prompt alone does not tell.
        message: how one of the last lines looks.
        screen: whether the message counts on a screen that a program has drawn by moving the cursor, and
            only there; None for both.
        force: keys that discard it, with the least loss; typed with ``--take-over`` only.
        hint: what the user does where `action` is to stop.
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
    """A state that was seen.

    Fields:
        state: its row.
        hostname: the machine's name, where the prompt shows it.
    """

    state: State
    hostname: str | None = None


def _row(
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
    looks = [re.compile(text) if text is not None else None for text in (prompt, above, message)]
    return State(name, title, action, example, looks[0], looks[1], looks[2], screen, force, hint)


_ODD_BYTES = 8
_BY_HAND = "Bring the console to a login prompt by hand, then run again."
_TAKE_OVER = "Bring the console to a login prompt by hand, or discard it with --take-over."
_OR_CONTROL_D = r"\(or (?:press|type) control-d (?:to continue|for normal startup)\): ?$"

STATES: tuple[State, ...] = (
    # -- the endpoint's own words
    _row("endpoint-read-only", "an endpoint that lets us only look", Action.RECONNECT,
         "[Read-only SOS Session. Use ~? for help.]", message=r"\[Read-only SOS Session\.",
         hint="The machine is still being provisioned. Wait half a minute after it is done and run again."),
    _row("endpoint-busy", "an endpoint that somebody else holds", Action.BUSY,
         "Virtual Serial Port is currently in use by another session.",
         message=r"(?i)limited to one connection|^port(?:'s device)? already in use"
         r"|currently in use by another session|active console session exists"
         r"|already active on another session|activation limit reached|another user connected to the console"
         r"|console is (?:already )?(?:busy|in use|locked|attached)|session limit exceeded|\[SOS Session Busy"
         # conserver: somebody else has it, or has just taken it
         r"|^\[no, \S+ is attached\]|^\[forced to .spy. mode by|^\[read-only -- use ",
         hint="Wait until the other session ends, or end it at the endpoint."),
    _row("endpoint-closed", "an endpoint that gives no console", Action.CLOSED, "Info: SOL payload disabled",
         message=r"(?i)SOL payload disabled|SOL session closed by BMC|terminating console session|^VM \d+ not running"
         r"|machine (?:is not allocated|allocation changed)|not using a PTY"
         r"|unable to establish IPMI|^Connection closed",
         hint="The endpoint's own words above say why; mend it there."),
    _row("endpoint-menu", "the menu of a console server", Action.STOP, "  1 Initiate a regular session",
         message=r"(?i)Initiate a (?:regular|sniff) session|^Linodes located in this data center"
         r"|^\s*\d+[.)]? +Port \d+\b",
         hint="Name the console in HOST (its port or label), so that the endpoint shows no menu."),
    _row("bmc-prompt", "the endpoint's own prompt, not the machine's", Action.START, "racadm>>",
         prompt=r"^(?:racadm>>|(?:</[^>]*>)?hpiLO->|/admin1->|system>|->|/[\w/]*->|\[\S+@lish-[\w-]+\][#$>])\s*$",
         hint="Say what it is, behind HOST: ssh://...?dialect=NAME; or start the console there by hand."),
    _row("windows-sac", "the Windows Special Administration Console", Action.STOP, "SAC>", prompt=r"^SAC>\s*$",
         hint="This machine runs Windows; sosagent works on systems with a POSIX shell."),
    # -- ours
    _row("receiver", "a shell of ours that a run which was cut has left", Action.END_OURS, "=R\n",
         prompt=r"^$", above=r"^=R$"),
    # -- not yet a login
    _row("grub", "the command line of the GRUB boot loader", Action.STOP, "grub> ", prompt=r"^grub(?: rescue)?> ?$",
         hint=_BY_HAND),
    _row("uefi-shell", "the UEFI shell", Action.STOP, "Shell> ", prompt=r"^(?:Shell|FS\d+:\\.*)> ?$", hint=_BY_HAND),
    _row("boot-prompt", "the prompt of a boot loader", Action.STOP, "iPXE> ",
         prompt=r"^(?:iPXE>|=>|U-Boot>|boot:|OK) ?$", hint=_BY_HAND),
    _row("boot-menu", "a boot menu that counts down", Action.WAIT,
         "The highlighted entry will be executed automatically in 5s.",
         message=r"(?i)executed automatically in \d+ ?s|^Booting .* in \d+ seconds|autoboot(?: in|:) +\d"
         r"|press \S+ in \d+ seconds", screen=None),
    _row("firmware", "a menu of the boot loader or the firmware", Action.STOP, "GNU GRUB  version 2.06\n",
         message=r"GNU GRUB +version|(?i:aptio setup|uefi boot menu|boot manager|bios setup utility)", screen=None,
         hint="It waits for somebody to choose. " + _BY_HAND),
    _row("maintenance-enter", "emergency mode of a root without a password", Action.PRESS,
         "Press Enter for maintenance\n(or press Control-D to continue): ",
         prompt=rf"(?i)^press enter for maintenance|^{_OR_CONTROL_D}", above=r"(?i)^press enter for maintenance"),
    _row("maintenance", "emergency or rescue mode that waits for the root password", Action.MAINTAIN,
         "Give root password for maintenance\n(or press Control-D to continue): ",
         prompt=rf"(?i)^give root password for (?:(?:system )?maintenance|login).*: ?$|^{_OR_CONTROL_D}"),
    _row("maintenance-locked", "emergency mode, and root is locked", Action.REFUSED,
         "Cannot open access to console, the root account is locked.\nPress Enter to continue.\n",
         message=r"(?i)cannot open access to console, the root account is locked",
         hint="Enter would continue the boot. Boot with init=/bin/sh or a rescue system instead."),
    _row("initramfs", "the shell of an initramfs", Action.PROBE, "(initramfs) ",
         prompt=r"^\(initramfs\) ?$|^(?:dracut|switch_root|pre-\w+|initqueue|cmdline):\S*# ?$"),
    # -- passwords
    _row("disk-passphrase", "a disk that asks for its passphrase, in the middle of the boot", Action.STOP,
         "Please unlock disk vda5_crypt: ",
         prompt=r"(?i)please (?:enter passphrase for|unlock) disk .*: ?$|^enter passphrase for \S+: ?$",
         hint="Type the passphrase there by hand, then run again; sosagent does not know it."),
    _row("password-expired", "a password that must be changed", Action.STOP, "Current password: ",
         prompt=r"(?i)^(?:\(current\) unix|current|old|new|enter new|retype(?: new)?|re-enter new)(?: unix)?"
         r" password: ?$",
         force=("\x03",), hint="The password has expired. Change it by hand on the console; sosagent never does."),
    _row("sudo-password", "somebody's sudo that asks for a password", Action.STOP, "[sudo] password for alice: ",
         prompt=r"^\[sudo[^\]]*\] .*: ?$|^doas \(\S+\) password: ?$", force=("\x03",), hint=_TAKE_OVER),
    _row("password", "a password prompt that somebody else's attempt left", Action.ENTER, "Password: ",
         prompt=r"(?i)^(?:\S+'s )?(?:password|passwort|mot de passe|contraseña)(?: for \S+)? ?: ?$"),
    # -- programs
    _row("vim-swap", "vim's question about a swap file", Action.STOP,
         "[O]pen Read-Only, (E)dit anyway, (R)ecover, (Q)uit: ",
         prompt=r"\[O\]pen Read-Only, \(E\)dit", message=r"^E325: ATTENTION|\(E\)dit anyway", force=("q",),
         hint=_TAKE_OVER),
    _row("question", "a question that waits for an answer", Action.STOP, "Do you want to continue? [Y/n] ",
         prompt=r"(?i)[\[(<](?:y|yes|n|no)(?:/\S*)?[\])>](?: \[default=\w\])? ?[?:]? ?$",
         force=("n\r", "\x03"), hint=_TAKE_OVER),
    _row("pager", "a pager", Action.SUSPEND, "--More--(12%)",
         prompt=r"^--More--|^\(END\) ?$|^:$|^lines \d+-\d+|^ ?Manual page .* line \d+|\(END\)$"
         r"|^\S+ \(press h for help"),
    _row("repl", "an interpreter", Action.SUSPEND, ">>> ",
         prompt=r"^(?:>>>|\.\.\.|In \[\d+\]:|irb\S*>|mysql>|MariaDB \[.*\]>|sqlite>|\w+[=('\"-][#>]|ftp>"
         r"|\(gdb\)|lua>) ?$"),
    _row("nano", "the editor nano", Action.STOP, "  GNU nano 7.2    /etc/fstab", screen=True, message=r"GNU nano \d",
         force=("\x18", "n"), hint=_TAKE_OVER),
    _row("multiplexer", "tmux or screen", Action.STOP, '[0] 0:bash*      "vm" 12:00 01-Jan-26', screen=None,
         message=r"^\[[\w.-]+\] ?\d+:\S+.*\d\d:\d\d", force=("\x02d", "\x01d"),
         hint="Detach it by hand, or with --take-over (it runs on)."),
    _row("editor-insert", "an editor in insert mode", Action.LEAVE_INSERT, "^L", screen=True, message=r"^-- INSERT --"),
    _row("full-screen", "a program that fills the screen", Action.SUSPEND, "top - 12:00:00 up 3 days",
         screen=True, message=r""),
    # -- shells and logins
    _row("continuation", "a shell in the middle of a command", Action.INTERRUPT, "> ",
         prompt=r"^(?:(?:d?quote|bquote|heredocd?|cmdsubst|for|while|if|then|else|elif|function|pipe|cursh|subsh|braceparam"
         r"|case|select|repeat|cmdand|cmdor|math)[\w ]*)?> ?$|^(?:foreach|while|)\? $"),
    _row("login", "a login prompt", Action.LOG_IN, "web-1 login: ",
         prompt=r"(?i)^(?!last )(?:(?P<host>[\w.-]+)(?: \S+)? )?login: ?$"),
    _row("shell", "a shell that was left open", Action.PROBE, "root@web-1:~# ", prompt=r"[#$%>❯➜λ»] ?$"),
    # -- what only lines tell
    _row("panic", "a kernel panic", Action.STOP, "Kernel panic - not syncing: VFS: Unable to mount root fs\n",
         message=r"Kernel panic - not syncing",
         hint="The machine has crashed. It must be reset (power cycle) before anybody can log in."),
    _row("booting", "a machine that boots", Action.WAIT, "[    0.000000] Linux version 6.1.0\n",
         message=rf"^{LOOSE_STAMP}"
         r"|^\[ *(?:OK|FAILED|DEPEND|WARN|TIME|INFO) *\] |^\[[ *]{4,}\] |^Begin: "
         r"|^Loading (?:Linux|initial)|^>>Start |^BdsDxe: |^iPXE .*Open Source|^Configuring \(net"
         r"|^(?:Starting|Started|Stopping|Reached target|Mounting|Welcome to) .*|^ \* \w+ing .*\.\.\.|^\s*Booting "),
    _row("garbled", "characters that make no sense", Action.STOP, "\ufffd\ufffdx\ufffd\ufffd\ufffd",
         prompt=r"\ufffd.*\ufffd.*\ufffd", message=r"\ufffd.*\ufffd.*\ufffd",
         hint="The line's two ends differ in speed. Set the endpoint's to the getty's (often 115200), then run again."),
)  # fmt: skip

#: Prompts that count where a program has drawn them too.
_DRAWN = tuple(
    state
    for state in STATES
    if state.name in ("grub", "uefi-shell", "boot-prompt", "vim-swap", "question", "pager", "repl")
)
_ENDPOINTS = tuple(state for state in STATES if state.action in (Action.BUSY, Action.CLOSED, Action.RECONNECT))
#: What no text tells: it is concluded from what comes of our keys (login/detect.py).
SILENT = State("silent", "nothing comes from the machine", Action.STOP)
READING = State("reading", "something that reads lines: a command, a question or a plain shell", Action.SUSPEND)
ECHOING = State("silent", "something that echoes what it gets and says nothing, as getty does", Action.STOP)
GARBLED = next(state for state in STATES if state.name == "garbled")
NOTHING = (SILENT, ECHOING)
RUNNING = State("running", "a program that runs", Action.SUSPEND)
UNKNOWN = State("unknown", "something that no row of the table knows", Action.STOP)


def classify(lines: Sequence[str], open_line: str, *, screen: bool = False, connecting: bool = False) -> Observation:
    """Name the state that a console is in.

    Args:
        lines: the last finished lines, oldest first.
        open_line: the line without a newline.
        screen: whether a program has drawn these by moving the cursor about: then no prompt of a
            shell or a login counts, since it may be text in an editor.
        connecting: nothing was typed yet: what the endpoint says of itself counts before any prompt.

    A message counts only where no other text stands on the open line.
    """
    count = _SCREEN_LINES if screen else _MESSAGE_LINES
    recent = [line for line in lines[-_SCREEN_LINES:] if line.strip()][-count:]
    if connecting:
        for state in _ENDPOINTS:
            if state.message is not None and any(map(state.message.search, recent)):
                return Observation(state)
    for state in _DRAWN if screen else STATES:
        found = state.prompt.search(open_line) if state.prompt is not None else None
        if found and (state.above is None or any(map(state.above.search, [open_line, *recent[-1:]]))):
            return Observation(state, found.groupdict().get("host"))
    for state in STATES:
        if state.message is None or state.screen not in (screen, None):
            continue
        if state.message.search(open_line) or (
            (screen or not open_line.strip()) and any(map(state.message.search, recent))
        ):
            return Observation(state)
    return Observation(UNKNOWN if open_line.strip() else SILENT)


def looks_garbled(raw: bytes) -> bool:
    """Whether bytes of which no text came are those of a line that is read too fast: NULs, mostly."""
    odd = sum(byte == 0 or byte >= 0x80 for byte in raw)
    return odd >= _ODD_BYTES and 2 * odd > len(raw)


def nearly_login(line: str) -> bool:
    """Whether `line` would be a login prompt but for one character that is lost, doubled or another."""
    wanted = "login:"
    return any(_one_off(line.rstrip()[-size:], wanted) for size in range(len(wanted) - 1, len(wanted) + 2))


def _one_off(text: str, wanted: str) -> bool:
    same = next((at for at, pair in enumerate(zip(text, wanted, strict=False)) if pair[0] != pair[1]), None)
    at = min(len(text), len(wanted)) if same is None else same
    rest = (
        (text[at:], wanted[at:]),
        (text[at + 1 :], wanted[at:]),
        (text[at:], wanted[at + 1 :]),
        (
            text[at + 1 :],
            wanted[at + 1 :],
        ),
    )
    return any(one == other for one, other in rest)

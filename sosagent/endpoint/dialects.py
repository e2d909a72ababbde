"""What endpoints say, and want to be told, besides the machine's console itself: one row for each. No I/O.

Sources: the vendors' manuals, and the code of programs that talk to them; docs/endpoints.md names them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import PurePath

__all__ = ["DIALECTS", "PLAIN", "Dialect", "dialect_of_host", "dialect_of_program", "dialect_of_prompt", "spelled"]


@dataclass(frozen=True)
class Dialect:
    """How one kind of endpoint is entered, left and shared. Patterns are regular expressions.

    Fields:
        name: as in ``?dialect=NAME``.
        title: in words.
        prompt: its own prompt, the whole open line: the machine's password must never be typed there.
        distinct: whether no shell has a prompt like that.
        says: what it says of itself, where its prompt is another's too.
        enter: lines that are typed at that prompt to get to the console, one after the other; the next way where
            it comes back to its prompt. ``{console}`` stands for the machine's name there.
        confirm: a question of its own on the way, that is answered with ``y``.
        ready: what it says when the console is there.
        busy: what it says when somebody has the console.
        free: how to free it, for people.
        kick: lines typed at its prompt that end somebody's session; only with ``--kick``.
        leave: what ends the console, typed at any place of a line; empty if closing the connection does.
        close: a line typed at its prompt afterwards; empty if there is none.
        breaks: what makes it send a BREAK; empty if the connection has a way of its own, or there is none.
        forbidden: bytes that mean something to it, and so are in nothing that is sent to the machine.
        pace: how fast to begin with, of the console's paces; 0 is as fast as it goes.
        shared: whether several may have the console at the same time, and see and type the same.
        legacy: whether its SSH may be so old that algorithms have to be allowed which are off by default.
        programs: of ``exec:``, whose dialect it is.
        second_run: words of such a program's command line to replace, for a run that ends the session.
        force: a word that makes such a program take the console over; `polite`: one that keeps it from that.
        words: what is always added to such a program's command line.
        hosts: names of the endpoint's host.
        port: of the endpoint, where none is told.
        user: how its user names look, and an example.
        note: what has to be done there first.
    """

    name: str
    title: str
    prompt: str = ""
    distinct: bool = True
    says: str = ""
    enter: tuple[tuple[str, ...], ...] = ()
    confirm: str = ""
    ready: str = ""
    busy: str = ""
    free: str = ""
    kick: tuple[str, ...] = ()
    leave: bytes = b""
    close: str = ""
    breaks: bytes = b""
    forbidden: tuple[bytes, ...] = ()
    pace: int = 0
    shared: bool = False
    legacy: bool = False
    programs: tuple[str, ...] = ()
    second_run: tuple[str, str] | None = None
    force: str = ""
    polite: str = ""
    words: tuple[str, ...] = ()
    hosts: str = ""
    port: int | None = None
    user: tuple[str, str] | None = None
    note: str = ""

    @property
    def has_entry(self) -> bool:
        """Whether it speaks before the console is there."""
        return bool(self.enter or self.ready or self.busy)

    @property
    def tells_its_login(self) -> bool:
        """Whether what asks for a login before the console is there can only be the endpoint itself."""
        return bool(self.enter or self.ready)

    @property
    def can_kick(self) -> bool:
        """Whether somebody's session can be ended from here."""
        return bool(self.kick or self.second_run or self.force or self.polite)

    def is_prompt(self, open_line: str) -> bool:
        """Whether the endpoint itself waits for a command there."""
        return bool(self.prompt) and re.fullmatch(rf"(?:{self.prompt})\s*", open_line, re.IGNORECASE) is not None

    def stands(self, line: str) -> bool:
        """Whether its prompt stands on a line, though other text may be before or behind it.

        A program or the kernel may not have ended its line, and what was typed is echoed. A prompt that a shell
        might have counts alone, or behind another prompt: ``Password: system>``.
        """
        if not self.prompt:
            return False
        line = line.rstrip()
        if self.distinct:
            return re.search(rf"(?:{self.prompt})\s*\S{{0,40}}$", line, re.IGNORECASE) is not None
        return re.search(rf"(?:^|[:#$%>]\s+)(?:{self.prompt})$", line, re.IGNORECASE) is not None

    def is_ready(self, lines: Iterable[str]) -> bool:
        """Whether it said that the console is there."""
        return bool(self.ready) and any(re.search(self.ready, line) for line in lines)

    def is_busy(self, lines: Iterable[str]) -> bool:
        """Whether it said that somebody else has the console."""
        return bool(self.busy) and any(re.search(self.busy, line) for line in lines)

    def taken(self, sent: bytes, data: bytes) -> bytes | None:
        """The first of the forbidden sequences that `data` would complete, behind what was `sent` before."""
        for one in self.forbidden:
            if one in sent[max(len(sent) - len(one) + 1, 0) :] + data:
                return one
        return None


_KEYS = {0x0D: "Enter", 0x0A: "Ctrl-J", 0x1B: "Esc"}


def spelled(keys: bytes) -> str:
    """Keys as people write them: ``^E c .``, ``Enter ~``."""
    return " ".join(_KEYS.get(byte) or (f"^{chr(byte + 0x40)}" if byte < 0x20 else chr(byte)) for byte in keys)


#: An endpoint that is the console and nothing else.
PLAIN = Dialect("plain", "a console")

#: The end of somebody's line, behind which programs look for a tilde: they take ``\n`` for one, too.
_TILDE = (b"\r~", b"\n~")

_ROWS = (
    PLAIN,
    # -- management controllers, over SSH (facts: NVIDIA's ssh-console, the vendors' manuals)
    Dialect(
        "idrac",
        "Dell's iDRAC",
        prompt=r"racadm>>|/admin1->",
        enter=(("connect com2",), ("console com2",)),
        ready=r"Connected to Serial Device|To end type: \^\\",
        busy=r"(?i)already in use|in use by another|maximum number of .*sessions",
        free="`racadm closessn -a` ends the sessions there; `racadm racreset` restarts it (away for two minutes)",
        leave=b"\x1c",
        close="exit",
        forbidden=(b"\x1c",),
        pace=2,  # its UART has no flow control
    ),
    Dialect(
        "ilo",
        "HPE's iLO",
        prompt=r"(?:</[^>]*>)?hpiLO->",
        enter=(("vsp",), ("start /system1/oemhp_vsp1",)),
        ready=r"(?i)Virtual Serial Port Active|Starting virtual serial port",
        busy=r"Virtual Serial Port is currently in use by another session",
        free="`stop /system1/oemhp_vsp1` at its prompt",
        kick=("stop /system1/oemhp_vsp1",),
        leave=b"\x1b(",
        close="exit",
        forbidden=(b"\x1b(",),
        legacy=True,
    ),
    Dialect(
        "xcc",
        "Lenovo's XClarity Controller",
        prompt=r"system>",
        distinct=False,
        says=r"XClarity",
        enter=(("console 1",), ("console start",)),
        # What it says when somebody has the console is not known: it stays at its prompt.
        free="`console kill 1` at its prompt",
        kick=("console kill 1",),
        leave=b"\x1b(",
        close="exit",
        forbidden=(b"\x1b(",),
    ),
    Dialect(
        "smash",
        "Supermicro's SMASH",
        prompt=r"(?:/[\w/]*)?->",
        distinct=False,
        says=r"SMASH-CLP|System Management Shell",
        enter=(("cd system1/sol1", "start"), ("start /system1/sol1",)),
        ready=r"press <Enter>, <Esc>, and then <T>",
        busy=r"(?i)SOL (?:session )?is (?:already )?(?:active|in use)|already activated",
        free="`ipmitool ... sol deactivate`, or the end of the other session",
        # Enter comes first in its way out, and would run what somebody typed half at a shell's prompt.
        forbidden=(b"\r\x1bT",),
        legacy=True,
    ),
    Dialect(
        "ilom",
        "Oracle's ILOM",
        prompt=r"->",
        distinct=False,
        says=r"Integrated Lights Out Manager",
        enter=(("start /HOST/console",), ("start /SP/console",)),
        confirm=r"\(y/n\)\?\s*$",
        ready=r"Serial console started",
        busy=r"(?i)console is already in use|session already active",
        free="`stop /HOST/console` at its prompt",
        kick=("stop /HOST/console",),
        leave=b"\x1b(",
        close="exit",
        forbidden=(b"\x1b(",),
        legacy=True,
    ),
    # It eats a tilde behind a carriage return, whatever follows.
    Dialect("openbmc", "OpenBMC", forbidden=_TILDE, shared=True),
    # -- console servers
    Dialect("opengear", "Opengear", breaks=b"\r~b", forbidden=_TILDE, shared=True),
    Dialect(
        "cyclades",
        "Avocent's Cyclades",
        prompt=r"Enter your option ?:",
        busy=r"(?i)^\s*\d+\W+initiate a (?:regular|sniff) session",
        free="4 in its menu ends the other session",
        kick=("4", "1"),
        forbidden=(b"\x05c",),
    ),
    Dialect(
        "digi",
        "Digi's console server",
        busy=r"(?i)^\s*\d+\W+initiate a (?:regular|sniff) session|^port is (?:busy|in use)",
        free="its web page, or the end of the other session",
        leave=b"\x1ax",
        breaks=b"\x1ab",
        forbidden=(b"\x1a",),
    ),
    Dialect(
        "conserver",
        "conserver",
        ready=r"^\[Enter `\^Ec\?' for help\]|^\[bumped ",
        busy=r"^\[no, \S+ is attached\]|^\[forced to .spy. mode by|^\[read-only -- use ",
        free="^Ecf at the console takes it over; whoever has it becomes a spy",
        leave=b"\x05c.",
        breaks=b"\x05cl0",
        forbidden=(b"\x05c",),
        programs=("console",),
        force="-f",
    ),
    # -- clouds
    Dialect(
        "packet",
        "Packet's SOS",
        hosts=r"sos\.[\w-]+\.(?:packet\.net|platformequinix\.com)",
    ),
    Dialect(
        "aws",
        "AWS's serial console",
        hosts=r"serial-console\.ec2-instance-connect\.\S+|ec2-serial-console\.\S+",
        user=(r"i-[0-9a-f]+\.port\d+", "i-0123456789abcdef0.port0"),
        free="the other session's end; AWS takes 30 seconds then",
        note="A key is let in for 60 s after `aws ec2-instance-connect send-serial-console-ssh-public-key`.",
    ),
    Dialect(
        "gcp",
        "GCP's serial console",
        hosts=r"(?:[\w-]+-)?ssh-serialport\.googleapis\.com",
        port=9600,
        user=(r"[^.\s]+\.[^.\s]+\.[^.\s]+\.\S+", "PROJECT.ZONE.INSTANCE.USER"),
        shared=True,
        note="The instance's metadata must say serial-port-enable=TRUE.",
    ),
    Dialect(
        "yandex",
        "Yandex Cloud's serial console",
        hosts=r"serialssh\.cloud\.yandex\.net",
        port=9600,
        user=(r"[a-z0-9]+\.\S+", "VM_ID.USER"),
    ),
    Dialect(
        "oci",
        "Oracle Cloud's instance console",
        free="the other session's end; one that was cut is held for minutes",
        hosts=r"ocid1\.instance\.\S+",
        legacy=True,
        note="It takes RSA keys only.",
    ),
    Dialect(
        "lish",
        "Linode's Lish",
        prompt=r"\[\S+@lish-[\w-]+\][#$>]",
        enter=(("{console}",),),
        free="`kill` at its prompt ends sessions that hang",
        leave=b"\x01d",
        close="exit",
        forbidden=(b"\x01",),
        shared=True,
        hosts=r"lish-[\w-]+\.linode\.com",
    ),
    # -- programs
    Dialect(
        "ipmi",
        "IPMI's serial over LAN",
        ready=r"SOL Session operational",
        busy=r"SOL payload already active on another session|SOL payload activation limit reached",
        free="`ipmitool ... sol deactivate`",
        breaks=b"\r~B",
        forbidden=_TILDE,
        programs=("ipmitool",),
        # A session that is not deactivated keeps the next client out.
        second_run=("activate", "deactivate"),
    ),
    Dialect(
        "ipmiconsole",
        "FreeIPMI",
        ready=r"\[SOL established\]",
        busy=r"(?i)SOL in use|SOL session stolen",
        free="`ipmiconsole ... --deactivate`; it takes a session over, unless --dont-steal is said",
        leave=b"\x1d.",
        breaks=b"\x1dB",
        forbidden=(b"\x1d",),
        programs=("ipmiconsole",),
        # Its own escape is the & of every second line of a shell.
        words=("-e", "\x1d"),
        polite="--dont-steal",
    ),
    Dialect(
        "virsh",
        "libvirt",
        ready=r"Connected to domain|Escape character is",
        busy=r"(?i)Active console session exists for this domain",
        free="`virsh console --force` takes it over",
        leave=b"\x1d",
        forbidden=(b"\x1d",),
        programs=("virsh",),
        force="--force",
    ),
    Dialect(
        "qm",
        "Proxmox",
        ready=r"starting serial terminal on interface",
        leave=b"\x0f",
        forbidden=(b"\x0f",),
        programs=("qm",),
    ),
    Dialect(
        "virtctl",
        "KubeVirt",
        ready=r"Successfully connected to .* console",
        busy=r"another user connected to the console",
        free="the other one's end: a newcomer ends whoever was there",
        leave=b"\x1d",
        forbidden=(b"\x1d",),
        programs=("virtctl",),
    ),
    Dialect("az", "Azure's serial console", leave=b"\x1dq", forbidden=(b"\x1d",), programs=("az",)),
    Dialect(
        "telnet",
        "telnet",
        ready=r"Escape character is",
        leave=b"\x1dquit\r",
        breaks=b"\x1dsend brk\r",
        forbidden=(b"\x1d",),
        programs=("telnet",),
    ),
)

#: Programs that run another one.
_WRAPPERS = ("sudo", "doas", "env", "nice", "stdbuf")

DIALECTS = {row.name: row for row in _ROWS}


def dialect_of_program(argv: tuple[str, ...]) -> Dialect:
    """That of a program of ``exec:``; a plain console's, if it is not known."""
    names = [PurePath(word).name for word in argv]
    name = next((name for name in names if name not in _WRAPPERS), "")
    row = next((row for row in _ROWS if name in row.programs), PLAIN)
    if any(word == "-e" or word.startswith("--esc") for word in argv[1:]):
        # Its keys are the user's own then.
        return replace(row, leave=b"", breaks=b"", forbidden=(), words=())
    return row


def dialect_of_host(host: str) -> Dialect:
    """That of an endpoint's host name; a plain console's, if it is not known."""
    return next((row for row in _ROWS if row.hosts and re.fullmatch(row.hosts, host, re.IGNORECASE)), PLAIN)


def dialect_of_prompt(open_line: str, lines: Iterable[str]) -> Dialect | None:
    """The one whose prompt stands on the open line; None if it is nobody's, or more than one's.

    Where two share their prompt, what was said before it decides. Only such are found that lead to a console.
    """
    said = " ".join(lines)
    fits = [row for row in _ROWS if row.enter and row.is_prompt(open_line)]
    if len(fits) > 1 or (fits and fits[0].says):
        fits = [row for row in fits if re.search(row.says or r"$^", said)]
    return fits[0] if len(fits) == 1 else None

"""The table of dialects: one entry for each kind of endpoint. Add a new kind here. No I/O.

Sources: the vendors' manuals, and the code of programs that talk to these endpoints; docs/endpoints.md names them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import PurePath

from .dialect import Dialect
from .wrappers import program_at

__all__ = ["DIALECTS", "PLAIN", "dialect_of_host", "dialect_of_program", "dialect_of_prompt"]

#: An endpoint that shows only the machine's console.
PLAIN = Dialect("plain", "a console")

#: Programs interpret a tilde after the end of a line; some of them count ``\n`` as one, too.
_TILDE = (b"\r~", b"\n~")

_ALL = (
    PLAIN,
    # -- management controllers, over SSH (sources: NVIDIA's ssh-console, the vendors' manuals)
    Dialect(
        "idrac",
        "Dell's iDRAC",
        prompt=r"racadm>>|/admin1->",
        enter=(("connect com2",), ("console com2",)),
        ready=r"Connected to Serial Device|To end type: \^\\",
        busy=r"(?i)already in use|in use by another|maximum number of .{0,80}sessions",
        free="`racadm closessn -a` ends its sessions; `racadm racreset` restarts it, which takes two minutes",
        leave=b"\x1c",
        close="exit",
        forbidden=(b"\x1c",),
        pace=2,  # its UART has no flow control
    ),
    Dialect(
        "ilo",
        "HPE's iLO",
        prompt=r"(?:</[^>]{0,80}>)?hpiLO->",
        enter=(("vsp",), ("start /system1/oemhp_vsp1",)),
        ready=r"(?i)Virtual Serial Port Active|Starting virtual serial port",
        busy=r"Virtual Serial Port is currently in use by another session",
        free="type `stop /system1/oemhp_vsp1` at its prompt",
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
        banner=r"XClarity",
        enter=(("console 1",), ("console start",)),
        # Its message for a console in use is not known; it stays at its prompt.
        free="type `console kill 1` at its prompt",
        kick=("console kill 1",),
        leave=b"\x1b(",
        close="exit",
        forbidden=(b"\x1b(",),
    ),
    Dialect(
        "smash",
        "Supermicro's SMASH",
        prompt=r"(?:/[\w/]{0,30})?->",
        distinct=False,
        banner=r"SMASH-CLP|System Management Shell",
        enter=(("cd system1/sol1", "start"), ("start /system1/sol1",)),
        ready=r"press <Enter>, <Esc>, and then <T>",
        busy=r"(?i)SOL (?:session )?is (?:already )?(?:active|in use)|already activated",
        free="run `ipmitool ... sol deactivate`, or close the other session",
        # No `leave`: its sequence starts with Enter, which would run unfinished input at a shell's prompt.
        forbidden=(b"\r\x1bT",),
        legacy=True,
    ),
    Dialect(
        "ilom",
        "Oracle's ILOM",
        prompt=r"->",
        distinct=False,
        banner=r"Integrated Lights Out Manager",
        enter=(("start /HOST/console",), ("start /SP/console",)),
        confirm=r"\(y/n\)\?\s*$",
        ready=r"Serial console started",
        busy=r"(?i)console is already in use|session already active",
        free="type `stop /HOST/console` at its prompt",
        kick=("stop /HOST/console",),
        leave=b"\x1b(",
        close="exit",
        forbidden=(b"\x1b(",),
        legacy=True,
    ),
    # It swallows a tilde after a carriage return, whatever follows.
    Dialect("openbmc", "OpenBMC", forbidden=_TILDE, shared=True),
    # -- console servers
    Dialect("opengear", "Opengear", breaks=b"\r~b", forbidden=_TILDE, shared=True),
    Dialect(
        "cyclades",
        "Avocent's Cyclades",
        prompt=r"Enter your option ?:",
        busy=r"(?i)^\s*\d+\W+initiate a (?:regular|sniff) session",
        free="type 4 in its menu to end the other session",
        kick=("4", "1"),
        forbidden=(b"\x05c",),
    ),
    Dialect(
        "digi",
        "Digi's console server",
        busy=r"(?i)^\s*\d+\W+initiate a (?:regular|sniff) session|^port is (?:busy|in use)",
        free="use its web page, or close the other session",
        leave=b"\x1ax",
        breaks=b"\x1ab",
        forbidden=(b"\x1a",),
    ),
    Dialect(
        "conserver",
        "conserver",
        ready=r"^\[Enter `\^Ec\?' for help\]|^\[bumped ",
        busy=r"^\[no, \S+ is attached\]|^\[forced to .spy. mode by|^\[read-only -- use ",
        free="type ^Ecf on the console to take it over; the other user can then only watch",
        leave=b"\x05c.",
        breaks=b"\x05cl0",
        forbidden=(b"\x05c",),
        programs=("console",),
        take_over="-f",
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
        free="close the other session; AWS needs 30 seconds after that",
        note="AWS accepts a key for 60 s after `aws ec2-instance-connect send-serial-console-ssh-public-key`.",
    ),
    Dialect(
        "gcp",
        "GCP's serial console",
        hosts=r"(?:[\w-]+-)?ssh-serialport\.googleapis\.com",
        port=9600,
        user=(r"[^.\s]+\.[^.\s]+\.[^.\s]+\.\S+", "PROJECT.ZONE.INSTANCE.USER"),
        shared=True,
        note="The instance's metadata must contain serial-port-enable=TRUE.",
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
        free="close the other session; an interrupted one stays open for minutes",
        hosts=r"ocid1\.instance\.\S+",
        legacy=True,
        note="It accepts only RSA keys.",
    ),
    Dialect(
        "lish",
        "Linode's Lish",
        prompt=r"\[\S{1,32}@lish-[\w-]{1,40}\][#$>]",
        enter=(("{console}",),),
        free="type `kill` at its prompt to end hanging sessions",
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
        free="run `ipmitool ... sol deactivate`",
        breaks=b"\r~B",
        forbidden=_TILDE,
        programs=("ipmitool",),
        # A session that is not deactivated blocks the next client.
        end_session=("activate", "deactivate"),
    ),
    Dialect(
        "ipmiconsole",
        "FreeIPMI",
        ready=r"\[SOL established\]",
        busy=r"(?i)SOL in use|SOL session stolen",
        free="run `ipmiconsole ... --deactivate`; without --dont-steal, ipmiconsole takes over the session",
        leave=b"\x1d.",
        breaks=b"\x1dB",
        forbidden=(b"\x1d",),
        programs=("ipmiconsole",),
        # Its default escape character is &, which is common in shell commands.
        options=("-e", "\x1d"),
        no_take_over="--dont-steal",
    ),
    Dialect(
        "virsh",
        "libvirt",
        ready=r"Connected to domain|Escape character is",
        busy=r"(?i)Active console session exists for this domain",
        free="run `virsh console --force` to take it over",
        leave=b"\x1d",
        forbidden=(b"\x1d",),
        programs=("virsh",),
        take_over="--force",
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
        ready=r"Successfully connected to .{1,200} console",
        busy=r"another user connected to the console",
        free="connect again, which ends the other session",
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

DIALECTS = {dialect.name: dialect for dialect in _ALL}


def dialect_of_program(argv: tuple[str, ...]) -> Dialect:
    """Return the dialect of a program of ``exec:``; `PLAIN` if the program is unknown."""
    program, *arguments = argv[program_at(argv) :] or ("",)
    name = PurePath(program).name
    dialect = next((one for one in _ALL if name in one.programs), PLAIN)
    if any(word == "-e" or word.startswith("--esc") for word in arguments):
        # The user has chosen another escape key.
        return replace(dialect, leave=b"", breaks=b"", forbidden=(), options=())
    return dialect


def dialect_of_host(host: str) -> Dialect:
    """Return the dialect of an endpoint's host name; `PLAIN` if the name is unknown."""
    return next((one for one in _ALL if one.hosts and re.fullmatch(one.hosts, host, re.IGNORECASE)), PLAIN)


def dialect_of_prompt(open_line: str, lines: Iterable[str]) -> Dialect | None:
    """Return the dialect whose prompt the open line is; None unless exactly one matches.

    Several dialects may share a prompt; the banner in the `lines` before it decides. Only dialects with commands that
    open a console are considered.
    """
    text = " ".join(lines)
    fitting = [one for one in _ALL if one.enter and one.is_prompt(open_line)]
    if len(fitting) > 1 or (fitting and fitting[0].banner):
        fitting = [one for one in fitting if re.search(one.banner or r"$^", text)]
    return fitting[0] if len(fitting) == 1 else None

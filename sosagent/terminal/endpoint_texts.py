"""What endpoints and their programs print when they provide no console, or no longer: the table, by meaning. No I/O.

The table of console states takes its messages from here. When a connection ends, its last lines are looked up here, so
that the error gives the endpoint's own text and a hint that fits it. docs/endpoint_texts.py generates the table of
docs/endpoints.md from this one.

Sources: the programs themselves (`Text.seen`), their source code, and their manuals.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["TEXTS", "Means", "Text", "find_text", "message_of"]

_LAST_LINES = 6
_LONGEST = 1024  # characters of a line that are matched


class Means(enum.Enum):
    """The meaning of a text; the values are names of console states."""

    BUSY = "endpoint-busy"
    READ_ONLY = "endpoint-read-only"
    NO_CONSOLE = "endpoint-closed"
    UNREACHABLE = "endpoint-unreachable"
    LOGIN = "endpoint-refused-login"
    ENDED = "endpoint-ended"

    @property
    def state(self) -> str:
        """The name of the console state."""
        return self.value if self in (Means.BUSY, Means.READ_ONLY) else "endpoint-closed"


@dataclass(frozen=True)
class Text:
    """An entry of the table.

    Fields:
        program: who prints it.
        means: its meaning.
        example: the line as it is printed; a test checks that `pattern` matches it.
        pattern: matches the line; case is ignored.
        hint: what to do next.
        seen: whether the real program has printed it in our tests; otherwise it is from its source or manual.
        stays: whether it counts while the connection is open. The others count only if the connection ends.
    """

    program: str
    means: Means
    example: str
    pattern: re.Pattern[str]
    hint: str
    seen: bool = False
    stays: bool = False


def _texts(program: str, *entries: tuple[Means, str, str, str, str]) -> tuple[Text, ...]:
    """Return entries of one program: meaning, example, pattern, hint, flags (``s`` for `seen`, ``c`` for `stays`)."""
    return tuple(
        Text(program, means, example, re.compile(pattern, re.IGNORECASE), hint, "s" in flags, "c" in flags)
        for means, example, pattern, hint, flags in entries
    )


_WAIT = "Wait until the other session ends, or end it at the endpoint."
_NAMES = "Check the name of the console in HOST."
_NETWORK = "Check the host name, the port and the network on the way to it."
_START = "Start the machine there, then run again."
_CREDENTIALS = "Check the name and the password for the endpoint. The machine's own password is never typed there."
_SOL_OFF = "Enable serial over LAN for this user and channel: ipmitool ... sol set enabled true; sol payload enable."

#: The entries. A narrow pattern precedes a wide one: the first entry that matches one of the last lines counts.
TEXTS: tuple[Text, ...] = (
    *_texts(
        "ipmitool",
        (Means.BUSY, "Info: SOL payload already active on another session", r"already active on another session",
         _WAIT, "sc"),
        (Means.BUSY, "Info: SOL payload activation limit reached", r"activation limit reached", _WAIT, "c"),
        (Means.NO_CONSOLE, "Info: SOL payload disabled", r"SOL payload (?:type )?disabled", _SOL_OFF, "c"),
        (Means.NO_CONSOLE, "Info: cannot activate SOL payload with encryption",
         r"cannot activate SOL payload with(?:out)? encryption",
         "Choose another cipher suite (ipmitool -C 3 or -C 17), or change sol set force-encryption.", ""),
        (Means.NO_CONSOLE, "Error activating SOL payload: Insufficient privilege level",
         r"Error activating SOL payload|No response activating SOL payload|Error in SOL session",
         "The controller gives the reason. The user may need the privilege for SOL (-L ADMINISTRATOR).", ""),
        (Means.NO_CONSOLE, "Error: This command is only available over the lanplus interface",
         r"only available over the lanplus interface", "Add -I lanplus to ipmitool.", ""),
        (Means.NO_CONSOLE, "Error: BMC requests SOL session on different port", r"SOL session on different port",
         "Set that port in ipmitool (-p).", ""),
        (Means.ENDED, "SOL session closed by BMC", r"SOL session closed by BMC",
         "The controller closed the session: another client may have ended it, or the controller has restarted.", "c"),
        (Means.ENDED, "Error: No response to keepalive - Terminating session", r"No response to keepalive",
         "The controller no longer answers.", ""),
        (Means.ENDED, "~. [terminated ipmitool]", r"\[terminated ipmitool\]", "", "s"),
        (Means.UNREACHABLE, "Address lookup for bmc-web1 failed", r"Address lookup for \S+ failed",
         "The controller's name is unknown. Check -H.", "s"),
        (Means.UNREACHABLE, "Could not open device at /dev/ipmi0 or /dev/ipmi/0 or /dev/ipmidev/0: No such file or "
         "directory", r"Could not open device at /dev/ipmi", "Name the controller: ipmitool -I lanplus -H BMC.", "s"),
        (Means.LOGIN, "Error in open session response message : invalid authentication algorithm",
         r"invalid (?:authentication|integrity|confidentiality) algorithm",
         "The controller does not offer this cipher suite. Choose another one (ipmitool -C 3 or -C 17).", "s"),
        (Means.LOGIN, "RAKP 2 message indicates an error : unauthorized name",
         r"RAKP [24] message (?:indicates an error|has invalid)|RAKP 2 HMAC is invalid", _CREDENTIALS, ""),
        (Means.UNREACHABLE, "Error: Unable to establish IPMI v2 / RMCP+ session",
         r"Unable to establish (?:IPMI|LAN|RMCP)",
         "The controller did not answer, or refused the user name, the password or the cipher suite (-C 3, -C 17). "
         "`ipmitool -v ...` shows which.", "sc"),
    ),
    *_texts(
        "ipmiconsole",
        (Means.BUSY, "[error received]: SOL in use", r"^\[error received\]: SOL in use",
         _WAIT, "s"),
        (Means.ENDED, "[error received]: SOL session stolen", r"^\[error received\]: SOL session stolen",
         "Another client has taken over the console.", "c"),
        (Means.LOGIN, "[error received]: password invalid",
         r"^\[error received\]: (?:username|password|k_g) invalid|^\[error received\]: privilege level", _CREDENTIALS,
         "s"),
        (Means.NO_CONSOLE, "[error received]: SOL unavailable",
         r"^\[error received\]: (?:SOL (?:unavailable|requires)|ipmi 2\.0 unavailable|cipher suite)",
         "Enable serial over LAN at the controller, or choose another cipher suite (-I 3 or -I 17).", ""),
        (Means.UNREACHABLE, "[error received]: connection timeout",
         r"^\[error received\]: (?:connection timeout|hostname invalid)", _NETWORK, "s"),
        (Means.ENDED, "[error received]: session timeout", r"^\[error received\]: ",
         "The controller no longer answers, or reports an error.", ""),
        (Means.ENDED, "[closing the connection]", r"^\[closing the connection\]|^\[closed\]", "", "s"),
    ),
    *_texts(
        "conserver",
        (Means.BUSY, "[no, alice@desk is attached]",
         r"^\[no, \S+ is attached\]|^\[forced to .spy. mode by|^\[read-only -- use ", _WAIT, "sc"),
        (Means.NO_CONSOLE, "[read-only]", r"^\[(?:console is )?read-only(?: -- initializing)?\]",
         "Your user may only watch this console. Its entry in conserver.cf must list the user under `rw`.", "sc"),
        (Means.NO_CONSOLE, "[`web1' -- console is down]",
         r"^\[.{1,80} -- console is down\]|^\[line to console is down\]|Console is not 'up'",
         "The console server has no connection to this console. `console -u` shows it; ^Eco in `console` opens it, and "
         "conserver's log says why it is down.", "sc"),
        (Means.ENDED, "[line down by alice@desk]", r"^\[line down(?: by \S{1,80})?\]",
         "Somebody closed the line at the console server (^Ecd). ^Eco in `console` opens it again.", "sc"),
        (Means.ENDED, "[-- Conserver reconfigured - console has been (re)moved --]",
         r"^\[-- (?:Conserver reconfigured|Console server shutting down|Disconnected by admin)"
         r"|^\[Conserver reconfigured", "", "sc"),
        (Means.NO_CONSOLE, "192.0.2.1: console `web1' not found", r": console `[^']{1,80}' not found", _NAMES, "s"),
        (Means.LOGIN, "192.0.2.1: web1: permission denied", r"^[\w.:-]+: [\w.-]+: (?-i:permission denied)$",
         "conserver.cf lets this user neither use nor watch the console (`rw`, `ro`).", "s"),
        (Means.LOGIN, "192.0.2.1: access from your host refused", r"access from your host refused",
         "The console server's `access` lists do not allow this computer.", "s"),
        (Means.LOGIN, "console: too many bad passwords for `192.0.2.1'", r"too many bad passwords", _CREDENTIALS, "s"),
        (Means.UNREACHABLE, "console: Unable to connect to 192.0.2.1:782",
         r"^console: (?:Unable to connect|getaddrinfo)", _NETWORK, "s"),
        (Means.ENDED, "console: lost connection",
         r"^console: lost connection|^\[?(?:Connection to )?console \S{1,80} closed", "", "s"),
    ),
    *_texts(
        "virsh",
        (Means.BUSY, "error: operation failed: Active console session exists for this domain",
         r"active console session exists", _WAIT, "c"),
        (Means.NO_CONSOLE, "error: failed to get domain 'web1'",
         r"^error: failed to get domain|^error: Domain not found",
         "`virsh list --all` shows the domains of this host and this user (-c qemu:///system).", "s"),
        (Means.NO_CONSOLE, "error: The domain is not running",
         r"^error: (?:.{0,80}: )?(?:the )?domain (?:.{1,80} )?is not running", _START, "s"),
        (Means.NO_CONSOLE, "error: internal error: character device serial0 is not using a PTY",
         r"not using a PTY|cannot find (?:character|console) device",
         "Give the domain a serial console of type pty (virsh edit).", "sc"),
        (Means.NO_CONSOLE, "error: this function is not supported by the connection driver: virDomainOpenConsole",
         r"not supported by the connection driver", "This hypervisor has no consoles that virsh can open.", "s"),
        (Means.NO_CONSOLE, "error: Cannot run interactive console without a controlling TTY",
         r"interactive console without a controlling TTY", "Run virsh through exec: without another program.", ""),
        (Means.UNREACHABLE, "error: failed to connect to the hypervisor",
         r"^error: failed to connect to the hypervisor",
         "Check the URI of virsh (-c), that libvirtd runs there, and that this user may use it.", "s"),
        (Means.ENDED, "error: Disconnected from qemu:///system due to end of file",
         r"^error: Disconnected from \S+ due to", "libvirt ended the connection.", ""),
    ),
    *_texts(
        "qm",
        (Means.NO_CONSOLE, "VM 113 not running", r"^(?:VM|CT) \d{1,10} (?:is )?not running", _START, "c"),
        (Means.NO_CONSOLE, "Configuration file 'nodes/pve/qemu-server/113.conf' does not exist",
         r"^Configuration file '\S+' does not exist", "`qm list` shows the machines of this node.", ""),
        (Means.NO_CONSOLE, "unable to find a serial interface",
         r"^unable to find a serial interface|^serial interface ",
         "Give the machine a serial port: qm set ID --serial0 socket.", ""),
    ),
    *_texts(
        "virtctl",
        (Means.ENDED, "You were disconnected from the console. This could be caused by one of the following:",
         r"^You were disconnected from the console|another user connected to the console",
         "Another user may have connected, which ends the session before, or the machine was switched off.",
         "c"),
        (Means.NO_CONSOLE, "virtualmachineinstances.kubevirt.io \"web1\" not found",
         r"virtualmachineinstances?\S* \"?\S{1,80} not found|VirtualMachineInstance is not running"
         r"|VMI is (?:not running|in)",
         "`kubectl get vmi` shows the running machines of this namespace.", ""),
        (Means.LOGIN, "virtualmachineinstances.subresources.kubevirt.io is forbidden: User \"alice\" cannot get",
         r"subresources\.kubevirt\.io\b.{0,120} is forbidden|^You must be logged in to the server|\(Unauthorized\)",
         "Your cluster account needs the role that opens consoles (kubevirt.io:edit).", ""),
        (Means.UNREACHABLE, "Can't access VMI web1: timed out", r"^Can't access VMI|^Unable to connect to the server",
         "Check the cluster, and that the machine runs.", ""),
    ),
    *_texts(
        "az",
        (Means.NO_CONSOLE, "Azure Serial Console requires boot diagnostics to be enabled.",
         r"Serial Console requires boot diagnostics", "Enable them: az vm boot-diagnostics enable.", ""),
        (Means.NO_CONSOLE, "Azure Serial Console requires a virtual machine to be running.",
         r"Serial Console requires a virtual machine to be running", "Start it: az vm start.", ""),
        (Means.NO_CONSOLE, "Azure Serial Console is not enabled for this subscription.",
         r"Serial Console is not enabled for this subscription", "Enable it: az serial-console enable.", ""),
        (Means.UNREACHABLE, "Could not establish connection to VM or VMSS. Make sure that it is powered on and press "
         "\"Enter\" try again...", r"Could not establish connection to VM or VMSS",
         "Check that the machine is switched on, and that your account is a contributor of it.", "c"),
        (Means.ENDED, "Connection Closed: Press \"Enter\" to reconnect...", r"^Connection Closed: Press",
         "Azure closed the console, as it does after some minutes without input.", "c"),
        (Means.LOGIN, "Please run 'az login' to setup account.", r"Please run 'az login'", "Run az login first.", ""),
    ),
    *_texts(
        "gcloud",
        (Means.LOGIN, "ERROR: (gcloud.compute.connect-to-serial-port) You do not currently have an active account "
         "selected.", r"^ERROR: \(gcloud\.[\w.-]+\).*(?:active account|credentials|permission|Reauthentication)",
         "Run gcloud auth login; your account needs the role iam.serviceAccountUser.", ""),
        (Means.NO_CONSOLE, "ERROR: (gcloud.compute.connect-to-serial-port) Could not fetch resource:",
         r"^ERROR: \(gcloud\.", "The text says what is missing; the metadata needs serial-port-enable=TRUE.", ""),
    ),
    *_texts(
        "incus, lxc",
        (Means.BUSY, "Error: There is already an active console for this instance",
         r"already an active console for this instance", "Run it with --force, or end the other console.", "c"),
        (Means.NO_CONSOLE, "Error: The instance is not running",
         r"^Error: (?:The )?(?:instance|container) is not running|^\S{1,80} is not running$", _START, ""),
        (Means.NO_CONSOLE, "Error: Instance not found", r"^Error: (?:Instance|Container)? ?not found",
         "`incus list` shows the instances of this project.", ""),
    ),
    *_texts(
        "xl",
        (Means.NO_CONSOLE, "web1 is an invalid domain identifier (rc=-6)", r"is an invalid domain identifier",
         "`xl list` shows the running domains.", ""),
        (Means.NO_CONSOLE, "xenconsole: Could not read tty from store: No such file or directory",
         r"Could not read tty from store|Could not open tty `|Failed to get domain information",
         "The domain has no console of this type (xl console -t serial).", ""),
        (Means.BUSY, "xenconsole: Could not lock /var/lock/xenconsole.1: Resource temporarily unavailable",
         r"Could not lock /var/lock/xenconsole", _WAIT, ""),
    ),
    *_texts(
        "picocom",
        (Means.BUSY, "FATAL: cannot lock /dev/ttyUSB0: Resource temporarily unavailable", r"^FATAL: cannot lock \S+: ",
         "Another program has the device open (fuser DEVICE shows it).", "s"),
        (Means.NO_CONSOLE, "FATAL: cannot open /dev/ttyUSB0: Permission denied",
         r"^FATAL: (?:cannot open|failed to add (?:port|device))",
         "Check the path of the device, and that you are in its group (dialout).", "s"),
        (Means.ENDED, "FATAL: read zero bytes from port", r"^FATAL: read zero bytes|^term_exitfunc: ",
         "The device went away: check its cable.", "s"),
        (Means.ENDED, "Thanks for using picocom", r"^Thanks for using picocom", "", "s"),
    ),
    *_texts(
        "cu, minicom, screen, tio",
        (Means.NO_CONSOLE, "cu: open (/dev/ttyUSB0): Permission denied", r"cu: open \(\S+\): ",
         "Check the path of the device, and that this user may open it.", "s"),
        (Means.NO_CONSOLE, "cu: web1: System not found", r"cu: \S+: System not found", "Use cu -l DEVICE.", "s"),
        (Means.BUSY, "cu: /dev/ttyUSB0: Line in use", r"cu: \S+: Line in use|^Device \S+ is locked",
         "Another program has the device open (fuser DEVICE shows it).", "s"),
        (Means.NO_CONSOLE, "minicom: cannot open /dev/ttyUSB0: No such file or directory", r"^minicom: cannot open ",
         "Check the path of the device, and that this user may open it.", ""),
        (Means.NO_CONSOLE, "There is no screen to be attached matching web1.",
         r"no screen to be (?:attached|resumed) matching|^Cannot exec '", "`screen -ls` shows the sessions.", "s"),
        (Means.ENDED, "[screen is terminating]",
         r"\[screen is terminating\]|^\[(?:remote |power )*detached", "", "s"),
        (Means.ENDED, "Disconnected.",
         r"^(?:\S+: )?(?:Disconnected|Line disconnected|Got hangup signal)\.?$", "", ""),
    ),
    *_texts(
        "clouds and consoles over SSH",
        (Means.READ_ONLY, "[Read-only SOS Session. Use ~? for help.]", r"\[Read-only SOS Session\.",
         "The machine is still being provisioned. Run again half a minute after that has finished.", "c"),
        (Means.BUSY, "console access is limited to one connection at a time",
         r"limited to one connection|^port(?:'s device)? already in use|currently in use by another session"
         r"|console is (?:already )?(?:busy|in use|locked|attached)|session limit exceeded|\[SOS Session Busy",
         _WAIT, "c"),
        (Means.NO_CONSOLE, "machine allocation not known, terminating console session",
         r"terminating console session|machine (?:is not allocated|allocation changed)",
         "The machine belongs to nobody, or to another project; correct that at the provider.", "c"),
    ),
    *_texts(
        "ssh, telnet, socat",
        (Means.LOGIN, "alice@bmc: Permission denied (publickey).", r"Permission denied \([\w,-]+\)\.?$",
         "Check the user name and the key for the endpoint.", ""),
        (Means.LOGIN, "Host key verification failed.", r"^Host key verification failed",
         "Compare the endpoint's key, and put it into known_hosts.", "s"),
        (Means.UNREACHABLE, "ssh: Could not resolve hostname bmc: Name or service not known",
         r"^ssh: (?:Could not resolve|connect to host)|^kex_exchange_identification:", _NETWORK, "s"),
        (Means.UNREACHABLE, "telnet: Unable to connect to remote host: Connection refused",
         r"^telnet: |^Server lookup failure:", _NETWORK, "s"),
        (Means.UNREACHABLE, "socat[812] E connect(, AF=1 \"/run/vm\", 9): No such file or directory",
         r"socat\[\d+\] E ", "socat could not open one end of its connection.", "s"),
        (Means.ENDED, "Connection closed by foreign host.",
         r"^Connection (?:closed|reset)\b|^Connection to \S+ closed|^client_loop: |^Shared connection to", "", "c"),
    ),
)  # fmt: skip


def find_text(lines: Sequence[str], *, only: Means | None = None) -> tuple[Text, str] | None:
    """Return the entry for what an endpoint printed last, and the line.

    Args:
        lines: the last lines, the open line included, oldest first.
        only: consider only entries with this meaning.
    """
    last = [line.strip()[:_LONGEST] for line in lines if line.strip()][-_LAST_LINES:]
    for text in TEXTS:
        if only in (None, text.means):
            for line in reversed(last):
                if text.pattern.search(line):
                    return text, line
    return None


def message_of(state: str) -> str:
    """Return the pattern of the texts that stand for a console state while the connection is open."""
    return "(?i)" + "|".join(text.pattern.pattern for text in TEXTS if text.stays and text.means.state == state)

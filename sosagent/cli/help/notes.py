"""What the help and the man pages say about a command besides its parameters: examples, exit statuses, more to read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .statuses import CHANGES, CONNECTS, LOCAL, LOGS_IN, Statuses, but

__all__ = ["NOTES", "Example", "Notes"]


@dataclass(frozen=True)
class Example:
    """A command line that can be copied, and what it is for."""

    purpose: str
    command: str


@dataclass(frozen=True)
class Notes:
    """Notes on a command.

    Fields:
        examples: the most common uses, the simplest first.
        statuses: exit statuses and their meanings.
        read_on: pages of the documentation, below docs/.
        see_also: other commands, such as ``sosagent keys audit``.
        usage: the forms of the command line, if they do not follow from the parameters.
        frequent: for a group: the commands that are shown when no command is named. All if empty.
    """

    examples: tuple[Example, ...] = ()
    statuses: Statuses = ()
    read_on: tuple[str, ...] = ()
    see_also: tuple[str, ...] = ()
    usage: tuple[str, ...] = ()
    frequent: tuple[str, ...] = ()


def _examples(*pairs: tuple[str, str]) -> tuple[Example, ...]:
    return tuple(Example(purpose, command) for purpose, command in pairs)


_NOT_CONFIRMED = "A wrong option or an invalid file, or you did not confirm the change. Nothing was changed."

_GROUPS: Mapping[str, Notes] = {
    "sosagent": Notes(
        _examples(
            ("Add your own key to a machine that you cannot log in to", "sosagent addkey web1-sos"),
            ("Find out what is on a console, without logging in", "sosagent state --poke web1-sos"),
            ("Run one command", "sosagent exec web1-sos -- systemctl status ssh"),
            ("Try it on a simulated machine", "sosagent lab"),
        ),
        CHANGES,
        ("tutorial.md", "reference/host.md", "reference/errors.md"),
        frequent=("addkey", "exec", "run", "console", "state", "lab"),
    ),
    "sosagent keys": Notes(read_on=("howto/manage-keys.md",), see_also=("sosagent addkey",)),
    "sosagent key": Notes(read_on=("howto/key-files.md",), see_also=("sosagent keys",)),
    "sosagent machines": Notes(read_on=("howto/machines.md",)),
    "sosagent runbook": Notes(read_on=("howto/write-a-runbook.md",), see_also=("sosagent run",)),
    "sosagent completion": Notes(read_on=("howto/machines.md",)),
}

_KEYS: Mapping[str, Notes] = {
    "sosagent addkey": Notes(
        _examples(
            ("Add your own public key", "sos-addkey web1-sos"),
            ("Show what would be added, and change nothing", "sos-addkey --dry-run web1-sos ~/.ssh/id_ed25519.pub"),
            (
                "Add the keys of a GitHub account for two hours, and prove it with an SSH login",
                "sos-addkey --expires 2h --verify web1-sos gh:alice",
            ),
            (
                "In a script, without questions and without progress",
                "sos-addkey -q --password-file root.password 7f3c1a2e@sos.example.net id_ed25519.pub",
            ),
        ),
        but(CHANGES, {"0": "The keys are on the machine, and sshd will accept them."}),
        ("howto/add-a-key.md", "howto/key-files.md", "reference/host.md"),
        ("sosagent keys", "sosagent hostkeys", "sosagent key show"),
    ),
    "sosagent keys list": Notes(
        _examples(
            ("List root's keys", "sosagent keys list web1-sos"),
            ("List another user's keys as JSON", "sosagent keys list --json --user deploy web1-sos"),
        ),
        LOGS_IN,
        ("howto/manage-keys.md",),
        ("sosagent keys audit", "sosagent keys remove", "sosagent addkey"),
    ),
    "sosagent keys audit": Notes(
        _examples(("Report the keys that sshd refuses", "sosagent keys audit web1-sos")),
        but(LOGS_IN, {"0": "There is nothing to report.", "1": "There is something to report."}),
        ("howto/manage-keys.md",),
        ("sosagent keys list", "sosagent keys remove"),
    ),
    "sosagent keys remove": Notes(
        _examples(
            ("Remove the keys in a file", "sosagent keys remove web1-sos old-laptop.pub"),
            ("Show what would be removed", "sosagent keys remove --dry-run web1-sos old-laptop.pub"),
            (
                "Remove a key of which you have only the fingerprint",
                "sosagent keys remove web1-sos SHA256:UqS7QEBiQEdX0Q3dDkXhHhq2ZyvJpNNZ2mXkZ0sOQyM",
            ),
        ),
        but(CHANGES, {"0": "The keys are not in the file any more.", "2": _NOT_CONFIRMED}),
        ("howto/manage-keys.md", "howto/changes.md"),
        ("sosagent keys list", "sosagent keys audit"),
    ),
    "sosagent key show": Notes(
        _examples(
            ("Show your own public keys", "sosagent key show ~/.ssh"),
            ("Show the line that would be added", "sosagent key show --restrict --comment backup id_ed25519.pub"),
        ),
        LOCAL,
        ("howto/key-files.md",),
        ("sosagent addkey",),
    ),
    "sosagent hostkeys": Notes(
        _examples(
            ("Show the fingerprints of a machine's host keys", "sosagent hostkeys web1-sos"),
            (
                "Add its host keys to your known_hosts",
                "sosagent hostkeys --name web1.example.net --write web1-sos",
            ),
        ),
        but(LOGS_IN, {"2": _NOT_CONFIRMED}),
        ("howto/manage-keys.md", "howto/changes.md"),
        ("sosagent addkey",),
    ),
}

_MACHINE: Mapping[str, Notes] = {
    "sosagent exec": Notes(
        _examples(
            ("Run a command", "sosagent exec web1-sos -- systemctl status ssh"),
            ("Run a line of shell", "sosagent exec web1-sos -- sh -c 'journalctl -b | tail -n 50'"),
            ("Run a script that you have here", "sosagent exec --script repair.sh web1-sos"),
            ("Run it as another user", "sosagent exec --user postgres web1-sos -- psql -l"),
        ),
        (
            ("0-254", "The exit status of the command."),
            ("255", "An error of sosagent, which is shown; or the exit status of the command."),
        ),
        ("howto/run-a-command.md",),
        ("sosagent run", "sosagent upload"),
        ("[OPTIONS] HOST -- COMMAND [ARG...]", "[OPTIONS] --script FILE HOST"),
    ),
    "sosagent run": Notes(
        _examples(
            ("Show what a runbook would do", "sosagent run --dry-run boot-errors web1-sos"),
            ("Run it, and write a report for the ticket", "sosagent run boot-errors web1-sos --report errors.html"),
            ("Try your own runbook on a simulated machine", "sosagent run --against lab restart.yml -p service=ssh"),
        ),
        but(
            CHANGES,
            {
                "0": "All steps had the expected result.",
                "2": _NOT_CONFIRMED,
                "9": "A step did not have the expected result.",
            },
        ),
        ("howto/write-a-runbook.md", "howto/shipped-runbooks.md", "howto/changes.md"),
        ("sosagent runbook", "sosagent replay"),
    ),
    "sosagent replay": Notes(
        _examples(("Compare a runbook with a recording of its last run", "sosagent replay run.cast restart.yml")),
        but(LOCAL, {"0": "There are no differences.", "1": "There are differences."}),
        ("howto/record.md",),
        ("sosagent run",),
    ),
    "sosagent upload": Notes(
        _examples(
            ("Copy a file to the machine", "sosagent upload web1-sos sshd_config /etc/ssh/sshd_config"),
            ("Copy a program", "sosagent upload --mode 0755 web1-sos repair /usr/local/sbin/repair"),
        ),
        but(CHANGES, {"0": "The file is on the machine, and was compared.", "2": _NOT_CONFIRMED}),
        ("howto/transfer-files.md", "howto/changes.md"),
        ("sosagent download", "sosagent exec"),
    ),
    "sosagent download": Notes(
        _examples(
            ("Copy a file to the current folder", "sosagent download web1-sos /var/log/syslog"),
            ("Look at a file", "sosagent download web1-sos /etc/fstab -"),
        ),
        but(LOGS_IN, {"0": "The file is here, and was compared.", "6": "The machine could not read it."}),
        ("howto/transfer-files.md",),
        ("sosagent upload",),
    ),
}

_CONSOLE: Mapping[str, Notes] = {
    "sosagent console": Notes(
        _examples(
            ("Use a console", "sosagent console web1-sos"),
            (
                "Watch a console without typing, and record it",
                "sosagent console --read-only --record a.cast web1-sos",
            ),
        ),
        CONNECTS,
        ("howto/interactive-console.md",),
        ("sosagent state", "sosagent screen", "sosagent break"),
    ),
    "sosagent state": Notes(
        _examples(
            ("Report what is on the console", "sosagent state web1-sos"),
            ("Get an answer from a silent line: type what a job would type", "sosagent state --poke web1-sos"),
        ),
        CONNECTS,
        ("reference/states.md",),
        ("sosagent screen", "sosagent console"),
    ),
    "sosagent screen": Notes(
        _examples(
            ("Show the screen as text", "sosagent screen --poke web1-sos"),
            ("Write it as a picture for a ticket", "sosagent screen --poke --png console.png web1-sos"),
        ),
        CONNECTS,
        ("howto/record.md",),
        ("sosagent state", "sosagent console"),
    ),
    "sosagent break": Notes(
        _examples(
            ("Send a BREAK", "sosagent break web1-sos"),
            ("Let Linux sync its disks", "sosagent break --sysrq s web1-sos"),
        ),
        but(CONNECTS, {"0": "The BREAK was sent."}),
        ("reference/host.md",),
        ("sosagent console", "sosagent state"),
    ),
    "sosagent lab": Notes(
        _examples(
            ("Start a simulated machine; it prints a command to try", "sosagent lab"),
            ("Imitate a BMC whose console is in use", "sosagent lab --endpoint idrac --busy"),
            ("Imitate a bad line", "sosagent lab --faults drop=1e-3,baud=9600"),
            ("Let the commands find the machine as web-1", "sosagent lab --machine web-1 --config ~/sos-lab"),
            ("Start with vim open on the console", "sosagent lab --state vim"),
        ),
        LOCAL,
        ("tutorial.md", "howto/test-with-the-lab.md"),
    ),
}

_FILES: Mapping[str, Notes] = {
    "sosagent machines list": Notes(
        _examples(("List the machines of a group", "sosagent machines list --group web")),
        LOCAL,
        ("howto/machines.md",),
        ("sosagent machines check",),
    ),
    "sosagent machines check": Notes(
        _examples(("Check the machines file after a change", "sosagent machines check")),
        but(LOCAL, {"0": "The file is valid, or does not exist.", "2": "The file has mistakes, or cannot be read."}),
        ("howto/machines.md",),
        ("sosagent machines list",),
    ),
    "sosagent machines import": Notes(
        _examples(
            ("Show the entries for the hosts of an ssh_config", "sosagent machines import ~/.ssh/config --from ssh"),
            ("Add the machines of an Ansible inventory", "sosagent machines import hosts.ini --from ansible --write"),
        ),
        LOCAL,
        ("howto/machines.md",),
        ("sosagent machines check",),
    ),
    "sosagent machines schema": Notes(
        _examples(("Write the schema for your editor", "sosagent machines schema > machines.schema.json")),
        LOCAL,
        ("howto/machines.md",),
    ),
    "sosagent runbook list": Notes(
        _examples(("List the shipped runbooks", "sosagent runbook list")),
        LOCAL,
        ("howto/shipped-runbooks.md",),
        ("sosagent runbook show", "sosagent run"),
    ),
    "sosagent runbook show": Notes(
        _examples(
            ("Show what a runbook asks for and does", "sosagent runbook show boot-errors"),
            ("Copy it, to change the copy", "sosagent runbook show --text boot-errors > my-errors.yml"),
        ),
        LOCAL,
        ("howto/shipped-runbooks.md",),
        ("sosagent runbook list", "sosagent run"),
    ),
    "sosagent runbook check": Notes(
        _examples(("Check your runbooks", "sosagent runbook check restart.yml repair.yml")),
        but(LOCAL, {"0": "There are no mistakes.", "2": "There are mistakes, or a file cannot be read."}),
        ("reference/runbooks.md",),
        ("sosagent run",),
    ),
    "sosagent runbook new": Notes(
        _examples(("Create a runbook", "sosagent runbook new mine.yml")),
        LOCAL,
        ("howto/write-a-runbook.md",),
        ("sosagent runbook check", "sosagent run"),
    ),
    "sosagent runbook schema": Notes(
        _examples(("Write the schema for your editor", "sosagent runbook schema > runbook.schema.json")),
        LOCAL,
        ("reference/runbooks.md",),
    ),
    "sosagent completion install": Notes(
        _examples(
            ("Install it for your login shell", "sosagent completion install"),
            ("Install it for another shell", "sosagent completion install zsh"),
        ),
        LOCAL,
        ("howto/machines.md",),
        ("sosagent completion show",),
    ),
    "sosagent completion show": Notes(
        _examples(("Use it in this shell only", 'eval "$(sosagent completion show bash)"')),
        LOCAL,
        ("howto/machines.md",),
        ("sosagent completion install",),
    ),
    "sosagent help": Notes(
        _examples(
            ("List all commands", "sosagent help"),
            ("Explain a command", "sosagent help keys list"),
        ),
        LOCAL,
        ("reference/command-line.md",),
    ),
}

#: Full name of a command -> its notes.
NOTES: Mapping[str, Notes] = {**_GROUPS, **_KEYS, **_MACHINE, **_CONSOLE, **_FILES}

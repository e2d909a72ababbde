"""endpoint/wrappers.py: a program behind programs that run it has its own dialect, options and escape keys."""

from __future__ import annotations

import shlex

import pytest

from sosagent.endpoint.dialects import dialect_of_program
from sosagent.endpoint.wrappers import program_at
from sosagent.transports.process import _with_console_options

IPMI = "ipmitool -I lanplus -H bmc sol activate"


@pytest.mark.parametrize(
    "wrapper",
    [
        "", "sudo", "sudo -n", "/usr/bin/sudo -nu operator", "sudo -u operator", "sudo --user op",
        "sudo --user=op", "sudo -n env LC_ALL=C", "sudo LC_ALL=C TZ=UTC", "sudo -n --", "doas -u op",
        "env -i PATH=/bin", "env -u LANG A=b",
        "env --unset LANG --", "nice", "nice -n 5", "nice -5", "ionice -c 3", "ionice -c3 -t", "timeout 600",
        "timeout -k 5 600", "timeout --signal INT 600", "timeout --foreground 600", "setsid -w", "stdbuf -oL -eL",
        "stdbuf -o L -e 0", "sshpass -e", "sshpass -f /etc/pass", "sshpass -p-x", "chronic", "nohup", "time -f %e",
        "flock -w 5 /run/lock/bmc", "ip netns exec mgmt", "ip vrf exec mgmt",
        "sudo -n timeout 600 nice -n 5 env LC_ALL=C sshpass -e",
    ],
)  # fmt: skip
def test_a_program_is_found_behind_its_wrappers(wrapper: str) -> None:
    argv = tuple(shlex.split(f"{wrapper} {IPMI}"))
    assert argv[program_at(argv)] == "ipmitool"
    dialect = dialect_of_program(argv)
    assert (dialect.name, dialect.forbidden) == ("ipmi", (b"\r~", b"\n~"))


@pytest.mark.parametrize("command", ["sudo", "sudo -u", "timeout 600", "timeout", "env A=b", "ip netns", "sh -c virsh"])
def test_no_program_follows_that_is_known(command: str) -> None:
    assert dialect_of_program(tuple(command.split())).name == "plain"


def test_an_argument_of_the_wrapper_is_no_escape_key() -> None:
    own = dialect_of_program(("sshpass", "-e", "ipmitool", "-e", "!", "sol", "activate"))
    assert (own.name, own.forbidden) == ("ipmi", ())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("sudo -n ipmiconsole -h bmc", "sudo -n ipmiconsole -e \x1d --dont-steal -h bmc"),
        ("sshpass -e ipmiconsole -h bmc", "sshpass -e ipmiconsole -e \x1d --dont-steal -h bmc"),
        ("sudo ipmiconsole -e & -h bmc", "sudo ipmiconsole --dont-steal -e & -h bmc"),
        ("timeout 9 virsh -c x console web1", "timeout 9 virsh -c x console web1"),
    ],
)
def test_options_are_added_behind_the_program(before: str, after: str) -> None:
    assert _with_console_options(tuple(before.split(" ")), kick=False) == tuple(after.split(" "))


def test_the_option_to_take_over_is_added_behind_the_program() -> None:
    assert _with_console_options(("sudo", "console", "web1"), kick=True) == ("sudo", "console", "-f", "web1")

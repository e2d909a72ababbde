"""Tests that every code block of the documentation works.

`make lint` checks the types of the Python blocks, and `make docs` runs the blocks and checks the site.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from docs.__main__ import PARTS
from docs.generated import GeneratedPart
from docs.runbook_schema import FILE, schema_text
from sosagent.lab import Lab, open_lab

from ..conftest import installed, new_key
from ..support.doc_blocks import (
    LANGUAGES,
    NOTES,
    ROOT,
    Block,
    blocks_of,
    command_lines,
    documents,
    parse,
    script_of,
    write_commands,
)
from ..support.doc_outputs import differences, problems_of, shape_of
from ..support.follow import pages_in_order
from ..support.site import problems
from ..support.site_in_browser import browser_problems, search_problems

#: The most blocks that may need what the tests do not have, such as a cable or a terminal.
MOST_NOT_RUN = 10

PAGES = documents()
BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def _id(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.pages
@pytest.mark.parametrize("page", PAGES, ids=_id)
async def test_the_blocks_of_a_page_work(page: Path, tmp_path: Path) -> None:
    home, work = tmp_path / "home", tmp_path / "work"
    work.mkdir()
    write_commands(tmp_path / "bin")
    async with open_lab(machine="web-1", own_system=True) as lab:
        blocks = [one for one in blocks_of(page) if "needs" not in one.notes or lab.ssh_port is not None]
        _set_up(home, lab)
        script = script_of(blocks, work)
        environment = {
            "HOME": str(home),
            "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "SOS_PASSWORD": lab.password.reveal(),
            "LANG": "C.UTF-8",
        }
        process = await asyncio.create_subprocess_exec("bash", "-c", script, env=environment, start_new_session=True)
        try:
            async with asyncio.timeout(110):
                await process.wait()
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
    # A machine without a system of its own reports this computer's name.
    own_name = os.uname().nodename if lab.no_system else "web-1"
    wrong = [problem for number, block in enumerate(blocks) for problem in problems_of(block, number, work, own_name)]
    assert not wrong, "\n\n".join(wrong)


def _set_up(home: Path, lab: Lab) -> None:
    """Create a home folder with a key, and with an ssh_config that maps the endpoints of the pages to the lab."""
    folder = home / ".ssh"
    folder.mkdir(parents=True, mode=0o700)
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "you@laptop", "-f", str(folder / "id_ed25519")]
    subprocess.run(command, check=True)
    (folder / "config").write_text(
        "Host sos.example.net web1-sos web2-sos\n"
        f"    HostName 127.0.0.1\n    Port {lab.host.rpartition(':')[2]}\n"
        f"    IdentityFile {lab.identity}\n    UserKnownHostsFile {lab.known_hosts}\n"
    )
    (home / "root.password").write_text(lab.password.reveal() + "\n")
    (home / "root.password").chmod(0o600)
    lab.authorized_keys.parent.mkdir(mode=0o700)
    lab.authorized_keys.write_text("".join(f"{new_key(name).line}\n" for name in ("first", "second")))
    lab.authorized_keys.chmod(0o600)
    owner = lab.machine.home.stat()
    for path in (lab.authorized_keys.parent, lab.authorized_keys):
        os.chown(path, owner.st_uid, owner.st_gid)


@pytest.mark.parametrize("block", [one for one in BLOCKS if one.language == "json"], ids=lambda one: one.place)
def test_the_json_of_the_pages_is_valid(block: Block) -> None:
    json.loads(block.text)


def test_every_block_has_a_known_language_and_known_notes() -> None:
    assert len(BLOCKS) > 30
    assert [one.place for one in BLOCKS if one.language not in LANGUAGES or set(one.notes) - set(NOTES)] == []


@pytest.mark.parametrize(
    ("page", "output"),
    [
        ("added 2 keys", "added 3 keys"),
        ("added 2 keys", "added 2 keys\nand more"),
        ("added 2 keys\nand more", "added 2 keys"),
        ("one\n...\ntwo", "one\nthree"),
        ("one\ntwo", "two\none"),
        ("in /root/.ssh/authorized_keys", "in /home/alice/.ssh/authorized_keys"),
        ("exit status 0  0.20 s", "exit status 1  0.20 s"),
        ("SHA256:abc you", "SHA256:abd you"),
    ],
)
def test_a_different_output_is_detected(page: str, output: str) -> None:
    assert differences(page.splitlines(), page.replace("\n...", "")) == []
    assert differences(page.splitlines(), output) != []


def test_the_comparison_with_a_page() -> None:
    printed = f"  connected to web1    0.20 s\n  added     SHA256:{'a+/' * 14}b you@laptop\n  done in 2.00 s\nready\n"
    page = ["✓ connected to web1   7.00 s", "...", "= done in 0.30 s, of which 0.20 s: connected", "ready"]
    assert differences(page, printed) == []
    page[1] = f"  added     SHA256:{'Z' * 43} you@laptop"
    assert differences(page, printed) == []
    assert differences(["sosagent: ready", *page], printed) != []
    assert shape_of({"keys": [{"type": "a"}]}) != shape_of({"keys": [{"kind": "a"}]})


def test_the_pages_are_followed_in_the_order_of_the_navigation() -> None:
    pages = pages_in_order()
    assert [page.name for page in pages[:3]] == ["install.md", "index.md", "tutorial.md"]
    assert sorted(pages) == sorted((ROOT / "docs").rglob("*.md"))


def test_a_wrong_command_line_in_a_page_is_detected(tmp_path: Path) -> None:
    for words in (["sos-addkey", "--exspires", "2h", "web1"], ["sosagent", "keys", "list"]):
        with pytest.raises(Exception, match=r"such option|Missing parameter"):
            parse(words)
    script = script_of([Block(ROOT / "README.md", 1, "sh", "false\ntrue\n", {})], tmp_path)
    subprocess.run(["bash", "-c", script], env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]})
    assert (tmp_path / "0.0.status").read_text() == "1\n"


def test_few_blocks_do_not_run() -> None:
    not_run = [one for one in BLOCKS if "not run" in one.notes]
    for one in not_run:
        print(f"{one.place}: not run: {one.notes['not run']}")
        assert one.language in ("sh", "console"), one.place
        subprocess.run(["bash", "-n"], input=one.text.replace("$ ", ""), text=True, check=True)
    assert len(not_run) <= MOST_NOT_RUN


@pytest.mark.parametrize(
    "block", [one for one in BLOCKS if one.language in ("sh", "console")], ids=lambda one: one.place
)
def test_the_command_lines_are_valid(block: Block) -> None:
    for words in command_lines(block):
        if not {"--help", "--version"} & set(words):
            parse(words)


def test_python_files_of_the_pages_are_run() -> None:
    for page in PAGES:
        blocks = blocks_of(page)
        for at, block in enumerate(blocks):
            later = "".join(one.text for one in blocks[at + 1 :] if one.language in ("sh", "console"))
            if block.language == "python" and "file" in block.notes:
                assert block.notes["file"] in later, f"{block.place}: no later block runs this file"


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_generated_parts_are_up_to_date(part: GeneratedPart) -> None:
    text = part.page.read_text("utf-8")
    assert part.update(text) == text, "run: python -m docs"


def test_the_generated_json_schema_is_up_to_date() -> None:
    assert FILE.read_text("utf-8") == schema_text(), "run: python -m docs"


def test_a_page_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match=r"states: generated by docs/state_table\.py"):
        next(part for part in PARTS if part.name == "states").update("# Console states\n")


def test_the_paths_in_the_design_page_exist() -> None:
    paths = re.findall(r"`([\w/]+(?:\.(?:py|sh)|/))`", (ROOT / "docs/design.md").read_text("utf-8"))
    assert len(paths) > 30
    roots = [ROOT if path.startswith(("docs/", "examples/", "sosagent/")) else ROOT / "sosagent" for path in paths]
    assert [path for root, path in zip(roots, paths, strict=True) if not (root / path).exists()] == []


def test_the_links_of_the_readme_lead_to_files() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text("utf-8"))
    assert len(links) > 20
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize(
    "text",
    [
        '<script src="https://cdn.example.net/x.js"></script>',
        "<link rel=stylesheet href=//fonts.example.net/x.css>",
        '<img alt="x" src="http://example.net/x.png">',
    ],
)
def test_what_a_page_loads_from_elsewhere_is_detected(text: str, tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"{number}.html").write_text('<a href="https://example.net">a link</a><img src="x.png">')
    (tmp_path / "x.css").write_text("p { background: url(x.png) }")
    assert problems(tmp_path) == []
    (tmp_path / "1.html").write_text(text)
    assert len(problems(tmp_path)) == 1
    (tmp_path / "x.css").write_text('@import "y.css";')
    assert len(problems(tmp_path)) == 2


@pytest.mark.pages
def test_a_page_that_is_cut_off_is_detected(tmp_path: Path) -> None:
    installed(["chromium"])
    wide = f"<p style='white-space: pre; %s'>{'console ' * 30}</p>"
    for name, style in {"hidden": "overflow: hidden", "wide": "", "fits": "overflow: auto"}.items():
        (tmp_path / f"{name}.html").write_text(f"<!doctype html><body><article>{wide % style}</article>")
    output = f"<pre class=language-console><code style='display: block; overflow: auto'>{'console ' * 30}</code></pre>"
    (tmp_path / "output.html").write_text(f"<!doctype html><body><article>{output}</article>")
    found = "\n".join(browser_problems(tmp_path, {}))
    assert re.findall(r"/(\w+)\.html: an output needs scrolling in a window of (\d+)", found) == [("output", "1400")]
    assert re.findall(r"/(\w+)\.html: cut off in a window of (\d+)", found) == [("hidden", "1400"), ("hidden", "380")]
    assert re.findall(r"/(\w+)\.html: \d+ pixels wide in a window of (\d+)", found) == [
        ("wide", "1400"),
        ("wide", "380"),
    ]


def test_a_search_that_finds_something_else_is_detected() -> None:
    assert search_problems({"a": ["A", "B"], "c": []}, {"a": "B", "c": None}) == []
    assert len(search_problems({"a": ["A", "B"], "c": ["A"]}, {"a": "C", "c": None, "d": "D"})) == 3


def test_a_site_without_pages_is_detected(tmp_path: Path) -> None:
    assert problems(tmp_path) != []

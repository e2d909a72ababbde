"""cli/report.py: the record of a run as a page, in a real browser."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

import sosagent
from sosagent.cli import report
from sosagent.cli.report import page, write_page
from sosagent.errors import UsageError
from sosagent.picture import Picture
from sosagent.runbook.record import RunRecord, StepRecord

from ..conftest import installed

HERE = Path(sosagent.__file__).parents[1]
RUN = "document.documentElement.setAttribute('data-ran','1')"
HOSTILE = (
    f"</pre></title></style><script>{RUN}</script><img src=x onerror=\"{RUN}\"><img src='http://evil.test/x'>"
    "\"'> \u202edesrever\u2066 \x1b]52;c;aGVsbG8=\x07 \x1b[2J \u2028 &lt;b&gt; " + "x" * 500
)
SEEN = f"</pre><script>{RUN}</script>"
#: Runs in a frame of the requested width, because a window of Chromium is at least 500 pixels wide.
MEASURE = """<script>
addEventListener("load", () => {
    for (const one of document.querySelectorAll("details")) one.open = true;
    const wide = innerWidth + 0.5;
    const all = [...document.body.querySelectorAll("*")];
    const out = all.filter(one => !one.closest(".screen") && one.getBoundingClientRect().right > wide);
    const screens = [...document.querySelectorAll(".screen")];
    parent.document.documentElement.setAttribute("data-measured", JSON.stringify({
        inner: innerWidth, scroll: document.documentElement.scrollWidth,
        out: out.map(one => one.outerHTML.slice(0, 80)),
        ran: document.documentElement.hasAttribute("data-ran"),
        boxes: screens.map(one => [one.scrollWidth > one.clientWidth, one.getBoundingClientRect().right <= wide]),
        dead: [...document.querySelectorAll("a[href]")].filter(one => !document.querySelector(one.hash)).length,
        levels: [...document.querySelectorAll("h1,h2,h3,h4")].map(one => +one.tagName[1]),
        elements: [...new Set([...document.querySelectorAll("*")].map(one => one.localName))],
    }));
});
</script>"""


def step(number: str, text: str, **other: object) -> StepRecord:
    made = StepRecord(number, text, "run", "done", 0.5, 1.25, 2, text, f"{text}\n{text}", 3, text.encode("utf-8"))
    return replace(made, **other)  # type: ignore[arg-type]


def record(text: str = HOSTILE) -> RunRecord:
    return RunRecord(
        runbook=text,
        source=text,
        description=f"{text}\n{text}",
        host=text,
        user=text,
        began=datetime(2026, 3, 1, 12, 30, 5, tzinfo=UTC),
        status="failed",
        parameters={text: text, "name": text},
        steps=(
            step("1", text),
            step("2", text, status="skipped", output="", screen=b""),
            step(
                "3.on_failure 1", text, status="failed", screen=b"\x1b[1;31m" + text.encode() + b"\x1b[0m" + b"w" * 200
            ),
            step("4", text, status="not run", output="", screen=b""),
            step(text, text, status="planned"),
        ),
        hostname=text,
        machine_id=text,
        seconds=12.34,
        state_found=text,
        logged_out=False,
        warnings=(text, text),
        error={"code": text, "message": text, "hint": f"{text}\n{text}", "state": text, "tail": [text, text]},
    )


def browse(path: Path, *more: str) -> str:
    """Return the document after Chromium has loaded it and run its scripts."""
    command = installed(["chromium"])
    done = subprocess.run(
        [
            *command, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
            "--disable-component-update", "--no-first-run", "--hide-scrollbars",
            f"--user-data-dir={path.parent}/profile",
            "--window-size=1600,900", "--virtual-time-budget=2000", *(more or ["--proxy-server=127.0.0.1:9"]),
            "--dump-dom", f"file://{path}",
        ],
        capture_output=True, timeout=90, check=True,
    )  # fmt: skip
    return done.stdout.decode()


def measured(path: Path, width: int) -> dict[str, object]:
    """Measure the layout of the page. Without its policy, so that a script in it would run."""
    bare, count = re.subn(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", path.read_text("utf-8"))
    assert count == 1
    copy = path.with_name("copy.html")
    inner = html.escape(bare.replace("</body>", MEASURE + "</body>"))
    frame = f'<iframe style="border:0;width:{width}px;height:800px" srcdoc="{inner}"></iframe>'
    copy.write_text(f'<!doctype html><meta charset="utf-8">{frame}', "utf-8")
    found = re.search(r'data-measured="([^"]*)"', browse(copy))
    assert found
    told: dict[str, object] = json.loads(html.unescape(found[1]))
    assert told.pop("ran") is False
    return told


@contextmanager
def proxy() -> Iterator[tuple[int, list[bytes]]]:
    """Run a proxy that never answers; yield its port and the requests that it gets."""
    asked: list[bytes] = []
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.settimeout(5)
                    asked.append(connection.recv(4096))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1], asked
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)


@pytest.mark.parametrize("width", [360, 1400])
@pytest.mark.parametrize("text", [HOSTILE, "plain words"], ids=["hostile", "plain"])
def test_nothing_overflows_the_page(tmp_path: Path, width: int, text: str) -> None:
    path = tmp_path / "report.html"
    write_page(path, page(record(text), "run.cast"))
    told = measured(path, width)
    assert told["inner"] == width
    assert (told["scroll"], told["out"]) == (width, [])
    assert told["dead"] == 0
    boxes = told["boxes"]
    assert isinstance(boxes, list) and boxes
    assert all(inside for _, inside in boxes)
    assert boxes[1][0] is (width == 360)  # eighty columns scroll if they do not fit


def test_headings_are_nested_and_all_elements_are_passive(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_page(path, page(record(), HOSTILE))
    told = measured(path, 1400)
    levels = told["levels"]
    assert isinstance(levels, list)
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    known = (
        "html head meta title style body main footer h1 h2 h3 p a br wbr table thead tbody tr th td ul li pre code "
        "strong span time section details summary div"
    )
    elements = told["elements"]
    assert isinstance(elements, list)
    assert set(elements) - set(known.split()) == {"script"}  # the measuring script
    assert "<script" not in path.read_text("utf-8")


def test_the_page_loads_nothing_and_runs_no_scripts(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_page(path, page(record()))
    with proxy() as (port, asked):
        options = (f"--proxy-server=127.0.0.1:{port}",)
        shown = browse(path, *options)
        assert not any(b"evil" in one for one in asked)
        assert " data-ran" not in shown.partition("<head")[0]
        # The same browser does both for a page that allows it.
        path.write_text(f"<html><script>{RUN}</script><img src='http://evil.test/x'>")
        shown = browse(path, *options)
        assert any(b"evil" in one for one in asked)
        assert " data-ran" in shown.partition("<head")[0]


def test_output_of_the_machine_is_escaped(tmp_path: Path) -> None:
    runbook, path, cast = tmp_path / "book.yml", tmp_path / "report.html", tmp_path / "the run.cast"
    program = f"printf '%s\\n' \"{SEEN}\"; printf '\\033]52;c;aGVsbG8=\\007\\342\\200\\256<b>\\n'; exit 1"
    runbook.write_text(json.dumps({"name": SEEN, "steps": [{"name": SEEN, "run": program}]}))
    arguments = ["run", str(runbook), "--against", "lab", "--report", str(path), "--transcript", str(cast)]
    done = subprocess.run(
        [sys.executable, "-m", "sosagent", *arguments],
        cwd=HERE, capture_output=True, text=True, timeout=90, check=False,
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]},
    )  # fmt: skip
    assert done.returncode == 9, done.stderr
    text = path.read_text("utf-8")
    assert html.escape(SEEN) in text
    assert SEEN not in text and "<b>" not in text
    assert not any(char in text for char in "\x1b\x07\u202e")
    assert "asciinema play &#x27;the run.cast&#x27;" in text
    assert str(tmp_path) not in text.replace(str(runbook), "")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    if shutil.which("chromium"):
        assert measured(path, 360)["scroll"] == 360


def test_the_page_does_not_name_a_recording_of_another_run(tmp_path: Path) -> None:
    runbook, path, cast = tmp_path / "book.yml", tmp_path / "report.html", tmp_path / "old.cast"
    runbook.write_text(json.dumps({"name": "n", "steps": [{"run": "true"}]}))
    cast.write_text("{}")
    os.utime(cast, (0, 0))
    arguments = ["run", str(runbook), "-n", "--report", str(path), "--transcript", str(cast)]
    subprocess.run([sys.executable, "-m", "sosagent", *arguments], cwd=HERE, check=True, timeout=60)
    assert "old.cast" not in path.read_text("utf-8")
    assert "this was a dry run" in path.read_text("utf-8")


def test_writing_the_page_is_atomic_and_replaces_only_files(tmp_path: Path) -> None:
    path, link = tmp_path / "report.html", tmp_path / "link.html"
    path.write_text("old")
    path.chmod(0o644)
    link.symlink_to(path)
    write_page(link, "new")
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode), link.is_symlink()) == ("new", 0o600, True)
    write_page(Path("/dev/null"), "new")
    assert Path("/dev/null").is_char_device()
    with pytest.raises(UsageError, match="cannot write"):
        write_page(tmp_path, "new")
    with pytest.raises(UsageError, match="cannot write"):
        write_page(tmp_path / "none" / "report.html", "new")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["link.html", "report.html"]


def test_a_screen_keeps_its_colours_and_escapes_its_text() -> None:
    drawn = Picture(b"\x1b[31mred\x1b[0m <b> \x1b[7mturned\x1b[0m\r\n\x1b[1mbold&\x1b[0m", 20, 4, "").html()
    first, second = drawn.split("\n")
    assert first.startswith('<span style="color:#cc555a">red</span> &lt;b&gt; <span style="color:#292929;background:')
    assert second == '<span style="font-weight:bold">bold&amp;</span>'
    assert Picture(b"", 20, 4, "").html() == ""
    assert Picture("a\u202eb\u200bc".encode(), 20, 4, "").text() == "abc"


def test_an_unchanged_screen_is_shown_once() -> None:
    steps = tuple(StepRecord(str(at), "n", "assert", "done", screen=b"$ ") for at in range(3))
    assert page(replace(record("t"), steps=steps)).count('class="screen"') == 1


def test_colours_have_enough_contrast() -> None:
    text = Path(report.__file__).with_name("report.css").read_text()
    schemes = [dict(re.findall(r"--(\w+): (#\w{6})", part)) for part in text.partition("* {")[0].split("@media")]
    assert len(schemes) == 2
    for colours in schemes:
        for ink in ("ink", "soft", "done", "failed", "link"):
            for paper in ("paper", "box"):
                bright, dark = sorted(map(_luminance, (colours[ink], colours[paper])), reverse=True)
                assert (bright + 0.05) / (dark + 0.05) >= 4.5, (ink, paper)


def _luminance(colour: str) -> float:
    """Return the relative luminance of a colour, as WCAG 2.2 defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue

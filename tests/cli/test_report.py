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
from ..support.forks import forked

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
    const out = all.filter(one => one.getBoundingClientRect().right > wide
                                  && (one.matches(".scroll") || !one.closest(".scroll")));
    const box = one => [one.scrollWidth > one.clientWidth, one.getBoundingClientRect().right <= wide];
    parent.document.documentElement.setAttribute("data-measured", JSON.stringify({
        inner: innerWidth, scroll: document.documentElement.scrollWidth,
        out: out.map(one => one.outerHTML.slice(0, 80)),
        ran: document.documentElement.hasAttribute("data-ran"),
        boxes: [...document.querySelectorAll(".screen")].map(box),
        tables: [...document.querySelectorAll("div.scroll")].map(one => [one.firstElementChild.className, ...box(one)]),
        texts: [...document.querySelectorAll("pre.output, pre.program")].map(box),
        hidden: [...document.querySelectorAll(".steps th")].filter(one => !one.getBoundingClientRect().width).length,
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
            step("1", text, program=f"{text}\n{text}", coloured=f"\x1b[1;31m{text}\n\x1b[44m{text}"),
            step("2", text, status="skipped", output="", screen=b""),
            step(
                "3.on_failure 1", text, status="failed", screen=b"\x1b[1;31m" + text.encode() + b"\x1b[0m" + b"w" * 200
            ),
            step("4", text, status="not run", output="", screen=b"", program=text),
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
    assert told["tables"] == [["facts", False, True], ["facts", False, True], ["steps", width == 360, True]]
    assert told["hidden"] == 0
    texts = told["texts"]
    assert isinstance(texts, list) and texts
    assert all(inside for _, inside in texts)
    assert any(scrolls for scrolls, _ in texts) is (text == HOSTILE)


def test_a_table_in_the_output_keeps_its_columns_on_a_narrow_page(tmp_path: Path) -> None:
    df = (
        "Filesystem     1K-blocks     Used Available Use% Mounted on\n"
        "/dev/vda1       20480000 18350080   1089536  95% /"
    )
    path = tmp_path / "report.html"
    write_page(path, page(replace(record("t"), steps=(step("1", "df", output=df, program="df /"),))))
    for width in (360, 1400):
        texts = measured(path, width)["texts"]
        assert texts == [[False, True], [width == 360, True]]


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
        [*forked(), *arguments],
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


COLOURS = {
    "red": ("\x1b[31mred\x1b[0m x", '<span style="color:#cc555a">red</span> x'),
    "bold": ("\x1b[1mb<b>\x1b[0m", '<span style="font-weight:bold">b&lt;b&gt;</span>'),
    "over two lines": (
        "\x1b[32ma\nb\x1b[m", '<span style="color:#98a84b">a</span>\n<span style="color:#98a84b">b</span>'
    ),
    "background": ("\x1b[30;42mok", '<span style="color:#000000;background:#98a84b">ok</span>'),
    "hidden text": ("\x1b[38;2;41;41;41mevil", "evil"),
    "an attribute": ("\x1b[31m\"' onclick=x", '<span style="color:#cc555a">&quot;&#x27; onclick=x</span>'),
    "a tag that is split": ("<scr\x1b[31mipt>", '&lt;scr<span style="color:#cc555a">ipt&gt;</span>'),
    "an entity that is split": ("&l\x1b[1mt;", '&amp;l<span style="font-weight:bold">t;</span>'),
    "other sequences": ("a\x1b[2J\x1b]52;c;aGk=\x07\x1b[10;10Hb\x1b[7mc\x1b(0q\x9b31md", "abcq"),
}  # fmt: skip


@pytest.mark.parametrize("name", COLOURS)
def test_colours_of_the_output_are_shown_and_all_else_is_dropped(name: str) -> None:
    text, shown = COLOURS[name]
    made = page(replace(record("t"), steps=(step("1", "n", output="", coloured=text, screen=b""),)))
    pre = re.search(r'<pre class="scroll output[^>]*>(.*?)</pre>', made, re.DOTALL)
    assert pre
    assert pre[1].removesuffix('<span style="color:#cc555a">d</span>') == shown
    assert "\x1b" not in made


def test_a_very_long_line_is_cut_and_stays_coloured() -> None:
    text = f"{'a' * 9000}\x1b[31m{'b' * 3000}\x1b[0m\n\x1b[1m{'<' * 5000}"
    made = page(replace(record("t"), steps=(step("1", "n", output="", coloured=text, screen=b""),)))
    assert f'>…{"a" * 1000}<span style="color:#cc555a">{"b" * 3000}</span>\n' in made
    assert f'<span style="font-weight:bold">…{"&lt;" * 4000}</span></pre>' in made


def test_each_step_shows_its_program() -> None:
    program = "for one in <a> \"$b\"; do\n    echo '&lt;' $one\ndone\u202e"
    steps = (
        step("1", "n", program=program),
        step("2", "n", status="skipped", output="", screen=b"", program="echo skipped"),
        step("3", "n", status="not run", output="", screen=b"", program="echo later"),
        step("4", "n", status="planned", output="echo planned", screen=b"", program="echo planned"),
        step("5", "n", status="not run", output="", screen=b""),
    )
    made = page(replace(record("t"), steps=steps))
    shown = re.findall(r'<pre class="scroll program"[^>]*>(.*?)</pre>', made, re.DOTALL)
    assert shown == [html.escape(program).replace("\u202e", "\\u202e"), "echo skipped", "echo later", "echo planned"]
    assert made.count("echo planned") == 1
    assert [f'id="step-{at}"' in made for at in range(1, 6)] == [True, True, True, True, False]


def test_the_page_does_not_name_a_recording_of_another_run(tmp_path: Path) -> None:
    runbook, path, cast = tmp_path / "book.yml", tmp_path / "report.html", tmp_path / "old.cast"
    runbook.write_text(json.dumps({"name": "n", "steps": [{"run": "true"}]}))
    cast.write_text("{}")
    os.utime(cast, (0, 0))
    arguments = ["run", str(runbook), "-n", "--report", str(path), "--transcript", str(cast)]
    subprocess.run([*forked(), *arguments], cwd=HERE, check=True, timeout=60)
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
    assert page(replace(record("t"), steps=steps)).count('class="scroll screen"') == 1


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

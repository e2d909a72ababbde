"""Looks at the documentation in Chromium: what is cut off, and what the search finds."""

from __future__ import annotations

import functools
import http.server
import json
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["SEARCHES", "WIDTHS", "browser_problems", "chromium", "search_problems"]

#: Of a window on a desk, and of a telephone.
WIDTHS = (1400, 380)
#: Words to search for, and the title of a page or section that must be found.
SEARCHES = {
    "maintenance": "Console states",
    "--take-over": "sosagent addkey",
    "known_hosts": "HostKeyUnknown",
    "xyzzyplugh": None,
}
_SECONDS = 300
_MEASURE = "/measure.html"
#: Loads each page in a frame of each width. An element with text may be cut off only where one can scroll to the rest,
#: and the whole output of a command is visible on a desk.
_PAGE = """<!doctype html><meta charset="utf-8"><body style="margin:0"><script>
const {pages, widths, searches} = INPUT;
const found = {cut: [], searches: {}, errors: []};
async function load(path, width) {
  document.querySelectorAll("iframe").forEach(one => one.remove());
  const frame = document.createElement("iframe");
  frame.style.cssText = `width:${width}px;height:900px;border:0`;
  frame.src = path;
  const loaded = new Promise(resolve => frame.onload = resolve);
  document.body.append(frame);
  await loaded;
  await frame.contentDocument.fonts.ready;
  return frame.contentDocument;
}
const short = element => element.tagName.toLowerCase() + ": " + element.textContent.trim().slice(0, 60);
function measure(page, path, width) {
  const view = page.defaultView, root = page.documentElement;
  if (root.scrollWidth > width) found.cut.push(`${path}: ${root.scrollWidth} pixels wide in a window of ${width}`);
  for (const element of page.querySelectorAll("article *")) {
    if (!element.textContent.trim() || element.clientWidth <= 1) continue;
    const style = view.getComputedStyle(element);
    if (element.scrollWidth > element.clientWidth + 1 && ["hidden", "clip"].includes(style.overflowX))
      found.cut.push(`${path}: cut off in a window of ${width}: ${short(element)}`);
  }
  for (const element of width === widths[0] ? page.querySelectorAll(".language-console code") : [])
    if (element.scrollWidth > element.clientWidth + 1)
      found.cut.push(`${path}: an output needs scrolling in a window of ${width}: ${short(element)}`);
}
async function search(words) {
  const page = await load("/index.html", widths[0]);
  const input = page.querySelector(".md-search__input"), meta = page.querySelector(".md-search-result__meta");
  const answered = new Promise(resolve => {
    const look = () => { if (/match/i.test(meta.textContent)) resolve(); };
    new page.defaultView.MutationObserver(look).observe(meta, {childList: true, characterData: true, subtree: true});
  });
  page.querySelector("#__search").click();
  input.focus();
  input.value = words;
  input.dispatchEvent(new page.defaultView.Event("keyup", {bubbles: true}));
  await answered;
  await new Promise(resolve => page.defaultView.requestAnimationFrame(() => resolve()));
  const titles = page.querySelectorAll(".md-search-result__item h1, .md-search-result__item h2");
  return [...titles].map(one => one.textContent);
}
(async () => {
  try {
    for (const path of pages) for (const width of widths) measure(await load(path, width), path, width);
    for (const words of searches) found.searches[words] = await search(words);
  } catch (error) {
    found.errors.push(String(error));
  }
  await fetch("/result", {method: "POST", body: JSON.stringify(found)});
})();
</script>"""


def chromium() -> str | None:
    """Return the program, or None if it is not installed."""
    return shutil.which("chromium")


def browser_problems(site: Path, searches: dict[str, str | None]) -> list[str]:
    """Return what is cut off on the pages of the folder `site`, and the searches that do not find what they must.

    Args:
        site: the folder of the pages.
        searches: for each search, a title that must be among those found; None if nothing must be found.
    """
    pages = [f"/{path.relative_to(site)}" for path in sorted(site.rglob("*.html"))]
    found = _look(site, {"pages": pages, "widths": WIDTHS, "searches": list(searches)})
    return [*found["errors"], *found["cut"], *search_problems(found["searches"], searches)]


def search_problems(found: dict[str, list[str]], searches: dict[str, str | None]) -> list[str]:
    """Return the searches that do not find what they must.

    Args:
        found: the titles that each search has found.
        searches: as for `browser_problems`.
    """
    return [
        f"the search for {words} finds {titles}, not {title or 'nothing'}"
        for words, title in searches.items()
        for titles in [found.get(words, [])]
        if (titles if title is None else title not in titles)
    ]


def _look(site: Path, parameters: dict[str, Any]) -> dict[str, Any]:
    """Open the measuring page in Chromium and return what it found."""
    with _serving(site, _PAGE.replace("INPUT", json.dumps(parameters), 1)) as (port, results, done):
        with tempfile.TemporaryDirectory(prefix="sosagent-chromium-", ignore_cleanup_errors=True) as profile:
            process = subprocess.Popen(
                [
                    "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
                    "--disable-component-update", "--no-first-run", "--hide-scrollbars", "--disable-dev-shm-usage",
                    f"--user-data-dir={profile}", "--window-size=1500,1000", "--remote-debugging-port=0",
                    f"http://127.0.0.1:{port}{_MEASURE}",
                ],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            try:
                done.wait(_SECONDS)
            finally:
                process.terminate()
                process.wait()
    return results[0] if results else {"errors": ["Chromium did not finish"], "cut": [], "searches": {}}


@contextmanager
def _serving(site: Path, measure: str) -> Iterator[tuple[int, list[dict[str, Any]], threading.Event]]:
    """Serve the site and the measuring page. Yield the port, and the results with an event that they have come."""
    results: list[dict[str, Any]] = []
    done = threading.Event()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path != _MEASURE:
                return super().do_GET()
            self._answer(measure.encode())

        def do_POST(self) -> None:
            results.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self._answer(b"")
            done.set()

        def _answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *words: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(site))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port, results, done
        finally:
            server.shutdown()
            thread.join()

"""Check that the documentation works offline: `python -m tests.support.site FOLDER`, part of `make docs`.

With Chromium, it also checks that nothing is cut off, and the search.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from .site_in_browser import SEARCHES, browser_problems, chromium

__all__ = ["problems"]

_LEAST_PAGES = 16
_LOADED = re.compile(r"""<(?:script|link|img|iframe|source)\b[^>]*\b(?:src|href)=["']?(?:https?:)?//[^>]*>""")
_LOADED_BY_A_SHEET = re.compile(r"""url\(["']?(?:https?:)?//|@import""")


def problems(site: Path) -> list[str]:
    """Return the problems of the site in the folder `site`: few pages, or files that other servers have to send."""
    return list(_problems(site))


def _problems(site: Path) -> Iterator[str]:
    pages = sorted(site.rglob("*.html"))
    if len(pages) < _LEAST_PAGES:
        yield f"{site}: {len(pages)} pages, fewer than {_LEAST_PAGES}"
    for paths, pattern in ((pages, _LOADED), (sorted(site.rglob("*.css")), _LOADED_BY_A_SHEET)):
        for path in paths:
            for found in pattern.finditer(path.read_text("utf-8")):
                yield f"{path}: loads {found[0][:100]}"


def main() -> None:
    """Exit with status 1 if anything is wrong."""
    site = Path(sys.argv[1])
    wrong = problems(site)
    if chromium():
        wrong += browser_problems(site, SEARCHES)
    else:
        print("chromium is not installed, so the widths of the pages and the search are not checked")
    for problem in wrong:
        print(problem)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()

"""A pytest plugin: the fixture `sos_lab` is a console endpoint with a simulated machine behind it.

It is installed with the package, and imports nothing from it until a test uses the fixture::

    def test_my_runbook(sos_lab):
        sosagent.blocking.add_key(sos_lab.target, KEY, password=sos_lab.password)
        assert KEY in sos_lab.authorized_keys

    @pytest.mark.sos_lab(faults="drop=1e-3", machine="web-1")
    async def test_on_a_bad_line(sos_lab): ...
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .lab.threaded import ThreadedLab

__all__ = ["pytest_configure", "sos_lab"]

_MARKER = (
    "sos_lab(machine='lab', faults=None, endpoint=None, busy=False): options of the fixture sos_lab: "
    "faults such as 'drop=1e-3,klog=20/s', an endpoint such as 'idrac', busy if another user has the console"
)
_OPTIONS = ("machine", "faults", "endpoint", "busy")
#: The lab runs in a thread and forks to start the machine's shell. Python 3.12 and later warn about that. It is safe
#: here, because the child only sets signals and user ids before it executes /bin/sh.
_IGNORE_FORK_WARNING = "ignore:This process .* is multi-threaded, use of forkpty:DeprecationWarning"


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", _MARKER)
    config.addinivalue_line("filterwarnings", _IGNORE_FORK_WARNING)


@pytest.fixture
def sos_lab(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadedLab]:
    """A running console endpoint and machine in a thread of its own; see `sosagent.lab.ThreadedLab`.

    It can be used by blocking tests, asyncio tests, and programs that a test starts. The files that sosagent keeps
    about its runs go to a temporary folder.
    """
    from .errors import UsageError
    from .lab.threaded import lab_in_thread

    marker = request.node.get_closest_marker("sos_lab")
    options = {} if marker is None else dict(marker.kwargs)
    if marker is not None and (marker.args or set(options) - set(_OPTIONS)):
        pytest.fail(f"the marker sos_lab takes these options, by name: {', '.join(_OPTIONS)}", pytrace=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(request.getfixturevalue("tmp_path") / "sosagent-state"))
    running = lab_in_thread(**options)
    try:
        lab = running.__enter__()
    except UsageError as error:
        pytest.fail(f"{error.message}. {error.hint}", pytrace=False)
    try:
        yield lab
    finally:
        running.__exit__(None, None, None)

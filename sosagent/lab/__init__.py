"""A simulated endpoint, machine and faulty line on this computer, for trying the commands and for tests."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .direct import DirectTransport
    from .endpoint import Lab, open_lab
    from .faults import Faults
    from .faulty import FaultyTransport
    from .machine import SimulatedMachine
    from .threaded import ThreadedLab, lab_in_thread

__all__ = [
    "DirectTransport",
    "Faults",
    "FaultyTransport",
    "Lab",
    "SimulatedMachine",
    "ThreadedLab",
    "lab_in_thread",
    "open_lab",
]

#: Imported when they are used, because the help of `sosagent lab` needs only a table.
_MODULES = {
    "DirectTransport": "direct",
    "Faults": "faults",
    "FaultyTransport": "faulty",
    "Lab": "endpoint",
    "SimulatedMachine": "machine",
    "ThreadedLab": "threaded",
    "lab_in_thread": "threaded",
    "open_lab": "endpoint",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_MODULES[name]}", __name__), name)

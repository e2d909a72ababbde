"""A simulated endpoint, machine and faulty line on this computer, for trying the commands and for tests."""

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

"""An SOS endpoint and a simulated machine on this computer: to try the commands, and for tests."""

from .endpoint import Lab, open_lab
from .machine import SimulatedMachine

__all__ = ["Lab", "SimulatedMachine", "open_lab"]

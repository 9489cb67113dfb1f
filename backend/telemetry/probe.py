"""The Protocol of a vendor's cards."""

from typing import Protocol

from backend.contract.resources import GpuReading

ASKING = "asking "
"""Begins a line of the sensor that names the vendor whose driver is asked next: whoever waits in vain knows which one
hangs."""


class Probe(Protocol):
    """Reads the cards of one vendor. The sensor opens it once, reads it at every sample and closes it at the end.

    A reading the card or driver cannot give is None. A call may hang or take the process with it: the sensor is a
    child for that.
    """

    vendor: str

    def open(self) -> str | None:
        """Get ready; the return value is why no card can be read (one sentence for the user; empty when this machine
        has nothing of the vendor), None when cards can be."""
        ...

    def read(self) -> list[GpuReading]:
        """Every card now, in the order of the driver; a card that stopped answering has `lost` set."""
        ...

    def close(self) -> None:
        """Let the library go; harmless when not open."""
        ...

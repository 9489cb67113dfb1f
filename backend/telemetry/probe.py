"""The Protocol of a vendor's cards."""

from typing import Protocol

from backend.contract.resources import GpuReading


class Probe(Protocol):
    """Reads the cards of one vendor. The sensor opens it once, reads it at every sample and closes it at the end.

    A reading the card or driver cannot give is None. A call may hang or take the process with it: the sensor is a
    child for that.
    """

    vendor: str

    def open(self) -> str | None:
        """Get ready; the return value is why no card can be read (one sentence for the user), None when cards can
        be."""
        ...

    def read(self) -> list[GpuReading]:
        """Every card now, in the order of the driver; a card that stopped answering has `lost` set. Raises nothing."""
        ...

    def close(self) -> None:
        """Let the library go; harmless when not open."""
        ...

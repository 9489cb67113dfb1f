"""Python's cyclic collector, kept on the thread of the window.

Python collects on whatever thread allocates last. A Qt object that dies with its cycle on another thread is deleted
there, beside its own event loop, and takes the process down at some later moment (seen as a segmentation fault while
the feed was cut and other threads were busy). So the automatic collector is off while a window lives, and a timer does
its work here.
"""

import gc

from PySide6.QtCore import QObject, QTimer

EVERY_MS = 1000


class Garbage(QObject):
    """Collects once a second what Python's own thresholds call due; close() gives the collector back."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._was_on = gc.isenabled()
        gc.disable()
        self._timer = QTimer(self, interval=EVERY_MS)
        self._timer.timeout.connect(collect_due)
        self._timer.start()

    def close(self) -> None:
        """The collector as it was before."""
        self._timer.stop()
        if self._was_on:
            gc.enable()


def collect_due() -> int | None:
    """Collect the oldest generation that is due; which one it was, None when none is."""
    counts, limits = gc.get_count(), gc.get_threshold()
    for generation in (2, 1, 0):
        if counts[generation] > limits[generation]:
            gc.collect(generation)
            return generation
    return None

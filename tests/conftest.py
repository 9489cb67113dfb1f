"""For every test: nothing of the user's is touched, no display is needed, no thread is left behind."""

import gc
import os
import tempfile
import threading
import time
from collections.abc import Iterator

import hypothesis
import pytest

# How fast a busy machine makes examples says nothing of the product.
hypothesis.settings.register_profile(
    "modeldeck", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("modeldeck")
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ["MODELDECK_HOME"] = os.path.join(tempfile.gettempdir(), "modeldeck-no-home-for-tests")
os.environ["HF_HUB_OFFLINE"] = "1"

THREAD_GRACE_S = 5.0
POOLS = (
    "ThreadPoolExecutor",
    "AnyIO",
    "asyncio_",
    "pytest_timeout",
    "tqdm",
    "QThread",
    "Dummy",
    "OMP",
    "pymp",
    "Profiler",
)
"""Threads of libraries that live as long as the process."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the long sweeps as well")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--slow"):
        skip = pytest.mark.skip(reason="a long sweep: run with --slow")
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(skip)


@pytest.fixture(autouse=True)
def garbage_stays_on_this_thread() -> Iterator[None]:
    """A window of an earlier test, collected on some thread of a later one, brings the whole process down."""
    gc.disable()
    yield
    counts, limits = gc.get_count(), gc.get_threshold()
    due = [generation for generation in (2, 1, 0) if counts[generation] > limits[generation]]
    if due:
        gc.collect(due[0])


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """A thread that outlives its test would disturb the next one: it fails the test that made it."""
    before = set(threading.enumerate())
    yield
    end = time.monotonic() + THREAD_GRACE_S
    while left := _left(before):
        if time.monotonic() > end:
            pytest.fail(f"left-over threads: {', '.join(thread.name for thread in left)}")
        left[0].join(0.02)


def _left(before: set[threading.Thread]) -> list[threading.Thread]:
    return [
        thread
        for thread in threading.enumerate()
        if thread not in before and thread.is_alive() and not thread.name.startswith(POOLS)
    ]

"""One daemon for the tests that only ask it."""

from collections.abc import Iterator

import pytest

from tests.helpers.home import RunningHome, running_home


@pytest.fixture(scope="module")
def home() -> Iterator[RunningHome]:
    """A daemon on a Unix socket, shared by the tests of a file."""
    yield from running_home()


@pytest.fixture(scope="module")
def tcp() -> Iterator[RunningHome]:
    """A daemon on TCP with a token, shared by the tests of a file."""
    yield from running_home(listen="tcp:0")

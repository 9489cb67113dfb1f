"""The client: errors come back as what they were, versions are compared, a repeated request does nothing twice."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from backend.client import Client, Unreachable, connect, error_from
from backend.contract.errors import Broken, Conflict, Invalid, NotFound, Refused
from backend.paths import Home
from tests.helpers.home import RunningHome, running_home


@pytest.fixture(scope="module")
def home() -> Iterator[RunningHome]:
    yield from running_home()


def test_refusals_are_the_classes_they_were(home: RunningHome) -> None:
    with pytest.raises(NotFound, match="There is no run"):
        home.ask("GET", "/runs/none")
    with pytest.raises(Invalid) as refused:
        home.ask("POST", "/runs", {"recipe": "selftest", "nonsense": 1})
    assert refused.value.details["field"] == "nonsense"


def test_another_protocol_is_refused_with_the_way_out(home: RunningHome) -> None:
    """RELIABILITY row 3."""
    with pytest.raises(Conflict, match="protocol 99") as refused:
        Client(replace(home.backend, protocol=99))
    assert "backend stop" in (refused.value.fix or "")


def test_nobody_there_says_how_to_start_it(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="No backend runs") as refused:
        connect(Home(tmp_path / "none"))
    assert "backend start" in (refused.value.fix or "")


def test_the_same_key_is_done_once_and_answered_alike(home: RunningHome) -> None:
    body = {"recipe": "selftest", "settings": {"steps": 1, "rate_hz": 0}}
    before = len(home.ask("GET", "/runs")["items"])
    first = home.ask("POST", "/runs", body, key="double-click")
    again = home.ask("POST", "/runs", body, key="double-click")
    assert first["id"] == again["id"]
    assert len(home.ask("GET", "/runs")["items"]) == before + 1
    with pytest.raises(Conflict, match="used for another request"):
        home.ask("POST", "/runs", {**body, "name": "other"}, key="double-click")


def test_a_refused_request_may_be_tried_again_with_its_key(home: RunningHome) -> None:
    with pytest.raises(Invalid):
        home.ask("POST", "/runs", {"recipe": "selftest", "settings": {"steps": 0}}, key="again")
    body = {"recipe": "selftest", "settings": {"steps": 0}}
    with pytest.raises(Invalid):
        home.ask("POST", "/runs", body, key="again")


def test_what_is_no_error_reply_is_broken() -> None:
    assert isinstance(error_from(502, b"<html>"), Broken)
    reply = b'{"kind":"refused","code":"x","text":"no","details":{"text":"t"}}'
    found = error_from(418, reply)
    assert isinstance(found, Refused)
    assert (found.status, found.code) == (418, "x")

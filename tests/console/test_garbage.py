"""The collector runs on the window's thread only."""

import gc
import threading

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from console import garbage
from console.garbage import Garbage, collect_due


class Knot:
    """A cycle that says on which thread it went."""

    def __init__(self, gone: list[str]) -> None:
        self.me, self.gone = self, gone

    def __del__(self) -> None:
        self.gone.append(threading.current_thread().name)


def test_a_busy_thread_collects_nothing_the_window_does(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    gc.enable()
    monkeypatch.setattr(garbage, "EVERY_MS", 1)
    parent, gone = QObject(), list[str]()
    keeper = Garbage(parent)
    Knot(gone)
    kept: list[list[int]] = []
    busy = threading.Thread(target=lambda: kept.extend([] for _ in range(50_000)), name="busy")
    busy.start()
    busy.join()
    assert gone == []
    qtbot.waitUntil(lambda: bool(gone))
    assert gone == [threading.main_thread().name]
    keeper.close()
    assert gc.isenabled()


def test_what_is_due_is_collected_by_pythons_own_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    collected: list[int] = []
    monkeypatch.setattr(gc, "collect", collected.append)
    for counts in ((0, 0, 0), (701, 2, 2), (701, 11, 2), (3, 11, 11)):
        monkeypatch.setattr(gc, "get_count", lambda counts=counts: counts)
        monkeypatch.setattr(gc, "get_threshold", lambda: (700, 10, 10))
        collect_due()
    assert collected == [0, 1, 2]

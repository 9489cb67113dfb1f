"""A plugin of pytest: writes down what becomes of each test while it runs, so that a hang or a crash is no riddle.

A line for each begin and each phase in the file MODELDECK_TOLD: what became of it, a blank, the test's id.
"""

import os

import pytest


def pytest_runtest_logstart(nodeid: str) -> None:
    _tell("begun", nodeid)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" or not report.passed:
        _tell(f"{report.when}-{report.outcome}", report.nodeid)


def _tell(what: str, test: str) -> None:
    with open(os.environ["MODELDECK_TOLD"], "a", encoding="utf-8") as file:
        file.write(f"{what} {test}\n")

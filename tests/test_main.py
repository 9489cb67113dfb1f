"""main.py as a user calls it."""

import os
import subprocess
import sys

from backend import bootstrap
from backend.paths import PROJECT


def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    }
    code = f"import sys; from backend import bootstrap; sys.exit(bootstrap._hand_over({list(arguments)!r}))"
    return subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, env={**kept, **environment}, capture_output=True, text=True
    )


def test_without_a_display_it_says_so_in_one_line() -> None:
    done = run()
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
    assert "demo" in done.stderr
    assert "command line" in done.stderr


def test_help_names_every_noun() -> None:
    done = run("--help")
    assert done.returncode == 0
    for noun in ("backend", "dataset", "run", "model", "endpoint", "alert", "drift", "audit", "doctor", "demo", "test"):
        assert noun in done.stdout


def test_home_may_stand_in_front(tmp_path: object) -> None:
    done = run("--home", str(tmp_path), "backend", "status", "--json")
    assert str(tmp_path) in done.stdout


def test_missing_libraries_are_told_with_the_command(monkeypatch: object) -> None:
    assert "libxcb-cursor0 libegl1" in bootstrap.advice_for(["libxcb-cursor0", "libegl1"])

"""The first start: what is noticed, what is repaired, what it costs."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from backend import bootstrap
from backend.bootstrap import Place, SetupFailed, needs, read_constraints, set_up
from backend.launch import VERSION
from backend.paths import PROJECT
from tests.helpers.wait import until

PINS = (
    "# ---- product: a ----\nalpha==1  # why\ntorch==2.13.0\n\n# ---- tests: b ----\nbeta==2; sys_platform != 'win32'\n"
)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A checkout whose pip and venv only write down what they are asked."""
    place = Place(tmp_path)
    place.constraints.write_text(PINS)

    def make(place: Place, _say: object) -> None:
        place.python.parent.mkdir(parents=True, exist_ok=True)
        place.python.touch()
        (place.venv / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.11.7\n")

    monkeypatch.setattr(bootstrap, "_make_venv", make)
    monkeypatch.setattr(bootstrap, "missing_libraries", lambda *_: [])
    return place


def record(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    calls: list[list[str]] = []
    monkeypatch.setattr(bootstrap, "_pip", lambda _place, arguments, *_: calls.append(arguments))
    return calls


def test_nothing_there_then_complete_then_nothing_to_do(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = record(monkeypatch)
    assert "nothing is set up" in str(needs(place, tests=False))
    set_up(place, tests=False, say=lambda _: None)
    assert calls[0] == ["install", "torch==2.13.0"]
    assert needs(place, tests=False) is None
    assert "test packages" in str(needs(place, tests=True))
    set_up(place, tests=True, say=lambda _: None)
    assert "beta==2" in (place.venv / "modeldeck-requirements.txt").read_text()
    assert needs(place, tests=True) is None
    assert len(calls) == 4


def test_an_interrupted_set_up_is_noticed_and_repaired(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    record(monkeypatch)
    set_up(place, tests=False, say=lambda _: None)
    place.constraints.write_text(PINS.replace("alpha==1", "alpha==2"))
    assert needs(place, tests=False) == "constraints.txt has changed"

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(bootstrap, "_pip", die)
    with pytest.raises(KeyboardInterrupt):
        set_up(place, tests=False, say=lambda _: None)
    assert not place.marker.exists()
    record(monkeypatch)
    set_up(place, tests=False, say=lambda _: None)
    assert needs(place, tests=False) is None


@pytest.mark.parametrize("damage", ["python", "version", "no version", "marker"])
def test_damage_is_noticed(place: Place, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    record(monkeypatch)
    set_up(place, tests=True, say=lambda _: None)
    if damage == "python":
        place.python.unlink()
    elif damage == "no version":
        (place.venv / "pyvenv.cfg").unlink()
        body = json.loads(place.marker.read_text())
        place.marker.write_text(json.dumps(body | {"python": None}))
    elif damage == "version":
        (place.venv / "pyvenv.cfg").write_text("version = 3.99.0\n")
    else:
        place.marker.write_text(json.dumps({"constraints": 1})[:-3])
    assert needs(place, tests=True)


def test_an_environment_that_is_the_systems_python_is_made_anew(tmp_path: Path) -> None:
    """Without pyvenv.cfg its python is the one it links to: pip would fill the user's own Python."""
    place = Place(tmp_path)
    subprocess.run([sys.executable, "-m", "venv", str(place.venv)], check=True)
    assert bootstrap._works(place)
    (place.venv / "pyvenv.cfg").unlink()
    assert not bootstrap._works(place)
    said: list[str] = []
    bootstrap._make_venv(place, said.append)
    assert bootstrap._works(place)
    assert len(said) == 1


def test_what_pip_left_half_installed_is_installed_anew(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    site = place.venv / "lib/python3.11/site-packages"
    for name, files in (("whole-1.dist-info", ("METADATA", "RECORD")), ("half-1.dist-info", ("METADATA",))):
        (site / name).mkdir(parents=True)
        for file in files:
            (site / name / file).touch()
    record(monkeypatch)
    set_up(place, tests=False, say=lambda _: None)
    assert [path.name for path in site.iterdir()] == ["whole-1.dist-info"]


def test_a_killed_set_up_leaves_the_lock_with_its_pip(tmp_path: Path) -> None:
    """The next one must not install beside a pip that goes on alone."""
    place = Place(tmp_path)
    place.python.parent.mkdir(parents=True)
    place.python.write_text(f"#!/bin/sh\ntouch {tmp_path}/begun\nexec sleep 600\n")
    place.python.chmod(0o700)
    lock = place.venv / "setup.lock"
    code = (
        "import sys; from pathlib import Path; from backend import bootstrap as b; place = b.Place(Path(sys.argv[1]))\n"
        "with b._locked(place.venv / 'setup.lock'): b._pip(place, [], 'x', 1, print)"
    )
    killed = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=PROJECT, start_new_session=True)
    try:
        until((tmp_path / "begun").exists)
        killed.kill()
        killed.wait()
        with lock.open() as handle, pytest.raises(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.killpg(killed.pid, signal.SIGKILL)


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (KeyboardInterrupt(), 130, "Run the same command again"),
        (PermissionError(13, "Permission denied", "/x/.venv"), 1, "Permission denied: /x/.venv"),
        (OSError(28, "No space left on device"), 1, "No space left"),
    ],
)
def test_an_interrupted_or_impossible_set_up_is_said_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException, status: int, words: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(bootstrap, "needs", lambda *_, **__: "something is missing")
    monkeypatch.setattr(bootstrap, "set_up", fail)
    assert bootstrap.run([]) == status
    told = capsys.readouterr().err
    assert words in told
    assert "Traceback" not in told


def test_a_file_in_the_place_of_the_environment_is_named(place: Place) -> None:
    place.venv.write_text("")
    with pytest.raises(SetupFailed, match="must be a folder"):
        set_up(place, tests=False, say=lambda _: None)


def test_a_failing_pip_is_told_with_its_last_words(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.venv.mkdir()
    place.python.parent.mkdir()
    place.python.symlink_to(sys.executable)
    said: list[str] = []
    with pytest.raises(SetupFailed, match="no-such-option"):
        bootstrap._pip(place, ["install", "--no-such-option"], "[1/2]", 1, said.append)
    assert place.log.exists()


def test_pips_lines_become_short_progress() -> None:
    assert bootstrap._progress("Collecting numpy==2.4.6\n", 3) == (4, "numpy==2.4.6")
    assert bootstrap._progress("Requirement already satisfied: pip\n", 3) == (4, "")
    assert bootstrap._progress("  Downloading torch-2.whl (800.1 MB)\n", 3)[1].startswith("Downloading torch")
    assert bootstrap._progress("noise\n", 3) == (3, "")


def test_the_check_costs_next_to_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    record(monkeypatch)
    set_up(place, tests=True, say=lambda _: None)
    began = time.process_time()
    for _ in range(100):
        assert needs(place, tests=True) is None
    assert time.process_time() - began < 10  # a hundredth of this is the limit for one


def test_bootstrap_and_launch_need_only_the_standard_library() -> None:
    listing = "[m for m in sys.modules if 'site-packages' in str(getattr(sys.modules[m], '__file__', ''))]"
    code = f"import backend.bootstrap, backend.launch, sys; print({listing})"
    done = subprocess.run([sys.executable, "-S", "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_pins_are_exact_and_name_no_index() -> None:
    groups = read_constraints(PROJECT / "constraints.txt")
    pins = groups["product"] + groups["tests"]
    assert all("==" in pin for pin in pins)
    assert "torch==2.13.0" in groups["product"]
    assert any(pin.startswith("pytest==") for pin in groups["tests"])
    text = (PROJECT / "constraints.txt").read_text()
    assert "://" not in text
    assert "--index" not in text
    assert not (PROJECT / "uv.lock").exists()
    assert f'version = "{VERSION}"' in (PROJECT / "pyproject.toml").read_text()

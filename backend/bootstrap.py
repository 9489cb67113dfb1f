"""First start, standard library only: makes .venv, installs the pinned packages, checks the system, re-executes inside.

A marker with the hash of constraints.txt and the version of Python is written last, so that an interrupted or
outdated set-up is
noticed by its absence and repaired.
"""

import ctypes
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from backend.paths import PROJECT

TESTS_HEADING = "# ---- tests"
FIRST = "torch"
"""Installed by itself before the rest: pip then picks the build that fits the machine, and its download is seen to
move."""

SYSTEM_LIBRARIES: tuple[tuple[str, str, str], ...] = (
    ("libEGL.so.1", "libegl1", "qt"),
    ("libGL.so.1", "libgl1", "qt"),
    ("libxkbcommon.so.0", "libxkbcommon0", "qt"),
    ("libdbus-1.so.3", "libdbus-1-3", "qt"),
    ("libfontconfig.so.1", "libfontconfig1", "qt"),
    ("libglib-2.0.so.0", "libglib2.0-0", "qt"),
    ("libxcb-cursor.so.0", "libxcb-cursor0", "window"),
    ("libxkbcommon-x11.so.0", "libxkbcommon-x11-0", "window"),
    ("libxcb-icccm.so.4", "libxcb-icccm4", "window"),
    ("libxcb-keysyms.so.1", "libxcb-keysyms1", "window"),
    ("libxcb-image.so.0", "libxcb-image0", "window"),
    ("libxcb-render-util.so.0", "libxcb-render-util0", "window"),
    ("libxcb-shape.so.0", "libxcb-shape0", "window"),
)
"""Library, its Debian package, and what needs it: `qt` even without a display, `window` only for a real window."""

NEEDED = "The window needs system libraries that are missing"
NO_DISPLAY = (
    "There is no display here, so the console cannot open: try `python3 main.py demo` (runs offscreen) "
    "or the command line (`python3 main.py --help`)."
)


class SetupFailed(RuntimeError):
    """The text tells what failed, where the whole output lies and what to do."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the environment of a checkout lies."""

    project: Path = PROJECT

    @property
    def venv(self) -> Path:
        return self.project / ".venv"

    @property
    def python(self) -> Path:
        return self.venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    @property
    def marker(self) -> Path:
        return self.venv / "modeldeck-setup.json"

    @property
    def log(self) -> Path:
        return self.venv / "modeldeck-setup.log"

    @property
    def constraints(self) -> Path:
        return self.project / "constraints.txt"


def run(argv: Sequence[str]) -> int:
    """Set up when something is missing, go over into .venv (does not return then), or hand over; the exit status."""
    place = Place()
    tests = "test" in argv[:1]
    try:
        if needs(place, tests=tests):
            set_up(place, tests=tests)
    except SetupFailed as failed:
        print(failed, file=sys.stderr)
        return 1
    except OSError as error:  # a folder that cannot be written, a disk that is full
        where = f": {error.filename}" if error.filename else ""
        print(f"The set-up of {place.venv} failed: {error.strerror}{where}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nThe set-up was interrupted. Run the same command again to go on.", file=sys.stderr)
        return 130
    if Path(sys.prefix).resolve() != place.venv.resolve():
        return _reexecute(place, argv)
    return _hand_over(list(argv))


def needs(place: Place, *, tests: bool) -> str | None:
    """Why a set-up must run, or None. Reads two small files and looks at one; costs well under a millisecond."""
    try:
        marker = json.loads(place.marker.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "nothing is set up yet, or a set-up was interrupted"
    if not place.python.exists():
        return f"{place.python} is missing"
    if marker.get("constraints") != _digest(place.constraints):
        return "constraints.txt has changed"
    version = _venv_version(place)
    if version is None or marker.get("python") != version:
        return "the Python of .venv has changed"
    if tests and not marker.get("tests"):
        return "the test packages are not installed yet"
    return None


def set_up(place: Place, *, tests: bool, say: Callable[[str], None] = print) -> None:
    """Make .venv complete; safe to repeat after an interruption, and only one process at a time does it.

    Raises SetupFailed with the end of pip's output.
    """
    if not place.venv.is_dir() and (place.venv.exists() or place.venv.is_symlink()):
        raise SetupFailed(f"{place.venv} must be a folder; remove what lies there, then run the same command again.")
    place.venv.mkdir(parents=True, exist_ok=True)
    with _locked(place.venv / "setup.lock"):
        reason = needs(place, tests=tests)  # another process may have finished while we waited for the lock
        if reason is None:
            return
        tests = tests or _had_tests(place)
        say(f"Setting up Modeldeck in {place.venv} ({reason}). The first time this downloads packages.")
        place.marker.unlink(missing_ok=True)
        _make_venv(place, say)
        _drop_half_installed(place)
        place.log.write_text("", encoding="utf-8")
        groups = read_constraints(place.constraints)
        wanted = groups["product"] + (groups["tests"] if tests else [])
        first = [line for line in wanted if line.split("==")[0] == FIRST]
        _pip(place, ["install", *first], f"[1/2] {first[0] if first else FIRST}", len(first), say)
        chosen = place.venv / "modeldeck-requirements.txt"
        chosen.write_text("\n".join(wanted) + "\n", encoding="utf-8")
        _pip(place, ["install", "-r", str(chosen), "-c", str(place.constraints)], "[2/2] packages", len(wanted), say)
        _write_marker(place, tests=tests)
        say("Set-up is complete.")
        missing = missing_libraries()
        if missing:
            say(advice_for(missing))


def read_constraints(path: Path) -> dict[str, list[str]]:
    """The pins of the product and those only tests need, comments removed."""
    groups: dict[str, list[str]] = {"product": [], "tests": []}
    group = "product"
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(TESTS_HEADING):
            group = "tests"
        pin = line.split("#")[0].strip()
        if pin:
            groups[group].append(pin)
    return groups


def missing_libraries(uses: Sequence[str] = ("qt", "window")) -> list[str]:
    """Debian packages of the system libraries that Qt would not find; empty on other systems."""
    if not sys.platform.startswith("linux"):
        return []
    return [package for library, package, use in SYSTEM_LIBRARIES if use in uses and not _loads(library)]


def advice_for(packages: Sequence[str]) -> str:
    """The exact command that installs them, or their names where apt is not at home."""
    names = " ".join(packages)
    if shutil.which("apt-get"):
        sudo = "" if hasattr(os, "geteuid") and os.geteuid() == 0 else "sudo "
        return f"{NEEDED}. Install them with:\n  {sudo}apt-get install -y {names}"
    return f"{NEEDED} (names of the Debian packages): {names}"


# ---- handing over ------------------------------------------------------------------------------------------


def _reexecute(place: Place, argv: Sequence[str]) -> int:
    command = [str(place.python), str(place.project / "main.py"), *argv]
    if os.name == "nt":  # there execv returns to the shell before the program has ended
        return subprocess.call(command)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(command[0], command)  # noqa: S606 a list of our own making
    raise AssertionError("execv does not return")


def _hand_over(argv: list[str]) -> int:
    argv = _take_home(argv)
    if argv[:1] == ["test"]:
        return _run_tests(argv[1:])
    if argv[:1] == ["demo"]:
        return _run_demo(argv[1:])
    if not argv:
        return _open_console()
    from backend.cli import main as command_line

    return command_line(argv)


def _take_home(argv: list[str]) -> list[str]:
    """`--home DIR` in front of everything else goes into the environment, where each half finds it."""
    if argv[:1] == ["--home"] and len(argv) > 1:
        os.environ["MODELDECK_HOME"] = os.path.abspath(os.path.expanduser(argv[1]))
        return argv[2:]
    if argv and argv[0].startswith("--home="):
        return _take_home(["--home", argv[0].partition("=")[2], *argv[1:]])
    return argv


def _run_tests(arguments: list[str]) -> int:
    missing = missing_libraries(("qt",))
    if missing:
        print(advice_for(missing), file=sys.stderr)
    os.chdir(PROJECT)
    import pytest

    # Most tests wait for processes they started: two at a time take half as long. A file stays with one worker.
    together = [] if any(argument.startswith("-n") for argument in arguments) else ["-n", "2", "--dist", "loadfile"]
    return int(pytest.main([*together, *arguments]))


def _run_demo(arguments: list[str]) -> int:
    missing = missing_libraries(("qt", "window") if has_display() else ("qt",))
    if missing:
        print(advice_for(missing), file=sys.stderr)
        return 1
    if not has_display():
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    import importlib

    return int(importlib.import_module("console.demo").main(arguments) or 0)


def _open_console() -> int:
    if not has_display():
        print(NO_DISPLAY, file=sys.stderr)
        return 1
    missing = missing_libraries()
    if missing:
        print(advice_for(missing), file=sys.stderr)
        return 1
    import importlib  # by name: the backend knows no screen

    return int(importlib.import_module("console.app").main([]) or 0)


def has_display() -> bool:
    """Whether a window could open: macOS and Windows always, Linux with X11 or Wayland, or when Qt's platform was
    named."""
    if sys.platform in ("darwin", "win32"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))


# ---- the pieces of a set-up --------------------------------------------------------------------------------


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError as missing:
        raise SetupFailed(f"{path} is missing: this checkout is not complete, fetch it again.") from missing


def _venv_version(place: Place) -> str | None:
    """The version that pyvenv.cfg names; None when the environment is broken."""
    try:
        lines = (place.venv / "pyvenv.cfg").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    values = {name.strip(): value.strip() for name, _, value in (line.partition("=") for line in lines)}
    return values.get("version") or values.get("version_info")


def _had_tests(place: Place) -> bool:
    """Whether the environment that is being renewed had the test packages; then it keeps them."""
    return (
        any(place.venv.glob("lib/python*/site-packages/pytest")) or (place.venv / "Lib/site-packages/pytest").exists()
    )


def _make_venv(place: Place, say: Callable[[str], None]) -> None:
    if _works(place):
        return
    for entry in place.venv.iterdir():  # a half-made one; the lock file that we hold stays
        if entry.name != "setup.lock":
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    say(f"Making the environment with Python {sys.version.split()[0]}")
    made = subprocess.run(
        [sys.executable, "-m", "venv", str(place.venv)], capture_output=True, text=True, errors="replace", check=False
    )
    if made.returncode or not _works(place):
        minor = f"{sys.version_info[0]}.{sys.version_info[1]}"
        hint = f"\nOn Debian and Ubuntu: apt-get install -y python{minor}-venv" if shutil.which("apt-get") else ""
        raise SetupFailed(f"Python could not make {place.venv}:\n{(made.stdout + made.stderr).strip()}{hint}")


def _works(place: Place) -> bool:
    """Whether its Python is new enough, has pip, and is an environment of its own: without pyvenv.cfg it would be the
    system's Python, and the packages would be installed there."""
    if not place.python.exists():
        return False
    code = "import os, pip, sys; sys.exit(sys.version_info < (3, 11) or os.path.realpath(sys.prefix) != sys.argv[1])"
    command = [str(place.python), "-c", code, os.path.realpath(place.venv)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _drop_half_installed(place: Place) -> None:
    """pip writes RECORD last. A package without it was interrupted, yet pip would take it for installed."""
    for folder in place.venv.glob("[Ll]ib/**/site-packages/*.dist-info"):
        if not (folder / "RECORD").exists():
            shutil.rmtree(folder)


def _pip(place: Place, arguments: list[str], title: str, total: int, say: Callable[[str], None]) -> None:
    """Run pip, one short line of progress for each package; its whole output goes to the log.

    It inherits the lock: when only we are killed, the next set-up waits until pip has ended.
    """
    command = [str(place.python), "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments]
    command += ["--progress-bar", "off"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with (
        place.log.open("a", encoding="utf-8") as log,
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=environment,
            close_fds=False,
        ) as pip,  # fmt: skip
    ):
        tail: list[str] = []
        done = 0
        for line in pip.stdout or ():
            log.write(line)
            tail = [*tail[-19:], line.rstrip()]
            done, text = _progress(line, done)
            if text:
                say(f"{title}: {f'{done}/{total} ' if total > 1 and done <= total else ''}{text}")
    if pip.returncode:
        ending = "\n".join(tail)
        raise SetupFailed(
            f"pip failed at {title}:\n{ending}\nThe whole output: {place.log}\nRun the same command again to go on."
        )


def _progress(line: str, done: int) -> tuple[int, str]:
    """(packages seen, what to say) for a line of pip's; an empty text says nothing."""
    words = line.split()
    if line.startswith("Collecting ") and len(words) > 1:
        return done + 1, words[1]
    if line.startswith("Requirement already satisfied"):
        return done + 1, ""
    if words[:1] == ["Downloading"] and ("MB" in line or "GB" in line):
        return done, " ".join(words[:3])
    if line.startswith("Installing collected packages"):
        return done, "installing what was fetched (about a minute)"
    return done, ""


def _write_marker(place: Place, *, tests: bool) -> None:
    body = {"constraints": _digest(place.constraints), "python": _venv_version(place), "tests": tests}
    temporary = place.marker.with_suffix(".tmp")
    temporary.write_text(json.dumps(body) + "\n", encoding="utf-8")
    os.replace(temporary, place.marker)


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock while another set-up of the same checkout waits; Windows has no flock and goes without."""
    with path.open("w", encoding="utf-8") as handle:
        if os.name != "nt":
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX)
            os.set_inheritable(handle.fileno(), True)
        yield

"""The rules of the house, run with the tests: format, lint, types, rooms, maps, forbidden words."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from backend.paths import PROJECT

ROOMS = ("backend", "console", "tests")
FORBIDDEN = {
    r"\bpickle\.loads?\b|\bimport (pickle|joblib|dill)\b|\bjoblib\.load|\bcloudpickle\.": "no pickle, it runs code",
    r"\btorch\.hub\b|allow_pickle=True": "no pickle, it runs code",
    r"torch\.load\((?!.*weights_only=True)": "torch.load only with weights_only=True",
    r"shell=True": "no shell",
    r"(?<![\w.])eval\(|(?<![\w.])exec\(": "no code from text",
    r"from [\w.]+ import \*": "say what you import",
    r"yaml\.load\(": "yaml.safe_load",
    r"TODO|FIXME|XXX": "finish it",
}
ALLOWED: set[tuple[str, str]] = set()


def python_files(*rooms: str) -> list[Path]:
    return [path for room in rooms for path in sorted((PROJECT / room).rglob("*.py"))]


def tool(*command: str) -> None:
    done = subprocess.run([sys.executable, "-m", *command], cwd=PROJECT, capture_output=True, text=True)
    if done.returncode:
        pytest.fail(f"{' '.join(command)}:\n{(done.stdout + done.stderr)[-6000:]}", pytrace=False)


def test_ruff_finds_nothing() -> None:
    tool("ruff", "check", *ROOMS, "main.py")


def test_everything_is_formatted() -> None:
    tool("ruff", "format", "--check", *ROOMS, "main.py")


def test_types_hold() -> None:
    tool("mypy")


def test_rooms_import_only_what_they_may() -> None:
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True)
    if done.returncode:
        pytest.fail(done.stdout[-6000:], pytrace=False)


@pytest.mark.parametrize("init", [p for p in python_files("backend", "console") if p.name == "__init__.py"], ids=str)
def test_each_package_is_mapped_by_its_first_lines(init: Path) -> None:
    """One line a module: each module is named, and nothing else is."""
    folder = init.parent
    there = {path.name for path in folder.glob("*.py")} - {"__init__.py"}
    there |= {path.parent.name for path in folder.glob("*/__init__.py")}
    text = init.read_text().split('"""')[1] if '"""' in init.read_text() else ""
    named = set(re.findall(r"^([\w.]+)/? ", text, re.MULTILINE)) | set(re.findall(r"^([\w]+\.py) ", text, re.MULTILINE))
    missing = {name for name in there if name not in named and name.removesuffix(".py") not in named}
    assert not missing, f"{init.relative_to(PROJECT)} does not mention {sorted(missing)}"
    stale = {name for name in named if name.endswith(".py") and name not in there}
    assert not stale, f"{init.relative_to(PROJECT)} mentions {sorted(stale)}, which is not there"


@pytest.mark.parametrize("pattern", FORBIDDEN, ids=list(FORBIDDEN.values()))
def test_no_forbidden_words(pattern: str) -> None:
    found = []
    for path in python_files("backend", "console"):
        name = str(path.relative_to(PROJECT))
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            if re.search(pattern, line) and not line.lstrip().startswith("#") and (name, pattern) not in ALLOWED:
                found.append(f"{name}:{number}: {line.strip()[:100]}")
    assert not found, f"{FORBIDDEN[pattern]}:\n" + "\n".join(found)


def test_every_file_says_what_it_is() -> None:
    texts = {str(path.relative_to(PROJECT)): path.read_text().lstrip() for path in python_files(*ROOMS)}
    silent = [name for name, text in texts.items() if text and not text.startswith('"""')]
    assert not silent


def test_nobody_asks_a_layout_for_its_items() -> None:
    """PySide 6.11.3 keeps the Python side of a layout's item when Qt has deleted the item, and still calls it valid.

    What Qt makes later at that address may be taken for it, and its end takes the process down. takeAt() keeps nothing.
    """
    asking = re.compile(r"\.itemAt\(")
    paths = [path for path in python_files("console", "tests") if path != Path(__file__)]
    assert [str(path.relative_to(PROJECT)) for path in paths if asking.search(path.read_text())] == []


def test_no_file_is_longer_than_400_lines() -> None:
    long = {
        str(p.relative_to(PROJECT)): n
        for p in python_files("backend", "console")
        if (n := len(p.read_text().splitlines())) > 400
    }
    allowed = {"backend/contract/resources.py"}
    assert set(long) <= allowed, long

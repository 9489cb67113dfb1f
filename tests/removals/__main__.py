"""Take each defence away in a copy of the tree, run the tests named for it, and say whether every one turned red."""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from backend.paths import PROJECT
from tests.removals import Trial, trials

LIMIT_S = 600
VERDICT = re.compile(r"^(PASSED|FAILED|ERROR|SKIPPED) (tests/\S+?)(\[.*\])?( - .*)?$", re.MULTILINE)


def main() -> int:
    """The exit code is the number of trials in which a test stayed green."""
    parser = argparse.ArgumentParser(prog="python -m tests.removals", description=__doc__)
    parser.add_argument("rows", nargs="*", help="rows or defences, as 33 or T12; none: all")
    parser.add_argument("--out", type=Path, help="write the table to this Markdown file, too")
    asked = parser.parse_args()
    chosen = [trial for trial in trials() if not asked.rows or trial.row in asked.rows]
    lines = ["| row | removed | where | test | without it |", "|---|---|---|---|---|"]
    blind = 0
    with tempfile.TemporaryDirectory(prefix="removals-") as folder:
        copy = copy_of_the_tree(Path(folder))
        for trial in chosen:
            verdicts = tried(trial, copy)
            blind += any(said != "red" for said in verdicts.values())
            for test, said in verdicts.items():
                lines.append(f"| {trial.row} | {trial.defence} | `{trial.file}` | `{test}` | {said} |")
                print(f"{trial.row:4} {said:8} {test}   without: {trial.defence}", flush=True)
    if asked.out:
        asked.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(chosen)} trials, {blind} with a test that did not turn red")
    return blind


def copy_of_the_tree(folder: Path) -> Path:
    """What git knows of or would add, the environment as a link, and what lies beside the tree."""
    copy = folder / "tree"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        if (PROJECT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, copy / name)
    for beside in (PROJECT / ".venv", PROJECT.parent / "shared"):
        if beside.exists():
            place = copy if beside.parent == PROJECT else copy.parent
            (place / beside.name).symlink_to(beside)
    return copy


def tried(trial: Trial, copy: Path) -> dict[str, str]:
    """Each test of the trial → "red", "green", or what went wrong; the copy is whole again afterwards."""
    path = copy / trial.file
    whole = path.read_text(encoding="utf-8")
    if whole.count(trial.old) != 1:
        return dict.fromkeys(trial.red, f"the text stands {whole.count(trial.old)} times in the file")
    path.write_text(whole.replace(trial.old, trial.new), encoding="utf-8")
    try:
        return {test: outcome(test, copy) for test in trial.red}
    finally:
        path.write_text(whole, encoding="utf-8")


def outcome(test: str, copy: Path) -> str:
    """One test in a process of its own: a hang and a crash are red, too; a test that is not there is not."""
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-rA", "--no-header", test]
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    try:
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        return "red"
    if done.returncode == 0:
        return "green" if "PASSED" in {found[0] for found in VERDICT.findall(done.stdout)} else "skipped"
    if done.returncode == 1 or done.returncode < 0:
        return "red"
    return f"pytest ended with {done.returncode}"


if __name__ == "__main__":
    sys.exit(main())

"""Take each defence away in a copy of the tree, run the tests named for it, and say whether every one turned red."""

import argparse
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from backend.paths import PROJECT
from tests.removals import Trial, trials

LIMIT_S = 900
BECOME_PARENT_OF_ORPHANS = 36  # PR_SET_CHILD_SUBREAPER


def main() -> int:
    """The exit code is the number of trials in which a test stayed green."""
    parser = argparse.ArgumentParser(prog="python -m tests.removals", description=__doc__)
    parser.add_argument("rows", nargs="*", help="rows, as 33 or T12, or words of a defence; none: all")
    parser.add_argument("--out", type=Path, help="write the table to this Markdown file, too")
    parser.add_argument("--whole", action="store_true", help="first show that all are green with everything there")
    asked = parser.parse_args()
    chosen = [trial for trial in trials() if not asked.rows or any(wanted(trial, word) for word in asked.rows)]
    lines = ["| row | removed | where | test | without it |", "|---|---|---|---|---|"]
    blind = 0
    ctypes.CDLL(None).prctl(BECOME_PARENT_OF_ORPHANS, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # not without clearing away
    with tempfile.TemporaryDirectory(prefix="removals-") as folder:
        copy = copy_of_the_tree(Path(folder))
        if asked.whole:
            blind += sum(said != "green" for said in shown_whole(chosen, copy).values())
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


def wanted(trial: Trial, word: str) -> bool:
    """Whether a word of the command line means this trial."""
    return word == trial.row or (len(word) > len("T99") and word in trial.defence)


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


def shown_whole(chosen: Sequence[Trial], copy: Path) -> dict[str, str]:
    """What the tests of these trials say with nothing taken away: one that is red then proves nothing."""
    verdicts = outcomes(sorted({test for trial in chosen for test in trial.red}), copy)
    for test, said in verdicts.items():
        print(f"     {said:8} {test}   with everything there", flush=True)
    return verdicts


def tried(trial: Trial, copy: Path) -> dict[str, str]:
    """Each test of the trial → "red", "green", or what went wrong; the copy is whole again afterwards."""
    path = copy / trial.file
    whole = path.read_text(encoding="utf-8")
    if whole.count(trial.old) != 1:
        return dict.fromkeys(trial.red, f"the text stands {whole.count(trial.old)} times in the file")
    path.write_text(whole.replace(trial.old, trial.new), encoding="utf-8")
    try:
        return outcomes(trial.red, copy)
    finally:
        path.write_text(whole, encoding="utf-8")


def outcomes(tests: Sequence[str], copy: Path) -> dict[str, str]:
    """All in one process; when a hang or a crash ends it, those behind go on in another one."""
    said: dict[str, str] = {}
    while left := [test for test in tests if test not in said]:
        heard = run(left, copy)
        said |= {test: verdict for test in left if (verdict := verdict_on(test, heard))}
        if not said.keys() & set(left):
            said |= dict.fromkeys(left, "not run")
    return {test: said[test] for test in tests}


def run(tests: Sequence[str], copy: Path) -> list[tuple[str, str]]:
    """(what became of it, id) of each begin and each phase of these tests, in one process and without its leavings."""
    told = copy.parent / "told.txt"
    told.write_text("", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "tests.removals.told", "--no-header", *tests]
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "MODELDECK_TOLD": str(told)}
    with (copy.parent / "output.txt").open("wb") as output:
        process = subprocess.Popen(command, cwd=copy, env=environment, stdout=output, stderr=output)
    end = time.monotonic() + LIMIT_S
    try:
        while process.poll() is None and time.monotonic() < end:
            collect_orphans(process.pid)
            time.sleep(0.05)
    finally:
        end_all()
    process.wait()
    pairs = (line.split(" ", 1) for line in told.read_text(encoding="utf-8").splitlines())
    return [(what, test) for what, test in pairs]


def verdict_on(test: str, heard: Sequence[tuple[str, str]]) -> str:
    """In a word; empty when it was not begun. A hang and a crash are red, too; what could not be set up is not."""
    mine = [what for what, name in heard if name == test or name.startswith(f"{test}[")]
    ended = sum(what.startswith(("call", "setup")) for what in mine)
    if "call-failed" in mine or ended < mine.count("begun"):
        return "red"
    for what, verdict in (("setup-failed", "no setup"), ("call-passed", "green"), ("skipped", "skipped")):
        if any(what in one for one in mine):
            return verdict
    return ""


def collect_orphans(but: int) -> None:
    """A daemon that ended after its parent is ours to collect: as a zombie it would still be seen."""
    while found := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        if found.si_pid == but:
            return
        os.waitpid(found.si_pid, 0)


def end_all() -> None:
    """End everything that was started below us: a red test may leave daemons and workers behind."""
    while left := psutil.Process().children(recursive=True):
        for process in left:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(left, timeout=10)


if __name__ == "__main__":
    sys.exit(main())

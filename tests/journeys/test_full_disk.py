"""The disk is full to the last byte while a run goes on: one notice, nothing lost, and all goes on when it is freed."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from backend.paths import PROJECT

NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")


def allowed() -> bool:
    """Whether this system lets us mount a file system of our own."""
    if shutil.which("unshare") is None:
        return False
    done = subprocess.run([*NAMESPACE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True)
    return done.returncode == 0


@pytest.mark.timeout(400)
def test_row_33_a_full_disk_loses_nothing_and_recovers_alone() -> None:
    if not allowed():
        pytest.skip("no user namespaces here")
    folder = Path(tempfile.mkdtemp(prefix="md-", dir="/tmp"))
    try:
        done = subprocess.run(
            [*NAMESPACE, sys.executable, "-m", "tests.journeys.full_disk", str(folder)],
            cwd=PROJECT,
            env={**os.environ, "TMPDIR": "/tmp"},
            capture_output=True,
            text=True,
            timeout=380,
        )
    finally:
        shutil.rmtree(folder)
    assert done.returncode == 0, done.stderr[-4000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert any("disk is full" in text for text in found["notices"])
    assert re.search(r"Free [\d,]+ bytes", found["notices"][0]), "with the bytes that are needed"
    assert len(found["notices"]) == 1, "one clear notice"
    assert not any("Traceback" in text for text in found["notices"])
    assert found["refused"]["code"] == "disk_full"
    assert "bytes" in found["refused"]["fix"]
    assert found["state"] in ("running", "paused")
    assert found["same_worker"], "nothing was started anew"
    assert (found["ended"], found["next"]) == ("stopped", "completed")
    assert found["steps"], "every step from 1 on, none twice"
    assert found["exported"], "the export is the log, bit for bit"
    marks = [text for text in found["told"] if text.startswith("The disk was full for")]
    unsaved = [text for text in found["told"] if "was not saved: the disk is full" in text]
    assert len(marks) == 1, "one mark on the chart"
    assert len(marks) + len(set(unsaved)) == len(found["told"]), "and one for each checkpoint that is missing"
    assert found["doctor"] == []

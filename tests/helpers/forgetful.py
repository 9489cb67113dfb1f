"""A worker main whose child carries no cookie: only its process group tells whose it is."""

import subprocess
import sys
from pathlib import Path


def main(argv: list[str]) -> int:
    """Start a sleeping child without any environment, write down its pid, end."""
    child = subprocess.Popen(["sleep", "600"], env={})
    Path(argv[0], "child.pid").write_text(str(child.pid))
    child.returncode = 0  # nobody waits for it
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

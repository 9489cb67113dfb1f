"""`python -m backend.cli …`, the same as `python3 main.py …`."""

import sys

from backend.cli.main import main

sys.exit(main(sys.argv[1:]))

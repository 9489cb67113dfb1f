"""The parser, the errors and the exit codes: 0 done, 1 broken, 2 bad usage, 3 refused."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from backend.cli import backend, datasets, doctor, endpoints, models, recipes, runs, watching
from backend.cli.context import Context
from backend.contract.errors import Broken, Refused
from backend.launch import VERSION
from backend.paths import Home, default_home

DONE, BROKEN, USAGE, REFUSED = 0, 1, 2, 3
INTERRUPTED = 130

EPILOG = """also:
  python3 main.py                    open the console
  python3 main.py demo [--out DIR]   run the whole story on built-in data
  python3 main.py test [args]        run the tests
"""


def build_parser() -> argparse.ArgumentParser:
    """Every noun and verb; each leaf has --json and --home."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", dest="as_json", help="one JSON document on standard output")
    common.add_argument(
        "--home", type=Path, default=argparse.SUPPRESS, help="the home folder (default: MODELDECK_HOME)"
    )
    parser = argparse.ArgumentParser(
        prog="python3 main.py",
        description="Train, serve and watch models on this machine.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"Modeldeck {VERSION}", help="show the version and exit")
    parser.add_argument("--home", type=Path, default=None, help=argparse.SUPPRESS)
    nouns = parser.add_subparsers(dest="noun", required=True, metavar="noun")
    for module in (backend, datasets, recipes, runs, models, endpoints, watching, doctor):
        module.add(nouns, common)
    return parser


def main(argv: Sequence[str]) -> int:
    """Run one command; the exit status."""
    parser = build_parser()
    try:
        given = parser.parse_args(list(argv))
    except SystemExit as error:  # argparse has printed what was wrong, or the help
        return int(error.code or 0)
    home = Home((given.home or default_home()).expanduser().absolute())
    context = Context(home, as_json=given.as_json)
    try:
        return int(given.command(context, given))
    except Refused as error:
        print(f"{error.text}{f' {error.fix}' if error.fix else ''}", file=sys.stderr)
        return REFUSED
    except Broken as error:
        print(error.text, file=sys.stderr)
        return BROKEN
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # `… | head`: nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    finally:
        context.close()

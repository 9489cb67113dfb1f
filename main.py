"""Start Modeldeck: `python3 main.py` opens the console, `demo` runs the story, `test` the tests, anything else is the
command line.

Needs nothing but Python 3.11 or newer; the first start sets everything up.
"""

import sys


def main(argv):
    """Set up if needed, go over into .venv, hand over to one half of the product; the exit status."""
    if sys.version_info < (3, 11):  # noqa: UP036 the one place that an older Python reads
        have = ".".join(map(str, sys.version_info[:3]))
        print("Modeldeck needs Python 3.11 or newer; this is " + have + " (" + sys.executable + ").", file=sys.stderr)
        return 2
    from backend import bootstrap

    return bootstrap.run(argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

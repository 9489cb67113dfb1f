"""The command line: a client of the same interface as the console. One file per noun.

__main__.py   python -m backend.cli
main.py       the parser, errors and exit codes: 0 done, 1 broken, 2 bad usage, 3 refused
context.py    what every command is given: home, connection, output
output.py     tables and lines for people
backend.py    backend start | stop | status
datasets.py   dataset import | list | show
recipes.py    recipe list | show
runs.py       run start | list | show | watch | pause | resume | stop | checkpoint | …
run_files.py  run import | export | report
models.py     model list | show | register | promote | rollback | history
endpoints.py endpoint create | list | show | delete
watching.py   alert list | ack, drift show, audit list | export
doctor.py     doctor
"""

from backend.cli.main import main

__all__ = ["main"]

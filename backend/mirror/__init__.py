"""The mirror: shows runs, versions and aliases to MLflow, in a process of its own. The only place for mlflow.

child.py     the handle of the process; imports no mlflow
main.py      the process: a message a line in, an acknowledgement a line out
check.py     may the MLflow database be touched? standard library only, answers at once
runs.py      runs: parameters, tags, metrics, data
models.py    versions and aliases
artifacts.py the folder MLflow loads a version from: our files, a loader, no pickle
shipped/     the loader itself, copied into each version; runs in the user's script, never here
"""

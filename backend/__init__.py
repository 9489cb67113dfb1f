"""Everything that works without a screen.

launch.py      start the daemon, or find the one that runs (standard library only)
daemon.py      composition root: build the parts, run, shut down in reverse order
cli/           the command line: a client of the same interface
client.py      blocking client: ask(), follow(since)
loops.py       background loops of the daemon, guarded and started again
bootstrap.py   standard library only: makes .venv, installs, re-executes
paths.py       where everything lies
clock.py       time that tests can move
failpoints.py  named places where a test can make the program die
platform.py    the one file with differences between Linux, macOS and Windows
contract/      the shared language: frozen models, no behaviour
jobs/          a job is a folder: spec, event log, commands, exit record, runner
supervisor/    the keeper of jobs: launch, adopt, stop, verdict
worker/        the only place for torch and transformers
store/         the only place for SQLAlchemy
mirror/        the only place for mlflow
telemetry/     the sensor process and one file per vendor
data/          readers, profile, split, personal data
drift/         one file per method
services/      use cases, one file each
server/        the HTTP interface
"""

"""The HTTP interface: thin routes over the services, behind one door.

app.py         the application: guard, routers, health
guard.py       the door: origin, host, token, content type, size, strict JSON
strict.py      JSON as we accept it
route.py       the route class: errors become replies, a POST with a key happens once
errors.py      one mapping from what went wrong to what the client reads
parts.py       what the routes work with
doorway.py     home lock, runtime folder, socket, backend.json
logs.py        the daemon's log: JSON lines nothing can forge
feed.py        server-sent events over one shared ring
thinning.py    fewer messages for a reader that cannot keep up
system.py      /system
telemetry.py   /telemetry
datasets.py    /datasets
recipes.py     /recipes, /base_models
runs.py        /runs: start, list, steer
run_data.py    /runs/{id}/…: series, events, log, export
models.py      /models
operations.py  /operations
endpoints.py   /endpoints
alerts.py      /alerts, /rules
drift.py       /drift
audit.py       /audit
settings.py    /settings
prometheus.py  /metrics
"""

"""Measurements, each in one run: `python -m tests.bench.NAME`; none is part of the tests. Behind each, what to reach.

bench_start.py     window visible ≤ 1.0 s after the start of the process with the daemon running, ≤ 2.5 s without
bench_paint.py     a point logged by a worker is painted within 200 ms (p95)
bench_logging.py   logging costs the training thread ≤ 50 µs a step (p99)
bench_training.py  steps/s with our monitoring ≥ 0.99 of the same Trainer with no reporting
bench_serving.py   swap at 20 requests/s: 0 failed, p99 ≤ 3 × normal; throughput beside a bare loop
bench_idle.py      daemon idle ≤ 1 % of a core and ≤ 150 MB, also after an import; console idle ≤ 2 % and ≤ 250 MB
bench_charts.py    redraw of nine live charts, pan and zoom of sixteen, beside bare pyqtgraph
bench_store.py     points in, pictures out, of ten million points
bench_telemetry.py sensor ≤ 1 % of a core, API p99 < 200 ms while NVML hangs, a year of eight cards ≤ 200 MB
bench_long.py      a run of ten million points: first picture ≤ 0.5 s, any window ≤ 50 ms, store, daemon and window
bench_ingest.py    log alone ≥ 300,000 points/s, to the feed ≥ 100,000, ≤ 5 µs a point in the loop; beside MLflow
bench_runs.py      5,000 runs filtered, sorted and scrolled in < 300 ms
bench_soak.py      a live run at a high rate: memory, objects and timers of window and daemon stay
bench_import.py    opening a run beside TensorBoard's EventAccumulator on the same points: ≥ 100 × its rate
window.py          a real window offscreen, for those that need one
"""

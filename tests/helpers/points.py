"""Many points in a store quickly: packed as a read of the log packs them, without a million tuples in between."""

import numpy as np

from backend.store import Store, blocks

BATCH = 500_000


def fill(store: Store, run_id: str, keys: list[str], steps: int, seed: int = 1) -> None:
    """`steps` points of each key, step by step as a training logs them: a slow curve with noise and rare spikes."""
    rng = np.random.default_rng(seed)
    first = {"run_id": run_id}
    store.series.append(run_id, 1, [(key, 0, 1e9, 0.0, 1.0) for key in keys])
    series = store.series
    for start in range(1, steps, max(1, BATCH // len(keys))):
        stop = min(steps, start + max(1, BATCH // len(keys)))
        count = (stop - start) * len(keys)
        points = np.zeros(count, blocks.TAIL)
        with series._database.writing() as connection:
            cache = series._cache(connection, first["run_id"])
            points["key"] = np.tile([cache.keys[key] for key in keys], stop - start)
            points["step"] = np.repeat(np.arange(start, stop), len(keys))
            points["time"] = 1e9 + points["step"] * 0.01
            points["epoch"] = points["step"] / 1000
            points["value"] = 2 / (1 + points["step"] / steps) + rng.normal(0, 0.1, count)
            points["value"][rng.random(count) < 1e-5] *= 20
            series._store(connection, run_id, 1, cache, points)

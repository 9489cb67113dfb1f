"""Schema version 3: telemetry in packed tiers, and with each run.

Samples of the older form become readings that the next roll-up packs.
"""

import json
from typing import Any

from alembic import op

revision = "0003"
down_revision = "0002"

TABLES = (
    """
    CREATE TABLE telemetry_blocks ( tier INTEGER NOT NULL, start FLOAT NOT NULL, name TEXT NOT NULL,
        data BLOB NOT NULL, PRIMARY KEY (tier, start, name) )
    """,
    """
    CREATE TABLE telemetry_pins ( run_id TEXT NOT NULL, ended_at FLOAT NOT NULL, step INTEGER NOT NULL,
        start FLOAT NOT NULL, slots INTEGER NOT NULL, PRIMARY KEY (run_id),
        FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE )
    """,
    """
    CREATE TABLE telemetry_runs ( run_id TEXT NOT NULL, name TEXT NOT NULL, data BLOB NOT NULL,
        PRIMARY KEY (run_id, name), FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE )
    """,
)

HOST = {
    "cpu/utilization_percent": "cpu_percent",
    "memory/used_bytes": "memory_used_bytes",
    "memory/total_bytes": "memory_total_bytes",
    "disk/used_bytes": "disk_used_bytes",
    "disk/total_bytes": "disk_total_bytes",
    "disk/read_bytes_per_s": "disk_read_bytes_per_s",
    "disk/write_bytes_per_s": "disk_write_bytes_per_s",
    "net/in_bytes_per_s": "net_in_bytes_per_s",
    "net/out_bytes_per_s": "net_out_bytes_per_s",
}
GPU = ("utilization_percent", "memory_used_bytes", "memory_total_bytes", "temperature_c", "power_w", "power_limit_w",
       "fan_percent", "sm_clock_mhz", "memory_clock_mhz", "pcie_rx_bytes_per_s", "pcie_tx_bytes_per_s")  # fmt: skip


def _flat(body: str) -> str:
    sample: dict[str, Any] = json.loads(body)
    host = sample.get("host", {})
    values = {name: host.get(field) for name, field in HOST.items()}
    for card in sample.get("gpus", ()):
        lost = card.get("lost") is not None
        values |= {f"gpu/{card['index']}/{name}": None if lost else card.get(name) for name in GPU}
    return json.dumps(values)


def upgrade() -> None:
    """Add the tables and turn the samples into readings."""
    for table in TABLES:
        op.execute(table)
    connection = op.get_bind()
    rows = connection.exec_driver_sql("SELECT level, taken_at, body FROM telemetry ORDER BY taken_at, level").all()
    connection.exec_driver_sql("DELETE FROM telemetry")
    readings = {taken_at: _flat(body) for _, taken_at, body in rows}
    insert = "INSERT OR REPLACE INTO telemetry (level, taken_at, body) VALUES (?, ?, ?)"
    for taken_at, body in readings.items():
        connection.exec_driver_sql(insert, (0, taken_at, body))
    newest = [body for level, _, body in rows if level == 0]
    if newest:
        connection.exec_driver_sql(insert, (1, 0.0, newest[-1]))

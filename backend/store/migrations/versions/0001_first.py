"""Schema version 1: the first tables, and the triggers that keep the audit chain append-only."""

from alembic import op

revision = "0001"
down_revision = None

TABLES = (
    """
    CREATE TABLE meta ( "key" TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY ("key") )
    """,
    """
    CREATE TABLE runs ( id TEXT NOT NULL, state TEXT NOT NULL, archived BOOLEAN DEFAULT 0 NOT NULL,
        queue_position INTEGER, created_at FLOAT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (id) )
    """,
    "CREATE INDEX ix_runs_created ON runs (created_at)",
    """
    CREATE TABLE run_events ( id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL,
        kind TEXT NOT NULL, time FLOAT NOT NULL, step INTEGER, epoch FLOAT, text TEXT NOT NULL,
        data TEXT NOT NULL, FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE )
    """,
    "CREATE INDEX ix_run_events_run ON run_events (run_id, id)",
    """
    CREATE TABLE checkpoints ( run_id TEXT NOT NULL, name TEXT NOT NULL, step INTEGER NOT NULL,
        body TEXT NOT NULL, PRIMARY KEY (run_id, name),
        FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE )
    """,
    """
    CREATE TABLE evaluations ( id INTEGER NOT NULL, run_id TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (id),
        FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE )
    """,
    "CREATE INDEX ix_evaluations_run ON evaluations (run_id, id)",
    """
    CREATE TABLE samples ( id INTEGER NOT NULL, run_id TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (id),
        FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE )
    """,
    "CREATE INDEX ix_samples_run ON samples (run_id, id)",
    """
    CREATE TABLE log_lines ( run_id TEXT NOT NULL, number INTEGER NOT NULL, time FLOAT, level TEXT NOT NULL,
        text TEXT NOT NULL, PRIMARY KEY (run_id, number),
        FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE )
    """,
    """
    CREATE TABLE series_keys ( id INTEGER NOT NULL, run_id TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (id),
        UNIQUE (run_id, name), FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE )
    """,
    """
    CREATE TABLE series_attempts ( run_id TEXT NOT NULL, attempt INTEGER NOT NULL, first_step INTEGER NOT NULL,
        PRIMARY KEY (run_id, attempt), FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE )
    """,
    """
    CREATE TABLE series_blocks ( id INTEGER NOT NULL, key_id INTEGER NOT NULL, attempt INTEGER NOT NULL,
        number INTEGER NOT NULL, count INTEGER NOT NULL, first_ordinal INTEGER NOT NULL,
        last_ordinal INTEGER NOT NULL, min_step INTEGER NOT NULL, max_step INTEGER NOT NULL,
        min_time FLOAT NOT NULL, max_time FLOAT NOT NULL, min_value FLOAT, max_value FLOAT, first_value FLOAT,
        last_value FLOAT, outline BLOB NOT NULL, PRIMARY KEY (id),
        FOREIGN KEY(key_id) REFERENCES series_keys (id) ON DELETE CASCADE, UNIQUE (key_id, attempt, number) )
    """,
    """
    CREATE TABLE series_data ( block_id INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (block_id),
        FOREIGN KEY(block_id) REFERENCES series_blocks (id) ON DELETE CASCADE )
    """,
    """
    CREATE TABLE series_tail ( id INTEGER NOT NULL, run_id TEXT NOT NULL, attempt INTEGER NOT NULL,
        first_ordinal INTEGER NOT NULL, count INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (id),
        FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE )
    """,
    "CREATE INDEX ix_series_tail_run ON series_tail (run_id, id)",
    """
    CREATE TABLE offsets ( job_id TEXT NOT NULL, "offset" INTEGER NOT NULL, seq INTEGER NOT NULL,
        state TEXT DEFAULT '{}' NOT NULL, PRIMARY KEY (job_id) )
    """,
    """
    CREATE TABLE quarantine ( id INTEGER NOT NULL, job_id TEXT NOT NULL, "offset" INTEGER NOT NULL,
        reason TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (id), UNIQUE (job_id, "offset") )
    """,
    """
    CREATE TABLE datasets ( id TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL,
        created_at FLOAT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (id), UNIQUE (name, version) )
    """,
    """
    CREATE TABLE models ( name TEXT NOT NULL, task TEXT NOT NULL, labels TEXT NOT NULL,
        created_at FLOAT NOT NULL, PRIMARY KEY (name) )
    """,
    """
    CREATE TABLE versions ( model TEXT NOT NULL, version INTEGER NOT NULL, run_id TEXT NOT NULL,
        deleted BOOLEAN DEFAULT 0 NOT NULL, created_at FLOAT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (model,
        version), FOREIGN KEY(model) REFERENCES models (name) )
    """,
    """
    CREATE TABLE aliases ( model TEXT NOT NULL, alias TEXT NOT NULL, version INTEGER NOT NULL,
        PRIMARY KEY (model, alias), FOREIGN KEY(model, version) REFERENCES versions (model, version) )
    """,
    """
    CREATE TABLE history ( id INTEGER NOT NULL, model TEXT NOT NULL, time FLOAT NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (id) )
    """,
    "CREATE INDEX ix_history_model ON history (model, id)",
    """
    CREATE TABLE endpoints ( name TEXT NOT NULL, job_id TEXT NOT NULL, model TEXT, created_at FLOAT NOT NULL,
        body TEXT NOT NULL, PRIMARY KEY (name) )
    """,
    "CREATE INDEX ix_endpoints_job ON endpoints (job_id)",
    """
    CREATE TABLE windows ( id INTEGER NOT NULL, endpoint TEXT NOT NULL, time FLOAT NOT NULL,
        version INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (id),
        FOREIGN KEY(endpoint) REFERENCES endpoints (name) ON DELETE CASCADE )
    """,
    "CREATE INDEX ix_windows_endpoint ON windows (endpoint, time)",
    """
    CREATE TABLE alerts ( id TEXT NOT NULL, kind TEXT NOT NULL, endpoint TEXT, feature TEXT,
        state TEXT NOT NULL, opened_at FLOAT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (id) )
    """,
    "CREATE INDEX ix_alerts_state ON alerts (state, opened_at)",
    """
    CREATE TABLE drift ( endpoint TEXT NOT NULL, checked_at FLOAT NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (endpoint) )
    """,
    """
    CREATE TABLE drift_points ( endpoint TEXT NOT NULL, feature TEXT NOT NULL, time FLOAT NOT NULL, psi FLOAT,
        PRIMARY KEY (endpoint, feature, time) )
    """,
    """
    CREATE TABLE audit ( seq INTEGER NOT NULL, time FLOAT NOT NULL, actor TEXT NOT NULL, client TEXT NOT NULL,
        action TEXT NOT NULL, object TEXT NOT NULL, "before" TEXT NOT NULL, "after" TEXT NOT NULL,
        reason TEXT NOT NULL, result TEXT NOT NULL, details TEXT NOT NULL, previous_hash TEXT NOT NULL,
        hash TEXT NOT NULL, PRIMARY KEY (seq), UNIQUE (hash) )
    """,
    """
    CREATE TABLE operations ( id TEXT NOT NULL, kind TEXT NOT NULL, object TEXT NOT NULL, state TEXT NOT NULL,
        started_at FLOAT NOT NULL, body TEXT NOT NULL, details TEXT NOT NULL, PRIMARY KEY (id) )
    """,
    "CREATE INDEX ix_operations_started ON operations (started_at)",
    "CREATE INDEX ix_operations_state ON operations (state)",
    """
    CREATE TABLE telemetry ( level INTEGER NOT NULL, taken_at FLOAT NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (level, taken_at) )
    """,
    """
    CREATE TABLE idempotency ( "key" TEXT NOT NULL, route TEXT NOT NULL, body_sha256 TEXT NOT NULL,
        status INTEGER, reply TEXT, created_at FLOAT NOT NULL, PRIMARY KEY ("key") )
    """,
    """
    CREATE TABLE settings ( "key" TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY ("key") )
    """,
    """
    CREATE TABLE rules ( id TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (id) )
    """,
    """
    CREATE TABLE outbox ( id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL,
        "key" TEXT NOT NULL, body TEXT NOT NULL, created_at FLOAT NOT NULL,
        attempts INTEGER DEFAULT 0 NOT NULL, next_at FLOAT DEFAULT 0 NOT NULL, error TEXT )
    """,
    "CREATE INDEX ix_outbox_next ON outbox (next_at, id)",
    """
    CREATE TABLE feed ( id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, time FLOAT NOT NULL,
        topic TEXT NOT NULL, kind TEXT NOT NULL, size INTEGER NOT NULL, data TEXT NOT NULL )
    """,
)

TRIGGERS = (
    """
    CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END
    """,
    """
    CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END
    """,
    """
    CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit WHEN EXISTS (SELECT 1 FROM audit WHERE seq = new.seq)
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END
    """,
)


def upgrade() -> None:
    """Make everything."""
    for statement in TABLES + TRIGGERS:
        op.execute(statement)

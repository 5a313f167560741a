"""Writes many finished runs straight into the database, as the engine would have left them."""

import time

import psycopg

# Of 1,000 runs: how they ended. None is running: a reader would find that Temporal doesn't know it.
_STATUS = """CASE WHEN roll < 0.90 THEN 'COMPLETED' WHEN roll < 0.98 THEN 'FAILED'
  WHEN roll < 0.999 THEN 'CANCELED' ELSE 'TIMED_OUT' END"""

_RUNS = f"""
WITH definitions AS (
  SELECT id, version_id, version, name, workspace, row_number() OVER (ORDER BY created_at, id) - 1 AS place
  FROM workflows WHERE deleted_at IS NULL
), counted AS (SELECT count(*) AS many FROM definitions),
rolled AS MATERIALIZED (
  -- Some workflows run much more often than others.
  SELECT number, floor(power(random(), 3) * many)::bigint AS place, random() AS roll,
    now() - interval '90 days' * (1 - number::float / %(runs)s) AS started
  FROM generate_series(1, %(runs)s) AS number, counted
)
INSERT INTO workflow_executions (id, workspace, workflow_id, version_id, workflow_name, version, mode, status, trigger,
  started_at, finished_at, last_sequence, status_sequence, status_at, outputs, error)
SELECT 'scale-' || lpad(to_hex(number), 12, '0'), workspace, d.id, version_id, name, version, 'TRIGGER', {_STATUS},
  'Start', started, started + interval '2 seconds', 6, 6, started + interval '2 seconds', '{{}}',
  CASE WHEN roll BETWEEN 0.90 AND 0.98
    THEN '{{"code":"HTTP_ERROR","node":"S1","message":"the server answered 503","hint":"","item":0,"attempt":3}}' END
FROM rolled JOIN definitions d USING (place)"""

_NODE_RUNS = """
INSERT INTO node_runs (execution_id, node, run_index, status, started_at, finished_at, inputs, outputs,
  started_sequence, finished_sequence, last_sequence)
SELECT id, node, 0, 'COMPLETED', started_at, finished_at, '[]', '{}', place, place + 1, place + 1
FROM workflow_executions, (VALUES ('Start', 2), ('S1', 4)) AS nodes (node, place)
WHERE id LIKE 'scale-%%'"""


def fill(url: str, runs: int) -> float:
    """Writes the runs with two node runs each; the seconds that it took."""
    began = time.perf_counter()
    with psycopg.connect(url) as connection:
        # The rows refer to what is there: no need to look each of them up.
        connection.execute("SET session_replication_role = replica")
        connection.execute(_RUNS, {"runs": runs})
        connection.execute(_NODE_RUNS, {})
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
    return time.perf_counter() - began


def sequential_scans(url: str) -> dict[str, int]:
    """How often each large table was read from end to end so far."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_stat_force_next_flush()")
        rows = connection.execute(
            "SELECT relname, seq_scan FROM pg_stat_user_tables WHERE relname IN ('workflow_executions', 'node_runs')"
        ).fetchall()
    return {str(name): int(count) for name, count in rows}

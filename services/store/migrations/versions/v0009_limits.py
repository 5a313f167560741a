"""Make the tables of limits, of what is left of rates, and of cached results; admit runs by them."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

# Takes one out of a bucket that holds `size` and fills up in `seconds`: 0, or the seconds until there is one.
_TAKE = """
CREATE FUNCTION take_rate(name text, size double precision, seconds double precision) RETURNS double precision
LANGUAGE plpgsql AS $$
DECLARE
  every interval := make_interval(secs => seconds / size);
  most interval := make_interval(secs => seconds);
  wait double precision;
BEGIN
  INSERT INTO rate_buckets AS b (key, full_at) VALUES (name, clock_timestamp() + every)
  ON CONFLICT (key) DO UPDATE SET full_at = greatest(b.full_at, clock_timestamp()) + every
    WHERE greatest(b.full_at, clock_timestamp()) + every <= clock_timestamp() + most + interval '1 microsecond';
  IF FOUND THEN
    RETURN 0;
  END IF;
  SELECT extract(epoch FROM full_at + every - most - clock_timestamp()) INTO wait FROM rate_buckets WHERE key = name;
  RETURN greatest(coalesce(wait, 0), 0.001);
END $$
"""

# Each statement of a volatile function sees what was committed before it began: after the lock, all runs there are.
_ADMIT = """
CREATE FUNCTION admit_run() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  runs integer;
  own_runs integer;
  starts integer;
  own_starts integer;
  wait double precision;
BEGIN
  SELECT
    coalesce(max(max_runs) FILTER (WHERE workspace = NEW.workspace AND workflow_id = ''),
             max(max_runs) FILTER (WHERE workspace = ''), 0),
    coalesce(max(max_runs) FILTER (WHERE workflow_id <> ''), 0),
    coalesce(max(starts_per_minute) FILTER (WHERE workspace = NEW.workspace AND workflow_id = ''),
             max(starts_per_minute) FILTER (WHERE workspace = ''), 0),
    coalesce(max(starts_per_minute) FILTER (WHERE workflow_id <> ''), 0)
  INTO runs, own_runs, starts, own_starts
  FROM workspace_limits
  WHERE (workspace, workflow_id) IN (('', ''), (NEW.workspace, ''), (NEW.workspace, coalesce(NEW.workflow_id, '')));
  IF runs + own_runs + starts + own_starts = 0 THEN
    RETURN NEW;
  END IF;
  IF runs > 0 THEN
    PERFORM pg_advisory_xact_lock(hashtextextended('runs of ' || NEW.workspace, 0));
  END IF;
  IF own_runs > 0 THEN
    PERFORM pg_advisory_xact_lock(hashtextextended('runs of ' || NEW.workspace || '/' || NEW.workflow_id, 0));
  END IF;
  IF EXISTS (SELECT FROM workflow_executions WHERE id = NEW.id)
    OR EXISTS (SELECT FROM workflow_executions WHERE workflow_id = NEW.workflow_id AND request_id = NEW.request_id)
  THEN
    -- The run of an earlier request: it isn't begun again.
    RETURN NEW;
  END IF;
  IF own_runs > 0 AND own_runs <= (
    SELECT count(*) FROM (SELECT FROM workflow_executions
      WHERE workflow_id = NEW.workflow_id AND status IN ('RUNNING', 'PAUSED') LIMIT own_runs) AS open)
  THEN
    RAISE EXCEPTION 'the workflow has % open runs, as many as it may have at a time', own_runs
      USING ERRCODE = 'OR001', DETAIL = '5';
  END IF;
  IF runs > 0 AND runs <= (
    SELECT count(*) FROM (SELECT FROM workflow_executions
      WHERE workspace = NEW.workspace AND status IN ('RUNNING', 'PAUSED') LIMIT runs) AS open)
  THEN
    RAISE EXCEPTION 'the workspace has % open runs, as many as it may have at a time', runs
      USING ERRCODE = 'OR001', DETAIL = '5';
  END IF;
  IF own_starts > 0 THEN
    wait := take_rate('starts of ' || NEW.workspace || '/' || NEW.workflow_id, own_starts, 60);
    IF wait > 0 THEN
      RAISE EXCEPTION 'the workflow may be started % times a minute', own_starts
        USING ERRCODE = 'OR002', DETAIL = wait::text;
    END IF;
  END IF;
  IF starts > 0 THEN
    wait := take_rate('starts of ' || NEW.workspace, starts, 60);
    IF wait > 0 THEN
      RAISE EXCEPTION 'the workspace may start % runs a minute', starts
        USING ERRCODE = 'OR002', DETAIL = wait::text;
    END IF;
  END IF;
  RETURN NEW;
END $$
"""

# A run that another one began is counted, but never refused: its parent, which is counted too, waits for it.
_TRIGGER = """
CREATE TRIGGER admit_run BEFORE INSERT ON workflow_executions FOR EACH ROW
WHEN (NEW.status = 'RUNNING' AND NEW.parent_execution_id = '') EXECUTE FUNCTION admit_run()
"""


def upgrade() -> None:
    op.create_table(
        "workspace_limits",
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("workflow_id", sa.Text(), server_default="", nullable=False),
        sa.Column("max_runs", sa.Integer(), nullable=True),
        sa.Column("starts_per_minute", sa.Integer(), nullable=True),
        sa.Column("max_run_seconds", sa.Integer(), nullable=True),
        sa.Column("weight", sa.Float(), nullable=True),
        sa.Column("updated_by", sa.Text(), server_default="", nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "workflow_id", name=op.f("pk_workspace_limits")),
    )
    op.create_table(
        "rate_buckets",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("full_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_rate_buckets")),
        prefixes=["UNLOGGED"],
    )
    op.create_index("ix_rate_buckets_full_at", "rate_buckets", ["full_at"])
    op.create_table(
        "cached_results",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_cached_results")),
        prefixes=["UNLOGGED"],
    )
    op.create_index("ix_cached_results_expires_at", "cached_results", ["expires_at"])
    op.add_column("integrations", sa.Column("rate_count", sa.Integer(), server_default="0", nullable=False))
    op.add_column("integrations", sa.Column("rate_seconds", sa.Integer(), server_default="0", nullable=False))
    op.add_column("node_runs", sa.Column("cached", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.execute(_TAKE)
    op.execute(_ADMIT)
    op.execute(_TRIGGER)


def downgrade() -> None:
    op.execute("DROP TRIGGER admit_run ON workflow_executions")
    op.execute("DROP FUNCTION admit_run()")
    op.execute("DROP FUNCTION take_rate(text, double precision, double precision)")
    op.drop_column("node_runs", "cached")
    op.drop_column("integrations", "rate_seconds")
    op.drop_column("integrations", "rate_count")
    op.drop_table("cached_results")
    op.drop_table("rate_buckets")
    op.drop_table("workspace_limits")

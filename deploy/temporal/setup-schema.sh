#!/bin/sh
# Makes Temporal's databases, or brings them up to date; runs in temporalio/admin-tools and can be repeated.
set -eu
schemas=/etc/temporal/schema/postgresql/v12

tool() {
  temporal-sql-tool --plugin postgres12 --ep "$POSTGRES_SEEDS" -p "$DB_PORT" -u "$POSTGRES_USER" "$@"
}

for pair in temporal:temporal temporal_visibility:visibility; do
  database=${pair%%:*}
  tool --db "$database" create
  # Fails, and may, where an earlier start has set it up already: then update-schema finds its version.
  tool --db "$database" setup-schema -v 0.0 || true
  tool --db "$database" update-schema -d "$schemas/${pair##*:}/versioned"
done

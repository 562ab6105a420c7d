#!/usr/bin/env bash
# Walks through a Posthorn of its own with each of Svix's SDKs whose runtime is here:
#
#   tests/sdk/check.sh PATH_TO_POSTHORN [NAME …]
#
# Starts `posthorn dev` with free ports and a folder that it removes again. Exits with 1 if a step
# failed. An SDK whose runtime is missing is named, and is an error where CI is set.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
posthorn=${1:?the built program}
shift
sdks=${*:-python-v1 python-v2 javascript-v1 javascript-v2 go java rust-v1 rust-v2}
folder=$(mktemp -d)
results=()
failed=0

POSTHORN_DEV_FOLDER=$folder POSTHORN_PORT=0 POSTHORN_NATS_PORT=0 POSTHORN_POSTGRES_PORT=0 \
    POSTHORN_EGRESS_ALLOW=127.0.0.0/8 POSTHORN_RETRY_SCHEDULE=1s,1s \
    "$posthorn" dev >"$folder/log" 2>&1 &
server=$!
trap 'kill -INT "$server" 2>/dev/null; wait "$server" 2>/dev/null; rm -rf "$folder"' EXIT

setting() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$folder/run.json" "$1"; }

for _ in $(seq 300); do
    [ ! -e "$folder/run.json" ] || break
    kill -0 "$server" 2>/dev/null || break
    sleep 0.2
done
if [ ! -e "$folder/run.json" ]; then
    cat "$folder/log" >&2
    echo "posthorn dev did not start" >&2
    exit 1
fi
if ! python3 "$here/table.py" | diff -u "$here/../../docs/svix-operations.md" -; then
    echo "docs/svix-operations.md is out of date: write it with tests/sdk/table.py" >&2
    failed=1
fi
SVIX_SERVER_URL=$(setting api_url)
SVIX_TOKEN=$(setting token)
export SVIX_SERVER_URL SVIX_TOKEN

for sdk in $sdks; do
    status=0
    "$here/run.sh" "$sdk" >"$folder/steps" || status=$?
    if [ "$status" = 77 ]; then
        results+=("$sdk: skipped, its runtime is not here")
        [ -z "${CI:-}" ] || failed=1
        continue
    fi
    summary=$(python3 "$here/summary.py" "$sdk" <"$folder/steps") || failed=1
    [ "$status" = 0 ] || failed=1
    echo "$summary"
    results+=("$(tail -n 1 <<<"$summary")")
done

echo
printf '%s\n' "${results[@]}"
exit "$failed"

#!/usr/bin/env bash
# Runs the browser tests of the dashboard, with the system's Chromium.
#
#   tests/browser/run.sh PATH_TO_POSTHORN [NAME …]
#   tests/browser/run.sh --screenshots FOLDER PATH_TO_POSTHORN [PAGE …]    takes pictures instead
#
# Without a Chromium that is here or can be installed they are left out, and the last line says so;
# where BROWSER_REQUIRED is 1, as in .ci/run, that is a failure.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

say() { printf '%s\n' "$*"; }

leave_out() {
    if [ "${BROWSER_REQUIRED:-}" = 1 ]; then
        say "error: $1, and BROWSER_REQUIRED is 1" >&2
        exit 1
    fi
    say "Browser tests skipped: $1"
    exit 0
}

find_chromium() {
    local name
    for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome; do
        [ -n "$name" ] && command -v "$name" && return
    done
    return 1
}

chromium=$(find_chromium) || leave_out "no Chromium (apt-get install chromium, or set CHROMIUM to its path)"
node=$("$root/.config/tools" node) || leave_out "no Node (22 or later), and none could be fetched"
export PATH="$node:$PATH" CHROMIUM="$chromium"
[ -f "$root/services/api/dashboard/dist/index.html" ] || leave_out "the dashboard is not built (make dashboard)"

# npm does nothing when all is in place.
stamp=$here/node_modules/.installed
if ! cmp -s "$here/package-lock.json" "$stamp"; then
    (cd "$here" && npm ci --ignore-scripts --no-audit --no-fund --loglevel error)
    cp "$here/package-lock.json" "$stamp"
fi

if [ "${1:-}" = --screenshots ]; then
    exec node "$here/screenshots.mjs" "$3" "$2" "${@:4}"
fi
node "$here/run.mjs" "$@"
say "No browser test was skipped."

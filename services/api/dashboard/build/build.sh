#!/usr/bin/env bash
# Builds the dashboard into dist/, with a Node that is here or can be fetched; or runs an npm script of it.
#
#   build/build.sh                  builds it if something has changed
#   build/build.sh --if-possible    the same; without Node it says so, and succeeds
#   build/build.sh <script>         installs what is needed and runs `npm run <script>`
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
root=$(cd "$here/../../.." && pwd)
cd "$here"

# Changes when anything changes that the build is made of.
stamp_of_sources() {
    find . ../../../docs/openapi.json -type f -not -path './node_modules/*' -not -path './dist/*' \
        -not -name schema.d.ts -exec cksum {} + | sort -k 3 | cksum
}

install() {
    local node
    node=$("$root/.config/tools" node) || return 1
    export PATH="$node:$PATH"
    cmp -s package-lock.json node_modules/.installed && return
    npm ci --ignore-scripts --no-audit --no-fund --loglevel error || return 1
    cp package-lock.json node_modules/.installed
}

case ${1:-} in
'' | --if-possible)
    stamp=$(stamp_of_sources)
    if [ "$(cat dist/.built 2>/dev/null)" = "$stamp" ]; then exit 0; fi
    if ! install; then
        echo "the dashboard cannot be built here: Node 22 or later with npm is missing, and could not be fetched" >&2
        [ "${1:-}" = --if-possible ] && exit 0 || exit 1
    fi
    npm run --silent build
    echo "$stamp" >dist/.built
    ;;
*)
    install
    npm run --silent "$@"
    ;;
esac

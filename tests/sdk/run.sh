#!/usr/bin/env bash
# Walks through Posthorn's API with one of Svix's SDKs, unmodified:
#
#   tests/sdk/run.sh python-v2
#
# Reads SVIX_SERVER_URL, SVIX_TOKEN (of an organisation) and RECEIVER_URL (see receiver.py, which is
# started here if there is none). Prints one JSON line per step and exits with 0 when all steps ran,
# whatever their verdicts; with 77, and the reason, when this machine lacks the SDK's runtime.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
target=$here/../../.tools/sdk
sdk=${1:?the name of an SDK, see install.sh}

# The exit code 77 passes through.
"$here/install.sh" "$sdk"

: "${SVIX_SERVER_URL:?where Posthorn is}" "${SVIX_TOKEN:?a token of an organisation}"

if [ -z "${RECEIVER_URL:-}" ]; then
    command -v python3 >/dev/null || {
        echo "no RECEIVER_URL, and no python3 to start receiver.py with" >&2
        exit 77
    }
    # It ends when our end of its standard input closes.
    coproc receiver { exec python3 "$here/receiver.py" 2>/dev/null; }
    read -r RECEIVER_URL <&"${receiver[0]}"
fi
export RECEIVER_URL

case $sdk in
python-*)
    export PYTHONPATH=$target/$sdk/packages PYTHONDONTWRITEBYTECODE=1
    python3 -s "$here/python/walk.py"
    ;;
javascript-*) "$(cat "$target/$sdk/node")" "$here/javascript/walk.mjs" "$target/$sdk" ;;
java) java -cp "$target/java/walk.jar:$target/java/libraries/*" org.posthorn.sdk.Walk ;;
go | rust-*) "$target/$sdk/walk" ;;
esac

#!/usr/bin/env bash
# Installs what the chart is checked with into .tools/chart: Python packages in python/, the schemas
# of custom resources in node/. Does nothing when all is in place; two runs at once do no harm.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
target=$root/.tools/chart
tool=$root/.config/tools

# Runs its arguments in an empty folder, which takes its place only if they succeed.
install_into() {
    local name=$1 stamp
    shift
    stamp=$({ python3 --version; cat "$here"/requirements.txt "$here"/package-lock.json "${BASH_SOURCE[0]}"; } | cksum)
    if [ "$(cat "$target/$name/stamp" 2>/dev/null)" = "$stamp" ]; then return; fi
    echo "installing what the chart is checked with ($name) into .tools/chart" >&2
    rm -rf "$target/$name.partial"
    mkdir -p "$target/$name.partial"
    "$@" "$target/$name.partial"
    echo "$stamp" >"$target/$name.partial/stamp"
    rm -rf "${target:?}/$name"
    mv "$target/$name.partial" "$target/$name"
}

python_packages() {
    "$tool" pip install --quiet --disable-pip-version-check --root-user-action ignore --no-warn-conflicts \
        --only-binary :all: --requirement "$here/requirements.txt" --target "$1"
}

node_packages() {
    cp "$here/package.json" "$here/package-lock.json" "$1"
    (
        cd "$1"
        PATH="$node_folder:$PATH" npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel error >&2
    )
}

mkdir -p "$target"
if command -v flock >/dev/null; then
    exec 9>"$target/lock"
    flock 9
fi
"$tool" check python3
node_folder=$("$tool" node)
install_into python python_packages
install_into node node_packages

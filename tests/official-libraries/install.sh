#!/usr/bin/env bash
# Installs the official verification libraries, and two commands that run them:
#
#   .tools/official-libraries/verify-python
#   .tools/official-libraries/verify-node
#
# Both read deliveries as JSON lines from standard input, see verify.py and verify.mjs.
# Does nothing when all is in place; two runs at once do no harm.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
target=$root/.tools/official-libraries
tool=$root/.config/tools

# Changes when what is to be installed changes, or what it is installed for.
stamp_of() {
    local interpreter=$1
    shift
    { echo "$interpreter"; cat "$@" "${BASH_SOURCE[0]}"; } | cksum
}

# Runs its arguments in an empty folder, which takes its place only if they succeed.
install_into() {
    local name=$1 stamp=$2
    shift 2
    if [ "$(cat "$target/$name/stamp" 2>/dev/null)" = "$stamp" ]; then return; fi
    echo "installing the official libraries for $name into .tools/official-libraries" >&2
    rm -rf "$target/$name.partial"
    mkdir -p "$target/$name.partial"
    "$@" "$target/$name.partial"
    echo "$stamp" >"$target/$name.partial/stamp"
    rm -rf "${target:?}/$name"
    mv "$target/$name.partial" "$target/$name"
}

python_packages() {
    "$tool" pip install --quiet --disable-pip-version-check --root-user-action ignore --no-warn-conflicts \
        --only-binary :all: --requirement "$here/requirements.txt" --target "$1/packages"
}

node_packages() {
    cp "$here/package.json" "$here/package-lock.json" "$1"
    PATH="$node_folder:$PATH" npm ci --prefix "$1" --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel error >&2
}

# Writes a command; its text comes from standard input.
command_file() {
    cat >"$target/$1.partial"
    chmod +x "$target/$1.partial"
    mv "$target/$1.partial" "$target/$1"
}

install() {
    local python
    "$tool" check python3
    python=$(python3 -c 'import sys; print(sys.executable)')
    node_folder=$("$tool" node)

    install_into python "$(stamp_of "$python $(python3 --version)" "$here/requirements.txt")" python_packages
    install_into node "$(stamp_of npm "$here/package.json" "$here/package-lock.json")" node_packages

    command_file verify-python <<COMMAND
#!/bin/sh
# Written by tests/official-libraries/install.sh.
here=\$(cd "\$(dirname "\$0")" && pwd)
PYTHONPATH="\$here/python/packages" exec "$python" -s "\$here/../../tests/official-libraries/verify.py"
COMMAND
    command_file verify-node <<COMMAND
#!/bin/sh
# Written by tests/official-libraries/install.sh.
here=\$(cd "\$(dirname "\$0")" && pwd)
exec "$node_folder/node" "\$here/../../tests/official-libraries/verify.mjs" "\$here/node"
COMMAND
}

mkdir -p "$target"
if command -v flock >/dev/null; then
    exec 9>"$target/lock"
    flock 9
fi
install

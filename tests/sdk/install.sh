#!/usr/bin/env bash
# Installs unmodified Svix SDKs at pinned versions into .tools/sdk, and builds the walks that use them:
#
#   tests/sdk/install.sh               all whose runtime is here
#   tests/sdk/install.sh go java       only these
#
# Does nothing when all is in place; two runs at once do no harm.
# A missing runtime is not an error when nothing was named; for a named SDK the exit code is 77.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
target=$root/.tools/sdk
tool=$root/.config/tools

SDKS="python-v1 python-v2 javascript-v1 javascript-v2 go java rust-v1 rust-v2"

say() { printf '%s\n' "$*" >&2; }
has() { command -v "$1" >/dev/null 2>&1; }

# The release of the Java compiler: 17, for example; 0 without one.
java_release() {
    local version
    version=$(javac -version 2>&1) || version=
    version=${version#javac }
    version=${version%%[!0-9]*}
    echo "${version:-0}"
}

# Says why an SDK cannot be used here; says nothing if it can. Node and Go are fetched if they are missing.
lacking() {
    case $1 in
    python-*) "$tool" check python3 2>/dev/null || echo "no Python (3.10 or later)" ;;
    javascript-*) "$tool" node >/dev/null || echo "no Node (22 or later), and none could be fetched" ;;
    go) "$tool" go >/dev/null || echo "no Go (1.21 or later), and none could be fetched" ;;
    java)
        if [ "$(java_release)" -lt 17 ]; then
            echo "no Java compiler (JDK 17 or later)"
        elif ! has mvn; then
            echo "no Maven (3.8 or later)"
        fi
        ;;
    rust-*) has cargo || echo "no cargo" ;;
    *) echo "there is no SDK of this name; there are: $SDKS" ;;
    esac
}

# Changes when what is to be installed changes, or what it is installed for; not with the place of this checkout.
stamp_of() {
    local interpreter=$1 source=$2
    {
        echo "$interpreter"
        cat "${BASH_SOURCE[0]}"
        cd "$here"
        find "$source" -type f -not -path '*/target/*' -not -path '*/node_modules/*' \
            -not -path '*/__pycache__/*' -exec cksum {} + | sort -k 3
    } | cksum
}

# Runs its arguments with a new folder, which takes its place only if they succeed.
install_into() {
    local name=$1 stamp=$2
    shift 2
    if [ "$(cat "$target/$name/stamp" 2>/dev/null)" = "$stamp" ]; then return; fi
    say "installing the SDK $name into .tools/sdk"
    rm -rf "$target/$name.partial"
    mkdir -p "$target/$name.partial"
    "$@" "$target/$name.partial"
    echo "$stamp" >"$target/$name.partial/stamp"
    rm -rf "${target:?}/$name"
    mv "$target/$name.partial" "$target/$name"
}

python_packages() {
    "$tool" pip install --quiet --disable-pip-version-check --root-user-action ignore --no-warn-conflicts \
        --only-binary :all: --require-hashes --requirement "$here/python/requirements-$1.txt" --target "$2/packages" >&2
}

node_packages() {
    cp "$here/javascript/$1/package.json" "$here/javascript/$1/package-lock.json" "$2"
    (cd "$2" && PATH="$node_folder:$PATH" npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel error >&2)
    echo "$node_folder/node" >"$2/node"
}

go_program() {
    # Not with a newer toolchain that Go would fetch by itself: this one is new enough.
    (cd "$here/go" && GOTOOLCHAIN=local GOFLAGS=-mod=readonly "$go_folder/go" build -trimpath -o "$1/walk" .) >&2
}

java_program() {
    mvn --batch-mode --quiet --no-transfer-progress --file "$here/java/pom.xml" \
        -DbuildFolder="$1/build" package >&2
    mv "$1/build/walk.jar" "$1/build/libraries" "$1"
    rm -rf "$1/build"
}

# Builds both generations, as they share most of what they need, among what the main build has left.
rust_program() {
    local built=${CARGO_TARGET_DIR:-$root/target}
    cargo build --quiet --locked --manifest-path "$here/rust/Cargo.toml" --target-dir "$built" >&2
    cp "$built/debug/walk-svix-$1" "$2/walk"
}

install_one() {
    local sdk=$1 generation=${1##*-}
    case $sdk in
    python-*)
        local python
        python=$(python3 -c 'import sys; print(sys.executable)')
        install_into "$sdk" "$(stamp_of "$python $(python3 --version)" "python/requirements-$generation.txt")" \
            python_packages "$generation"
        ;;
    javascript-*)
        node_folder=$("$tool" node)
        install_into "$sdk" "$(stamp_of "$node_folder" "javascript/$generation")" node_packages "$generation"
        ;;
    go)
        go_folder=$("$tool" go)
        install_into go "$(stamp_of "$(GOTOOLCHAIN=local "$go_folder/go" version)" go)" go_program
        ;;
    java) install_into java "$(stamp_of "$(javac -version 2>&1)" java)" java_program ;;
    rust-*) install_into "$sdk" "$(stamp_of "$(cargo --version)" rust)" rust_program "$generation" ;;
    esac
}

# Installs one SDK while holding its lock.
install() {
    if has flock; then
        (
            flock 9
            install_one "$1"
        ) 9>"$target/$1.lock"
    else
        install_one "$1"
    fi
}

mkdir -p "$target"
for sdk in ${*:-$SDKS}; do
    reason=$(lacking "$sdk")
    if [ -z "$reason" ]; then
        install "$sdk"
    elif [ $# -gt 0 ]; then
        say "$sdk: $reason"
        exit 77
    else
        say "$sdk is left out: $reason"
    fi
done

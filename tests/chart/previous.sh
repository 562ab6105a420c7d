#!/usr/bin/env bash
# Builds the version before this one, from which `make chart-test` upgrades: previous.sh <folder>
#
# The newest tag v*, or, while there is none, what stood before the last change of what two versions share
# (the database's schema, the messages between services), or the oldest version that can run beside this one.
# Into the folder go `source` (with its chart), `image` (what its image holds) and `name`. What it depends on
# is shared with this version's build.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
workspace=$(cd "$here/../.." && pwd)
folder=$1
cargo=${CARGO:-cargo}
build=${CARGO_TARGET_DIR:-$workspace/target}
# The oldest version that can run beside this one, both ways. Nothing was released before it: since then jobs
# and idempotency keys are in four streams each, of which versions before it know one.
oldest=755b6d99465e1cc1b51c23470690e9ba660b82a3
shared=(shared/store/migrations shared/event-schema/src tests/fixtures/wire)

cannot() {
    echo "NOT RUN upgrade from an older version: $*"
    rm -rf "$folder"
    exit $((${CHART_REQUIRED:+1} + 0))
}

cd "$workspace"
git rev-parse --git-dir >/dev/null 2>&1 || cannot "there is no history here"
if ! git cat-file -e "$oldest^{commit}" 2>/dev/null; then
    # A choice of whoever made the clone, not a defect of the machine.
    CHART_REQUIRED='' cannot "the history is cut off (git fetch --unshallow)"
fi
if tag=$(git describe --tags --abbrev=0 --match 'v*' HEAD~ 2>/dev/null); then
    commit=$(git rev-parse "$tag^{commit}")
else
    change=$(git log --no-merges --format=%H --max-count=1 -- "${shared[@]}")
    commit=$(git rev-parse --verify --quiet "$change^") || cannot "no commit stands before the last change of ${shared[*]}"
    if ! git merge-base --is-ancestor "$oldest" "$commit"; then commit=$oldest; fi
fi
short=$(git rev-parse --short "$commit")
if [ "$(cat "$folder/name" 2>/dev/null)" = "$short" ] && [ -d "$folder/image" ]; then exit; fi

echo "building the version before this one: $(git log -1 --format='%h, %cs, %s' "$commit")"
rm -rf "$folder"
mkdir -p "$folder/source" "$folder/image/usr/local/bin"
git archive "$commit" | tar --extract --directory "$folder/source"
# Its own workspace and target folder; the folder of intermediate files is ours, with all crates of others.
# It gets another version: Cargo knows members of workspaces by their names, versions and places within them,
# and would take its crates for this version's, and the other way round.
(
    cd "$folder/source"
    sed --in-place '/^\[workspace\.package\]/,/^\[/ s/^version = "\([^"]*\)"/version = "\1-before"/' Cargo.toml
    grep --quiet '^version = ".*-before"' Cargo.toml
    # Cargo.lock follows; what others have made stays as it is locked.
    "$cargo" metadata --quiet --format-version=1 >/dev/null
    CARGO_BUILD_BUILD_DIR=$build CARGO_TARGET_DIR=$folder/target CARGO_INCREMENTAL=0 \
        "$cargo" build --quiet --locked --workspace --bin posthorn
)
install --mode=755 "$folder/target/debug/posthorn" "$folder/image/usr/local/bin/posthorn"
strip "$folder/image/usr/local/bin/posthorn"
rm -rf "$folder/target"
echo "$short" >"$folder/name"

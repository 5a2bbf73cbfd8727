#!/usr/bin/env bash
# Prints what whole runs of the release binary cost on SQLite: `tests/bench.sh [BINARY]`.
#
# A run with nothing to do, the history of a thousand revisions, upgrades over 250, 500 and 1,000 of them, each with
# compiled code in the cache. Builds the binary unless one is given. Needs GNU time for the memory.
set -euo pipefail
here=$PWD
cd "$(dirname "$0")/.."
binary=${1:-}
case $binary in
    '')
        cargo build -q --locked --release -p ptah-wasm
        binary=${CARGO_TARGET_DIR:-target}/release/ptah-wasm
        ;;
    /*) ;;
    *) binary=$here/$binary ;;
esac
[[ $binary == /* ]] || binary=$PWD/$binary
[[ -x $binary ]] || { echo "bench: there is no $binary" >&2; exit 1; }
gnu_time=$(type -P time) || { echo "bench: GNU time is missing (Debian: apt-get install time)" >&2; exit 1; }

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
crowd=$PWD/example-packages/crowd/crowd.wasm
for revisions in 250 500 1000; do
    cargo run -q --locked -p ptah-wasm-tests --bin long-package -- "$revisions" "$folder/long-$revisions.wasm"
done
cd "$folder"
unset DATABASE_URL
export PTAH_WASM_CACHE=$folder/cache

# Milliseconds and kilobytes of one run.
measure() {
    local begun ended
    begun=$(date +%s%N)
    "$gnu_time" -o memory -f %M "$binary" "$@" >/dev/null
    ended=$(date +%s%N)
    echo "$(((ended - begun) / 100000)) $(tail -n 1 memory)"
}

# The median time and the greatest memory of so many runs.
report() {
    local what=$1 runs=$2 lines
    shift 2
    lines=$(for ((run = 0; run < runs; run++)); do measure "$@"; done)
    local tenths kilobytes
    tenths=$(sort -n <<<"$lines" | awk -v middle=$(((runs + 1) / 2)) 'NR == middle { print $1 }')
    kilobytes=$(awk '{ print $2 }' <<<"$lines" | sort -n | tail -n 1)
    printf '%-44s %7d.%d ms  %5d MB\n' "$what" $((tenths / 10)) $((tenths % 10)) $(((kilobytes + 512) / 1024))
}

"$binary" -q upgrade "$crowd" --database sqlite:crowd.db
report 'upgrade of crowd with nothing to do' 21 -q upgrade "$crowd" --database sqlite:crowd.db
for revisions in 250 500 1000; do
    "$binary" inspect "long-$revisions.wasm" >/dev/null
    report "upgrade over $revisions revisions" 1 -q upgrade "long-$revisions.wasm" --database "sqlite:$revisions.db"
done
report 'history of 1000 revisions' 11 history long-1000.wasm --database sqlite:1000.db
report 'upgrade of 1000 revisions with nothing to do' 11 -q upgrade long-1000.wasm --database sqlite:1000.db

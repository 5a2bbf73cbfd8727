#!/usr/bin/env bash
# The main job: builds ptah-wasm, then upgrades a new SQLite database with the two example packages, as they are
# committed, and shows where it stands. Everything is removed afterwards. Builds for development, as the tests do: what
# is compiled here serves them again.
#
#     example-packages/demo.sh [--database URL]     # another database instead
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=tests/toolchain.sh
. tests/toolchain.sh

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
database=sqlite:$dir/demo.db
case ${1-} in
--database) database=${2:?usage: demo.sh [--database URL]} ;;
'') ;;
*)
    echo "usage: demo.sh [--database URL]" >&2
    exit 2
    ;;
esac

cargo build --locked -p ptah-wasm

# Shows a command without its --database, and runs it.
ptah_wasm() {
    printf '\n$ ptah-wasm %s\n' "$*"
    cargo run --quiet --locked -p ptah-wasm -- "$@" --database "$database"
}
crowd=example-packages/crowd/crowd.wasm
minicms=example-packages/minicms/minicms.wasm
ptah_wasm upgrade "$crowd" "$minicms"
ptah_wasm current "$crowd" "$minicms"

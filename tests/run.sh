#!/usr/bin/env bash
# Passes all tests of the workspace: `tests/run.sh [ARGUMENTS OF cargo test]`.
#
# Installs or finds what they need (a C compiler, PostgreSQL, MariaDB, Python, a compiler for wasm), starts private
# servers in a temporary directory unless they run already, and stops the ones it started. What is missing and cannot be
# had is an error: no test is skipped. Ends with the summary of cargo test.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=tests/toolchain.sh
. tests/toolchain.sh
# shellcheck source=tests/python.sh
. tests/python.sh

if ! tests/servers.sh status >/dev/null 2>&1; then
    trap 'tests/servers.sh stop >/dev/null 2>&1 </dev/null || :' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
fi
servers=$(tests/servers.sh start)
while IFS='=' read -r name url; do
    export "$name=$url"
done <<<"$servers"

# The tests that rebuild guests look for it themselves. Prepared here, its failure has a plain message; the compiler it
# names is for guests only.
guest-sdk/wasm-target.sh >/dev/null

# Random tests draw the same numbers at every run of this script, so that a red run is a change's doing. Another number
# draws others; PTAH_ORACLE_CASES sets how many sequences the oracle draws on each database.
export PROPTEST_RNG_SEED="${PROPTEST_RNG_SEED:-20261122}"

# Builds the binary that tests run, and all tests.
cargo build --locked --workspace --all-targets
cargo test --locked --workspace --no-fail-fast "$@"

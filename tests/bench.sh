#!/usr/bin/env bash
# Runs the benches (tests/benches), each printing one JSON line a row on stdout.
#
#     tests/bench.sh core      a revision in process beside plain sqlx; what the sandbox costs
#     tests/bench.sh targets   many targets beside a loop written by hand
#     tests/bench.sh peers     whole processes beside sqlx-cli and dbmate, which it installs into the target directory
#     tests/bench.sh page      all three, and docs/performance.md made of them
#
# The database servers are private ones with durable settings, in PTAH_BENCH_SERVERS or a directory in $TMPDIR, stopped
# again if they did not run. Sizes: PTAH_BENCH_REVISIONS, PTAH_BENCH_TARGETS, PTAH_BENCH_ROUNDS, PTAH_BENCH_CALLS;
# PTAH_BENCH_DIALECT names the one database that targets are to be on.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=tests/toolchain.sh
. tests/toolchain.sh
target=${CARGO_TARGET_DIR:-target}
[[ $target == /* ]] || target=$PWD/$target
peers=$target/peers

say() { printf 'bench: %s\n' "$*" >&2; }
die() {
    say "$@"
    exit 1
}

servers() {
    local tmp=${TMPDIR:-/tmp} started
    export PTAH_TEST_DURABLE=1 PTAH_TEST_SERVERS=${PTAH_BENCH_SERVERS:-${tmp%/}/ptah-wasm-bench-servers-$(id -u)}
    if ! tests/servers.sh status >/dev/null 2>&1; then
        trap 'tests/servers.sh stop >/dev/null 2>&1 </dev/null || :' EXIT
        trap 'exit 130' INT
        trap 'exit 143' TERM
    fi
    started=$(tests/servers.sh start)
    while IFS='=' read -r name url; do
        export "$name=$url"
    done <<<"$started"
}

bench() { cargo bench --quiet --locked -p ptah-wasm-benches --bench "$1"; }

install_peers() {
    command -v time >/dev/null || type -P time >/dev/null || die "GNU time is missing (Debian: apt-get install time)"
    if [[ ! -x $peers/bin/sqlx ]]; then
        say "installing sqlx-cli $sqlx_cli"
        cargo install --quiet --locked --root "$peers" --target-dir "$target/peers-build" "sqlx-cli@$sqlx_cli" \
            --no-default-features --features sqlite,rustls --bin sqlx >&2 || die "sqlx-cli could not be installed"
    fi
    if [[ ! -d $peers/node_modules/dbmate ]]; then
        command -v npm >/dev/null || die "npm is missing, which installs dbmate (Debian: apt-get install npm)"
        say "installing dbmate $dbmate"
        npm install --silent --no-audit --no-fund --prefix "$peers" "dbmate@$dbmate" >&2 || die "dbmate could not be installed"
    fi
    export PTAH_BENCH_SQLX=$peers/bin/sqlx
    # Not the script beside it, which starts Node first.
    PTAH_BENCH_DBMATE=$(find "$peers/node_modules/@dbmate" -type f -name 'dbmate*' -perm -u+x | head -n 1)
    export PTAH_BENCH_DBMATE
    [[ -n $PTAH_BENCH_DBMATE ]] || die "the package dbmate has no binary for this system"
}
sqlx_cli=0.9.0
dbmate=2.36

core() {
    servers
    bench core
}

targets() {
    servers
    bench targets
}

peers() {
    install_peers
    cargo build --quiet --locked --release -p ptah-wasm
    export PTAH_BENCH_BINARY=$target/release/ptah-wasm
    bench peers
}

page() {
    local rows=$target/bench.jsonl versions
    servers
    { core && peers && targets; } | tee "$rows" >&2
    versions=$(cargo run --quiet --locked --release -p ptah-wasm -- --version)
    cargo run --quiet --locked --release -p ptah-wasm-benches --bin performance-page -- \
        "$versions" "$(rustc --version | cut -d' ' -f1,2)" "PostgreSQL $(version postgres)" "MariaDB $(version mariadb)" \
        "sqlx-cli $sqlx_cli" "dbmate $dbmate" <"$rows" >docs/performance.md
}

# Of the server that ran: its directory is named after it.
version() { basename "$(find "$PTAH_TEST_SERVERS" -maxdepth 1 -name "$1-*" | sort | tail -n 1)" | sed 's/^[^-]*-//'; }

case ${1:-} in
core | targets | peers | page) "$1" ;;
*) sed -n '4,7s/^# *//p' "$0" >&2 && exit 2 ;;
esac

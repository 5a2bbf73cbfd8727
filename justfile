# Shortcuts. Nothing needs `just`: each recipe is one or two commands.

_list:
    @just --list --unsorted

# the main job: build, example packages, embedded SQLite
demo *arguments:
    example-packages/demo.sh {{ arguments }}

# all tests, on all databases
test *arguments:
    tests/run.sh {{ arguments }}

# the test servers: start, status, stop
servers action="start":
    tests/servers.sh {{ action }}

# format and lint
lint:
    cargo fmt --all
    cargo clippy --workspace --all-targets -- -D warnings

# runs killed, cut off and raced in numbers, with their tables
crash:
    PTAH_CRASH_INSTANTS=200 PTAH_CRASH_ROUNDS=50 tests/run.sh --test crash -- --nocapture --test-threads=1

# build the example packages anew, into their places
examples:
    example-packages/build.sh

# real Alembic chains in the sandbox and natively: one JSON line a chain and database
corpus *chains:
    cargo build --locked --release -p ptah-wasm
    tests/corpus.py --runner target/release/ptah-wasm {{ chains }}

# after a change of wit/: renew the copies in the crates and the bindings of the SDK
wit:
    rm -f runtime/wit/*.wit guest-sdk/rust/wit/*.wit
    cp wit/*.wit runtime/wit/
    cargo run --locked --manifest-path guest-sdk/tools/Cargo.toml --bin bindgen

# what continuous integration runs
ci:
    .ci/run

# what a revision and the sandbox cost, beside plain sqlx: one JSON line a row
bench-core:
    tests/bench.sh core

# whole processes beside sqlx-cli and dbmate, which are installed into the target directory
bench-peers:
    tests/bench.sh peers

# many targets beside a loop written by hand
bench-targets:
    tests/bench.sh targets

# all benches, and docs/performance.md made of them
bench-page:
    tests/bench.sh page

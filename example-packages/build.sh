#!/usr/bin/env bash
# Builds the example packages and the guests of tests and benches: components that are committed beside
# their sources.
#
#     example-packages/build.sh              # into the places where they are committed
#     example-packages/build.sh --out DIR    # into DIR instead
#
# Needs the target wasm32-unknown-unknown, or Debian's packages for it (guest-sdk/wasm-target.sh).
# The guests have a target directory of their own, example-packages/target or $PTAH_GUEST_TARGET_DIR:
# their compiler may be another one. The same compiler gives the same example packages in any directory.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/.." && pwd)
target=wasm32-unknown-unknown
target_dir=${PTAH_GUEST_TARGET_DIR:-$here/target}
out=
case ${1-} in
--out)
    out=${2:?usage: build.sh [--out DIR]}
    mkdir -p "$out"
    ;;
'') ;;
*)
    echo "usage: build.sh [--out DIR]" >&2
    exit 2
    ;;
esac

# The tools run here, so the host's compiler builds them.
tools=$target_dir/tools
cargo build --quiet --locked --manifest-path "$root/guest-sdk/tools/Cargo.toml" --target-dir "$tools"
"$tools/debug/bindgen" --check || {
    echo "build.sh: the guest bindings are not those of wit/: run \`just wit\`" >&2
    exit 1
}

wasm_target=$("$root/guest-sdk/wasm-target.sh")
eval "$wasm_target"
# No path of this machine belongs in a component.
sysroot=$("${RUSTC:-rustc}" --print sysroot)
CARGO_ENCODED_RUSTFLAGS=$(printf -- '--remap-path-prefix=%s\037' "$root=/ptah" \
    "${CARGO_HOME:-$HOME/.cargo}=/cargo" "$sysroot=/rust")
export CARGO_ENCODED_RUSTFLAGS=${CARGO_ENCODED_RUSTFLAGS%$'\037'}
cargo build --quiet --locked --release --target "$target" --target-dir "$target_dir" \
    --manifest-path "$here/Cargo.toml"

# component NAME FOLDER: the component of one crate, where it is committed or in $out.
component() {
    "$tools/debug/componentize" "$target_dir/$target/release/$1.wasm" -o "${out:-$2}/$1.wasm"
}
component crowd "$here/crowd"
component minicms "$here/minicms"
component hundred "$root/tests/guests"
component scripted "$root/tests/guests"

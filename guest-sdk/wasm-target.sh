#!/usr/bin/env bash
# Finds or prepares a Rust compiler that can build for wasm32-unknown-unknown.
#
#     eval "$(guest-sdk/wasm-target.sh)"
#     cargo build --target wasm32-unknown-unknown --target-dir target/guests
#
# Prints shell lines on stdout and talks on stderr. In this order it takes
#   1. the current compiler, if it has the target installed: prints a comment only;
#   2. a toolchain that an earlier run prepared: prints `export RUSTC=...`;
#   3. Debian's `rustc-web` packages: downloads them with apt-get, unpacks them into a directory of its
#      own, builds the standard library for wasm once from their sources, then prints as in 2;
#   4. nothing: exits 1 and says which command installs the target.
#
# Does not run rustup, does not install a package or write outside its directory, does not fetch
# anything but through apt-get, and does not set RUSTFLAGS. Give guests a target directory of their
# own: cargo rebuilds everything when RUSTC changes.
#
#   PTAH_WASM_TOOLCHAIN   where the toolchain lives; $XDG_CACHE_HOME/ptah-wasm/wasm-toolchain
#   RUSTC, CARGO          the compiler to examine and the cargo to build with
set -euo pipefail

target=wasm32-unknown-unknown
# Raised when the way of building changes, so that an older toolchain is not taken for a new one.
layout=v1
base=${PTAH_WASM_TOOLCHAIN:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/ptah-wasm/wasm-toolchain}
rustc=${RUSTC:-rustc}
cargo=${CARGO:-cargo}
# A toolchain file in the caller's directory must not make the rustup proxy fetch anything.
export RUSTUP_AUTO_INSTALL=0

say() { printf 'wasm-target: %s\n' "$*" >&2; }
die() {
    say "$@"
    exit 1
}

quote() { printf "'%s'" "$(printf %s "$1" | sed "s/'/'\\\\''/g")"; }

# The core and std libraries for the target under sysroot $1.
has_target() {
    local lib=$1/lib/rustlib/$target/lib
    compgen -G "$lib/libcore-*.rlib" >/dev/null && compgen -G "$lib/libstd-*.rlib" >/dev/null
}

# A finished toolchain that still runs and whose linker still exists.
usable() {
    has_target "$base/$layout/usr" && "$base/$layout/bin/rustc" -V >/dev/null 2>&1 &&
        compgen -G "$base/$layout/usr/lib/rustlib/*/bin/rust-lld" >/dev/null &&
        [ -x "$(compgen -G "$base/$layout/usr/lib/rustlib/*/bin/rust-lld" | head -n 1)" ]
}

print_env() { printf 'export RUSTC=%s\n' "$(quote "$base/$layout/bin/rustc")"; }

# Direct dependencies of package $1, without virtual packages.
depends_of() {
    apt-cache depends --no-pre-depends --no-recommends --no-suggests --no-conflicts --no-breaks \
        --no-replaces --no-enhances "$1" | sed -n 's/^ *|\{0,1\}Depends: \([^<].*\)$/\1/p'
}

# The packages to unpack: the compiler, its libraries, and whatever these need that the system lacks.
package_names() {
    local std llvm
    std=$(depends_of libstd-rust-web-dev | grep '^libstd-rust-web-[0-9]') || return 1
    llvm=$(depends_of "$std" | grep '^libllvm[0-9]') || return 1
    printf '%s\n' rustc-web rust-web-src libstd-rust-web-dev "$std" "$llvm"
    apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
        --no-enhances "$llvm" | grep -E '^[a-z0-9]' | sort -u | while read -r name; do
        [ "$name" != "$llvm" ] || continue
        dpkg-query -W -f '${db:Status-Status}\n' "$name" 2>/dev/null | grep -qx installed ||
            printf '%s\n' "$name"
    done
}

update_lists() {
    [ "$(id -u)" -eq 0 ] || return 1
    say "updating the apt package lists"
    apt-get update -qq >&2
}

# Packages, sources and build happen in $work; the last step renames it. Called under the lock.
prepare() {
    local work=$base/$layout.partial host_sysroot host debs names deb lld libdir src log started=$SECONDS
    [[ $base/ != *[$'\n\t :=']* ]] || die "the toolchain's path must have no white space, ':' or '=': $base"
    rm -rf "$work"
    mkdir -p "$work/debs" "$work/bin"

    host_sysroot=$("$rustc" --print sysroot)
    host=$("$rustc" -vV | sed -n 's/^host: //p')

    # Old lists may know an old version only, whose sources lack what the library needs.
    update_lists || say "going by the package lists as they are"
    names=$(package_names) || die "apt knows no rustc-web package; run \`rustup target add $target\` instead"
    debs=$(printf '%s\n' "$names" | tr '\n' ' ')
    say "downloading $debs"
    # shellcheck disable=SC2086 # package names are words
    (cd "$work/debs" && apt-get -qq -o APT::Sandbox::User="$(id -un)" download $debs >&2) ||
        die "apt-get could not download the packages; run \`rustup target add $target\` instead"

    say "unpacking"
    for deb in "$work"/debs/*.deb; do
        case ${deb##*/} in
        # Of 45 MB of sources only the standard library's are needed.
        rust-web-src_*) dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$work" --wildcards './usr/src/*/library' ;;
        *) dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$work" --exclude './usr/share' --exclude ./usr/bin/rustdoc ;;
        esac
    done
    rm -rf "$work/debs"
    compgen -G "$work/usr/src/*/library/vendor" >/dev/null ||
        die "the packaged sources lack the library's own dependencies; update the package lists, or run \`rustup target add $target\` instead"

    # No command in this wrapper but the compiler: it runs once for each crate.
    cat >"$work/bin/rustc" <<'WRAPPER'
#!/bin/sh
# The unpacked compiler with its own shared libraries; written by guest-sdk/wasm-target.sh.
root=${0%/*}/..
LD_LIBRARY_PATH=$root/usr/lib/@LIBDIR@${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} exec "$root/usr/bin/rustc" "$@"
WRAPPER
    libdir=$(compgen -G "$work/usr/lib/*/librustc_driver-*.so" | head -n 1)
    libdir=$(basename "$(dirname "$libdir")")
    sed -i "s|@LIBDIR@|$libdir|" "$work/bin/rustc"
    chmod 755 "$work/bin/rustc"
    "$work/bin/rustc" -V >&2 || die "the unpacked compiler does not run"

    lld=$host_sysroot/lib/rustlib/$host/bin/rust-lld
    [ -x "$lld" ] || lld=$(command -v rust-lld || command -v wasm-ld) ||
        die "no rust-lld in $host_sysroot and neither rust-lld nor wasm-ld in PATH"
    mkdir -p "$work/usr/lib/rustlib/$host/bin"
    ln -s "$lld" "$work/usr/lib/rustlib/$host/bin/rust-lld"

    # Cargo looks for the sources beside the libraries and for its configuration in the current directory.
    # The seed lies above the sources: cargo then names them by relative paths in its hashes, so that
    # the library, and every guest built with it, has the same bytes wherever the toolchain lies.
    src=$(cd "$work"/usr/src/*/library && pwd)
    mkdir -p "$work/usr/lib/rustlib/src/rust" "$work/.cargo" "$work/src"
    ln -s "$src" "$work/usr/lib/rustlib/src/rust/library"
    : >"$work/src/lib.rs"
    cat >"$work/Cargo.toml" <<'SEED'
[package]
name = "seed"
version = "0.0.0"
edition = "2021"

[profile.release]
opt-level = "s"
codegen-units = 1
panic = "abort"
SEED
    cat >"$work/.cargo/config.toml" <<CONFIG
[source.crates-io]
replace-with = "vendored"
[source.vendored]
directory = "$src/vendor"
CONFIG
    log=$base/build.log
    say "building the standard library for $target (about a minute; log in $log)"
    # The caller may itself be a build: none of its cargo settings may reach this one.
    (
        cd "$work"
        while read -r name; do unset "$name"; done < <(compgen -e | grep -E '^(CARGO_|RUSTFLAGS$|RUSTDOC|RUSTC|__CARGO)' |
            grep -vxE 'CARGO_HOME')
        export RUSTC="$work/bin/rustc" RUSTC_BOOTSTRAP=1
        # Guests are linked with LTO, which needs bitcode in the library. Of several mappings the last
        # that matches is taken.
        CARGO_ENCODED_RUSTFLAGS=$(printf '%s\037' -Cembed-bitcode=yes \
            "--remap-path-prefix=$work=/wasm-toolchain" "--remap-path-prefix=$src=/rust-std" \
            "--remap-path-prefix=$work/usr/lib/rustlib/src/rust/library=/rust-std" \
            --remap-path-prefix=usr/lib/rustlib/src/rust/library=/rust-std)
        CARGO_ENCODED_RUSTFLAGS=${CARGO_ENCODED_RUSTFLAGS%$'\037'}
        export CARGO_ENCODED_RUSTFLAGS
        "$cargo" build --release --offline --target "$target" --target-dir "$work/target" \
            -Zbuild-std=std,panic_abort
    ) </dev/null >"$log" 2>&1 || {
        tail -n 30 "$log" >&2
        die "the standard library did not build; run \`rustup target add $target\` instead"
    }
    mkdir -p "$work/usr/lib/rustlib/$target/lib"
    find "$work/target/$target/release/deps" -name '*.rlib' ! -name 'libseed-*' \
        -exec cp {} "$work/usr/lib/rustlib/$target/lib/" \;
    has_target "$work/usr" || die "the build left no standard library"

    # Sources and intermediate results have served.
    rm -rf "$work/target" "$work/usr/src" "$work/usr/lib/rustlib/src" "$work/src" "$work/.cargo" \
        "$work/Cargo.toml" "$work/Cargo.lock"
    rm -rf "${base:?}/$layout"
    mv "$work" "$base/$layout"
    say "ready after $((SECONDS - started)) s: $base/$layout"
}

if has_target "$("$rustc" --print sysroot 2>/dev/null || echo /nonexistent)"; then
    echo "# $target is installed for $rustc"
    exit
fi
if usable; then
    print_env
    exit
fi
for tool in apt-get apt-cache dpkg-deb dpkg-query flock tar; do
    command -v "$tool" >/dev/null ||
        die "the target $target is not installed; run \`rustup target add $target\`"
done
say "the target $target is not installed; \`rustup target add $target\` would do, taking Debian's packages instead"
mkdir -p "$base"
base=$(cd "$base" && pwd -P)
exec 9>"$base/lock"
flock -n 9 || {
    say "waiting for another run to finish"
    flock 9
}
# The build inherits the lock: if this script is killed, the next one waits for what is left of it.
usable || prepare
print_env

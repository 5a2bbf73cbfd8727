# shellcheck shell=bash
# To be sourced: makes sure that cargo and a C compiler (SQLite and ring are compiled) are there.
#
# As root on Debian it installs a missing compiler with apt-get; otherwise it says what is missing and ends
# the script. It does not install Rust.

if ! command -v cargo >/dev/null && [ -x "${CARGO_HOME:-${HOME:-}/.cargo}/bin/cargo" ]; then
    PATH=${CARGO_HOME:-$HOME/.cargo}/bin:$PATH
    export PATH
fi
command -v cargo >/dev/null || {
    echo "cargo is missing: install Rust, see https://www.rust-lang.org/tools/install" >&2
    exit 1
}
if ! command -v cc >/dev/null; then
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        echo "installing a C compiler" >&2
        packages=(gcc libc6-dev)
        { apt-get -y -q install --no-install-recommends "${packages[@]}" ||
            { apt-get -q update && apt-get -y -q install --no-install-recommends "${packages[@]}"; }; } \
            >&2 </dev/null
    else
        echo "a C compiler is missing: install gcc or clang (Debian: apt-get install build-essential)" >&2
        exit 1
    fi
fi

# shellcheck shell=bash
# To be sourced: makes sure that python3 is 3.11 or later and has pip. As root on Debian it installs what is
# missing with apt-get; otherwise it says what is missing and ends the script.

has_python() { python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' && python3 -m pip --version; } >/dev/null 2>&1

if ! has_python && [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    echo "installing Python and pip" >&2
    packages=(python3 python3-pip)
    { apt-get -y -q install --no-install-recommends "${packages[@]}" ||
        { apt-get -q update && apt-get -y -q install --no-install-recommends "${packages[@]}"; }; } \
        >&2 </dev/null
fi
has_python || {
    echo "Python 3.11 or later with pip is missing (Debian: apt-get install python3 python3-pip)" >&2
    exit 1
}

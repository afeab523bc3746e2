# Sourced by the other scripts: system packages and virtual environments on Debian and Ubuntu.
#
#   need COMMAND:PACKAGE...   install what is missing with apt-get, or stop and say what to install
#   want COMMAND:PACKAGE...   the same, but only warn about each that cannot be installed
#   environment NAME EXTRAS   a virtual environment .venv-NAME with this checkout installed in it,
#                             made or brought up to date; sets $venv to its path
#   find_python               sets $python to a Python 3.11 or newer

set -eu
root=$(cd "$(dirname "$0")/.." && pwd)

say() { printf '%s\n' "$*" >&2; }

die() {
    say "error: $*"
    exit 1
}

missing_packages() {
    for pair in "$@"; do
        command -v "${pair%%:*}" >/dev/null 2>&1 || printf '%s ' "${pair#*:}"
    done
}

# apt_install PACKAGE...: status 1 where there is no apt-get, no root, or the installation fails.
apt_install() {
    command -v apt-get >/dev/null 2>&1 || return 1
    as_root=
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null 2>&1 || return 1
        as_root=sudo
    fi
    say "installing system packages: $*"
    if [ -z "${apt_updated:-}" ]; then
        $as_root apt-get update -qq >&2 || return 1
        apt_updated=yes
    fi
    $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "$@" >&2
}

need() {
    packages=$(missing_packages "$@")
    [ -z "$packages" ] && return
    # shellcheck disable=SC2086  # a list of words
    apt_install $packages || die "please install the system packages: $packages"
    packages=$(missing_packages "$@")
    [ -z "$packages" ] || die "still missing after installation: $packages"
}

want() {
    for package in $(missing_packages "$@"); do
        apt_install "$package" || say "warning: going on without the system package $package"
    done
}

find_python() {
    need python3:python3
    for python in "${PYTHON:-python3}" python3.13 python3.12 python3.11; do
        if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            return
        fi
    done
    die "whit needs Python 3.11 or newer; $(python3 --version 2>&1) is what 'python3' runs" \
        "(set PYTHON to another one)"
}

checksum() { cksum | tr -d ' '; }

# Everything that ends up in the wheel, and what builds it.
sources() {
    find src converter quantize runtime targets boards cli pyproject.toml CMakeLists.txt \
        -type f ! -name '*.pyc' | LC_ALL=C sort
}

environment() {
    venv=$root/.venv-$1
    extras=$2
    find_python
    need gcc:gcc
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        apt_install "python$version-venv" || apt_install python3-venv ||
            die "please install the system package python3-venv"
    fi
    if ! printf '#include <stdio.h>\n' | gcc -E - >/dev/null 2>&1; then
        apt_install libc6-dev || die "please install the system package libc6-dev"
    fi
    cd "$root"
    # The environment depends on the interpreter and the dependencies; whit itself on its sources.
    wanted=$({ "$python" -VV; printf '%s' "$extras"; cat pyproject.toml; } | checksum)
    if [ "$(cat "$venv/.wanted" 2>/dev/null)" != "$wanted" ]; then
        say "setting up $venv"
        "$python" -m venv --clear "$venv"
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check ".[$extras]" >&2
        sources | xargs cat | checksum >"$venv/.sources"
        printf '%s\n' "$wanted" >"$venv/.wanted"
    fi
    current=$(sources | xargs cat | checksum)
    if [ "$(cat "$venv/.sources" 2>/dev/null)" != "$current" ]; then
        say "installing whit in $venv"
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
            --force-reinstall --no-deps . >&2
        printf '%s\n' "$current" >"$venv/.sources"
    fi
}

#!/bin/bash
#
# need.sh PACKAGE...: installs those Debian packages that are missing, and
# names them first.  COMMAND:PACKAGE is missing only if there is no such command
# either.  Works as root, and as a user who may sudo.

set -eu

if ! command -v dpkg-query >/dev/null; then
    exit 0          # not Debian: the compiler will say what is missing
fi

missing=

for package in $(printf '%s\n' "$@" | sort -u); do
    case $package in
    *:*)
        ! command -v "${package%:*}" >/dev/null || continue
        package=${package#*:}
        ;;
    esac

    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) \
        || status=absent
    [ "$status" = installed ] || missing="$missing $package"
done

[ -n "$missing" ] || exit 0

echo "installing:$missing"

root=

if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "these packages are needed, but you are neither root nor is" \
             "there a sudo. As root: apt-get install$missing" >&2
        exit 1
    fi

    root="sudo"
fi

# Debian starts a service as soon as its package is installed, here an nginx on
# port 80; nobody asked for that one.

policy=/usr/sbin/policy-rc.d
log=$(mktemp)

finish() {
    rm -f "$log"
    [ -z "${ours:-}" ] || $root rm -f $policy
}

trap finish EXIT

if [ ! -e $policy ]; then
    ours=1
    printf '#!/bin/sh\nexit 101\n' | $root tee $policy >/dev/null
    $root chmod 755 $policy
fi

apt() {
    $root env DEBIAN_FRONTEND=noninteractive apt-get -qq \
        -o Dpkg::Use-Pty=0 "$@" </dev/null >"$log" 2>&1 || {
        tail -n 20 "$log" >&2
        echo "apt-get $1 failed" >&2
        exit 1
    }
}

apt update
apt install -y --no-install-recommends $missing

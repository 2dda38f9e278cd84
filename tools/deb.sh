#!/bin/bash
#
# deb.sh BUILD [JOBS]: builds the Debian package in a copy of what it is made
# of, BUILD/deb, as an ordinary user, and puts the .deb into BUILD.

set -eu

build=$1 jobs=${2:-1}
deb=$build/deb log=$build/deb/log

cd "$(dirname "$0")/.."

# the packages that debian/control names, and what every build takes for granted

depends=$(sed -n '/^Build-Depends:/,/^[^ ]/ {
    s/^Build-Depends://
    /^[^ ]/ d
    s/([^)]*)//g
    s/debhelper-compat/debhelper/
    s/,/ /g
    p
}' debian/control)

tools/need.sh build-essential $depends

rm -rf "$deb" "$build"/libnginx-mod-http-rtprop_*.deb
mkdir -p "$deb/rtprop"
cp -R CHANGES.md LICENSE README.md conf.examples config debian \
    ngx_rtprop_module.c sql src "$deb/rtprop"
mkdir "$deb/rtprop/tools"
cp tools/sql.sh "$deb/rtprop/tools"

# the package has settings of its own, not those of the make that runs this

cd "$deb/rtprop"

env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u CC -u CFLAGS \
    dpkg-buildpackage -b -us -uc -j"$jobs" >"$log" 2>&1 </dev/null || {
    tail -n 30 "$log" >&2
    exit 1
}

for file in "$deb"/libnginx-mod-http-rtprop_*.deb; do
    cp "$file" "$build"
    echo "built $build/$(basename "$file")"
done

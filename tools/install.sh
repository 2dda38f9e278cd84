#!/bin/bash
#
# install.sh MODULE [DESTDIR]: installs the module where Debian's nginx keeps
# its modules, and the snippet that loads it.

set -eu

module=$1 dest=${2:-}
name=$(basename "$module")

if [ -z "$dest" ] && [ "$(id -u)" != 0 ]; then
    if command -v sudo >/dev/null; then
        exec sudo "$0" "$module"
    fi

    echo "make install writes to /usr/lib/nginx/modules: run it as root" >&2
    exit 1
fi

modules=$dest/usr/lib/nginx/modules
available=$dest/usr/share/nginx/modules-available
enabled=$dest/etc/nginx/modules-enabled

mkdir -p "$modules" "$available" "$enabled"

# a new file, never a write into one that a running nginx has mapped

install -m 644 "$module" "$modules/$name.new"
mv "$modules/$name.new" "$modules/$name"

echo "load_module modules/$name;" > "$available/mod-rtprop.conf"
ln -sf /usr/share/nginx/modules-available/mod-rtprop.conf \
    "$enabled/50-mod-rtprop.conf"

echo "installed $modules/$name"
echo "enabled   $enabled/50-mod-rtprop.conf"
echo "next: nginx -t && nginx -s reload (restart if it was loaded before)"

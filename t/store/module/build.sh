#!/bin/bash
#
# build.sh BUILD OUT: a module for nginx that gives the store works over HTTP;
# it is loaded after ngx_rtprop_module.so, whose functions it calls.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
obj=$(cd "$1" && pwd)/obj
out=$2

value() {
    sed -n "s/^$1 =[[:space:]]*//p" "$obj/Makefile" | head -n 1
}

read -r -a cc <<< "$(value CC)"
read -r -a cflags <<< "$(value CFLAGS)"

# nginx's own folders are named from where it was configured

src=/usr/share/nginx/src
[ ! -d "$obj/../nginx-src" ] || src=$obj/../nginx-src

incs=(-I "$top/src" -I "$obj" -I "$here")

for dir in core event event/modules os/unix http http/modules http/v2; do
    incs+=(-I "$src/src/$dir")
done

"${cc[@]}" -fPIC "${cflags[@]}" "${incs[@]}" -shared -o "$out" "$here"/*.c

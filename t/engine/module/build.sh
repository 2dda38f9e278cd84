#!/bin/bash
#
# build.sh BUILD OUT: links the objects of the engine, as "make" left them in
# BUILD/obj, with the operations of this folder into OUT, a module for nginx.

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

san=()

for flag in "${cflags[@]}"; do
    case $flag in -fsanitize=*) san+=("$flag") ;; esac
done

"${cc[@]}" -fPIC "${cflags[@]}" "${incs[@]}" -shared -o "$out" \
    "$here"/*.c \
    "$obj"/addon/base/ngx_rtprop_{zone,journal,block,chain,slot,conf}.o \
    "$obj"/addon/base/ngx_rtprop_stat{,_render}.o \
    "$obj"/addon/base/rtprop_hash.o \
    "$obj"/addon/session/{ngx_rtprop_limit,rtprop_rate}.o \
    "$obj"/addon/shm/*.o "$obj"/addon/redis/*.o "${san[@]}" -lhiredis

#!/bin/bash
#
# configure.sh SRCDIR OBJ NGINX_SRC NGX_FLAGS ARGUMENT...: configures nginx's
# build of the module (and of nginx itself, from NGINX_SRC) into OBJ.

set -eu

srcdir=$1 obj=$2 ngx_src=$3 ngx_flags=$4
shift 4

top=$(cd "$(dirname "$0")/.." && pwd)
log=${obj%/*}/configure.log

if [ -n "$ngx_src" ]; then
    if [ ! -f "$ngx_src/src/core/nginx.h" ]; then
        echo "NGINX_SRC=$ngx_src is no nginx source tree" >&2
        exit 1
    fi

    rm -rf "$srcdir"
    mkdir -p "$srcdir"
    (cd "$ngx_src" && tar cf - --exclude=./objs --exclude=./.git .) \
        | tar xf - -C "$srcdir"

    read -r -a flags <<< "--with-compat $ngx_flags"

else
    # shellcheck disable=SC1091
    . "$srcdir/conf_flags"
    flags=("${NGX_CONF_FLAGS[@]}")
fi

cd "$srcdir"

configure=./configure
[ -f configure ] || configure=auto/configure

# an unchanged ngx_auto_config.h keeps its time, else all objects were old

saved=$(mktemp -d)
trap 'rm -rf "$saved"' EXIT

headers="ngx_auto_config.h ngx_auto_headers.h"

for header in $headers; do
    [ ! -f "$obj/$header" ] || cp -p "$obj/$header" "$saved/"
done

mkdir -p "$obj"

if ! $configure "${flags[@]}" "$@" --builddir="$obj" \
     --add-dynamic-module="$top" > "$log" 2>&1
then
    tail -n 20 "$log" >&2
    rm -f "$obj/Makefile"
    exit 1
fi

for header in $headers; do
    if cmp -s "$saved/$header" "$obj/$header"; then
        cp -p "$saved/$header" "$obj/"
    fi
done

#!/bin/bash
#
# build.sh BUILD OUT: a module for nginx that stands in front of the engine; it
# is loaded after ngx_rtprop_module.so, whose functions it calls.

. "$(dirname "$0")/../module.sh"

# libpq's headers are where the product found them

libpq=$(grep -m 1 -o '[^ ]*/postgresql' "$obj/Makefile" || true)

link ${libpq:+-I "$libpq"}

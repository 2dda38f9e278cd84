#!/bin/bash
#
# build.sh BUILD OUT: links the objects of the Redis client, as "make" left
# them in BUILD/obj, with the operations of this folder into OUT, a module for
# nginx.

. "$(dirname "$0")/../../lib/module.sh"

# the client's, and none of the engine's above it

objects=()

for object in "$obj"/addon/redis/*.o; do
    case ${object##*/} in
        ngx_rtprop_engine_*|rtprop_redis_record.o) ;;
        *) objects+=("$object") ;;
    esac
done

link "${objects[@]}" \
    "$obj"/addon/base/ngx_rtprop_{zone,journal,block,chain,slot,conf,socket}.o \
    "$obj"/addon/base/ngx_rtprop_stat{,_render}.o \
    "$obj"/addon/base/rtprop_hash.o -lhiredis

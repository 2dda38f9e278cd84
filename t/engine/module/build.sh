#!/bin/bash
#
# build.sh BUILD OUT: links the objects of the engine, as "make" left them in
# BUILD/obj, with the operations of this folder into OUT, a module for nginx.

. "$(dirname "$0")/../../lib/module.sh"

link \
    "$obj"/addon/base/ngx_rtprop_{zone,journal,block,chain,slot,conf,socket}.o \
    "$obj"/addon/base/ngx_rtprop_stat{,_render}.o \
    "$obj"/addon/base/rtprop_hash.o \
    "$obj"/addon/session/{ngx_rtprop_limit,rtprop_rate}.o \
    "$obj"/addon/shm/*.o "$obj"/addon/redis/*.o -lhiredis

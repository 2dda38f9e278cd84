#!/bin/bash
#
# build.sh BUILD OUT: a module for nginx that gives the store works over HTTP;
# it is loaded after ngx_rtprop_module.so, whose functions it calls.

. "$(dirname "$0")/../../lib/module.sh"

link

#!/bin/bash
#
# demo.sh start|stop PREFIX [PORT]: a private nginx that serves the demo page;
# all its files are below PREFIX.  DEMO_ENGINE is configuration for the http
# level: which engine and store it uses (none: shared memory alone).

set -eu

action=$1 prefix=$2 port=${3:-8080}
top=$(cd "$(dirname "$0")/.." && pwd)
pidfile=$prefix/nginx.pid


running() {
    [ -f "$pidfile" ] || return 1
    pid=$(cat "$pidfile")
    [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null \
        && grep -q nginx "/proc/$pid/comm" 2>/dev/null
}


stop() {
    running || return 1
    kill -TERM "$pid"

    # /proc/PID goes when the master is gone; it waits for its workers

    for _ in $(seq 1 100); do
        [ -d "/proc/$pid" ] || break
        sleep 0.1
    done

    rm -f "$pidfile"
}


taken() {
    (exec 3<> "/dev/tcp/127.0.0.1/$1") 2>/dev/null
}


if [ "$action" = stop ]; then
    if stop; then
        echo "the demo is stopped"
    else
        echo "the demo is not running"
    fi

    exit 0
fi


if [ ! -f "$top/demo/nginx.conf.in" ]; then
    echo "demo/nginx.conf.in is missing" >&2
    exit 1
fi

# the port is the one it has, whichever that is; what was built since then, or
# written into its configuration, starts it again

if running; then
    at=$(sed -n 's/^ *listen .*:\([0-9]*\);.*/\1/p' "$prefix/nginx.conf")

    if [ "$pidfile" -nt "$RTPROP_MODULE" ] \
       && [ "$pidfile" -nt "$top/demo/nginx.conf.in" ]
    then
        echo "the demo is already running:  http://127.0.0.1:$at/"
        exit 0
    fi

    echo "starting the demo again, with what was built since"
    stop
fi

wanted=$port
mkdir -p "$prefix/logs" "$prefix/tmp" "$prefix/conf.d"
printf '%s\n' "${DEMO_ENGINE:-}" > "$prefix/conf.d/engine.conf"

# A port may be in use though nobody listens there (the near end of somebody's
# connection), so nginx has the last word.

start() {
    sed -e "s|@PREFIX@|$prefix|g" \
        -e "s|@PORT@|$port|g" \
        -e "s|@MODULE@|$RTPROP_MODULE|g" \
        -e "s|@DEMO@|$top/demo|g" \
        -e "s|@CLIENTS@|$top/clients|g" \
        "$top/demo/nginx.conf.in" > "$prefix/nginx.conf"

    # root's workers give up their rights, and then may not reach a tree that
    # only its owner can: here they stay what the owner of the tree is

    global=

    if ! grep -q '^ *pid ' "$prefix/nginx.conf"; then
        global="pid $pidfile;"
    fi

    if [ "$(id -u)" = 0 ] && ! grep -q '^ *user ' "$prefix/nginx.conf"; then
        global="$global user $(stat -c '%U %G' "$top/demo");"
    fi

    "$RTPROP_NGINX" -p "$prefix" -c "$prefix/nginx.conf" \
        -e "$prefix/logs/error.log" -g "$global" 2> "$prefix/logs/start.log"
}


while taken "$port" || ! start; do

    if ! taken "$port" \
       && ! grep -q 'Address already in use' "$prefix/logs/start.log"
    then
        cat "$prefix/logs/start.log" >&2
        exit 1
    fi

    port=$((port + 1))

    if [ $port -gt $((wanted + 100)) ]; then
        echo "no free port from $wanted to $port" >&2
        exit 1
    fi
done

[ "$port" = "$wanted" ] || echo "port $wanted is taken, using $port"

if ! taken "$port"; then
    echo "nginx started, but does not listen on port $port;" \
         "see $prefix/logs/error.log" >&2
    exit 1
fi

echo
echo "the demo is running:  http://127.0.0.1:$port/"
echo "open it in two windows; each becomes another visitor"
echo "log: ${prefix#"$top"/}/logs/error.log    stop it: make stop"

#!/bin/bash
#
# cluster.sh start|stop PREFIX [PORT]: two demos, each on an address of its own,
# with a private Redis between them and a private PostgreSQL behind; all their
# files are below PREFIX.

set -eu

action=$1 prefix=$2 port=${3:-8080}
top=$(cd "$(dirname "$0")/.." && pwd)
redis=$prefix/redis postgres=$prefix/postgres


# PostgreSQL's programs, which Debian keeps out of PATH; they refuse to be root.

pg() {
    local program

    program=$(command -v "$1" || ls /usr/lib/postgresql/*/bin/"$1" | tail -n 1)
    shift

    if [ "$(id -u)" = 0 ]; then
        (cd / && setpriv --reuid=postgres --regid=postgres --init-groups \
            "$program" "$@")
    else
        "$program" "$@"
    fi
}


# Below $prefix the user postgres may not be able to enter, and a socket's name
# is short: so the database is in a folder in /tmp.

folder() {
    echo "/tmp/rtprop-cluster-$(id -u)-$(cksum <<< "$prefix" | cut -d' ' -f1)"
}


# Who gets in there may be anybody to PostgreSQL and Redis: that is the owner of
# the tree alone, whom nginx' workers are.  The name can be guessed.

make_folder() {
    mkdir -m 700 "$dir" 2> /dev/null || true

    if [ -L "$dir" ] || [ ! -d "$dir" ] \
       || { [ ! -O "$dir" ] && ! ours "$(stat -c '%U' "$dir")"; }
    then
        echo "$dir is somebody else's: remove it" >&2
        exit 1
    fi

    if [ "$(id -u)" = 0 ]; then
        chown "postgres:$(stat -c '%G' "$top/demo")" "$dir"
        chmod 750 "$dir"
    fi
}


ours() {
    [ "$(id -u)" = 0 ] && [ "$1" = postgres ]
}


redis_running() {
    [ -f "$redis/redis.pid" ] && kill -0 "$(cat "$redis/redis.pid")" 2>/dev/null
}


start_redis() {
    redis_running && return

    mkdir -p "$redis"
    redis-server --port 0 --unixsocket "$dir/redis.sock" \
        --unixsocketperm 777 --dir "$redis" --appendonly yes \
        --daemonize yes --pidfile "$redis/redis.pid" \
        --logfile "$redis/redis.log" > /dev/null
}


start_postgres() {
    pg pg_ctl -D "$dir/data" status > /dev/null 2>&1 && return

    if [ ! -f "$dir/data/PG_VERSION" ]; then
        echo "making a database"
        pg initdb -D "$dir/data" -U rtprop -A trust -E UTF8 --locale C.UTF-8 \
            > "$prefix/initdb.log"
    fi

    # it tells of what a killed one has left, which does no harm

    if ! pg pg_ctl -D "$dir/data" -w -l "$dir/postgres.log" \
        -o "-k $dir -c listen_addresses=" start > "$prefix/pg_ctl.log" 2>&1
    then
        cat "$prefix/pg_ctl.log" >&2
        echo "PostgreSQL does not start, see $dir/postgres.log" >&2
        exit 1
    fi
}


stop() {
    "$top/tools/demo.sh" stop "$prefix/a" > /dev/null
    "$top/tools/demo.sh" stop "$prefix/b" > /dev/null

    if redis_running; then
        kill "$(cat "$redis/redis.pid")"
    fi

    pg pg_ctl -D "$dir/data" -m fast stop > /dev/null 2>&1 || true
}


dir=$(folder)

if [ "$action" = stop ]; then
    stop
    echo "the cluster is stopped; its database is in $dir"
    echo "to be rid of it:  rm -r $dir $prefix"
    exit 0
fi

mkdir -p "$prefix"
make_folder
start_redis
start_postgres

export DEMO_ENGINE="rtprop_engine redis;
rtprop_redis unix:$dir/redis.sock;
rtprop_postgres \"host=$dir user=rtprop dbname=postgres\" migrate=on;"

for name in a b; do
    "$top/tools/demo.sh" start "$prefix/$name" "$port" \
        | grep -E 'demo is|taken' | sed "s/^the demo is.*:  /instance $name:  /"
    port=$((port + 1))
done

echo "one cluster: what happens at one address is seen at the other"
echo "logs: ${prefix#"$top"/}/*/logs/error.log    stop it: make stop"

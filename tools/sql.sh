#!/bin/sh

# Writes the migrations, sql/NNN_name.sql, as a C table:
#
#   tools/sql.sh SQL_DIR > ngx_rtprop_sql.h
#
# A migration whose first line is "-- breaking" makes the schema unusable for
# modules that do not know it.  Numbers go from 001 without a hole.

set -e

dir=$1
n=0

echo "/* Made by tools/sql.sh from sql/; do not edit. */"
echo
echo "static const ngx_rtprop_migration_t  ngx_rtprop_migrations[] = {"

for file in "$dir"/[0-9][0-9][0-9]_*.sql; do
    n=$((n + 1))
    name=$(basename "$file" .sql)

    if [ "${name%%_*}" != "$(printf %03d $n)" ]; then
        echo "$file: the next migration is number $(printf %03d $n)" >&2
        exit 1
    fi

    breaking=0

    if [ "$(head -n 1 "$file")" = "-- breaking" ]; then
        breaking=1
    fi

    printf '    { %d, "%s", %d,\n' $n "${name#*_}" $breaking
    sed 's/\\/\\\\/g; s/"/\\"/g; s/.*/      "&\\n"/' "$file"
    echo "    },"
done

echo "    { 0, NULL, 0, NULL }"
echo "};"

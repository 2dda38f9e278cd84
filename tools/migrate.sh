#!/bin/sh

# Applies the migrations of sql/ that a database does not have yet, by psql:
#
#   tools/migrate.sh CONNINFO      as libpq reads it
#
# All in one transaction, under the lock that rtprop_postgres' migrate=on takes
# (NGX_RTPROP_MIGRATE_LOCK).  The role becomes the owner of the schema.

set -e

# libpq would take a default, which is rarely the database that was meant

if [ -z "$1" ]; then
    echo 'CONNINFO is empty; say which database, as in' >&2
    echo '    make migrate CONNINFO="host=db dbname=site user=site_owner"' >&2
    exit 1
fi

dir=$(cd "$(dirname "$0")/../sql" && pwd)

{
    cat << 'END'
\set ON_ERROR_STOP on
\o /dev/null
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT pg_advisory_xact_lock(7382059118) \g /dev/null
SELECT to_regclass('rtprop.migration') IS NOT NULL AS known \gset
\set version 0
\set done false
\if :known
SELECT coalesce(max(version), 0) AS version FROM rtprop.migration \gset
\endif
END

    for file in "$dir"/[0-9][0-9][0-9]_*.sql; do
        name=$(basename "$file" .sql)
        number=$(printf %s "${name%%_*}" | sed 's/^0*//')
        breaking=false

        if [ "$(head -n 1 "$file")" = "-- breaking" ]; then
            breaking=true
        fi

        cat << END
SELECT :version < $number AS todo \\gset
\\if :todo
\\echo '$name'
\\i '$file'
\\set done true
INSERT INTO rtprop.migration (version, name, breaking)
VALUES ($number, '${name#*_}', $breaking);
\\endif
END
    done

    cat << 'END'
COMMIT;
\if :done
\else
\echo 'nothing to do: the schema has version' :version
\endif
END
} | psql -Xqw -d "$1" -f -

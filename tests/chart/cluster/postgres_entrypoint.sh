#!/bin/sh
# What the entrypoint of the official image does with POSTGRES_USER, POSTGRES_PASSWORD_FILE,
# POSTGRES_DB and PGDATA: set up once, then serve.
set -eu
export PATH="/postgres/bin:$PATH"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    mkdir -p "$PGDATA"
    chmod 700 "$PGDATA"
    initdb --username="$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" --auth-local=trust --auth-host=scram-sha-256 \
        --encoding=UTF8 --locale=C --pgdata="$PGDATA" >/dev/null
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
    echo "CREATE DATABASE \"$POSTGRES_DB\"" |
        postgres --single -D "$PGDATA" -k /var/run/postgresql postgres >/dev/null
fi
exec postgres -D "$PGDATA" -k /var/run/postgresql -c listen_addresses='*' -c shared_memory_type=mmap \
    -c dynamic_shared_memory_type=mmap

#!/bin/sh
# The entry of PostgreSQL's image: makes the database at the first start, then serves. Further arguments go to postgres.
#   POSTGRESQL_PASSWORD_FILE  file with the password of POSTGRESQL_USER, who owns POSTGRESQL_DATABASE
set -eu
umask 077
data=/var/lib/postgresql/data/cluster
if [ ! -s "$POSTGRESQL_PASSWORD_FILE" ]; then
  echo "POSTGRESQL_PASSWORD_FILE: $POSTGRESQL_PASSWORD_FILE is missing or empty" >&2
  exit 1
fi
if [ ! -e "$data" ]; then
  # Made beside it and renamed, so that a kill in between leaves nothing half made.
  draft=$data.draft
  rm -rf "$draft"
  initdb --pgdata="$draft" --username="$POSTGRESQL_USER" --pwfile="$POSTGRESQL_PASSWORD_FILE" \
    --auth-local=trust --auth-host=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 >/dev/null
  echo "host all all all scram-sha-256" >>"$draft/pg_hba.conf"
  if [ "$POSTGRESQL_DATABASE" != postgres ]; then
    printf 'CREATE DATABASE "%s";\n' "$POSTGRESQL_DATABASE" | postgres --single -D "$draft" postgres >/dev/null
  fi
  sync
  mv "$draft" "$data"
fi
exec postgres -D "$data" -c listen_addresses='*' -c unix_socket_directories=/tmp "$@"

#!/bin/sh
# First start of the database: its owner, and one log-in for each part of the service. Log-ins own nothing; what each may touch is
# granted by the migrations to the roles dho_ingest, dho_watch and dho_serve.
set -eu
password() { cat "/run/secrets/database_$1"; }

psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
    -v owner="$(password owner)" -v ingest="$(password ingest)" -v watch="$(password watch)" -v serve="$(password serve)" <<'SQL'
CREATE ROLE dho_login_owner LOGIN CREATEROLE PASSWORD :'owner';
CREATE DATABASE dho OWNER dho_login_owner;
CREATE ROLE dho_ingest NOLOGIN;
CREATE ROLE dho_watch NOLOGIN;
CREATE ROLE dho_serve NOLOGIN;
CREATE ROLE dho_login_ingest LOGIN PASSWORD :'ingest' IN ROLE dho_ingest;
CREATE ROLE dho_login_watch LOGIN PASSWORD :'watch' IN ROLE dho_watch;
-- The HTTP fallback of the tablets stores measurements, as ingest does.
CREATE ROLE dho_login_serve LOGIN PASSWORD :'serve' IN ROLE dho_serve, dho_ingest;
REVOKE ALL ON DATABASE dho FROM PUBLIC;
GRANT CONNECT ON DATABASE dho TO dho_login_ingest, dho_login_watch, dho_login_serve;
SQL

# Extensions that only a superuser may make.
psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname dho <<'SQL'
CREATE EXTENSION IF NOT EXISTS timescaledb;
CREATE EXTENSION IF NOT EXISTS btree_gist;
SQL

#!/usr/bin/env bash
# postgres with ssl=on: 30 connections at once, each a forked backend; queries, parallel workers.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
[[ -x "$(postgres_bin)/initdb" ]] || skip "no postgres here; apt-get install postgresql"

statements() {
  cat <<'SQL'
CREATE TABLE item AS SELECT i AS id, i * 7919 % 613 AS grp, md5(i::text) AS name
  FROM generate_series(1, 100000) i;
CREATE INDEX ON item (name);
ANALYZE item;
SELECT count(*), sum(id), min(name) FROM item;
SELECT grp, count(*), max(name) FROM item GROUP BY grp ORDER BY grp LIMIT 5;
SELECT count(*) FROM item a JOIN item b ON a.grp = b.grp WHERE a.id < 200;
SELECT md5(string_agg(name, ',' ORDER BY name DESC)) FROM item;
SET max_parallel_workers_per_gather = 2; SET min_parallel_table_scan_size = 0;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
SELECT count(*), sum(length(name)) FROM item WHERE name LIKE '%a%';
RESET ALL;
SET jit_above_cost = 0; SELECT sum(id * 2 + grp) FROM item; RESET ALL;
DO $$ DECLARE t jsonb := '{}'; BEGIN
  FOR i IN 1..2000 LOOP t := t || jsonb_build_object('k' || i, i); END LOOP;
  RAISE NOTICE '%', length(t::text);
END $$;
SELECT encode(sha256(repeat('x', 5000000)::bytea), 'hex');
SELECT regexp_replace('abc123', '([a-z]+)(\d+)', '\2\1');
DELETE FROM item WHERE id % 3 = 0; VACUUM FULL item; REINDEX TABLE item; SELECT count(*) FROM item;
SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid();
SQL
}

exercise() {
  local dir="$1" tls psql
  tls="sslmode=verify-full sslrootcert=${dir}/cert.pem"
  psql=("${LAUNCH[@]}" "$(postgres_bin)/psql" -X -At -v ON_ERROR_STOP=1
    "host=localhost port=${PORT} user=postgres dbname=postgres ${tls}")
  tls_requests postgres "${PORT}" 30 "${dir}/cert.pem"
  statements | "${psql[@]}" 2>&1
  "${psql[@]}" -c "COPY item TO STDOUT" | sha256sum
  tls_hold postgres "${PORT}" 30 "${dir}/hold"
  echo "backends at once: $("${psql[@]}" -c "SELECT count(*) FROM pg_stat_ssl WHERE ssl")"
  echo "processes: $(($(process_tree "${PID}" | wc -l) / 30 * 30))"
  rm "${dir}/hold"
  wait $!
}

examine() {
  tls_hold postgres "${PORT}" 5 "$1/hold"
  expect_all_mapped "${PID}"
  expect_all_secret "${PID}"
  rm "$1/hold"
}

expect_same_service start_postgres exercise examine

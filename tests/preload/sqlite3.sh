#!/usr/bin/env bash
# sqlite3: a database in memory, and one in a file whose bytes must be the same.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need sqlite3 sqlite3

fill="
  CREATE TABLE item(id INTEGER PRIMARY KEY, grp INT, name TEXT, amount REAL, body BLOB);
  WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)
    INSERT INTO item
    SELECT i, i * 7919 % 613, 'name ' || (i * 31 % 9973), i * 0.25, zeroblob(i % 90) FROM n;
  CREATE INDEX by_group ON item(grp, name);
  CREATE INDEX by_name ON item(name);
  CREATE TABLE grp(id INTEGER PRIMARY KEY, label TEXT);
  INSERT INTO grp SELECT DISTINCT grp, printf('group %04d', grp) FROM item;
  DELETE FROM item WHERE id % 11 = 0;
  UPDATE item SET body = CAST(hex(name) AS BLOB) WHERE id % 5 = 0;"
ask="
  SELECT label, count(*), sum(amount), max(name) FROM item JOIN grp ON grp.id = item.grp
    GROUP BY label ORDER BY sum(amount) DESC LIMIT 20;
  SELECT id, row_number() OVER (PARTITION BY grp ORDER BY name DESC) AS r,
    lag(id) OVER (ORDER BY id) FROM item WHERE grp < 5 ORDER BY r, id LIMIT 50;
  SELECT length(group_concat(name, ';')) FROM item;
  SELECT length(json_group_array(json_object('n', name))) FROM item;
  SELECT count(*) FROM item a JOIN item b ON a.name = b.name WHERE a.grp = 3;
  CREATE VIRTUAL TABLE words USING fts5(t);
  INSERT INTO words SELECT name || ' of ' || grp FROM item;
  SELECT count(*) FROM words WHERE words MATCH '17*'; PRAGMA integrity_check;"

expect_same "sqlite3: in memory" sqlite3 :memory: "${fill}${ask}"
expect_same "sqlite3: in a file" bash -euc "
  sqlite3 file.db \"PRAGMA page_size = 4096; ${fill}\"
  sqlite3 file.db \"${ask}\"
  sqlite3 file.db .dump >dump.sql; sqlite3 again.db <dump.sql
  sqlite3 again.db .dump | cmp - dump.sql
  sqlite3 -csv file.db 'SELECT * FROM item' >item.csv
  sqlite3 file.db 'VACUUM; PRAGMA journal_mode = wal; BEGIN; DELETE FROM item WHERE id < 999;
    COMMIT' '.backup copy.db'
  sqlite3 :memory: '.import --csv item.csv t' 'SELECT count(*) FROM t'"

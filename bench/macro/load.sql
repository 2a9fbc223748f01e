-- An in-memory database filled, indexed, joined, changed and read. @N@ rows.
CREATE TABLE person(id INTEGER PRIMARY KEY, name TEXT, city TEXT, born INTEGER);
CREATE TABLE visit(person INTEGER, place TEXT, day INTEGER, note TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < @N@)
  INSERT INTO person SELECT i, printf('name %d of %x', i, i * 7919), 'city ' || i % 997,
    1900 + i % 100 FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < @N@)
  INSERT INTO visit SELECT i * 31 % @N@, 'place ' || i % 4999, i % 365,
    substr('a note of some length about what was seen there', 1, 5 + i % 40) FROM n;
CREATE INDEX by_city ON person(city, name);
CREATE INDEX by_person ON visit(person);
CREATE INDEX by_place ON visit(place, day);
SELECT city, count(*), group_concat(name) FROM person GROUP BY city ORDER BY 2 DESC, 1 LIMIT 5;
SELECT count(*), sum(length(note)) FROM person JOIN visit ON person.id = visit.person
  WHERE born BETWEEN 1920 AND 1960;
SELECT place, max(day), count(DISTINCT person) FROM visit GROUP BY place
  ORDER BY 3 DESC, 1 LIMIT 5;
UPDATE person SET name = upper(name) WHERE id % 5 = 0;
DELETE FROM visit WHERE day % 7 = 0;
SELECT json_group_array(json_object('name', name, 'city', city)) FROM
  (SELECT name, city FROM person WHERE id % 1001 = 0 LIMIT 50);
SELECT count(*) FROM visit WHERE note LIKE '%length%' AND place > 'place 3';

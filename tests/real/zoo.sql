-- SPDX-License-Identifier: MIT
-- A database with one of everything that a dump has to carry. Run by psql as a superuser in an empty
-- database of encoding UTF8. Roles: zoo_owner, zoo_reader, "odd ""role"" ä".
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SELECT setseed(0.5);

-- ---- Extensions and what is foreign -------------------------------------------------------------
CREATE SCHEMA ext;
CREATE EXTENSION hstore SCHEMA ext;
CREATE EXTENSION citext SCHEMA ext;
CREATE EXTENSION pgcrypto SCHEMA ext;
CREATE EXTENSION btree_gist SCHEMA ext;
CREATE EXTENSION file_fdw;
CREATE EXTENSION postgres_fdw;
CREATE TABLE extended (id int PRIMARY KEY, h ext.hstore, c ext.citext UNIQUE, digest bytea);
INSERT INTO extended SELECT n, ext.hstore('key ' || n, 'a "b" => ' || n), ('Text ' || n)::ext.citext,
    ext.digest(n::text, 'sha256') FROM generate_series(1, 50) n;
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE from_file (line text) SERVER files
    OPTIONS (filename '/etc/passwd', delimiter E'\x01');
CREATE SERVER "other server" FOREIGN DATA WRAPPER postgres_fdw
    OPTIONS (host 'localhost', dbname 'it''s "nowhere"');
CREATE USER MAPPING FOR zoo_owner SERVER "other server" OPTIONS (user 'me', password 'm4pped-secret');
CREATE FOREIGN TABLE elsewhere (id int NOT NULL, t text DEFAULT 'x') SERVER "other server";

-- ---- Types ---------------------------------------------------------------------------------------
CREATE SCHEMA kinds AUTHORIZATION zoo_owner;
SET search_path = kinds, public, ext;
CREATE TYPE mood AS ENUM ('sad', 'it''s "fine"', 'ünhappy', '');
ALTER TYPE mood ADD VALUE 'between' BEFORE 'ünhappy';
CREATE DOMAIN positive AS numeric(12, 3) CHECK (VALUE > 0) DEFAULT 1;
CREATE DOMAIN address AS text COLLATE "C" NOT NULL CHECK (VALUE ~ '^[^@]+@[^@]+$');
CREATE TYPE point3 AS (x float8, y float8, "z z" text);
CREATE DOMAIN near AS point3 CHECK ((VALUE).x < 1000);
CREATE TYPE spell AS RANGE (subtype = timestamptz, multirange_type_name = spells);
CREATE TYPE shell_only;
CREATE COLLATION german (provider = libc, locale = 'C');
CREATE TABLE simple (
    a boolean, b smallint, c integer, d bigint, e real, f double precision, g numeric, h money,
    i char(5), j varchar(9), k text, l bytea, m date, n time, o timetz, p timestamp, q timestamptz,
    r interval, s uuid, t inet, u cidr, v macaddr, w bit(7), x varbit, y xml, z json, za jsonb,
    zb point, zc box, zd polygon, ze tsvector, zf tsquery, zg "char", zh name, zi regclass, zj oid,
    zk pg_lsn, zl macaddr8, zm txid_snapshot, zn jsonpath);
INSERT INTO simple VALUES
    (true, -32768, -2147483648, -9223372036854775808, 'NaN', '-Infinity', 'NaN', -12.34, 'ab', 'ab ',
     E'tab\there \\ slash\nnew line\r\x01\x7f', '\x00ff0a5c2e', '0044-03-15 BC', '24:00',
     '12:30:00.123456+05:30', '294276-12-31 23:59:59.999999', '4713-01-01 00:00:00+00 BC',
     '-1 year 2 mons -3 days 04:05:06.7', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '::1/64',
     '10.0.0.0/8', '08:00:2b:01:02:03', B'1010101', B'', '<a b="c">&amp;ü</a>', '{"a" :  1, "a": 2}',
     '{"b": [1, null, "ü\u0001\\"], "n": 1e400}', '(1.1,2e-300)', '(1,2),(3,4)', '((0,0),(1,1),(2,0))',
     'a fat cat', 'fat & (rat | !cat)', '\', 'a name', 'pg_class', 4294967295, 'FFFFFFFF/FFFFFFFF',
     '08:00:2b:01:02:03:04:05', '10:20:10,14,15', '$.a[*] ? (@ > 1)'),
    (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
     NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
     NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (false, 32767, 2147483647, 9223372036854775807, 3.4028235e38, 5e-324, repeat('9', 2000)::numeric,
     92233720368547758.07, '', '', '', '', 'infinity', '00:00', '00:00-15:59', '-infinity', 'infinity',
     '0', '00000000-0000-0000-0000-000000000000', '255.255.255.255', '::/0', 'ff:ff:ff:ff:ff:ff',
     B'0000000', B'1', 'just text', 'null', 'null', '(NaN,Infinity)', '(0,0),(0,0)', '((0,0))', '', '',
     '', '', 'kinds.simple', 0, '0/0', 'ff:ff:ff:ff:ff:ff:ff:ff', '1:1:', '$');
CREATE TABLE composed (
    id int GENERATED ALWAYS AS IDENTITY (START 10 INCREMENT -5 MINVALUE -1000 MAXVALUE 10) PRIMARY KEY,
    m mood DEFAULT 'sad', ms mood[], p positive, a address DEFAULT 'me@here', c point3, cs point3[],
    n near, r int4range, nr numrange, s spell, ss spells, mr int8multirange, grid int[][], odd int[],
    deep text[][][], d positive[] CHECK (d <> '{}'));
INSERT INTO composed (m, ms, p, a, c, cs, n, r, nr, s, ss, mr, grid, odd, deep, d) VALUES
    ('', '{sad,"it''s \"fine\"",NULL,""}', 1.5, 'a@b', '(1,2,"x, (y) ""z"" \\")',
     ARRAY['(1,,)', NULL, '(,,"")']::point3[], '(1,2,)', 'empty', '(,1.5]',
     '["2020-01-01 00:00+00","infinity")',
     '{["2020-01-01 00:00+00","2021-01-01 00:00+00"),["2022-01-01 00:00+00",)}', '{[1,2],[5,)}',
     '{{1,2},{3,NULL}}', '[-2:0]={7,8,9}', '{{{"a","NULL"},{NULL,"}"}}}', '{1,2.5}'),
    (NULL, '{}', NULL, DEFAULT, NULL, NULL, NULL, NULL, NULL, NULL, '{}', '{}', NULL, '{}', NULL, NULL);
CREATE TABLE generated (
    a int, b int GENERATED ALWAYS AS (a * 2) STORED, c text,
    "d ""d""" text GENERATED ALWAYS AS (upper(c)) STORED,
    id bigint GENERATED BY DEFAULT AS IDENTITY (SEQUENCE NAME kinds."identity 'seq'" START 100));
INSERT INTO generated (a, c) SELECT n, 'row ' || n FROM generate_series(1, 200) n;
CREATE TABLE all_generated (a int GENERATED ALWAYS AS (1 + 1) STORED);
INSERT INTO all_generated DEFAULT VALUES;
CREATE TABLE of_type OF point3 (PRIMARY KEY (x));
INSERT INTO of_type VALUES (1, 2, 'three');

-- ---- Tables in families --------------------------------------------------------------------------
CREATE SCHEMA families;
SET search_path = families;
CREATE TABLE by_list (region text, n int) PARTITION BY LIST (region);
CREATE TABLE by_list_ab PARTITION OF by_list FOR VALUES IN ('a', 'b');
CREATE TABLE by_list_null PARTITION OF by_list FOR VALUES IN (NULL);
CREATE TABLE by_list_other PARTITION OF by_list DEFAULT PARTITION BY RANGE (n);
CREATE TABLE by_list_other_low PARTITION OF by_list_other FOR VALUES FROM (MINVALUE) TO (0);
CREATE TABLE by_list_other_rest PARTITION OF by_list_other DEFAULT;
INSERT INTO by_list SELECT CASE WHEN n % 7 = 0 THEN NULL ELSE chr(97 + n % 4) END, n - 200
    FROM generate_series(1, 500) n;
CREATE TABLE by_range (at date NOT NULL, id int, note text, PRIMARY KEY (at, id)) PARTITION BY RANGE (at);
CREATE TABLE by_range_2023 PARTITION OF by_range FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
CREATE TABLE "by range 2024" (note text, id int NOT NULL, dropped int, at date NOT NULL);
ALTER TABLE "by range 2024" DROP COLUMN dropped;
ALTER TABLE by_range ATTACH PARTITION "by range 2024" FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE by_range_default PARTITION OF by_range DEFAULT;
CREATE INDEX ON by_range (note);
INSERT INTO by_range SELECT date '2022-06-01' + n, n, 'note ' || n FROM generate_series(1, 1200) n;
CREATE TABLE by_hash (id int, t text) PARTITION BY HASH (id);
CREATE TABLE by_hash_0 PARTITION OF by_hash FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE TABLE by_hash_1 PARTITION OF by_hash FOR VALUES WITH (MODULUS 3, REMAINDER 1);
CREATE TABLE by_hash_2 PARTITION OF by_hash FOR VALUES WITH (MODULUS 3, REMAINDER 2);
INSERT INTO by_hash SELECT n, 'x' || n FROM generate_series(1, 300) n;
CREATE TABLE no_partitions (a int) PARTITION BY LIST (a);
CREATE TABLE parent (id serial PRIMARY KEY, name text DEFAULT 'p');
CREATE TABLE second_parent (extra int DEFAULT 3);
CREATE TABLE child (age int NOT NULL, name text DEFAULT 'c') INHERITS (parent, second_parent);
CREATE TABLE grandchild (CHECK (age > 1)) INHERITS (child);
ALTER TABLE grandchild ALTER extra SET DEFAULT 9;
INSERT INTO parent (name) VALUES ('one'), ('two');
INSERT INTO child (age) SELECT 5 FROM generate_series(1, 20);
INSERT INTO grandchild (age, name) VALUES (2, 'only here');

-- ---- Keys, indexes, constraints ------------------------------------------------------------------
CREATE SCHEMA keys;
SET search_path = keys, ext, public;
CREATE TABLE left_side (id int PRIMARY KEY, other int);
CREATE TABLE right_side (id int PRIMARY KEY, other int REFERENCES left_side DEFERRABLE INITIALLY DEFERRED);
ALTER TABLE left_side ADD FOREIGN KEY (other) REFERENCES right_side ON DELETE SET NULL ON UPDATE CASCADE;
INSERT INTO left_side SELECT n, NULL FROM generate_series(1, 30) n;
INSERT INTO right_side SELECT n, 31 - n FROM generate_series(1, 30) n;
UPDATE left_side SET other = id;
DELETE FROM left_side WHERE id % 3 = 0 AND id NOT IN (SELECT other FROM right_side);
CREATE TABLE tree (id int PRIMARY KEY, parent int REFERENCES tree);
INSERT INTO tree VALUES (2, NULL), (1, 2), (3, 1);
CREATE TABLE booked (room int, during tstzrange, EXCLUDE USING gist (room WITH =, during WITH &&));
INSERT INTO booked VALUES (1, '[2024-03-31 00:30+00,2024-03-31 03:00+02)');
CREATE TABLE indexed (a int, b text, c int[], d text COLLATE "C", UNIQUE NULLS NOT DISTINCT (a));
INSERT INTO indexed SELECT n, 'b' || n, ARRAY[n, n + 1], 'd' FROM generate_series(1, 100) n;
CREATE INDEX "odd index ""name""" ON indexed (lower(b), a DESC NULLS LAST) INCLUDE (d) WHERE a > 5;
CREATE INDEX indexed_gin ON indexed USING gin (c);
CREATE INDEX indexed_brin ON indexed USING brin (a) WITH (pages_per_range = 4);
CREATE INDEX indexed_hash ON indexed USING hash (b);
CREATE INDEX to_cluster ON indexed (b);
ALTER TABLE indexed CLUSTER ON to_cluster;
ALTER TABLE indexed REPLICA IDENTITY FULL;
ALTER TABLE indexed ALTER b SET STATISTICS 500, ALTER b SET STORAGE EXTERNAL, ALTER b SET COMPRESSION pglz;
ALTER TABLE indexed SET (fillfactor = 70, autovacuum_enabled = false);
CREATE STATISTICS indexed_stats (ndistinct, mcv) ON a, (lower(b)) FROM indexed;
ALTER TABLE indexed ADD CONSTRAINT "not ""valid""" CHECK (a > 1000) NOT VALID;

-- ---- Code ----------------------------------------------------------------------------------------
CREATE SCHEMA code;
SET search_path = code;
CREATE TABLE watched (id int, changed timestamptz, log text);
CREATE FUNCTION looks_like_data() RETURNS text LANGUAGE plpgsql AS $body$
BEGIN
    /*
COPY code.watched (id, changed, log) FROM stdin;
1	2020-01-01 00:00:00+00	not data
\.
SELECT pg_catalog.setval('code.watched_id_seq', 7, true);
\restrict abc
    */
    RETURN E'COPY x FROM stdin;\n\\.\n';
END $body$;
COMMENT ON FUNCTION looks_like_data() IS E'COPY x FROM stdin;\n1\n\\.\n-- comment /* ''quoted'' $$';
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN NEW.changed := ''2024-01-01 00:00+00''; NEW.log := coalesce(NEW.log, '''') || ''+''; RETURN NEW; END';
CREATE TRIGGER stamp BEFORE INSERT OR UPDATE OF log ON watched FOR EACH ROW EXECUTE FUNCTION stamp();
CREATE TRIGGER "off trigger" AFTER DELETE ON watched EXECUTE FUNCTION stamp();
ALTER TABLE watched DISABLE TRIGGER "off trigger";
CREATE TRIGGER always AFTER TRUNCATE ON watched EXECUTE FUNCTION stamp();
ALTER TABLE watched ENABLE ALWAYS TRIGGER always;
INSERT INTO watched (id) SELECT generate_series(1, 40);
CREATE FUNCTION on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN NULL; END';
CREATE EVENT TRIGGER "on ddl" ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION on_ddl();
CREATE FUNCTION new_style(a int, VARIADIC b text[] DEFAULT '{}') RETURNS int IMMUTABLE PARALLEL SAFE
    BEGIN ATOMIC SELECT a + cardinality(b); END;
CREATE PROCEDURE doing(INOUT n int) LANGUAGE plpgsql AS 'BEGIN n := n + 1; END';
CREATE FUNCTION adds(int, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + $2';
CREATE AGGREGATE total(int) (SFUNC = adds, STYPE = int, INITCOND = '0');
CREATE OPERATOR <+> (LEFTARG = int, RIGHTARG = int, FUNCTION = adds, COMMUTATOR = <+>);
CREATE CAST (kinds.point3 AS text) WITH INOUT AS ASSIGNMENT;
CREATE TEXT SEARCH CONFIGURATION plain (COPY = simple);
CREATE VIEW plain_view AS SELECT w.*, 1 AS one FROM watched w WHERE id > 3 WITH CHECK OPTION;
CREATE VIEW barrier WITH (security_barrier, security_invoker) AS SELECT * FROM plain_view;
CREATE RULE redirect AS ON INSERT TO barrier DO INSTEAD INSERT INTO watched (id) VALUES (NEW.id);
CREATE RULE "ignore" AS ON DELETE TO watched WHERE OLD.id < 0 DO INSTEAD NOTHING;
CREATE MATERIALIZED VIEW summed AS SELECT id % 3 AS k, count(*) FROM watched GROUP BY 1;
CREATE UNIQUE INDEX ON summed (k);
CREATE MATERIALIZED VIEW of_summed AS SELECT max(count) FROM summed;
CREATE MATERIALIZED VIEW never_filled AS SELECT * FROM watched WITH NO DATA;
CREATE RECURSIVE VIEW counting (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM counting WHERE n < 5;

-- ---- Sequences -----------------------------------------------------------------------------------
CREATE SCHEMA counted;
SET search_path = counted;
CREATE SEQUENCE never_called;
CREATE SEQUENCE never_called_from_7 START 7;
CREATE SEQUENCE negative INCREMENT -3 MINVALUE -9223372036854775808 START -5;
SELECT nextval('negative') FROM generate_series(1, 4) \g /dev/null
CREATE SEQUENCE cycled MAXVALUE 3 CYCLE;
SELECT nextval('cycled') FROM generate_series(1, 5) \g /dev/null
CREATE SEQUENCE greatest; SELECT setval('greatest', 9223372036854775807) \g /dev/null
CREATE SEQUENCE least INCREMENT -1 MINVALUE -9223372036854775808 MAXVALUE -1;
SELECT setval('least', -9223372036854775808, false) \g /dev/null
CREATE SEQUENCE small AS smallint CACHE 20; SELECT nextval('small') \g /dev/null
CREATE SEQUENCE "it's a ""sequence"", 5, true);"; SELECT nextval('"it''s a ""sequence"", 5, true);"') \g /dev/null
CREATE SEQUENCE U&"of\000atwo lines"; SELECT nextval('"of' || chr(10) || 'two lines"') \g /dev/null
CREATE UNLOGGED SEQUENCE forgetful; SELECT nextval('forgetful') \g /dev/null

-- ---- Names ---------------------------------------------------------------------------------------
CREATE SCHEMA "odd ""schema"" 'ä'";
SET search_path = "odd ""schema"" 'ä'";
CREATE TABLE "select" ("from" int, "where" int, "order" int); INSERT INTO "select" VALUES (1, 2, 3);
CREATE TABLE "quote ""double"" 'single'" ("c ""d"" 'e'" int, "f, g" int, "h) FROM stdin;" int);
INSERT INTO "quote ""double"" 'single'" VALUES (1, 2, 3);
CREATE TABLE U&"two\000alines" (U&"a\000aCOPY b FROM stdin;" int, U&"tab\0009" text);
INSERT INTO U&"two\000alines" VALUES (1, E'x\ny');
CREATE TABLE U&"\000aCOPY public.x (y) FROM stdin;\000a\\." (a int);
INSERT INTO U&"\000aCOPY public.x (y) FROM stdin;\000a\\." VALUES (1), (2);
CREATE TABLE "back\slash \x41 %s %20" ("\" int); INSERT INTO "back\slash \x41 %s %20" VALUES (5);
CREATE TABLE " leading and trailing " (" " int); INSERT INTO " leading and trailing " VALUES (7);
CREATE TABLE "表 😀 é é" ("имя" text); INSERT INTO "表 😀 é é" VALUES ('значение 😀');
CREATE TABLE U&"control \0001\001b[31m\007f" (a int); INSERT INTO U&"control \0001\001b[31m\007f" VALUES (1);
CREATE TABLE "with.dots.in" ("a.b" int); INSERT INTO "with.dots.in" VALUES (1);
CREATE TABLE "brackets (a, b) (c)" (a int); INSERT INTO "brackets (a, b) (c)" VALUES (1);
CREATE TABLE "CamelCase" ("CamelCase" int); CREATE TABLE camelcase (a int);
CREATE TABLE ".." (a int); CREATE TABLE "$$" (a int); CREATE TABLE "1" ("2" int);
CREATE TABLE n_sixty_three_bytes_long_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx (a int);

-- ---- Shapes --------------------------------------------------------------------------------------
CREATE SCHEMA shapes;
SET search_path = shapes;
CREATE TABLE no_columns (); INSERT INTO no_columns SELECT FROM generate_series(1, 17);
CREATE TABLE no_columns_no_rows ();
CREATE TABLE dropped_columns (a int); ALTER TABLE dropped_columns DROP COLUMN a;
INSERT INTO dropped_columns DEFAULT VALUES;
CREATE TABLE no_rows (a int, b text);
CREATE TABLE added (a int); INSERT INTO added SELECT generate_series(1, 9);
ALTER TABLE added ADD b text DEFAULT 'later', ADD c int; ALTER TABLE added DROP a;
SELECT format('CREATE TABLE wide (%s)', string_agg(format('column_%s smallint', n), ', ' ORDER BY n))
    FROM generate_series(1, 1600) n \gexec
SELECT format('INSERT INTO wide VALUES (%s)', string_agg(nullif(n % 9, k)::text, ', ' ORDER BY n))
    FROM (SELECT n, k FROM generate_series(1, 1600) n, generate_series(10, 12) k) x GROUP BY k \gexec
UPDATE wide SET column_1600 = NULL, column_1 = NULL;
CREATE TABLE marks (id int, t text);
INSERT INTO marks VALUES (1, E'\\.'), (2, E'\\N'), (3, 'N'), (4, E'\t'), (5, E'\n\\.\n'), (6, NULL), (7, ''),
    (8, E'\\'), (9, E'\\.\n\n\n'), (10, E'\r\n'), (11, E'\b\f\v');
CREATE TABLE one_column (t text);
INSERT INTO one_column VALUES (E'\\.'), (NULL), (''), ('.'), (E'\\'), (E'\n'), (E'\\.\n\n\n'), (E'\n\n\n');
CREATE TABLE ends_with_mark (t text); INSERT INTO ends_with_mark VALUES ('a'), (E'\\.');
CREATE TABLE one_empty_row (t text); INSERT INTO one_empty_row VALUES ('');
CREATE TABLE updated (id int PRIMARY KEY, v int); INSERT INTO updated SELECT n, n FROM generate_series(1, 5000) n;
UPDATE updated SET v = -v WHERE id % 3 = 0; DELETE FROM updated WHERE id % 5 = 0;
CREATE UNLOGGED TABLE unlogged (a int PRIMARY KEY); INSERT INTO unlogged SELECT generate_series(1, 100);
CREATE TABLE large_values (id int PRIMARY KEY, b bytea);
ALTER TABLE large_values ALTER b SET STORAGE EXTERNAL;
INSERT INTO large_values SELECT n, decode(repeat(md5(n::text), n), 'hex') FROM generate_series(1, 300) n;
INSERT INTO large_values SELECT 1000 + n, decode(repeat('00', n), 'hex')
    FROM unnest(ARRAY[0, 1, 65535, 65536, 524285, 524286, 524287, 524288, 1048576]) n;
CREATE TABLE unequal_lengths (id int, t text);
ALTER TABLE unequal_lengths ALTER t SET STORAGE PLAIN;
INSERT INTO unequal_lengths SELECT n, repeat('x', n * n % 1997) FROM generate_series(1, 3000) n;
CREATE TABLE times (id int, tz timestamptz DEFAULT '2024-10-27 02:30+02', t timestamp, tr tstzrange);
INSERT INTO times SELECT n, timestamptz '2024-10-26 22:00+00' + n * interval '17 minutes', now(),
    tstzrange('2024-03-31 00:00+00', '2024-03-31 00:00+00'::timestamptz + n * interval '1 hour')
    FROM generate_series(1, 60) n;

-- ---- Who may do what -----------------------------------------------------------------------------
CREATE SCHEMA rights;
SET search_path = rights;
CREATE TABLE secrets (id int, owner name, secret text);
INSERT INTO secrets SELECT n, 'zoo_reader', 'secret ' || n FROM generate_series(1, 25) n;
ALTER TABLE secrets ENABLE ROW LEVEL SECURITY;
ALTER TABLE secrets FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON secrets FOR SELECT TO zoo_reader USING (owner = current_user);
CREATE POLICY "odd ""policy""" ON secrets AS RESTRICTIVE TO PUBLIC USING (id > 0) WITH CHECK (true);
GRANT SELECT (id, owner), UPDATE (secret) ON secrets TO zoo_reader WITH GRANT OPTION;
GRANT USAGE ON SCHEMA rights TO PUBLIC, "odd ""role"" ä";
REVOKE ALL ON FUNCTION code.looks_like_data() FROM PUBLIC;
ALTER TABLE secrets OWNER TO zoo_owner;
ALTER DEFAULT PRIVILEGES FOR ROLE zoo_owner IN SCHEMA kinds GRANT SELECT ON TABLES TO zoo_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE zoo_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
COMMENT ON TABLE secrets IS E'a comment''s "text"\nCOPY x FROM stdin;\n\\.';
COMMENT ON COLUMN secrets.secret IS 'ä column';
COMMENT ON POLICY own ON secrets IS 'own';
COMMENT ON SCHEMA public IS 'not the standard comment';
CREATE PUBLICATION everything FOR ALL TABLES WITH (publish = 'insert');
CREATE PUBLICATION "some ""tables""" FOR TABLE shapes.updated (id, v) WHERE (id > 10);
CREATE PUBLICATION of_schema FOR TABLES IN SCHEMA keys, "odd ""schema"" 'ä'";
CREATE SUBSCRIPTION nothing CONNECTION 'host=nowhere dbname=x' PUBLICATION p
    WITH (connect = false, enabled = false, slot_name = NONE);

-- ---- Large objects -------------------------------------------------------------------------------
SET search_path = public;
SELECT lo_from_bytea(70001, '') \g /dev/null
SELECT lo_from_bytea(70000, decode('00ff5c2e0a', 'hex')) \g /dev/null
SELECT lo_from_bytea(4294967295, 'the last one') \g /dev/null
SELECT lo_create(80000), lo_put(80000, 3000000, 'far away') \g /dev/null
SELECT lo_from_bytea(80000 + n, decode(repeat(md5(n::text), n * 10), 'hex')) FROM generate_series(1, 60) n \g /dev/null
COMMENT ON LARGE OBJECT 70001 IS 'an empty one';
GRANT SELECT ON LARGE OBJECT 70000 TO zoo_reader;
ALTER LARGE OBJECT 70001 OWNER TO zoo_owner;

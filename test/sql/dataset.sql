--
-- Reading datasets and arguments of predict: what columns, types, shapes and labels become, and what is refused.
--
SET client_min_messages = warning;
\set SHOW_CONTEXT never

-- A probe: its output is a + 10 b + 100 c.  A dataset with that target has loss 0 if (and, the values being
-- what they are, only if) every value arrived where it belongs, and the weights then stay as they are.
SELECT pgtorch_create_model('probe', nn.Linear(3, 1));
SELECT pgtorch_load_state_dict('probe',
	$$ VALUES ('weight', '[[1., 10., 100.]]'::tensor), ('bias', '[0.]'::tensor) $$);

CREATE FUNCTION reads(dataset text, target text[] DEFAULT NULL) RETURNS float8
	LANGUAGE sql AS $$
	SELECT loss FROM pgtorch_train('probe@2', dataset, nn.MSELoss(), optim.SGD(lr => 0.001),
								   batch_size => 2, target => target, deploy => false) $$;

CREATE TABLE abc AS
	SELECT i AS a, i % 3 AS b, i * i AS c, i + 10 * (i % 3) + 100 * i * i AS y FROM generate_series(1, 5) i;

-- queries of each kind; the target is the last column, or the one that is named
SELECT reads('SELECT a, b, c, y FROM abc');
SELECT reads('TABLE abc');
SELECT reads('VALUES (1, 2, 3, 321), (4, 5, 6, 654)');
SELECT reads('WITH w AS (SELECT * FROM abc) SELECT y, a, b, c FROM w', '{y}');
SELECT reads('SELECT a, y, b, c FROM abc', '{y}');
SELECT reads('SELECT b, a, c, y FROM abc') > 1 AS order_matters;

-- types: every number, and arrays that join with their neighbours
SELECT reads('SELECT a::smallint, b::bigint, c::numeric, y::real FROM abc');
SELECT reads('SELECT a::float8, b::numeric, c::real, y::numeric FROM abc');
SELECT reads('SELECT i % 2 = 0, i > 2, i, (i % 2 = 0)::int + 10 * (i > 2)::int + 100 * i FROM generate_series(1, 4) i');
SELECT reads('SELECT ARRAY[a, b, c], y FROM abc');
SELECT reads('SELECT ARRAY[a, b, c]::real[], ARRAY[y] FROM abc');
SELECT reads('SELECT a, ARRAY[b, c]::numeric[], y FROM abc');
SELECT reads('SELECT ARRAY[a]::bigint[], b, ARRAY[c]::float8[], y FROM abc');
SELECT reads('SELECT ARRAY[a, b]::smallint[], c, y FROM abc');
SELECT reads('SELECT ''[7:9]={1,2,3}''::real[], 321');
SELECT reads('SELECT ARRAY[a, b, c]::real[]::tensor, y FROM abc');
SELECT reads('SELECT a, ARRAY[b, c]::int[]::tensor, ARRAY[y]::float8[]::tensor FROM abc');

-- domains are looked through, composites stand for their columns
CREATE DOMAIN score AS numeric CHECK (value >= 0);
CREATE DOMAIN vec AS real[];
CREATE DOMAIN vec3 AS vec CHECK (cardinality(value) = 3);
SELECT reads('SELECT a::score, b::score, c, y FROM abc');
SELECT reads('SELECT ARRAY[a, b, c]::vec3, y FROM abc');
SELECT reads('SELECT f, y FROM abc, LATERAL (SELECT a, b, c) f');
CREATE TYPE pair AS (u int, v real);
SELECT reads('SELECT (a, b)::pair, c, y FROM abc');
SELECT reads('SELECT ROW(a, ROW(b, c)), y FROM abc');

-- a column added to or dropped from a table
CREATE TABLE changed (a int, junk text, b int);
INSERT INTO changed VALUES (1, 'x', 2);
ALTER TABLE changed DROP junk, ADD c float8 DEFAULT 7.5;
SELECT reads('SELECT t, 771 FROM changed t');

-- temporary tables, rows that are not committed, views, toasted and compressed values
CREATE TEMP TABLE temporary AS TABLE abc;
BEGIN;
INSERT INTO temporary VALUES (1, 1, 1, 111);
SELECT reads('TABLE temporary');
SELECT count(*) FROM temporary;
ROLLBACK;
CREATE VIEW later AS SELECT a, b, c, y FROM abc WHERE a > 2;
SELECT reads('TABLE later');
SELECT pgtorch_create_model('wide', nn.Linear(5000, 1));
SELECT pgtorch_load_state_dict('wide', $$
	SELECT 'weight', array_fill(1::real, ARRAY[1, 5000])::tensor UNION ALL SELECT 'bias', '[0.]'::tensor $$);
CREATE TABLE toasted (x real[], n numeric[], y float8);
ALTER TABLE toasted ALTER x SET STORAGE external, ALTER n SET STORAGE extended;
INSERT INTO toasted SELECT array_agg(i % 7 + k), array_agg(i % 7 + k), sum(i % 7 + k)
	FROM generate_series(1, 5000) i, generate_series(1, 3) k GROUP BY k;
SELECT loss FROM pgtorch_train('wide@2', 'SELECT x, y FROM toasted', nn.MSELoss(), optim.SGD(lr => 1e-9), deploy => false);
SELECT loss FROM pgtorch_train('wide@2', 'SELECT n, y FROM toasted', nn.MSELoss(), optim.SGD(lr => 1e-9), deploy => false);

-- only one plain query
SELECT reads('');
SELECT reads('SELECT 1, 2, 3, 4; SELECT 1, 2, 3, 4');
SELECT reads('SELECT 1, 2, 3, 4 INTO other');
SELECT reads('DELETE FROM abc RETURNING *');
SELECT reads('WITH gone AS (DELETE FROM abc RETURNING *) TABLE gone');
SELECT reads('SELECT * FROM abc FOR UPDATE');
SELECT reads('SELECT * FROM (SELECT * FROM abc FOR SHARE) s');
SELECT reads('EXPLAIN TABLE abc');
SELECT reads('COMMIT');
SELECT reads('SELECT a, nothing FROM abc');
SELECT count(*) FROM abc;

-- targets that do not exist, or not once; nothing left for features
SELECT reads('TABLE abc', '{z}');
SELECT reads('TABLE abc', '{y,y}');
SELECT reads('SELECT a, a, b, c, y FROM abc', '{a}');
SELECT reads('SELECT y FROM abc');

-- types that are not numbers
SELECT reads('SELECT a, b, now(), y FROM abc');
SELECT reads('SELECT a, b, ''x''::text, y FROM abc');
SELECT reads('SELECT a, b, c, ''x''::text FROM abc');

-- NULL is named by column and row
SELECT reads('SELECT a, nullif(b, 0) AS b, c, y FROM abc ORDER BY a');
SELECT reads('SELECT a, b, c, nullif(y, 111) AS y FROM abc ORDER BY a');
SELECT reads('SELECT ARRAY[a, nullif(b, 0), c] AS x, y FROM abc ORDER BY a');
SELECT reads('SELECT ARRAY[a, nullif(b, 0), c]::numeric[] AS x, y FROM abc ORDER BY a');

-- shapes differ from row to row, or from the model's
SELECT reads('SELECT array_fill(1, ARRAY[a + 2]) AS x, y FROM abc ORDER BY a');
SELECT reads('SELECT a, b, y FROM abc');
SELECT reads('SELECT ARRAY[[a, b], [b, c]] AS x, c, y FROM abc');

-- float32 has an end; infinity and NaN are values (the loss is what they make of it)
SELECT reads('SELECT a, b, 10 ^ (20 * a) AS c, y FROM abc ORDER BY a');
SELECT reads('SELECT a, b, 10::numeric ^ (20 * a) AS c, y FROM abc ORDER BY a');
SELECT reads('SELECT a, b, ''nan''::float8, y FROM abc');

-- an empty dataset
SELECT reads('SELECT * FROM abc WHERE false');

-- row-level security and privileges are the caller's
CREATE ROLE regress_dataset;
GRANT SELECT ON abc TO regress_dataset;
ALTER TABLE abc ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON abc USING (a <= 2);
SELECT pgtorch_grant('probe', 'regress_dataset', 'train');
SELECT pgtorch_grant('probe', 'regress_dataset', 'predict');
SET ROLE regress_dataset;
SELECT steps FROM pgtorch_train('probe@2', 'TABLE abc', nn.MSELoss(), optim.SGD(lr => 0.001), batch_size => 1, deploy => false);
SELECT reads('TABLE changed');
RESET ROLE;

-- labels: text in C order, enum in its own, boolean false then true
CREATE TYPE size AS ENUM ('small', 'medium', 'large');
SELECT pgtorch_create_model('label', nn.Linear(1, 3));
CREATE TABLE labelled (x real, t text, e size, raw int, p real[]);
INSERT INTO labelled VALUES (1, 'b', 'large', 2, '{0,0,1}'), (-1, 'Z', 'small', 0, '{1,0,0}'), (0, 'a', 'medium', 1, '{0,1,0}');
CREATE FUNCTION learns(dataset text) RETURNS TABLE (x real, class text, index integer)
	LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM pgtorch_create_model('label', nn.Linear(1, 3), or_replace => true);
		PERFORM FROM pgtorch_train('label', dataset, nn.CrossEntropyLoss(), optim.SGD(lr => 0.5), epochs => 300);
		RETURN QUERY SELECT l.x, predict_class('label', l.x), torch.argmax(predict('label', l.x))::integer
			FROM labelled l ORDER BY 1;
	END $$;
SELECT * FROM learns('SELECT x, t FROM labelled');
SELECT * FROM learns('SELECT x, t::varchar FROM labelled');
SELECT * FROM learns('SELECT x, t::char(10) FROM labelled');
SELECT * FROM learns('SELECT x, t::name FROM labelled');
SELECT * FROM learns('SELECT x, e FROM labelled');
SELECT * FROM learns('SELECT x, raw FROM labelled');
SELECT * FROM learns('SELECT x, p FROM labelled');
SELECT * FROM learns('SELECT x, x > 0 FROM labelled');

-- labels stay with the version: retraining knows no others
SELECT index FROM learns('SELECT x, t FROM labelled');
SELECT status FROM pgtorch_train('label', $$ VALUES (1.0, 'a'), (2.0, 'b') $$, nn.CrossEntropyLoss());
SELECT status FROM pgtorch_train('label', $$ VALUES (1.0, 'a'), (2.0, 'cow') $$, nn.CrossEntropyLoss());

-- what is no class
SELECT status FROM pgtorch_train('label', 'SELECT x, x AS y FROM labelled', nn.CrossEntropyLoss());
SELECT status FROM pgtorch_train('label', 'SELECT x, now() AS y FROM labelled', nn.CrossEntropyLoss());
SELECT status FROM pgtorch_train('label', 'SELECT * FROM labelled', nn.CrossEntropyLoss(), target => '{t,e}');
SELECT status FROM pgtorch_train('label', 'SELECT x, 3 AS y FROM labelled', nn.CrossEntropyLoss());
SELECT status FROM pgtorch_train('label', 'SELECT x, -1 AS y FROM labelled', nn.CrossEntropyLoss());

-- predict takes what training took
SELECT predict_value('probe', 1, 2, 3), predict_value('probe', ARRAY[1, 2, 3]), predict_value('probe', 1, ARRAY[2, 3]::numeric[]),
	predict_value('probe', '[1, 2, 3]'::tensor), predict_value('probe', '{1,2,3}'::vec3);
SELECT predict_value('probe', f) FROM (VALUES (1, 2.0, 3::bigint), (4, NULL, 6), (7, 8, 9)) f(a, b, c);
SELECT predict_value('probe', x) FROM (VALUES (ARRAY[1, 2, 3]), (NULL), (ARRAY[1, NULL, 3])) v(x);
SELECT predict_value('probe', '{1,2,3}');
SELECT predict_value('probe', '{1,2,3}', 4);
SELECT predict_value('probe', ARRAY[1, 2]);
SELECT predict_value('probe', 1, 2);
SELECT predict_value('probe', 1, 2, 'x'::text);
SELECT predict_value('probe', 1, 2, 1e39);

-- a failed or cancelled reading leaves no file behind
SET statement_timeout = '200ms';
SELECT reads('SELECT i, i, i, i FROM generate_series(1, 100000000) i');
RESET statement_timeout;
SET temp_file_limit = '2MB';
SELECT reads('SELECT i, i, i, i FROM generate_series(1, 1000000) i');
RESET temp_file_limit;
SELECT count(*) FROM pg_ls_tmpdir() WHERE name LIKE 'pgsql_tmp' || pg_backend_pid() || '.%';

DROP FUNCTION reads, learns;
SELECT pgtorch_drop_model(m) FROM unnest('{probe,wide,label}'::text[]) m;
DROP VIEW later;
DROP TABLE abc, changed, toasted, labelled, temporary;
DROP TYPE size, pair;
DROP DOMAIN vec3, vec, score;
DROP ROLE regress_dataset;

-- Operators of tensors: promotion, broadcasting, Python's rules for integers, and the plans that call sites keep.
-- The wanted values are PyTorch 2.15's.
SET extra_float_digits = 1;
\getenv folder PG_ABS_SRCDIR
\i :folder/sql/fails.psql

-- torch.promote_types, for all pairs; / makes floats of integers; bool has no -, % and ^
CREATE TEMP TABLE d AS SELECT row_number() OVER () AS i, name, replace(replace(replace(name, 'float', 'f'), 'int', 'i'), 'bf', 'b') AS short
FROM unnest('{float32,float64,float16,bfloat16,int64,int32,int16,int8,uint8,bool}'::text[]) name;
CREATE FUNCTION pg_temp.short(t tensor) RETURNS text LANGUAGE sql AS $$ SELECT short FROM d WHERE name = torch.dtype(t) $$;
SELECT a.short AS a, string_agg(pg_temp.short(torch.ones(2, dtype => a.name) + torch.ones(2, dtype => b.name)), ' ' ORDER BY b.i) AS "+" FROM d a, d b GROUP BY a.i, a.short ORDER BY a.i;
SELECT count(*) FILTER (WHERE torch.dtype(p + q) <> torch.dtype(q + p)) AS asymmetric, count(*) FILTER (WHERE torch.dtype(p + q) <> torch.dtype(p * q)) AS differ,
	string_agg(DISTINCT torch.dtype(p / q), ' ') AS quotients FROM (SELECT torch.ones(2, dtype => a.name) p, torch.ones(2, dtype => b.name) q FROM d a, d b) s;
-- a 0-d tensor raises the dtype only if it is of a higher kind (bool, integer, float)
SELECT a.short AS a, string_agg(pg_temp.short(torch.ones(2, dtype => a.name) * torch.ones('{}', dtype => b.name)), ' ' ORDER BY b.i) AS "* 0-d" FROM d a, d b GROUP BY a.i, a.short ORDER BY a.i;
-- so do numbers, which are of no particular width: an integer leaves integers as they are, a fraction makes float32
SELECT name, torch.dtype(x + 1::smallint) AS smallint, torch.dtype(x + 1) AS integer, torch.dtype(3000000000 * x) AS bigint, torch.dtype(x + 1.5) AS fraction, torch.dtype(x * true) AS boolean, torch.dtype(x / 2) AS quotient
FROM d, torch.ones(2, dtype => name) x ORDER BY i;

-- numbers on either side
SELECT t + 1, 1 + t, t - 1, 1 - t, t * 2, 2 * t, t / 2, 2 / t, t % 2, 7 % t, t ^ 2, 2 ^ t, -t FROM (SELECT '[1, 3]'::tensor) s(t);
SELECT t + 0.5, 0.5 + t, t - 0.5, 0.5 - t, t * 0.5, 0.5 * t, t / 0.5, 0.75 / t, t % 0.75, 7.5 % t, t ^ 0.5, 2.5 ^ t FROM (SELECT '[1, 4]'::tensor) s(t);
SELECT t + true, true * t, t / true, t ^ true, true ^ t, t::tensor + 1::smallint, 2::bigint * t FROM (SELECT '[0, 4]'::tensor) s(t);
-- PostgreSQL's precedence, not Python's: ^ groups from the left, and unary minus binds tighter
SELECT '[2.]'::tensor ^ 3 ^ 2 AS "(t^3)^2", -'[2.]'::tensor ^ 2 AS "(-t)^2", '[2.]'::tensor + 3 * '[4.]'::tensor AS "t+(3*u)";

-- division: / is true, % has the sign of the divisor as Python's, integers by zero are an error and floats are not
SELECT '[7, -7]'::tensor / 2, '[7, -7]'::tensor % 3, '[7, -7]'::tensor % -3, '[7., -7., 7.5]'::tensor % 3, '[7., -7.]'::tensor % -3, '[1., -1., 0.]'::tensor / 0, '[1, 0]'::tensor / 0, '[5., inf]'::tensor % 0, '[5., -5.]'::tensor % 'inf'::float8;
SELECT s, pg_temp.fails('SELECT ' || s) FROM (VALUES ('''[1, 2]''::tensor % 0'), ('5 % ''[1, 0]''::tensor'), ('torch.floor_divide(''[1]'', 0)'), ('''uint8[1]''::tensor % ''uint8[0]''::tensor')) v(s);
-- the one quotient of integers that overflows
SELECT '[-9223372036854775808]'::tensor % -1 AS remainder, torch.floor_divide('[-9223372036854775808]', -1) AS quotient, torch.floor_divide('int8[-128]', -1) AS int8;
-- integers wrap around in their width; powers of integers stay integers
SELECT 'int8[127]'::tensor + 1, 'uint8[0]'::tensor - 1, '[9223372036854775807]'::tensor + 1, 'int8[-128]'::tensor * -1, -'int8[-128]'::tensor, -'uint8[1]'::tensor, 'int8[100]'::tensor + 300, '[2, 3, 10]'::tensor ^ '[10, 0, 19]'::tensor, '[1, -1, 2]'::tensor ^ '[-3, -3, -3]'::tensor;
SELECT '[0., 2., -8., -8.]'::tensor ^ '[0., -1., 0.3333, 3.]'::tensor, '[inf, 0., nan]'::tensor ^ 0, '[1., 2.]'::tensor ^ 'nan'::float8, '[0.]'::tensor ^ -1;
SELECT s, pg_temp.fails('SELECT ' || s) FROM (VALUES ('''[2]''::tensor ^ -1'), ('''int8[2]''::tensor ^ 300'), ('''[true]''::tensor ^ ''[true]''::tensor'), ('''[true]''::tensor - ''[true]''::tensor'),
	('''[1.]''::tensor - true'), ('1 - ''[true]''::tensor'), ('''[true]''::tensor % true'), ('- ''[true]''::tensor')) v(s);
-- NaN and infinities go through
SELECT '[nan, inf, -inf]'::tensor + 1, '[inf, -inf]'::tensor - 'inf'::float8, '[inf, 0.]'::tensor * 0, '[3e38]'::tensor * 10, 'float16[65504]'::tensor + 100, '[1e-45]'::tensor / 2, 1e300 * '[1.]'::tensor;
-- float16 and bfloat16 are rounded after each operation
SELECT 'float16[2048]'::tensor + 1, 'bfloat16[256]'::tensor + 1, 'float16[1]'::tensor / 3, 'bfloat16[1]'::tensor / 3;

-- broadcasting, from the right, size 0 included
SELECT '[[1], [2]]'::tensor + '[10, 20]'::tensor, '[[1, 2]]'::tensor * '3'::tensor, '[[[1]], [[2]]]'::tensor - '[[1], [2]]'::tensor, '[]'::tensor + 1, 'float32(0,1)[]'::tensor * '[[1., 2.]]'::tensor, 'float32(2,0)[]'::tensor + '[1.]'::tensor;
SELECT s, pg_temp.fails('SELECT ' || s) FROM (VALUES ('''[1, 2]''::tensor + ''[1, 2, 3]''::tensor'), ('''[[1, 2], [3, 4]]''::tensor * ''[[1], [2], [3]]''::tensor'), ('''[]''::tensor - ''[1, 2]''::tensor'),
	('torch.zeros(100000, 1) + torch.zeros(1, 100000)')) v(s);
SELECT NULL::tensor + '[1]'::tensor IS NULL AND '[1]'::tensor * NULL::integer IS NULL AND -NULL::tensor IS NULL AS null_in_null_out;

-- one call site, other dtypes, shapes, numbers and NULLs from row to row, in either order
CREATE TEMP TABLE rows (id int, x tensor, y tensor, n int, f float8, dim int);
INSERT INTO rows VALUES (1, '[1, 2]', '[3, 4]', 1, 0.5, 0), (2, '[1., 2.]', '[3, 4]', 2, 1.5, -1), (3, '[[1., 2.]]', '[[3], [4]]', 3, NULL, 1), (4, NULL, '[1]', 4, 1, 0), (5, 'int8[1, 2]', '[3, 4]', NULL, 2, NULL),
	(6, 'float64[1, 2]', 'float16[3, 4]', 6, 3, 0), (7, '[]', '[1]', 7, 'nan', 0), (8, '[1, 2]', '[3, 4]', 8, 1, 0);
SELECT id, x + y AS "x+y", x * n AS "x*n", x ^ f AS "x^f", torch.sum(x, dim) AS sum FROM rows ORDER BY id;
SELECT id, x + y AS "x+y", x * n AS "x*n", x ^ f AS "x^f", torch.sum(x, dim) AS sum FROM rows ORDER BY id DESC;
DO $$
DECLARE
	x tensor := '[1, 2]';
BEGIN
	FOR i IN 1..4 LOOP
		x := x * i + i;
		RAISE NOTICE '%', x;
		IF i = 2 THEN
			x := torch.to(x, 'float32');
		END IF;
	END LOOP;
END $$;
PREPARE times(integer) AS SELECT '[1, 2]'::tensor * $1;
EXECUTE times(2);
EXECUTE times(NULL);
EXECUTE times(3);
-- what an error left behind does no harm
SELECT id, pg_temp.fails(format('SELECT %L::tensor + %L::tensor', x, y)) FROM (VALUES (1, '[1]', '[2]'), (2, '[1, 2]', '[1, 2, 3]'), (3, '[1]', '[2]')) v(id, x, y);

-- memory: 20,000 calls, with the plan kept and with a new plan each, leave nothing behind
CREATE FUNCTION pg_temp.resident() RETURNS bigint LANGUAGE sql AS $$ SELECT (regexp_match(pg_read_file('/proc/' || pg_backend_pid() || '/status'), 'VmRSS:\s+(\d+)'))[1]::bigint $$;
DO $$
DECLARE
	x tensor := '[1., 2., 3.]';
	y tensor;
	start bigint;
BEGIN
	FOR round IN 1..2 LOOP
		FOR i IN 1..20000 LOOP
			y := x * i + x * 2;
		END LOOP;
		start := coalesce(start, pg_temp.resident());
	END LOOP;
	RAISE NOTICE 'grew by less than 2 MB: %', pg_temp.resident() - start < 2048;
END $$;

-- toasted and short datums
CREATE TEMP TABLE stored AS SELECT i, torch.reshape(torch.arange(100000), array[100, 1000]) * i AS x FROM generate_series(1, 3) i;
SELECT i, pg_column_size(x) > 2000 AS large, torch.item(torch.sum(x)) / i AS sum, torch.shape(x), (x - x * 2 + x) = torch.zeros(array[100, 1000], 'int64') AS zero FROM stored;
CREATE TEMP TABLE short AS SELECT i, torch.tensor(array[i, i + 1]) AS x FROM generate_series(1, 3) i;
SELECT x + x, torch.sum(x) FROM short;

-- IMMUTABLE and PARALLEL SAFE: generated columns, indexes, parallel plans
CREATE TABLE generated (x tensor, double tensor GENERATED ALWAYS AS (x * 2) STORED, largest float8 GENERATED ALWAYS AS (torch.item(torch.amax(x))) STORED);
CREATE INDEX ON generated ((x + 1));
INSERT INTO generated SELECT torch.tensor(array[i, -i]) FROM generate_series(1, 2000) i;
SELECT * FROM generated WHERE x = '[7, -7]';
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT * FROM generated WHERE x + 1 = '[8, -6]';
SELECT * FROM generated WHERE x + 1 = '[8, -6]';
RESET enable_seqscan;
ALTER TABLE generated SET (parallel_workers = 2);
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT sum(torch.item(torch.sum(x * x))) FROM generated;
SELECT sum(torch.item(torch.sum(x * x))) FROM generated;
DROP TABLE generated;
-- none of the functions of the op table is anything else
SELECT count(*) > 100 AS many, count(*) FILTER (WHERE provolatile <> 'i' OR proparallel <> 's') AS others FROM pg_proc WHERE prosrc = 'pgtorch_op';

-- a long operation can be cancelled in the middle
CREATE TEMP TABLE square AS SELECT torch.rand(4000, 4000) AS x;
SET statement_timeout = '100ms';
SELECT torch.matmul(x, x) FROM square;
RESET statement_timeout;
SELECT torch.item(torch.sum(torch.matmul(x, x))) FROM torch.ones(10, 10) x;

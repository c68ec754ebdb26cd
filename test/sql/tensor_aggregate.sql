-- Aggregates over rows of tensors.  Results and dtypes are those of torch.sum, mean, stack and cat in PyTorch 2.15.
\getenv folder PG_ABS_SRCDIR
\i :folder/sql/fails.psql

-- floats keep their dtype, integers and bool become int64
SELECT sum(x) FROM (VALUES ('[[1.5, 2.]]'::tensor), ('[[0.5, nan]]')) v(x);
SELECT sum(x) FROM (VALUES ('float16[60000, 1]'::tensor), ('float16[60000, 2]')) v(x);
SELECT sum(x) FROM (VALUES ('uint8[200, 1]'::tensor), ('uint8[100, 1]')) v(x);
SELECT sum(x) FROM (VALUES ('true'::tensor), ('true'), ('false')) v(x);
-- int64 wraps around
SELECT sum(x) FROM (VALUES ('9223372036854775807'::tensor), ('1')) v(x);
-- mixed dtypes are promoted, wherever the float comes
SELECT sum(x), avg(x) FROM (VALUES ('[1, 2]'::tensor), ('float16[1.5, 0]'), ('uint8[1, 1]')) v(x);
SELECT sum(x) FROM (VALUES ('float16[1]'::tensor), ('bfloat16[2]')) v(x);
-- the mean
SELECT avg(x) FROM (VALUES ('[1., 2.]'::tensor), ('[2., 4.]'), ('[6., 6.]')) v(x);
SELECT avg(x) FROM (VALUES ('float64()1'::tensor), ('float64()2')) v(x);
-- float32 is summed in double: a million times 0.1 (which is 0.100000001490116) is 100000.00149 and rounds to 100000; in float32 it would be 100958
SELECT sum(x) FROM (SELECT '0.1'::tensor AS x FROM generate_series(1, 1000000)) v;
-- NULL rows are passed over; no rows give NULL; no elements, none
SELECT sum(x), avg(x) FROM (VALUES (NULL::tensor), ('[1., 2.]'), (NULL), ('[3., 4.]')) v(x);
SELECT sum(x) IS NULL AS sum, avg(x) IS NULL AS avg FROM (VALUES (NULL::tensor)) v(x);
SELECT sum(x) IS NULL AS sum, avg(x) IS NULL AS avg, torch.stack(x) IS NULL AS stack, torch.cat(x) IS NULL AS cat FROM (VALUES ('1'::tensor)) v(x) WHERE false;
SELECT sum(x) FROM (VALUES ('float32(0,3)[]'::tensor), ('float32(0,3)[]')) v(x);
-- a running sum: the state is read more than once
SELECT sum(x) OVER (ORDER BY x), avg(x) OVER (ORDER BY x) FROM (VALUES ('[1.]'::tensor), ('[2.]'), ('[4.]')) v(x);
-- refused: other shapes, the mean of integers, a result that would be too large
SELECT s, pg_temp.fails('SELECT ' || s) FROM (VALUES
	($$sum(x) FROM (VALUES ('[1, 2]'::tensor), ('[1, 2, 3]')) v(x)$$),
	($$avg(x) FROM (VALUES ('[1, 2]'::tensor), ('[3, 4]')) v(x)$$),
	($$avg(x) FROM (VALUES ('true'::tensor)) v(x)$$)) v(s);

-- partial aggregates in workers, merged
CREATE TABLE tensor_rows (id int, g int, x tensor);
INSERT INTO tensor_rows SELECT i, i % 3, ARRAY[i, -i, i % 7]::real[] FROM generate_series(1, 20000) i;
INSERT INTO tensor_rows VALUES (20001, 0, NULL);
ALTER TABLE tensor_rows SET (parallel_workers = 2);
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT sum(x), avg(x) FROM tensor_rows;
SELECT sum(x), avg(x) FROM tensor_rows;
SELECT g, sum(x), avg(x) FROM tensor_rows GROUP BY g ORDER BY g;
-- integers in some workers, floats in others, all dtypes meet
SELECT sum(y) FROM (SELECT CASE WHEN id % 2 = 0 THEN '1'::tensor ELSE '0.5' END AS y FROM tensor_rows) r;
-- the workers' parts give what one process gives
SET max_parallel_workers_per_gather = 0;
SELECT sum(x), avg(x) FROM tensor_rows;
RESET max_parallel_workers_per_gather;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;

-- stack adds a dimension, cat does not; both keep the order asked for and promote
SELECT torch.stack(x ORDER BY id) , torch.cat(x ORDER BY id DESC) FROM (VALUES (2, '[3, 4]'::tensor), (1, '[1, 2]'), (3, '[5, 6]')) v(id, x);
SELECT torch.stack(x) FROM (VALUES ('1'::tensor), ('2'), ('3')) v(x);
SELECT torch.stack(x) FROM (VALUES ('uint8[1]'::tensor), ('int8[-1]'), ('[1]')) v(x);
SELECT torch.stack(x) FROM (VALUES ('true'::tensor), ('2'), ('0.5')) v(x);
SELECT torch.cat(x ORDER BY id) FROM (VALUES (1, '[[1., 2.]]'::tensor), (2, '[[3., 4.], [5., 6.]]'), (3, 'float64(0,2)[]')) v(id, x);
SELECT torch.stack(x) FROM (VALUES ('float32(0,3)[]'::tensor), ('float32(0,3)[]')) v(x);
-- as in PyTorch, cat passes over shape (0), but for its dtype
SELECT torch.cat(x) FROM (VALUES ('[]'::tensor), ('[[1, 2]]'), ('[]')) v(x);
SELECT torch.cat(x) FROM (VALUES ('int64[]'::tensor), ('int8[]')) v(x);
-- many rows come out as they went in
SELECT torch.stack(x ORDER BY id)::real[] = (SELECT array_agg(x::real[] ORDER BY id) FROM tensor_rows WHERE x IS NOT NULL) AS equal FROM tensor_rows WHERE x IS NOT NULL;
SELECT torch.cat(x ORDER BY id) = (SELECT array_agg(v ORDER BY id, o)::tensor FROM tensor_rows, unnest(x::real[]) WITH ORDINALITY u(v, o)) AS equal FROM tensor_rows WHERE x IS NOT NULL;
-- refused: other shapes, NULL, nothing to join along, too many dimensions, too large (at once, not after gathering it)
SELECT s, pg_temp.fails('SELECT ' || s) FROM (VALUES
	($$torch.stack(x) FROM (VALUES ('[1, 2]'::tensor), ('[1, 2, 3]')) v(x)$$),
	($$torch.cat(x) FROM (VALUES ('[[1, 2]]'::tensor), ('[[1, 2, 3]]')) v(x)$$),
	($$torch.cat(x) FROM (VALUES ('[[1, 2]]'::tensor), ('[1, 2]')) v(x)$$),
	($$torch.cat(x) FROM (VALUES ('1'::tensor)) v(x)$$),
	($$torch.stack(x) FROM (VALUES ('[1, 2]'::tensor), (NULL)) v(x)$$),
	($$torch.cat(x) FROM (VALUES ('[1, 2]'::tensor), (NULL)) v(x)$$),
	($$torch.stack(x) FROM (VALUES ('[[[[[[[[1]]]]]]]]'::tensor)) v(x)$$),
	($$sum(x) FROM (VALUES ('int64(2147483647,0)[]'::tensor), ('int64(2147483646,0)[]')) v(x)$$),
	($$torch.cat(x) FROM (VALUES ('int64(2147483647,0)[]'::tensor), ('int64(2147483647,0)[]')) v(x)$$)) v(s);
DROP TABLE tensor_rows;

-- the steps of an aggregate are no functions of their own
DO $$
BEGIN
	PERFORM tensor_sum_total(NULL);
EXCEPTION
	WHEN undefined_function OR feature_not_supported THEN RAISE NOTICE 'refused'; -- by version of PostgreSQL
END $$;

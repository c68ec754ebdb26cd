-- Whole tensors in one order, in btree and hash: dtype, dimensions, sizes, elements; NaN equals NaN and is last, -0 equals 0.
CREATE TEMP TABLE t (id int, x tensor);
INSERT INTO t VALUES (1, '-inf'), (2, '0.'), (3, 'nan'), (4, '[]'), (5, '[1.]'), (6, '[nan]'), (7, '[1., 2.]'), (8, '[1., nan]'), (9, '[[1.]]'),
	(10, 'float64()-1'), (11, 'float16()2'), (12, 'bfloat16()1'), (13, '-5'), (14, '[7]'), (15, 'int32()-1'), (16, 'uint8()255'), (17, 'false'), (18, 'true');

-- sorting gives that order
SELECT array_agg(id ORDER BY x) = array_agg(id ORDER BY id) AS ascending, array_agg(id ORDER BY x DESC) = array_agg(id ORDER BY id DESC) AS descending FROM t;

-- the six operators agree with the order for every pair
SELECT count(*) FILTER (WHERE (a.x < b.x) <> (a.id < b.id)) AS lt, count(*) FILTER (WHERE (a.x <= b.x) <> (a.id <= b.id)) AS le,
	count(*) FILTER (WHERE (a.x = b.x) <> (a.id = b.id)) AS eq, count(*) FILTER (WHERE (a.x <> b.x) <> (a.id <> b.id)) AS ne,
	count(*) FILTER (WHERE (a.x >= b.x) <> (a.id >= b.id)) AS ge, count(*) FILTER (WHERE (a.x > b.x) <> (a.id > b.id)) AS gt,
	count(*) FILTER (WHERE sign(tensor_cmp(a.x, b.x)) <> sign(a.id - b.id)) AS cmp
FROM t a, t b;

-- what is equal has the same hash, whatever the sign of zero and the seed
SELECT '[-0.0, nan]'::tensor = '[0.0, nan]'::tensor AS equal, tensor_hash('[-0.0, nan]') = tensor_hash('[0.0, nan]') AS hash,
	tensor_hash_extended('[-0.0]', 5) = tensor_hash_extended('[0.0]', 5) AS extended, tensor_hash_extended('[1]', 0) = tensor_hash_extended('[1]', 1) AS same_seed,
	(tensor_hash_extended('[1, 2]', 0) & 4294967295) = (tensor_hash('[1, 2]')::bigint & 4294967295) AS low_half;
-- the hash sees dtype, shape and elements
SELECT count(DISTINCT tensor_hash(x)) AS hashes FROM t;

-- DISTINCT, GROUP BY, joins and set operations, by sorting and by hashing
INSERT INTO t SELECT id + 100, x FROM t;
INSERT INTO t VALUES (200, NULL), (201, NULL), (202, '-0.');
SET enable_hashagg = off;
SELECT count(*) AS groups FROM (SELECT x FROM t GROUP BY x) g;
SET enable_hashagg = on;
SET enable_sort = off;
SELECT count(*) AS groups FROM (SELECT x FROM t GROUP BY x) g;
RESET enable_sort;
SET enable_nestloop = off;
SET enable_mergejoin = off;
SELECT count(*) AS hash_join FROM t a JOIN t b USING (x);
SET enable_mergejoin = on;
SET enable_hashjoin = off;
SELECT count(*) AS merge_join FROM t a JOIN t b USING (x);
RESET enable_nestloop;
RESET enable_hashjoin;

-- indexes of both kinds find what a scan finds
CREATE INDEX t_btree ON t USING btree (x);
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT array_agg(id ORDER BY id) AS ids FROM t WHERE x = '0.';
SELECT count(*) AS above FROM t WHERE x > '[1., 2.]' AND x <= 'float64()-1';
DROP INDEX t_btree;
CREATE INDEX t_hash ON t USING hash (x);
SELECT array_agg(id ORDER BY id) AS ids FROM t WHERE x = 'nan';
EXPLAIN (COSTS OFF) SELECT id FROM t WHERE x = 'nan';
RESET enable_seqscan;
RESET enable_bitmapscan;

-- a unique constraint holds for whole tensors
CREATE TEMP TABLE u (x tensor UNIQUE);
INSERT INTO u VALUES ('[0., 1.]');
INSERT INTO u VALUES ('[-0., 1.]');
INSERT INTO u VALUES ('float64[0., 1.]');

-- the classes are complete
SELECT amvalidate(oid) AS valid FROM pg_opclass WHERE opcname LIKE 'tensor_%';

-- The table: medians, ratios, gates; what was not measured (no PyTorch) is empty.
\set QUIET on

CREATE TEMP TABLE middle AS
	SELECT item, side, percentile_cont(0.5) WITHIN GROUP (ORDER BY value) AS value,
		50 * (max(value) - min(value)) / percentile_cont(0.5) WITHIN GROUP (ORDER BY value) AS spread
	FROM sample GROUP BY item, side;

-- PyTorch's best: eager or compiled, one thread or all
CREATE TEMP TABLE beside AS
	SELECT DISTINCT ON (item) item, side, value, spread FROM middle WHERE side LIKE 'PyTorch%' ORDER BY item, value DESC;

-- gate: the least (or, in seconds, the most) that is allowed; a ratio, or an absolute value
CREATE TEMP TABLE gate (place int, item text, what text, unit text, gate double precision, relative bool);
INSERT INTO gate VALUES
	(1, 'read', 'read ' || to_char(:rows, 'FM9,999,999') || ' rows of real[32] and a target', 's', 1.0, false),
	(2, 'predict', 'predict_value, 32-64-32-1, one process', 'rows/s', 300000, false),
	(3, 'first 32-64-32-1', 'first predict of a connection, 32-64-32-1', 'ms', 10, false),
	(4, 'first 784-512-256-10', 'first predict of a connection, 784-512-256-10', 'ms', NULL, false),
	(5, '784-512-256-10/128', 'train 784-512-256-10, batch 128', 'samples/s', 1.3, true),
	(6, '784-512-256-10/1024', 'train 784-512-256-10, batch 1024', 'samples/s', 1.1, true),
	(7, '32-64-32-1/32', 'train 32-64-32-1, batch 32', 'samples/s', 20, true),
	(8, '32-64-32-1/256', 'train 32-64-32-1, batch 256', 'samples/s', 5, true),
	(9, '32-64-32-1/4096', 'train 32-64-32-1, batch 4096', 'samples/s', 1.8, true),
	(10, 'batchnorm-512-512-512-10/256', 'train 512-512-512-10, BatchNorm1d GELU Dropout, batch 256', 'samples/s', 1.5, true),
	(11, 'layernorm-512-512-512-10/256', 'train 512-512-512-10, LayerNorm SiLU, batch 256', 'samples/s', 1.3, true);

CREATE FUNCTION pg_temp.number(v double precision) RETURNS text LANGUAGE sql AS $$
	SELECT CASE WHEN v >= 1000 THEN to_char(round(v::numeric, 3 - ceil(log(v))::int), 'FM999,999,999')
		WHEN v >= 10 THEN to_char(v, 'FM999.0') ELSE to_char(v, 'FM0.00') END $$;

CREATE TEMP TABLE report AS
	SELECT g.*, m.value AS ours, m.spread, b.side, b.value AS theirs, b.spread AS their_spread, m.value / b.value AS ratio,
		CASE WHEN g.gate IS NULL OR m.value IS NULL OR (relative AND b.value IS NULL) THEN NULL
			WHEN relative THEN m.value / b.value >= g.gate
			WHEN unit IN ('s', 'ms') THEN m.value <= g.gate
			ELSE m.value >= g.gate END AS pass
	FROM gate g LEFT JOIN middle m ON m.item = g.item AND m.side = 'pgtorch'
	LEFT JOIN beside b ON b.item = g.item;

SELECT what AS " ",
	pg_temp.number(ours) || ' ' || unit AS "pgtorch", round(spread) || ' %' AS "+-",
	pg_temp.number(theirs) || ' (' || replace(side, 'PyTorch ', '') || ')' AS "PyTorch (threads, way)", round(their_spread) || ' %' AS "+- ",
	CASE WHEN theirs IS NOT NULL THEN to_char(ratio, 'FM990.00') || 'x' END AS "ratio",
	CASE WHEN relative THEN '>= ' || to_char(gate, 'FM90.0') || 'x'
		WHEN unit IN ('s', 'ms') THEN '<= ' || gate || ' ' || unit
		ELSE '>= ' || to_char(gate, 'FM999,999,999') END AS "gate",
	CASE pass WHEN true THEN 'PASS' WHEN false THEN 'MISS' ELSE '-' END AS " "
FROM report ORDER BY place;

SELECT 'beside: scanning the same rows takes ' || to_char(a.value, 'FM0.00') || ' s for count(*), '
	|| to_char(b.value, 'FM0.00') || ' s for sum(x[1]); reading before training: '
	|| (SELECT to_char(value, 'FM0.00') FROM middle WHERE item = '784-512-256-10/128' AND side = 'read')
	|| ' s for 20,000 images, '
	|| (SELECT to_char(value, 'FM0.00') FROM middle WHERE item = '32-64-32-1/32' AND side = 'read') || ' s for 100,000 rows of real[32]'
FROM middle a, middle b WHERE a.side = 'count(*)' AND b.side = 'sum(x[1])' \g (tuples_only format=unaligned)
SELECT 'PyTorch by threads and way: ' || string_agg(item || ' ' || numbers, '; ' ORDER BY item)
FROM (SELECT item, string_agg(pg_temp.number(value) || ' (' || replace(side, 'PyTorch ', '') || ')', ', ' ORDER BY side) AS numbers
	FROM middle WHERE side LIKE 'PyTorch%' GROUP BY item) t HAVING count(*) > 0 \g (tuples_only format=unaligned)
SELECT 'gates: ' || count(*) FILTER (WHERE pass) || ' passed, ' || count(*) FILTER (WHERE NOT pass) || ' missed'
	|| CASE WHEN count(*) FILTER (WHERE gate IS NOT NULL AND pass IS NULL) > 0
		THEN ', ' || count(*) FILTER (WHERE gate IS NOT NULL AND pass IS NULL) || ' not compared' ELSE '' END
FROM report \g (tuples_only format=unaligned)

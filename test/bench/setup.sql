-- Data and models of "make bench".  :rows is the size of the big table.
\set QUIET on
SELECT setseed(0.5) \g /dev/null

CREATE EXTENSION pgtorch;

-- one measurement: item (of the report), side (pgtorch, or what stands beside it), and its value
CREATE TABLE sample (item text, side text, value double precision);

-- seconds that a query takes, its rows thrown away, as one process
CREATE FUNCTION seconds(query text) RETURNS double precision
LANGUAGE plpgsql SET max_parallel_workers_per_gather = 0
AS $$
DECLARE
	start timestamptz := clock_timestamp();
BEGIN
	EXECUTE query;
	RETURN extract(epoch FROM clock_timestamp() - start);
END $$;

-- 32 features and a target
CREATE TABLE readings (x real[], y double precision);
SELECT format('INSERT INTO readings SELECT ARRAY[%s]::real[], random() FROM generate_series(1, %s)',
	string_agg('random()', ', '), :rows) FROM generate_series(1, 32) \gexec
CREATE VIEW readings_part AS SELECT * FROM readings LIMIT 100000;

-- 784 pixels and one of 10 classes
CREATE TABLE images (x real[], y integer);
INSERT INTO images
	SELECT (SELECT array_agg(random()::real) FROM generate_series(1, 784 + 0 * i)), i % 10
	FROM generate_series(1, 20000) i;

-- 512 features and one of 10 classes
CREATE TABLE wide (x real[], y integer);
INSERT INTO wide
	SELECT (SELECT array_agg(random()::real) FROM generate_series(1, 512 + 0 * i)), i % 10
	FROM generate_series(1, 20000) i;

VACUUM (ANALYZE) readings;
VACUUM (ANALYZE) images;
VACUUM (ANALYZE) wide;
CHECKPOINT;

SELECT pgtorch_create_model('32-64-32-1',
	nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))) \g /dev/null
SELECT pgtorch_create_model('784-512-256-10',
	nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10))) \g /dev/null
SELECT pgtorch_create_model('batchnorm-512-512-512-10',
	nn.Sequential(nn.Linear(512, 512), nn.BatchNorm1d(512), nn.GELU(), nn.Dropout(0.2),
		nn.Linear(512, 512), nn.BatchNorm1d(512), nn.GELU(), nn.Dropout(0.2), nn.Linear(512, 10))) \g /dev/null
SELECT pgtorch_create_model('layernorm-512-512-512-10',
	nn.Sequential(nn.Linear(512, 512), nn.LayerNorm(512), nn.SiLU(),
		nn.Linear(512, 512), nn.LayerNorm(512), nn.SiLU(), nn.Linear(512, 10))) \g /dev/null

-- one epoch each, so that shapes and labels are known to predict
SELECT run FROM pgtorch_train('32-64-32-1', 'SELECT x, y FROM readings_part',
	loss => nn.MSELoss(), batch_size => 1000) \g /dev/null
SELECT run FROM pgtorch_train('784-512-256-10', 'SELECT x, y FROM images',
	loss => nn.CrossEntropyLoss(), batch_size => 1000) \g /dev/null

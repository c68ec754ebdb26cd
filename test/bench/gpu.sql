-- Training through SQL: rows per second without the first epoch, and seconds of reading, as one line.
-- :epochs epochs on the device that pgtorch.device names.  The first run makes the table, of :rows rows.
\set QUIET on
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtorch;
SELECT to_regclass('gpu_images') IS NULL AS fresh \gset
\if :fresh
CREATE TABLE gpu_images (x real[], y integer);
INSERT INTO gpu_images
	SELECT (SELECT array_agg(random()::real) FROM generate_series(1, 784 + 0 * i)), i % 10
	FROM generate_series(1, :rows) i;
VACUUM (ANALYZE) gpu_images;
SELECT pgtorch_create_model('gpu_images',
	nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10))) \g /dev/null
\endif
SELECT run FROM pgtorch_train('gpu_images', 'SELECT x, y FROM gpu_images', loss => nn.CrossEntropyLoss(),
	optimizer => optim.Adam(), epochs => :epochs, batch_size => 128, deploy => false) \gset
SELECT to_char(sum(e.rows) / sum(e.seconds), 'FM999,999,999') || ' rows/s, reading '
	|| to_char(min((options->>'read_seconds')::double precision), 'FM990.00') || ' s for ' || min(e.rows) || ' rows'
FROM pgtorch.epochs e JOIN pgtorch.runs r ON r.id = e.run WHERE e.run = :run AND e.epoch > 1;

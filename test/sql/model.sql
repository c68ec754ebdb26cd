-- Models: names, versions, weights in and out, and everything that can be wrong with them.

\getenv folder PG_ABS_SRCDIR
\i :folder/sql/fails.psql
-- a state_dict as one value
CREATE FUNCTION pg_temp.weights(model text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(name || ' ' || value::text, E'\n' ORDER BY name) FROM pgtorch_state_dict(model)
$$;

--
-- creating
--
SELECT pgtorch_create_model('m', 'nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))', seed => 1);
SELECT name, module, deployed, storage::text ~ '^pgtorch_store\.m_\d+$' AS stored, owner = current_user AS mine
FROM pgtorch.models WHERE name = 'm';
-- names and order are PyTorch's
SELECT name, length(value::text) > 0 AS has_value FROM pgtorch_state_dict('m');
SELECT version, deployed, names, shapes, run, loss, inputs, labels, length(hash) FROM pgtorch.checkpoints WHERE model = 'm';
-- output shapes are not known before data was seen
SELECT * FROM pgtorch_summary('m');
-- a module alone has names without a path
SELECT pgtorch_create_model('one', 'nn.Linear(2, 1)');
SELECT name FROM pgtorch_state_dict('one');
SELECT * FROM pgtorch_summary('one');
-- a model without parameters
SELECT pgtorch_create_model('none', 'nn.ReLU()');
SELECT count(*) FROM pgtorch_state_dict('none');

-- the seed decides the weights
SELECT pgtorch_create_model('m2', 'nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))', seed => 1);
SELECT pgtorch_create_model('m3', 'nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))', seed => 2);
SELECT pg_temp.weights('m') = pg_temp.weights('m2') AS same_seed, pg_temp.weights('m') = pg_temp.weights('m3') AS other_seed;
-- and equal models have equal hashes
SELECT model, hash = (SELECT hash FROM pgtorch.checkpoints WHERE model = 'm') AS same
FROM pgtorch.checkpoints WHERE model IN ('m2', 'm3') ORDER BY model;

-- names
SELECT pg_temp.fails(format('SELECT pgtorch_create_model(%L, ''nn.Linear(1, 1)'')', name))
FROM unnest(ARRAY['', 'a@b', '@', repeat('x', 64), 'm']) name;
SELECT pgtorch_create_model(repeat('x', 63), 'nn.Linear(1, 1)');
SELECT pgtorch_create_model(E'Big "\'; DROP TABLE x; --', 'nn.Linear(1, 1)');
SELECT count(*) FROM pgtorch_state_dict(E'Big "\'; DROP TABLE x; --@1');
SELECT pgtorch_drop_model(repeat('x', 63)), pgtorch_drop_model(E'Big "\'; DROP TABLE x; --');
-- NULL is said, not ignored
SELECT pg_temp.fails('SELECT pgtorch_create_model(NULL, ''nn.Linear(1, 1)'')');
SELECT pg_temp.fails('SELECT pgtorch_create_model(''n'', NULL)');
SELECT pg_temp.fails('SELECT pgtorch_create_model(''n'', ''nn.Linear(1, 1)'', NULL)');
SELECT pg_temp.fails('SELECT pgtorch_drop_model(NULL)');
SELECT pg_temp.fails('SELECT pgtorch_deploy(''m'', NULL)');
SELECT pg_temp.fails('SELECT * FROM pgtorch_state_dict(NULL)');
-- a loss is no model
SELECT pg_temp.fails('SELECT pgtorch_create_model(''n'', ''nn.MSELoss()'')');

--
-- versions
--
SELECT pgtorch_load_state_dict('m', $$SELECT * FROM pgtorch_state_dict('m3')$$);
SELECT pg_temp.weights('m') = pg_temp.weights('m3') AS loaded, pg_temp.weights('m@1') = pg_temp.weights('m2') AS first_is_kept,
	pg_temp.weights('m@2') = pg_temp.weights('m') AS second_is_deployed;
SELECT pgtorch_deploy('m', 1);
SELECT pg_temp.weights('m') = pg_temp.weights('m2') AS first_is_deployed;
SELECT version, deployed FROM pgtorch.checkpoints WHERE model = 'm' ORDER BY version;
SELECT pg_temp.fails(format('SELECT * FROM pgtorch_state_dict(%L)', reference))
FROM unnest(ARRAY['m@3', 'm@0', 'm@', 'm@x', 'm@-1', 'm@1@1', 'm@1 ', 'm@99999999999999999999', 'nothing', 'nothing@1', '@1', '']) reference;
SELECT pg_temp.fails('SELECT pgtorch_deploy(''m'', 3)');
SELECT pg_temp.fails('SELECT pgtorch_deploy(''m@1'', 1)');
SELECT pg_temp.fails('SELECT pgtorch_deploy(''nothing'', 1)');

--
-- load_state_dict
--
CREATE TEMP TABLE sd (name text, value tensor);
INSERT INTO sd VALUES ('weight', '[[1.5, 2]]'), ('bias', '[0.25]');
SELECT pgtorch_load_state_dict('one', 'TABLE sd');
SELECT * FROM pgtorch_state_dict('one');
-- values are converted to the parameter's dtype
SELECT pgtorch_load_state_dict('one', $$VALUES ('bias', 'float64[0.1]'::tensor), ('weight', '[[3, 4]]')$$);
SELECT * FROM pgtorch_state_dict('one');
-- strict: the keys must be the model's, the other way not
SELECT pg_temp.fails($q$SELECT pgtorch_load_state_dict('one', $$SELECT 'fc.weight', '[[1., 2.]]'::tensor$$)$q$);
SELECT pg_temp.fails($q$SELECT pgtorch_load_state_dict('one', $$SELECT 'weight', '[[1., 2.]]'::tensor$$)$q$);
SELECT pg_temp.fails($q$SELECT pgtorch_load_state_dict('one', $$SELECT * FROM sd UNION ALL SELECT 'extra', '1'$$)$q$);
SELECT pgtorch_load_state_dict('one', $$SELECT 'weight', '[[7., 8.]]'::tensor UNION ALL SELECT 'extra', '1'$$, strict => false);
SELECT * FROM pgtorch_state_dict('one');
-- from another version than the deployed
SELECT pgtorch_load_state_dict('one@2', $$SELECT 'bias', '[9.]'::tensor$$, strict => false);
SELECT * FROM pgtorch_state_dict('one');
-- wrong shapes, NULLs, repeated names
SELECT pg_temp.fails($q$SELECT pgtorch_load_state_dict('one', $$SELECT 'weight', '[1., 2.]'::tensor$$)$q$);
SELECT pg_temp.fails($q$SELECT pgtorch_load_state_dict('one', $$SELECT 'weight', '[[1., 2.]]'::tensor FROM generate_series(1, 2)$$)$q$);
SELECT pg_temp.fails($q$SELECT pgtorch_load_state_dict('one', $$SELECT 'weight', NULL::tensor$$)$q$);
SELECT pg_temp.fails($q$SELECT pgtorch_load_state_dict('one', $$SELECT NULL::text, '1'::tensor$$)$q$);
-- the source is one query that reads
SELECT pg_temp.fails(format('SELECT pgtorch_load_state_dict(''one'', %L)', source))
FROM unnest(ARRAY[
	'DELETE FROM sd RETURNING *',
	'WITH d AS (DELETE FROM sd RETURNING *) SELECT * FROM d',
	'SELECT * FROM sd FOR UPDATE',
	'SELECT * FROM (SELECT * FROM sd FOR SHARE) s',
	'SELECT * INTO other FROM sd',
	'CREATE TABLE other AS TABLE sd',
	'TABLE sd; TABLE sd',
	'',
	'COMMIT',
	'EXPLAIN TABLE sd',
	'SELECT 1',
	'SELECT ''weight'', 1.5',
	'SELECT 1, value FROM sd',
	'SELECT * FROM nowhere',
	'SELEC']) source;
SELECT pg_temp.fails('SELECT pgtorch_load_state_dict(''one'', NULL)');
SELECT count(*) FROM sd;
-- nothing of that made a version
SELECT max(version) FROM pgtorch.checkpoints WHERE model = 'one';
-- the source may itself change the model: the version comes after
CREATE FUNCTION pg_temp.sneaky() RETURNS SETOF sd LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pgtorch_load_state_dict('one', 'TABLE sd');
	RETURN QUERY TABLE sd;
END $$;
SELECT pgtorch_load_state_dict('one', 'SELECT * FROM pg_temp.sneaky()');
-- but not put another in its place, whose weights these would not be
CREATE FUNCTION pg_temp.replacing() RETURNS SETOF sd LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pgtorch_create_model('one', nn.Linear(3, 3), or_replace => true);
	RETURN QUERY TABLE sd;
END $$;
SELECT pg_temp.fails($q$SELECT pgtorch_load_state_dict('one', 'SELECT * FROM pg_temp.replacing()')$q$);
CREATE FUNCTION pg_temp.dropping() RETURNS SETOF sd LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pgtorch_drop_model('one');
	RETURN QUERY TABLE sd;
END $$;
SELECT pg_temp.fails($q$SELECT pgtorch_load_state_dict('one', 'SELECT * FROM pg_temp.dropping()')$q$);
SET client_min_messages = warning;
SELECT pg_temp.fails($q$SELECT * FROM pgtorch_train('one', 'SELECT 1, 2, 3 FROM pg_temp.replacing()', nn.MSELoss())$q$);
RESET client_min_messages;

--
-- renaming, dropping, replacing
--
SELECT pgtorch_rename_model('m2', 'renamed');
SELECT pg_temp.fails('SELECT * FROM pgtorch_state_dict(''m2'')');
SELECT pg_temp.weights('renamed') = pg_temp.weights('m@1') AS same;
SELECT pg_temp.fails('SELECT pgtorch_rename_model(''renamed'', ''m'')');
SELECT pg_temp.fails('SELECT pgtorch_rename_model(''renamed'', ''a@1'')');
SELECT pg_temp.fails('SELECT pgtorch_rename_model(''m2'', ''x'')');
SELECT pgtorch_drop_model('renamed');
SELECT pg_temp.fails('SELECT pgtorch_drop_model(''renamed'')');
SELECT pgtorch_drop_model('renamed', if_exists => true);
SELECT count(*) FROM pgtorch.models WHERE name = 'renamed';

-- history goes with the model
INSERT INTO pgtorch.run (model, version, status, dataset, loss, optimizer, options, device, rows, started_at)
	SELECT id, 1, 'done', 'SELECT 1', 'nn.MSELoss()', 'optim.Adam()', '{}', 'cpu', 1, now() FROM pgtorch.models WHERE name = 'm3';
INSERT INTO pgtorch.epoch (run, epoch, loss, rows, seconds) SELECT id, 1, 0.5, 1, 0 FROM pgtorch.runs WHERE model = 'm3';
UPDATE pgtorch.checkpoint SET run = r.id, epoch = 1 FROM pgtorch.runs r
	WHERE r.model = 'm3' AND checkpoint.model = (SELECT id FROM pgtorch.models WHERE name = 'm3');
SELECT model, version, status, loss FROM pgtorch.runs WHERE model = 'm3';
SELECT model, epoch, loss FROM pgtorch.epochs WHERE model = 'm3';
SELECT id AS m3, storage::oid AS m3_storage FROM pgtorch.models WHERE name = 'm3' \gset
SELECT id AS run FROM pgtorch.runs WHERE model = 'm3' \gset
SELECT pgtorch_drop_model('m3');
SELECT (SELECT count(*) FROM pgtorch.model WHERE id = :m3) + (SELECT count(*) FROM pgtorch.checkpoint WHERE model = :m3)
	+ (SELECT count(*) FROM pgtorch.run WHERE model = :m3) + (SELECT count(*) FROM pgtorch.epoch WHERE run = :run)
	+ (SELECT count(*) FROM pg_class WHERE oid = :m3_storage) AS left_over;

-- or_replace: version 1 again, another module, the same privileges
SELECT pg_temp.fails('SELECT pgtorch_create_model(''one'', ''nn.Linear(4, 1)'')');
SELECT pgtorch_grant('one', 'public', 'predict');
SELECT storage::oid AS before FROM pgtorch.models WHERE name = 'one' \gset
SELECT pgtorch_create_model('one', 'nn.Linear(4, 1)', or_replace => true);
SELECT module, deployed, storage::oid = :before AS same_storage, relacl IS NOT NULL AS granted
FROM pgtorch.models JOIN pg_class ON pg_class.oid = storage WHERE name = 'one';
SELECT version, shapes FROM pgtorch.checkpoints WHERE model = 'one';
SELECT name FROM pgtorch_state_dict('one');
SELECT pgtorch_create_model('fresh', 'nn.Linear(4, 1)', or_replace => true);
SELECT pg_temp.weights('one') = pg_temp.weights('fresh') AS same;
SELECT pgtorch_drop_model('fresh');

-- a storage table that is gone took the model along; its name is free
DO $$ BEGIN EXECUTE format('DROP TABLE %s', (SELECT storage FROM pgtorch.models WHERE name = 'none')); END $$;
SELECT count(*) FROM pgtorch.models WHERE name = 'none';
SELECT count(*) FROM pgtorch.checkpoints WHERE model = 'none';
SELECT pg_temp.fails('SELECT * FROM pgtorch_state_dict(''none'')');
SELECT pg_temp.fails('SELECT pgtorch_drop_model(''none'')');
SELECT pgtorch_drop_model('none', if_exists => true);
SELECT pgtorch_create_model('none', 'nn.Linear(1, 1)');
SELECT count(*) FROM pgtorch_state_dict('none');
-- also by renaming
DO $$ BEGIN EXECUTE format('DROP TABLE %s', (SELECT storage FROM pgtorch.models WHERE name = 'none')); END $$;
SELECT pgtorch_rename_model('one', 'none');
SELECT count(*) FROM pgtorch.model WHERE name = 'none';
SELECT pgtorch_rename_model('none', 'one');

--
-- transactions
--
BEGIN;
SELECT pgtorch_create_model('rolled_back', 'nn.Linear(1, 1)');
SELECT count(*) FROM pgtorch_state_dict('rolled_back');
SAVEPOINT s;
SELECT pgtorch_drop_model('rolled_back');
SELECT count(*) FROM pgtorch.models WHERE name = 'rolled_back';
ROLLBACK TO s;
SELECT count(*) FROM pgtorch_state_dict('rolled_back');
ROLLBACK;
SELECT pg_temp.fails('SELECT * FROM pgtorch_state_dict(''rolled_back'')');
BEGIN READ ONLY;
SELECT count(*) FROM pgtorch_state_dict('m');
SELECT pg_temp.fails('SELECT pgtorch_create_model(''ro'', ''nn.Linear(1, 1)'')');
SELECT pg_temp.fails('SELECT pgtorch_load_state_dict(''m'', ''SELECT * FROM pgtorch_state_dict(''''m'''')'')');
COMMIT;
-- a snapshot keeps seeing its version
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT pgtorch_load_state_dict('m', $$SELECT name, value FROM pgtorch_state_dict('m@2')$$);
SELECT pgtorch_load_state_dict('m', $$SELECT name, value FROM pgtorch_state_dict('m@1')$$);
SELECT version, deployed FROM pgtorch.checkpoints WHERE model = 'm' ORDER BY version;
ROLLBACK;

--
-- storage that was tampered with: every change is found, nothing crashes
--
SELECT storage AS t FROM pgtorch.models WHERE name = 'm' \gset
CREATE FUNCTION pg_temp.read_after(change text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
BEGIN
	EXECUTE change;
	PERFORM pgtorch_state_dict('m');
	RAISE EXCEPTION 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN SQLSTATE || ': ' || SQLERRM || ' ' || detail;
END $$;
-- the bytes
SELECT pg_temp.read_after(format(change, :'t'))
FROM unnest(ARRAY[
	'UPDATE %s SET data = set_byte(data, 0, get_byte(data, 0) # 1) WHERE param = 0',
	'UPDATE %s SET data = data || ''\x00'' WHERE param = 0',
	'UPDATE %s SET data = data || data WHERE param = 0',
	'UPDATE %s SET data = substr(data, 1, 23) WHERE param = 0',
	'UPDATE %s SET data = '''' WHERE param = 1',
	'UPDATE %s SET data = repeat(''x'', 100000)::bytea WHERE param = 1',
	'UPDATE %s SET seq = 1 WHERE param = 1',
	'UPDATE %s SET seq = -1 WHERE param = 0',
	'UPDATE %s SET param = 9 WHERE param = 3',
	'DELETE FROM %s WHERE param = 2',
	'DELETE FROM %s',
	'INSERT INTO %s SELECT checkpoint, 4, 0, ''\x00'' FROM %1$s WHERE param = 0',
	'INSERT INTO %s SELECT checkpoint, param, 1, ''\x00000000'' FROM %1$s WHERE param = 0']) change;
-- the table
CREATE TABLE referring (c bigint, p integer, s integer);
SELECT pg_temp.read_after(format(change, :'t'))
FROM unnest(ARRAY[
	'ALTER TABLE %s ADD COLUMN more text',
	'ALTER TABLE %s DROP COLUMN data',
	'ALTER TABLE %s RENAME COLUMN data TO other',
	'ALTER TABLE %s ALTER COLUMN seq TYPE bigint',
	'ALTER TABLE %s ENABLE ROW LEVEL SECURITY',
	'ALTER TABLE %s FORCE ROW LEVEL SECURITY',
	'ALTER TABLE %s SET UNLOGGED',
	'ALTER TABLE %s ADD CHECK (seq < 1000)',
	'CREATE RULE r AS ON INSERT TO %s DO ALSO NOTHING',
	'CREATE TRIGGER t BEFORE INSERT ON %s FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()',
	'ALTER TABLE referring ADD FOREIGN KEY (c, p, s) REFERENCES %s',
	'CREATE INDEX ON %s ((seq + 1))',
	'DO $d$ BEGIN EXECUTE ''ALTER TABLE %1$s DROP CONSTRAINT '' || (SELECT conname FROM pg_constraint WHERE conrelid = ''%1$s''::regclass AND contype = ''p''); END $d$',
	'DO $d$ BEGIN EXECUTE ''ALTER TABLE %1$s DROP CONSTRAINT '' || (SELECT conname FROM pg_constraint WHERE conrelid = ''%1$s''::regclass AND contype = ''p'') || '', ADD PRIMARY KEY (seq, param, checkpoint)''; END $d$',
	'ALTER TABLE %s SET SCHEMA public',
	'DROP TABLE %s CASCADE']) change;
DROP TABLE referring;
-- writing finds it, too
CREATE FUNCTION pg_temp.spy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'a trigger ran'; RETURN NEW; END $$;
BEGIN;
CREATE TRIGGER t BEFORE INSERT ON :t FOR EACH ROW EXECUTE FUNCTION pg_temp.spy();
SELECT pg_temp.fails($q$SELECT pgtorch_load_state_dict('m', $$SELECT * FROM pgtorch_state_dict('m@1')$$)$q$);
ROLLBACK;
-- the catalog row is covered by the hash as well
BEGIN;
UPDATE pgtorch.model SET module = 'nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.ReLU(), nn.Linear(3, 1))' WHERE name = 'm';
SELECT pg_temp.read_after('SELECT 1');
ROLLBACK;
BEGIN;
UPDATE pgtorch.checkpoint SET shapes[2] = 'float32(x)' WHERE model = (SELECT id FROM pgtorch.model WHERE name = 'm');
SELECT pg_temp.read_after('SELECT 1');
UPDATE pgtorch.checkpoint SET shapes[2] = 'float32(99999999999999999999)' WHERE shapes[2] = 'float32(x)';
SELECT pg_temp.read_after('SELECT 1');
ROLLBACK;
-- all of this left it whole
SELECT count(*) FROM pgtorch_state_dict('m');

-- several chunks, and a parameter that ends inside one
SELECT pgtorch_create_model('wide', 'nn.Linear(100, 101)');
SELECT storage AS t FROM pgtorch.models WHERE name = 'wide' \gset
SELECT param, count(*), sum(length(data)), max(length(data)) = current_setting('block_size')::int - 128 AS full_pages
FROM :t GROUP BY param ORDER BY param;
-- one row a page
SELECT pg_relation_size(:'t') / current_setting('block_size')::int AS pages, count(*) AS rows FROM :t;

SELECT pgtorch_drop_model('m'), pgtorch_drop_model('one'), pgtorch_drop_model('wide');

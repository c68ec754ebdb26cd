--
-- pgtorch_train: PyTorch's numbers, reproducibility, versions, labels, transactions, and every argument that is refused.
--
SET client_min_messages = warning;
\set SHOW_CONTEXT never

-- Data that PyTorch was given as well: four features, a value and a class.
CREATE TABLE points AS
	SELECT i, x, (2 * x[1] * x[2] - x[3] + 0.5 * x[4] * x[4])::real AS y,
		(x[1] > 0)::int + (x[2] * x[3] > 0.05)::int AS class
	FROM (SELECT i, array_agg(((i * (j + 3) + j) % 17) / 16.0::float8 - 0.5 ORDER BY j) AS x
		  FROM generate_series(1, 250) i, generate_series(0, 3) j GROUP BY i) s;

-- The initial weights are torch.manual_seed(42)'s, to the bit: constants from PyTorch 2.15 (test/golden/generate_train.py).
SELECT pgtorch_create_model('value', nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 1)), seed => 42);
SELECT pgtorch_create_model('class', nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3)), seed => 42);
CREATE FUNCTION floats(model text) RETURNS TABLE (name text, i bigint, value real) LANGUAGE sql STABLE AS $$
	SELECT name, i, v FROM pgtorch_state_dict(model), unnest(value::real[]) WITH ORDINALITY u(v, i) $$;
SELECT name, array_agg(value ORDER BY i) FILTER (WHERE i <= 4), round(sum(value::float8 ORDER BY i)::numeric, 12)
FROM floats('value') GROUP BY name ORDER BY name;

-- Losses as PyTorch's, epoch by epoch, to 1e-4: same initial weights, same batches, same steps.
CREATE FUNCTION agrees(run bigint, epochs integer[], losses float8[]) RETURNS boolean LANGUAGE sql AS $$
	SELECT count(*) = cardinality(epochs) AND bool_and(abs(e.loss - l) <= 1e-4 * l)
	FROM unnest(epochs, losses) u(i, l) JOIN pgtorch.epochs e ON e.run = agrees.run AND e.epoch = u.i $$;
SELECT steps, version, agrees(run, '{1, 13, 25}', '{0.1414275, 0.06602736, 0.0364287}') FROM pgtorch_train('value@1', 'SELECT x, y FROM points ORDER BY i',
	loss => nn.MSELoss(), optimizer => optim.SGD(lr => 0.05), epochs => 25, seed => 7);
SELECT steps, version, agrees(run, '{1, 15, 29}', '{1.023996, 0.6485073, 0.5612815}') FROM pgtorch_train('class@1', 'SELECT x, class FROM points ORDER BY i',
	loss => nn.CrossEntropyLoss(), optimizer => optim.SGD(lr => 0.05, momentum => 0.9, weight_decay => 0.001, nesterov => true),
	epochs => 29, drop_last => true, seed => 8);
SELECT steps, version, agrees(run, '{1, 13, 25}', '{1.018771, 0.6411703, 0.546417}') FROM pgtorch_train('class@1', 'SELECT x, class FROM points ORDER BY i',
	loss => nn.CrossEntropyLoss(), optimizer => optim.Adam(lr => 0.01), epochs => 25, seed => 9);
SELECT steps, version, agrees(run, '{1, 101, 200}', '{0.1536753, 0.009840606, 0.005004099}') FROM pgtorch_train('value@1', 'SELECT x, y FROM points ORDER BY i',
	loss => nn.MSELoss(), optimizer => optim.Adam(lr => 0.01, amsgrad => true, weight_decay => 0.01), epochs => 200,
	batch_size => 250, shuffle => false);
SELECT steps, version, agrees(run, '{1}', '{0.1125071}') FROM pgtorch_train('value@1', 'SELECT x, y FROM points ORDER BY i',
	loss => nn.MSELoss(), batch_size => 1, seed => 1099511627779);

-- Same seed, data and threads: the same weights, to the bit; in a worker or here.  Other seeds: others.
CREATE FUNCTION weights(model text) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT md5(string_agg(tensor_send(value), '' ORDER BY name)) FROM pgtorch_state_dict(model) $$;
CREATE FUNCTION trained(seed bigint DEFAULT 1, dataset text DEFAULT 'SELECT x, y FROM points ORDER BY i') RETURNS text LANGUAGE plpgsql AS $$
	DECLARE v integer;
	BEGIN
		SELECT version INTO v FROM pgtorch_train('value@1', dataset, nn.MSELoss(), epochs => 5, seed => seed, deploy => false);
		RETURN weights('value@' || v);
	END $$;
CREATE TEMP TABLE w AS SELECT trained() AS w;
SELECT trained() = w AS again, trained(2) <> w AS other_seed, trained(-1) <> w AS negative_seed,
	trained(1, 'SELECT x, y FROM points ORDER BY i DESC') <> w AS other_order FROM w;
SET pgtorch.threads = 1;
CREATE TEMP TABLE w1 AS SELECT trained() AS w;
SET max_parallel_workers = 0;
SELECT trained() = w AS in_this_process FROM w1;
RESET max_parallel_workers;
-- other numbers of threads: equal within rounding
CREATE TEMP TABLE one AS SELECT run, loss FROM pgtorch_train('class@1', 'SELECT x, class FROM points ORDER BY i',
	nn.CrossEntropyLoss(), epochs => 20, batch_size => 250, deploy => false);
SET pgtorch.threads = 3;
SELECT abs(t.loss - one.loss) <= 1e-5 * one.loss AS close FROM one, pgtorch_train('class@1', 'SELECT x, class FROM points ORDER BY i',
	nn.CrossEntropyLoss(), epochs => 20, batch_size => 250, deploy => false) t;
RESET pgtorch.threads;

-- The device is what the setting was at the beginning, whatever a function in the query does to it.
BEGIN;
SET LOCAL pgtorch.device = 'cpu';
SELECT status FROM pgtorch_train('value', $$SELECT x, y FROM points WHERE i > 1 OR set_config('pgtorch.device', 'auto', true) = 'auto'$$, nn.MSELoss(), deploy => false);
SELECT device FROM pgtorch.runs ORDER BY id DESC LIMIT 1;
ROLLBACK;

-- The result row, and what the history keeps.
SELECT run > 0 AS run, status, epochs, steps, loss > 0 AS loss, version, seconds > 0 AS seconds
FROM pgtorch_train('class', 'SELECT x, class FROM points', nn.CrossEntropyLoss(), epochs => 3, batch_size => 100, deploy => false);
SELECT r.version, r.status, r.dataset, r.loss, r.optimizer, r.options - 'read_seconds' AS options,
	CASE current_setting('pgtorch.device') WHEN 'auto' THEN 'cpu' ELSE 'cuda' END = r.device AS device, r.rows,
	r.started_at <= r.finished_at AS times, r.error
FROM pgtorch.runs r WHERE r.id = (SELECT max(id) FROM pgtorch.runs);
SELECT epoch, loss > 0 AS loss, lr, rows, seconds > 0 AS seconds
FROM pgtorch.epochs WHERE run = (SELECT max(id) FROM pgtorch.runs) ORDER BY epoch;
SELECT count(DISTINCT c.version) = count(*) AS versions FROM pgtorch.checkpoints c WHERE model = 'class';
-- drop_last leaves the rest out, unless that would leave nothing
SELECT steps FROM pgtorch_train('class', 'SELECT x, class FROM points', nn.CrossEntropyLoss(), batch_size => 249, deploy => false);
SELECT steps FROM pgtorch_train('class', 'SELECT x, class FROM points', nn.CrossEntropyLoss(), batch_size => 249, drop_last => true, deploy => false);
SELECT steps FROM pgtorch_train('class', 'SELECT x, class FROM points', nn.CrossEntropyLoss(), batch_size => 251, deploy => false);
SELECT steps FROM pgtorch_train('class', 'SELECT x, class FROM points', nn.CrossEntropyLoss(), batch_size => 251, drop_last => true, deploy => false);

-- Versions: from an old one, without deploying, deploying an old one.
SELECT pgtorch_create_model('v', nn.Linear(1, 1));
SELECT pgtorch_load_state_dict('v', $$ VALUES ('weight', '[[1.]]'::tensor), ('bias', '[0.]'::tensor) $$);
CREATE FUNCTION step(model text, deploy boolean DEFAULT true, target real DEFAULT 0) RETURNS integer LANGUAGE sql AS $$
	SELECT version FROM pgtorch_train(model, format('SELECT 1, %s', target), nn.MSELoss(), optim.SGD(lr => 0.125), deploy => deploy) $$;
SELECT step('v', false);		-- w = b + w = 1; gradient 2; w = 0.75, b = -0.25
SELECT predict_value('v', 1), predict_value('v@2', 1), predict_value('v@3', 1), deployed FROM pgtorch.models WHERE name = 'v';
SELECT step('v@3');
SELECT predict_value('v', 1), predict_value('v@4', 1), deployed FROM pgtorch.models WHERE name = 'v';
SELECT step('v@2', false);
SELECT predict_value('v', 1), predict_value('v@5', 1), deployed FROM pgtorch.models WHERE name = 'v';
SELECT pgtorch_deploy('v', 2);
SELECT step('v'), predict_value('v', 1);	-- the statement sees what was when it began
SELECT predict_value('v', 1);
SELECT step('v@99');
SELECT step('v@');
SELECT step('nobody');
SELECT step('');

-- Transactions: trained twice in one; rolled back to a savepoint; a caught error.
SELECT pgtorch_deploy('v', 2);
BEGIN;
SELECT step('v');
SELECT predict_value('v', 1);
SAVEPOINT s;
SELECT step('v');
SELECT predict_value('v', 1);
ROLLBACK TO s;
SELECT predict_value('v', 1);
SELECT step('v');
SELECT predict_value('v', 1), deployed FROM pgtorch.models WHERE name = 'v';
ROLLBACK;
SELECT predict_value('v', 1), deployed, (SELECT max(version) FROM pgtorch.checkpoints WHERE model = 'v') AS newest
FROM pgtorch.models WHERE name = 'v';
DO $$
BEGIN
	BEGIN
		PERFORM step('v');
		ASSERT predict_value('v', 1) = 0.5, 'new in the block';
		RAISE division_by_zero;
	EXCEPTION WHEN division_by_zero THEN
		ASSERT predict_value('v', 1) = 1, 'old after the block';
	END;
	BEGIN
		PERFORM FROM pgtorch_train('v', 'SELECT ''nan''::real, 1', nn.MSELoss());
		RAISE 'this must not pass';
	EXCEPTION WHEN data_exception THEN
		PERFORM step('v');
		ASSERT predict_value('v', 1) = 0.5, 'trained after a failure';
	END;
	FOR i IN 1..3 LOOP
		PERFORM step('v');
		ASSERT predict_value('v', 1) = 0.5 ^ (i + 1), 'each training is seen by the next statement';
	END LOOP;
END $$;
SELECT predict_value('v', 1);

-- In one statement: every training starts from the version before.
SELECT pgtorch_deploy('v', 2);
SELECT count(*) FROM (SELECT step('v') FROM generate_series(1, 4)) s;
SELECT predict_value('v', 1);
SELECT t.version > 0 AS lateral FROM generate_series(1, 2) i, pgtorch_train('v', format('SELECT %s, 0', i), nn.MSELoss()) t;

-- Labels belong to the version.
SELECT pgtorch_create_model('label', nn.Linear(1, 2));
SELECT status FROM pgtorch_train('label', $$ VALUES (-1, 'no'), (1, 'yes') $$, nn.CrossEntropyLoss());
SELECT label_type, labels FROM pgtorch.checkpoints WHERE model = 'label' ORDER BY version;
SELECT status FROM pgtorch_train('label', $$ VALUES (-1, 'no'), (1, 'maybe') $$, nn.CrossEntropyLoss());
SELECT status FROM pgtorch_train('label@1', $$ VALUES (-1, false), (1, true) $$, nn.CrossEntropyLoss());
SELECT label_type, labels FROM pgtorch.checkpoints WHERE model = 'label' ORDER BY version;
SELECT status FROM pgtorch_train('label', $$ VALUES (-1, 'no') $$, nn.CrossEntropyLoss());
SELECT status FROM pgtorch_train('label@2', $$ VALUES (-1, 'no') $$, nn.CrossEntropyLoss());
SELECT labels FROM pgtorch.checkpoints WHERE model = 'label' ORDER BY version DESC LIMIT 1;
SELECT status FROM pgtorch_train('label@1', $$ VALUES (-1, 'a'), (1, 'b'), (0, 'c') $$, nn.CrossEntropyLoss());
SELECT status FROM pgtorch_train('label@2', $$ VALUES (-1, 0), (1, 1) $$, nn.CrossEntropyLoss());
SELECT status FROM pgtorch_train('label@2', $$ VALUES (-1, 0), (1, 2) $$, nn.CrossEntropyLoss());

-- Several targets, by name and in any place.
SELECT pgtorch_create_model('two', nn.Linear(2, 2));
SELECT steps FROM pgtorch_train('two', 'SELECT y AS a, x[1], y AS b, x[2] FROM points', nn.MSELoss(), target => '{b, a}', batch_size => 250);
SELECT steps FROM pgtorch_train('two', 'SELECT x[1:2] AS x, ARRAY[y, y] AS t FROM points', nn.MSELoss(), target => '{t}', batch_size => 250);

-- Arguments that are refused.
CREATE FUNCTION train(model text DEFAULT 'v', dataset text DEFAULT 'SELECT 1, 0', loss nn.module DEFAULT nn.MSELoss(),
	optimizer optim.optimizer DEFAULT optim.Adam(), epochs integer DEFAULT 1, batch_size integer DEFAULT 32,
	shuffle boolean DEFAULT true, drop_last boolean DEFAULT false, target text[] DEFAULT NULL, seed bigint DEFAULT 0,
	device text DEFAULT NULL, deploy boolean DEFAULT true) RETURNS text LANGUAGE sql AS $$
	SELECT status FROM pgtorch_train(model, dataset, loss, optimizer, NULL, epochs, batch_size, shuffle, drop_last, target,
									 NULL, NULL, seed, device, deploy) $$;
SELECT train();
SELECT train(model => NULL);
SELECT train(dataset => NULL);
SELECT train(loss => NULL);
SELECT train(optimizer => NULL);
SELECT train(epochs => NULL);
SELECT train(epochs => 0);
SELECT train(epochs => 2147483647);
SELECT train(batch_size => NULL);
SELECT train(batch_size => -1);
SELECT train(shuffle => NULL);
SELECT train(drop_last => NULL);
SELECT train(target => '{}');
SELECT train(target => '{a, NULL}');
SELECT train(target => '{{a}, {b}}');
SELECT train(seed => NULL);
SELECT train(deploy => NULL);
SELECT train(loss => nn.Linear(1, 1));
SELECT train(loss => nn.Sequential(nn.Linear(1, 1)));
SELECT train(loss => 'nn.NoSuchLoss()');
SELECT train(optimizer => 'optim.SGD(lr=-1)');
SELECT train(optimizer => 'SGD(lr=0.1)');
SELECT train(optimizer => 'optim.SGD(lr=-1)');
SELECT train(optimizer => 'optim.Adam(lr=0.1, momentum=0.9)');
SELECT train(device => 'cpu'), train(device => 'auto');
SELECT train(device => 'abacus');
SELECT train(device => 'cuda:x');
SELECT train(device => '');
SET pgtorch.device = 'abacus';
SELECT train(loss => nn.CrossEntropyLoss(), dataset => 'SELECT 1, 1');
SELECT train(dataset => 'SELECT 1, ARRAY[0, 0]');
SELECT pgtorch_create_model('none', nn.ReLU());
SELECT train(model => 'none');

-- Numbers that leave the finite: the error says the step; nothing is kept.
SELECT train(dataset => 'SELECT CASE WHEN i = 70 THEN ''nan''::real ELSE 1 END, 1 FROM generate_series(1, 100) i', shuffle => false);
SELECT train(dataset => 'SELECT 1, CASE WHEN i = 70 THEN ''-inf''::real ELSE 1 END FROM generate_series(1, 100) i', shuffle => false);
SELECT train(dataset => 'SELECT 1e30, 1', shuffle => false);
SELECT train(optimizer => optim.SGD(lr => 1e30), epochs => 9, dataset => 'SELECT 1, 1 FROM generate_series(1, 64)');
SELECT deployed = (SELECT max(version) FROM pgtorch.checkpoints WHERE model = 'v') AS nothing_kept,
	(SELECT count(*) FROM pgtorch.runs WHERE status <> 'done') AS failed_runs FROM pgtorch.models WHERE name = 'v';

-- Limits: of memory, and of files.
SET pgtorch.max_memory = '1MB';
SELECT pgtorch_create_model('large', nn.Linear(4000, 1000));
RESET pgtorch.max_memory;
SELECT pgtorch_create_model('large', nn.Linear(4000, 1000));
SET pgtorch.max_memory = '40MB';
SELECT train(model => 'large', dataset => 'SELECT array_fill(1::real, ARRAY[4000]), array_fill(0::real, ARRAY[1000])');
RESET pgtorch.max_memory;
SET temp_file_limit = '20MB';
SELECT train(model => 'large', dataset => 'SELECT array_fill(1::real, ARRAY[4000]), array_fill(0::real, ARRAY[1000]) FROM generate_series(1, 1000)');
RESET temp_file_limit;
SELECT train(model => 'large', dataset => 'SELECT array_fill(1::real, ARRAY[4000]), array_fill(0::real, ARRAY[1000])');
SELECT train(batch_size => 2147483647, epochs => 2);

-- Datasets that train while they are read, and functions, cursors and prepared statements as callers.
SELECT train(dataset => 'SELECT 1, 0 WHERE train() = ''done''');
CREATE FUNCTION rows() RETURNS TABLE (a int, b int) LANGUAGE plpgsql AS $$
	BEGIN
		FOR i IN 1..10 LOOP a := i; b := 0; RETURN NEXT; END LOOP;
	END $$;
SELECT train(dataset => 'SELECT * FROM rows()');
SELECT train(dataset => 'SELECT predict_value(''v'', a), b FROM rows()');
PREPARE p (text) AS SELECT status FROM pgtorch_train('v', $1, nn.MSELoss());
EXECUTE p('SELECT 1, 0');
EXECUTE p('SELECT 1, 0');
BEGIN;
DECLARE c CURSOR FOR SELECT status FROM pgtorch_train('v', 'SELECT 1, 0', nn.MSELoss());
FETCH c;
FETCH c;
COMMIT;
CREATE TABLE trained_as AS SELECT * FROM pgtorch_train('v', 'SELECT 1, 0', nn.MSELoss());
SELECT status FROM trained_as;
BEGIN TRANSACTION READ ONLY;
SELECT train();
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT train(), train();
COMMIT;

-- No temporary file is left by any of this.
SELECT count(*) FROM pg_ls_tmpdir() WHERE name LIKE 'pgsql_tmp' || pg_backend_pid() || '.%';

DROP FUNCTION floats, agrees, weights, trained, step, train, rows;
DROP TABLE points, trained_as, w, w1, one;
SELECT count(pgtorch_drop_model(name)) FROM pgtorch.models WHERE name = ANY ('{value,class,v,label,two,none,large}');

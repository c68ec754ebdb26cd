-- Layers: constructors in SQL and as text, what is refused, training with batch statistics and dropout.
SET client_min_messages = warning;
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on

-- positional and by name, under PyTorch's spelling; defaults are left out
SELECT nn.LeakyReLU(), nn.LeakyReLU(0.2), nn.ELU(alpha => 0.5), nn.GELU('tanh'), nn.GELU(approximate => 'none');
SELECT nn.Hardtanh(-2, 2), nn.Softplus(beta => 2), nn.Threshold(0.1, 20), nn.RReLU(), nn.PReLU(8, init => 0.1);
SELECT nn.ReLU6(), nn.SELU(), nn.CELU(), nn.SiLU(), nn.Mish(), nn.Sigmoid(), nn.LogSigmoid(), nn.Tanh(), nn.Softsign();
SELECT nn.Hardsigmoid(), nn.Hardswish(inplace => true), nn.Hardshrink(1), nn.Softshrink(), nn.Tanhshrink(), nn.GLU(1), nn.Identity();
SELECT nn.Softmax(1), nn.LogSoftmax(dim => -1), nn.Softmin();
SELECT nn.Flatten(), nn.Flatten(start_dim => 2), nn.Unflatten(1, '{2,3}'), nn.Unflatten(dim => 1, unflattened_size => ARRAY[2, -1]);
SELECT nn.BatchNorm1d(16), nn.BatchNorm1d(16, momentum => NULL, affine => false), nn.LayerNorm(8), nn.LayerNorm(ARRAY[2, 4], 1e-3);
SELECT nn.BatchNorm1d(16, bias => false), nn.LayerNorm(8, 1e-5, true, false), nn.GroupNorm(2, 8, bias => false);
SELECT nn.GroupNorm(2, 8), nn.Dropout(), nn.Dropout(p => 0.2), nn.AlphaDropout(0.1), nn.Bilinear(2, 3, 4, bias => false);

-- text reads back equal
SELECT m::text::nn.module = m, m FROM (VALUES ('nn.Sequential(nn.BatchNorm1d(4, momentum=None), nn.Unflatten(1, [2, 2]), nn.LayerNorm([2, 2]), nn.Dropout(1/4))'::nn.module)) v(m);

-- every layer and loss has a comment that says something
SELECT count(*) > 50 AS many, count(*) FILTER (WHERE (length(obj_description(p.oid, 'pg_proc')) > 10) IS NOT TRUE) AS without
	FROM pg_proc p WHERE prorettype = 'nn.module'::regtype AND prosrc = 'pgtorch_object_new';

-- mistakes are named
\getenv folder PG_ABS_SRCDIR
\i :folder/sql/fails.psql
SELECT pg_temp.fails(c) FROM (VALUES
	($$SELECT nn.dropout(1.5)$$),
	($$SELECT nn.dropout(NULL)$$),
	($$SELECT nn.dropout(p => 'nan')$$),
	($$SELECT nn.gelu('exact')$$),
	($$SELECT nn.hardtanh(1, -1)$$),
	($$SELECT nn.flatten(0)$$),
	($$SELECT nn.groupnorm(3, 8)$$),
	($$SELECT nn.layernorm('same')$$),
	($$SELECT nn.layernorm('{}')$$),
	($$SELECT nn.layernorm(ARRAY[0])$$),
	($$SELECT nn.batchnorm1d(NULL)$$),
	($$SELECT 'nn.GroupNorm(2, 8, 1e-5, True, False)'::nn.module$$),
	($$SELECT 'nn.GaussianNLLLoss(True)'::nn.module$$),
	($$SELECT nn.prelu(0)$$),
	($$SELECT 'nn.BatchNorm(4)'::nn.module$$),
	($$SELECT 'nn.LeekyReLU()'::nn.module$$),
	($$SELECT 'nn.Dropout(rate=0.5)'::nn.module$$),
	($$SELECT 'nn.LeakyReLU(slope=0.5)'::nn.module$$),
	($$SELECT 'nn.Dropout("half")'::nn.module$$),
	($$SELECT 'nn.ELU(nn.ReLU())'::nn.module$$),
	($$SELECT nn.sequential(nn.flatten(), nn.linear(4, 8), nn.batchnorm1d(4))$$),
	($$SELECT nn.sequential(nn.linear(4, 8), nn.sequential(nn.relu(), nn.layernorm(6)))$$),
	($$SELECT nn.sequential(nn.linear(4, 7), nn.glu())$$),
	($$SELECT nn.sequential(nn.flatten(), nn.unflatten(2, '{2,2}'))$$),
	($$SELECT nn.sequential(nn.bilinear(2, 2, 2))$$)) v(c);

-- NaN goes through every activation, as in PyTorch, so that a training that goes wrong says so
CREATE FUNCTION of_nan(m text) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM pgtorch_create_model('nan', m::nn.module, or_replace => true);
		RETURN predict('nan', '{nan}'::real[]);
	END $$;
SELECT m, of_nan(m) FROM (SELECT 'nn.' || unnest(ARRAY['ReLU', 'ReLU6', 'LeakyReLU', 'ELU', 'SELU', 'CELU', 'GELU', 'SiLU', 'Mish', 'Sigmoid', 'LogSigmoid',
	'Tanh', 'Softplus', 'Softsign', 'Hardtanh', 'Hardsigmoid', 'Hardswish', 'Hardshrink', 'Softshrink', 'Tanhshrink', 'PReLU', 'RReLU']) || '()'
	UNION SELECT unnest(ARRAY['nn.GELU("tanh")', 'nn.Threshold(1, 2)'])) a(m) WHERE of_nan(m) <> '[nan]';
SELECT pgtorch_drop_model('nan');

-- a network with all of them learns; the buffers are in its state_dict and have moved
CREATE TABLE moons AS
	SELECT i, ARRAY[cos(a) + 0.5 - k, sin(a) * (1 - 2 * k) + 0.25 * k, sin(7 * a), 0.1]::real[] AS x, k::int AS class
	FROM (SELECT i, (i % 2)::float8 AS k, i * 0.0123 AS a FROM generate_series(1, 256) i) s;
SELECT pgtorch_create_model('moons', nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.PReLU(16), nn.Dropout(0.1), nn.Unflatten(1, '{2,8}'),
	nn.LayerNorm(8), nn.GELU(), nn.Flatten(), nn.Linear(16, 16), nn.GroupNorm(4, 16), nn.GLU(), nn.Linear(8, 2), nn.LogSoftmax(1)), seed => 1);
SELECT name, torch.dtype(value), torch.shape(value) FROM pgtorch_state_dict('moons') WHERE name LIKE '1.%';
SELECT version, steps, loss < 0.2 AS learned FROM pgtorch_train('moons', 'SELECT x, class FROM moons ORDER BY i',
	loss => nn.NLLLoss(), optimizer => optim.Adam(0.01), epochs => 30, batch_size => 64, seed => 3);
SELECT avg((predict_class('moons', x) = class::text)::int) > 0.95 AS right FROM moons;
SELECT name, torch.item(value) FROM pgtorch_state_dict('moons') WHERE name = '1.num_batches_tracked';
SELECT count(*) FROM pgtorch_state_dict('moons') n JOIN pgtorch_state_dict('moons@1') o USING (name) WHERE name LIKE '1.running%' AND n.value <> o.value;

-- predictions are the same again, and do not depend on who else is predicted: dropout is off, statistics are kept
SELECT count(*) FROM moons WHERE predict('moons', x) <> predict('moons', x);

-- the seed decides the masks: same seed, same weights; another seed, others
CREATE FUNCTION pg_temp.trained(seed bigint) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pgtorch_create_model('drop', nn.Sequential(nn.Linear(4, 32), nn.Dropout(), nn.RReLU(), nn.AlphaDropout(0.2), nn.Linear(32, 2)), or_replace => true);
	PERFORM pgtorch_train('drop', 'SELECT x, class FROM moons ORDER BY i', nn.CrossEntropyLoss(), epochs => 3, shuffle => false, seed => trained.seed);
	RETURN (SELECT md5(string_agg(value::text, ' ' ORDER BY name)) FROM pgtorch_state_dict('drop'));
END $$;
SELECT pg_temp.trained(1) = pg_temp.trained(1) AS again, pg_temp.trained(1) <> pg_temp.trained(2) AS other_seed;

-- batch statistics need more than one row
SELECT pgtorch_create_model('norm', 'nn.Sequential(nn.Linear(4, 2), nn.BatchNorm1d(2))');
SELECT pg_temp.fails($$SELECT pgtorch_train('norm', 'SELECT x, class FROM moons', nn.CrossEntropyLoss(), batch_size => 255)$$);
SELECT steps FROM pgtorch_train('norm', 'SELECT x, class FROM moons', nn.CrossEntropyLoss(), batch_size => 255, drop_last => true);

-- two inputs: a column for each
CREATE TABLE pairs AS SELECT ARRAY[i % 5, i % 3]::real[] AS a, ARRAY[i % 2, i % 7, 1]::real[] AS b, ((i % 5) * (i % 7) - (i % 3) * (i % 2))::real AS y FROM generate_series(1, 210) i;
SELECT pgtorch_create_model('pairs', nn.Bilinear(2, 3, 1), seed => 2);
SELECT loss < 0.001 AS learned FROM pgtorch_train('pairs', 'SELECT a, b, y FROM pairs', loss => nn.MSELoss(), optimizer => optim.Adam(0.1), epochs => 60);
SELECT count(*) FROM pairs WHERE abs(predict_value('pairs', a, b) - y) > 0.3;

SELECT pgtorch_drop_model(m) FROM unnest('{moons,drop,norm,pairs}'::text[]) m;
DROP TABLE moons, pairs;
DROP FUNCTION of_nan;

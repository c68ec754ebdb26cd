-- Types nn.module and optim.optimizer, their constructors, torch.ints, and what is generated from the engine's tables.
\pset format unaligned
\pset tuples_only on

-- PyTorch's spelling works, positional and by name; defaults are left out
SELECT nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10, bias => false));
SELECT nn.Linear(in_features => 4, out_features => 2);
SELECT nn.Sequential();
SELECT nn.Sequential(VARIADIC array_agg(nn.Linear(i, i + 1) ORDER BY i)) FROM generate_series(1, 3) i;
SELECT nn.CrossEntropyLoss(), nn.CrossEntropyLoss(ARRAY[1, 0.5], label_smoothing => 0.1), nn.MSELoss('sum');
SELECT optim.SGD(0.1), optim.SGD(lr => 0.1, momentum => 0.9, nesterov => true), optim.Adam(), optim.Adam(1e-8, '{0.5,0.75}');

-- so does Python's text, and what is printed reads back equal
SELECT 'nn.Sequential(torch.nn.Linear(8*8, out_features=32), nn.ReLU(),)'::nn.module;
SELECT m = m::text::nn.module, m <> nn.ReLU() FROM (SELECT nn.Sequential(nn.Linear(2, 3), nn.ReLU(true)) AS m) x;
SELECT 'Adam(lr=1e-3, betas=(0.9, 0.999))'::optim.optimizer, 'torch.optim.SGD(0.1, maximize=True)'::optim.optimizer;
SELECT m, count(*) FROM (VALUES (nn.Linear(1, 1)), ('nn.Linear(1, 1, bias=True)'), (nn.ReLU())) v(m) GROUP BY m ORDER BY m::text;
SELECT DISTINCT o::text FROM (VALUES (optim.adam()), ('Adam(lr=1e-3)')) v(o);

-- binary input is validated as text is
CREATE TEMPORARY TABLE module_io (m nn.module, o optim.optimizer, i torch.ints);
INSERT INTO module_io VALUES (nn.Linear(2, 3), optim.SGD(0.5), '{2,3}');
SELECT nn.module_send(m), optim.optimizer_send(o), torch.ints_send(i) FROM module_io;

-- mistakes are named
\getenv folder PG_ABS_SRCDIR
\i :folder/sql/fails.psql
SELECT pg_temp.fails(c) FROM (VALUES
	($$SELECT nn.linear(64, NULL)$$),
	($$SELECT nn.linear(NULL, 64, NULL)$$),
	($$SELECT nn.linear(64, 0)$$),
	($$SELECT nn.sequential(nn.linear(64, 32), nn.relu(), nn.linear(64, 10))$$),
	($$SELECT nn.sequential(nn.linear(64, 32), NULL)$$),
	($$SELECT nn.sequential(nn.mseloss())$$),
	($$SELECT nn.crossentropyloss(reduction => 'avg')$$),
	($$SELECT nn.crossentropyloss(reduction => NULL)$$),
	($$SELECT nn.crossentropyloss(label_smoothing => 'nan')$$),
	($$SELECT nn.crossentropyloss(ARRAY[1, NULL])$$),
	($$SELECT optim.sgd(NULL)$$),
	($$SELECT optim.sgd(-1)$$),
	($$SELECT optim.sgd(0.1, nesterov => true)$$),
	($$SELECT optim.adam(betas => '{0.9}')$$),
	($$SELECT optim.adam(betas => '{0.9,1}')$$),
	($$SELECT ''::nn.module$$),
	($$SELECT 'nn.Linear(4, 2'::nn.module$$),
	($$SELECT 'nn.Linaer(4, 2)'::nn.module$$),
	($$SELECT 'nn.Linear(4, 2, bais=False)'::nn.module$$),
	($$SELECT 'nn.Linear(4, 2'';drop table x'::nn.module$$),
	($$SELECT 'SGD(0.1, 0, 0, 0, False, True)'::optim.optimizer$$),
	($$SELECT 'nn.Linear(4, 2)'::optim.optimizer$$),
	($$SELECT repeat('nn.Sequential(', 10000)::nn.module$$),
	($$SELECT (repeat('nn.Sequential(', 500) || repeat(')', 500))::nn.module$$),
	($$SELECT repeat('-', 20000000)::nn.module$$)) v(c);

-- thousands of modules are no problem
SELECT length(nn.Sequential(VARIADIC array_agg(nn.Linear(2, 2)))::text) FROM generate_series(1, 5000);

-- torch.ints: an integer, a list, or a word
SELECT '3'::torch.ints, '(2, 3)'::torch.ints, '[ 2,3 ]'::torch.ints, '{}'::torch.ints, '(4,)'::torch.ints, ' same '::torch.ints, '-1'::torch.ints;
SELECT 3::torch.ints, ARRAY[2, 3]::torch.ints, ARRAY[2, 3]::bigint[]::torch.ints, 5000000000::torch.ints;
SELECT pg_temp.fails(format('SELECT %L::torch.ints', c))
FROM (VALUES (''), ('2,3'), ('(2'), ('{2 3}'), ('{2}x'), ('1.5'), ('99999999999999999999'), ('a b'), ('{a}'), ('{{1}}')) v(c);
SELECT pg_temp.fails('SELECT ARRAY[[1, 2], [3, 4]]::torch.ints'), pg_temp.fails('SELECT ARRAY[1, NULL]::torch.ints');

-- everything has a comment, an explicit volatility, and is parallel safe
SELECT p.oid::regprocedure
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname IN ('nn', 'optim') AND (p.provolatile <> 'i' OR p.proparallel <> 's' OR obj_description(p.oid, 'pg_proc') IS NULL)
ORDER BY 1;
SELECT p.oid::regprocedure
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = 'torch' AND obj_description(p.oid, 'pg_proc') IS NULL
ORDER BY 1;
SELECT o.oid::regoperator FROM pg_operator o JOIN pg_depend d ON d.objid = o.oid AND d.classid = 'pg_operator'::regclass AND d.deptype = 'e'
WHERE obj_description(o.oid, 'pg_operator') IS NULL;

--
-- The arguments of pgtorch_train: how they are declared, and that a run can be repeated from its row in the history.
--
SET client_min_messages = warning;
\set SHOW_CONTEXT never

SELECT p.proargnames[i] AS argument, format_type(p.proargtypes[i - 1], NULL) AS type, pg_get_function_arg_default(p.oid, i) AS "default"
FROM pg_proc p, generate_series(1, p.pronargs) i WHERE p.oid = 'pgtorch_train'::regproc ORDER BY i;
SELECT provolatile, proparallel, proisstrict, procost, prokind, obj_description(oid, 'pg_proc') LIKE 'Trains a model%' AS comment
FROM pg_proc WHERE oid = 'pgtorch_train'::regproc;

CREATE TABLE points AS SELECT i, sin(i)::real AS x, cos(i * 3)::real AS y, (sin(i) - cos(i * 3) / 2)::real AS z FROM generate_series(1, 50) i;
SELECT pgtorch_create_model('o', nn.Sequential(nn.Linear(2, 8), nn.Dropout(0.2), nn.Linear(8, 1)), seed => 5);

-- Every argument but one that is None is in the history: in a column of its own, or among the options.
CREATE VIEW kept AS
	SELECT r.id, r.dataset, r.loss, r.optimizer, r.scheduler, r.options - 'read_seconds' AS options FROM pgtorch.runs r WHERE r.model = 'o';
CREATE FUNCTION forgotten(run bigint) RETURNS SETOF text LANGUAGE sql STABLE AS $$
	SELECT unnest(proargnames[1:pronargs]) FROM pg_proc WHERE oid = 'pgtorch_train'::regproc
	EXCEPT SELECT unnest('{model,dataset,loss,optimizer,scheduler}'::text[])
	EXCEPT SELECT jsonb_object_keys(options) FROM kept WHERE id = run
	ORDER BY 1 $$;
SELECT run AS least FROM pgtorch_train('o@1', 'SELECT x, y, z FROM points ORDER BY i', nn.MSELoss()) \gset
SET extra_float_digits = -15;
SELECT run AS most FROM pgtorch_train('o@1', 'SELECT x, z, y FROM points ORDER BY i', nn.SmoothL1Loss(), optim.SGD(0.1, momentum => 0.9),
	lr_scheduler.OneCycleLR(0.2), epochs => 3, batch_size => 7, shuffle => false, drop_last => true, target => '{z}', clip_grad_norm => 0.12345678901234567,
	clip_grad_value => 'infinity', seed => -9223372036854775807, device => 'cpu', deploy => false, autocast => 'torch.bfloat16') \gset
RESET extra_float_digits;
SELECT forgotten(:least);
SELECT options FROM kept WHERE id = :least;
SELECT forgotten(:most);
SELECT dataset, loss, optimizer, scheduler, options FROM kept WHERE id = :most \gx

-- What is there says all: read back as arguments, it gives the same row, and the same weights to the bit.
CREATE FUNCTION run_again(run bigint) RETURNS bigint LANGUAGE plpgsql AS $$
	DECLARE
		arguments text;
		repeated bigint;
	BEGIN
		SELECT format('%L, %L, %L, %L, %L', 'o@1', r.dataset, r.loss, r.optimizer, r.scheduler) || string_agg(format(', %I => %L', key,
			CASE jsonb_typeof(value) WHEN 'array' THEN (SELECT array_agg(name)::text FROM jsonb_array_elements_text(value) name) ELSE value #>> '{}' END), '')
		INTO arguments FROM kept r, jsonb_each(r.options) WHERE r.id = run GROUP BY r.dataset, r.loss, r.optimizer, r.scheduler;
		EXECUTE format('SELECT run FROM pgtorch_train(%s)', arguments) INTO repeated;
		RETURN repeated;
	END $$;
CREATE FUNCTION weights(run bigint) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT md5(string_agg(tensor_send(s.value), '' ORDER BY s.name)) FROM pgtorch.runs r, pgtorch_state_dict('o@' || r.version) s WHERE r.id = run $$;
SELECT run_again(:least) AS least_again, run_again(:most) AS most_again \gset
SELECT one.id = :least AS least, to_jsonb(one) - 'id' = to_jsonb(two) - 'id' AS same_row, weights(one.id) = weights(two.id) AS same_weights
FROM (VALUES (:least, :least_again), (:most, :most_again)) v (a, b) JOIN kept one ON one.id = a JOIN kept two ON two.id = b ORDER BY a;
SELECT weights(:least) <> weights(:most) AS other;

DROP FUNCTION forgotten, run_again, weights;
DROP VIEW kept;
DROP TABLE points;
SELECT pgtorch_drop_model('o');

--
-- pgtorch_train(..., autocast => 'bfloat16'): it learns as in float32, weights and predictions stay float32, and what is refused.
--
SET client_min_messages = warning;
\set SHOW_CONTEXT never

CREATE TABLE arcs AS
	SELECT i, (i % 2) AS class, (cos(t) * s + (i % 2))::real AS x, (sin(t) * s + 0.5 * (i % 2))::real AS y, (2 * cos(t) - 1)::real AS v
	FROM generate_series(1, 300) i, LATERAL (SELECT pi() * (i * 7 % 300) / 300 AS t, 1 - 2 * (i % 2) AS s) l;
CREATE FUNCTION fit(module nn.module, query text, objective nn.module, autocast text DEFAULT 'bfloat16', epochs int DEFAULT 30,
	OUT run bigint, OUT loss float8) LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM pgtorch_create_model('a', module, seed => 1, or_replace => true);
		SELECT t.run, t.loss INTO run, loss FROM pgtorch_train('a', query, objective, optim.Adam(lr => 0.01), epochs => fit.epochs, seed => 2,
			autocast => fit.autocast) t;
	END $$;

-- Networks that have what computes in bfloat16, in float32, and in between: the loss falls as it does in float32.
SELECT m.name, mixed.loss < 0.5 * first.loss AS learned, mixed.loss < 1.25 * full_.loss + 0.01 AS as_float32, mixed.loss <> full_.loss AS other
FROM (VALUES
	('relu', 'nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 2))'::nn.module),
	('norms', 'nn.Sequential(nn.Linear(2, 32), nn.BatchNorm1d(32), nn.GELU(), nn.Linear(32, 16), nn.LayerNorm(16), nn.PReLU(), nn.Linear(16, 2))'),
	('graph', 'nn.Graph(''x -> h = silu(fc1(x)); fc2(h * exp(-square(h)) + h)'', ''silu'', nn.SiLU(), ''fc1'', nn.Linear(2, 32), ''fc2'', nn.Linear(32, 2))'))
	AS m (name, module),
	LATERAL fit(m.module, 'SELECT x, y, class FROM arcs', nn.CrossEntropyLoss(), epochs => 1) first,
	LATERAL fit(m.module, 'SELECT x, y, class FROM arcs', nn.CrossEntropyLoss(), NULL) full_,
	LATERAL fit(m.module, 'SELECT x, y, class FROM arcs', nn.CrossEntropyLoss()) mixed
ORDER BY m.name;
SELECT loss < 0.2 AS learned FROM fit('nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 1))', 'SELECT x, y, v FROM arcs', nn.MSELoss());
SELECT loss < 0.4 AS learned FROM fit('nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 1))', 'SELECT x, y, class FROM arcs',
	nn.BCEWithLogitsLoss());
SELECT loss < 0.2 AS learned FROM fit('nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 1))', 'SELECT x, y, v FROM arcs',
	nn.Graph('(output, target) -> mean(abs(output - target))'));

-- Weights and predictions are float32, and not of bfloat16's digits.
SELECT name, torch.dtype(value), torch.item(torch.sum(torch.to(torch.ne(torch.to(torch.to(value, 'bfloat16'), 'float32'), value), 'int64'))) > 0 AS fine
FROM pgtorch_state_dict('a') ORDER BY name;
SELECT torch.dtype(predict('a', 0.5::real, 0.25::real));

-- The history says so; same arguments, same weights.
SELECT options -> 'autocast' AS autocast FROM pgtorch.runs WHERE model = 'a' ORDER BY id DESC LIMIT 1;
CREATE FUNCTION weights() RETURNS text LANGUAGE sql STABLE AS $$
	SELECT md5(string_agg(tensor_send(value), '' ORDER BY name)) FROM pgtorch_state_dict('a') $$;
CREATE FUNCTION again() RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM fit('nn.Sequential(nn.Linear(2, 32), nn.Dropout(0.1), nn.Linear(32, 2))', 'SELECT x, y, class FROM arcs ORDER BY i', nn.CrossEntropyLoss(), epochs => 3);
		RETURN weights();
	END $$;
CREATE TEMP TABLE w AS SELECT again() AS w;
SELECT again() = w AS again FROM w;
SELECT run FROM fit('nn.Linear(2, 2)', 'SELECT x, y, class FROM arcs', nn.CrossEntropyLoss(), NULL, 1) \gset
SELECT options ? 'autocast' AS autocast FROM pgtorch.runs WHERE id = :run;

-- Other names of the dtype; others are refused, before anything is read.
SELECT loss > 0 AS fine FROM fit('nn.Linear(2, 2)', 'SELECT x, y, class FROM arcs', nn.CrossEntropyLoss(), 'torch.bfloat16', 1);
SELECT fit('nn.Linear(2, 2)', 'SELECT 1 / 0', nn.CrossEntropyLoss(), 'float16');
SELECT fit('nn.Linear(2, 2)', 'SELECT 1 / 0', nn.CrossEntropyLoss(), 'float32');
SELECT fit('nn.Linear(2, 2)', 'SELECT 1 / 0', nn.CrossEntropyLoss(), 'true');
SELECT fit('nn.Linear(2, 2)', 'SELECT 1 / 0', nn.CrossEntropyLoss(), '');
SELECT fit('nn.Sequential(nn.Linear(2, 1), nn.Sigmoid())', 'SELECT 1 / 0', nn.BCELoss());
SELECT loss > 0 AS fine FROM fit('nn.Sequential(nn.Linear(2, 1), nn.Sigmoid())', 'SELECT x, y, class FROM arcs', nn.BCELoss(), NULL, 1);

SELECT pgtorch_drop_model('a');
DROP FUNCTION fit, weights, again;
DROP TABLE arcs, w;

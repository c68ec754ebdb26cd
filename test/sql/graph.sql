-- nn.Graph: networks and losses as expressions over named modules.
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;

-- names and modules alternate; what is printed reads back equal
SELECT nn.Graph('x -> fc2(relu(fc1(x))) + x', 'fc1', nn.Linear(8, 8), 'fc2', nn.Linear(8, 8, bias => false));
SELECT nn.Graph('(a, b) -> h = cat([a, b], -1); h * h[:, 0:1]');
SELECT nn.Graph(expression => 'x -> x ** 2');
SELECT nn.Graph('x -> fc(x)', 'fc'::text, nn.Linear(1, 1)), nn.Graph('x -> fc(x)', 'fc'::varchar, nn.Sequential(nn.ReLU(), nn.Graph('x -> f(x)', 'f', nn.ReLU())));
SELECT m = m::text::nn.module, m
FROM (SELECT 'nn.Graph("x -> clamp(fc(x), min=-1, max=1)[..., 0:3] @ w(x)", "fc", nn.Linear(8, 4), ''w'', torch.nn.Linear(8, 2),)'::nn.module AS m) x;

-- mistakes are named
\getenv folder PG_ABS_SRCDIR
\i :folder/sql/fails.psql
SELECT pg_temp.fails(c) FROM (VALUES
	($$SELECT nn.graph('x -> fc1(x)', 'fc1')$$),
	($$SELECT nn.graph('x -> fc1(x)', nn.linear(8, 8))$$),
	($$SELECT nn.graph('x -> fc1(x)', nn.linear(8, 8), 'fc1')$$),
	($$SELECT nn.graph('x -> fc1(x)', 'fc1', 'nn.linear(8, 8)')$$),
	($$SELECT nn.graph('x -> fc1(x)', 'fc1', 5)$$),
	($$SELECT nn.graph('x -> fc1(x)', 'fc1', NULL::nn.module)$$),
	($$SELECT nn.graph('x -> fc1(x)', NULL, nn.relu())$$),
	($$SELECT nn.graph(NULL, 'fc1', nn.relu())$$),
	($$SELECT nn.graph('x -> fc1(x)', VARIADIC array[nn.relu()])$$),
	($$SELECT nn.graph('x + 1')$$),
	($$SELECT nn.graph('() -> 1')$$),
	($$SELECT nn.graph('x -> y = x')$$),
	($$SELECT nn.graph('x -> fc2(x)', 'fc1', nn.relu())$$),
	($$SELECT nn.graph('x -> F.sofmax(x, 1)')$$),
	($$SELECT nn.graph('x -> concatenat([x, x], 1)')$$),
	($$SELECT nn.graph('x -> x.sum()')$$),
	($$SELECT nn.graph('x -> relu(x).sum()')$$),
	($$SELECT nn.graph('x -> 0 < x < 1')$$),
	($$SELECT nn.graph('input -> imput + 1')$$),
	($$SELECT nn.graph('x -> x + ')$$),
	($$SELECT nn.graph('x -> fc1(x)', 'fc1', nn.relu(), 'fc1', nn.relu())$$),
	($$SELECT nn.graph('x -> x(x)', 'x', nn.relu())$$),
	($$SELECT nn.graph('x -> x', 'a.b', nn.relu())$$),
	($$SELECT nn.graph('x -> x', '1a', nn.relu())$$),
	($$SELECT nn.graph('x -> x', 'lambda', nn.relu())$$),
	($$SELECT nn.graph('x -> self.fc(x)', 'fc', nn.linear(2, 3))$$),
	($$SELECT nn.graph('x -> x', '', nn.relu())$$),
	($$SELECT nn.graph('x -> f(x)', 'f', nn.mseloss())$$),
	(format('SELECT nn.graph(%L)', (SELECT '(' || string_agg('x' || i, ', ') || ') -> x1' FROM generate_series(1, 65) i))),
	($$SELECT nn.graph('x -> f(x)', 'f', nn.sequential(nn.linear(4, 3), nn.linear(2, 1)))$$),
	($$SELECT nn.graph('x -> ' || repeat('(', 10000))$$),
	($$SELECT nn.graph('x -> ' || repeat('relu(', 900) || 'x' || repeat(')', 900))::text IS NULL$$),
	($$SELECT 'nn.Graph(''x -> fc(x)'', fc=nn.ReLU())'::nn.module$$),
	($$SELECT 'nn.Graph()'::nn.module$$)) v(c);

-- shapes that do not fit are found with the first data, with the path
CREATE TABLE graph_points AS
SELECT i AS id, (i % 7 - 3) / 3.0::float8 AS a, (i % 11 - 5) / 5.0::float8 AS b
FROM generate_series(1, 154) i;
SELECT pgtorch_create_model('misfit', nn.Sequential(nn.Linear(2, 3), nn.Graph('x -> h = fc(x); h + x', 'fc', nn.Linear(3, 2))));
SELECT pgtorch_create_model('misfit2', nn.Sequential(nn.Linear(2, 3), nn.Graph('x -> fc(x) + x', 'fc', nn.Linear(4, 3))));
SELECT pgtorch_create_model('misfit3', nn.Sequential(nn.Linear(2, 3), nn.Graph('x -> sum(fc(x))', 'fc', nn.Linear(3, 3))));
SELECT pgtorch_create_model('misfit4', nn.Sequential(nn.Linear(2, 3), nn.Graph('(x, y) -> x + y')));
SELECT pg_temp.fails(format($$SELECT * FROM pgtorch_train(%L, 'SELECT a, b, a FROM graph_points', loss => nn.MSELoss())$$, m))
FROM (VALUES ('misfit'), ('misfit2'), ('misfit3'), ('misfit4')) v(m);

-- a residual network learns; the shapes of its modules are known then
SELECT pgtorch_create_model('residual',
	nn.Graph('x -> h = inp(x); h = h + b2(relu(b1(h))); out(h)',
		'inp', nn.Linear(2, 16), 'b1', nn.Linear(16, 16), 'b2', nn.Linear(16, 16), 'out', nn.Linear(16, 1)), seed => 1);
SELECT layer, module, output_shape, parameters FROM pgtorch_summary('residual');
SELECT status, loss < 0.01 AS learned, version
FROM pgtorch_train('residual', 'SELECT a, b, a * b FROM graph_points', loss => nn.MSELoss(),
	optimizer => optim.Adam(lr => 0.01), epochs => 60, batch_size => 22);
SELECT layer, module, output_shape, parameters FROM pgtorch_summary('residual');
SELECT name, torch.shape(value) FROM pgtorch_state_dict('residual');
SELECT max(abs(predict_value('residual', a, b) - a * b)) < 0.5 AS close FROM graph_points;

-- two inputs, one of them used twice, a shared module, and a loss of one's own
SELECT pgtorch_create_model('pair',
	nn.Graph('(left, right) -> enc(left) @ t(w(enc(right)[0:1])) + head(cat([left, right], dim=-1))',
		'enc', nn.Sequential(nn.Linear(3, 4), nn.Tanh()), 'w', nn.Linear(4, 4), 'head', nn.Linear(6, 1)));
SELECT name FROM pgtorch_state_dict('pair');
SELECT pgtorch_create_model('pair',
	nn.Graph('(left, right) -> l = enc(left); r = enc(right); sum(l * r, -1, keepdim=True) + head(cat([left, right], dim=-1))',
		'enc', nn.Sequential(nn.Linear(3, 8), nn.Tanh()), 'head', nn.Linear(6, 1)), or_replace => true);
SELECT status, loss < 0.02 AS learned
FROM pgtorch_train('pair',
	'SELECT ARRAY[a, b, 1]::real[], ARRAY[b, a, 0.5]::real[], a * b FROM graph_points',
	loss => nn.Graph('(output, target) -> mean(abs(output - target) ** 1.5)'),
	optimizer => optim.Adam(lr => 0.02), epochs => 60, batch_size => 22);
SELECT layer, output_shape FROM pgtorch_summary('pair');
SELECT abs(predict_value('pair', ARRAY[1, 1, 1]::real[], ARRAY[1, 1, 0.5]::real[]) - 1) < 0.5 AS close;
SELECT loss FROM pgtorch.runs ORDER BY id DESC LIMIT 1;

-- what is no loss is refused as one, and a model needs parameters
SELECT pg_temp.fails(format($$SELECT * FROM pgtorch_train('residual', 'SELECT a, b, a FROM graph_points', loss => %s)$$, l))
FROM (VALUES ($$nn.Graph('x -> mean(x)')$$), ($$nn.Graph('(o, t) -> f(o) - t', 'f', nn.ReLU())$$), ($$nn.Graph('(o, t) -> abs(o - t)')$$),
	($$nn.Graph('(o, t) -> mean(o) - mean(w)')$$), ($$nn.Graph('(o, t) -> mean(t)')$$), ($$nn.Graph('(o, t) -> sum(o > t)')$$)) v(l);
SELECT pgtorch_create_model('empty', nn.Graph('(a, b) -> a + b'));
SELECT pg_temp.fails($$SELECT * FROM pgtorch_train('empty', 'SELECT a, b, a FROM graph_points', loss => nn.MSELoss())$$);
SELECT predict('empty', 1.5, 2) AS sum;
SELECT predict('empty', '[[1, 2], [3, 4]]'::tensor, '[10, 20]'::tensor);

-- a column each, as many inputs as a table has columns
SELECT pgtorch_create_model('wide', nn.Graph(format('(%s) -> fc(cat([%1$s], -1))', string_agg('x' || i, ', ')), 'fc', nn.Linear(20, 1, bias => false)))
FROM generate_series(1, 20) i;
SELECT status, loss < 0.001 AS learned FROM pgtorch_train('wide',
	(SELECT 'SELECT ' || string_agg(format('(id = %s)::int::float8', i), ', ') || ', id / 20.0::float8 FROM generate_series(1, 20) id' FROM generate_series(1, 20) i),
	loss => nn.MSELoss(), optimizer => optim.Adam(lr => 0.1), epochs => 100, batch_size => 20);
SELECT abs(predict_value('wide', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0) - 0.95) < 0.1 AS close;
SELECT pg_temp.fails($$SELECT predict_value('wide', 0, 0, 0)$$);

-- indexing, results by name and gradients inside a model
SELECT pgtorch_create_model('index', nn.Graph('x -> m = max(x, 1); stack([m.values, x[:, -1], to(m.indices, float32)], -1)[:, ::2]'));
SELECT predict('index', '[3, 9, 4]'::tensor);
SELECT pgtorch_create_model('slope', nn.Graph('x -> grad(x ** 3, x)'));
SELECT predict('slope', '[1, 2, 3]'::tensor);

-- an output without rows is refused, before and in spite of there being one row only
SELECT pgtorch_create_model(n, nn.Graph(e)) FROM (VALUES ('scalar', 'x -> sum(x)'), ('number', 'x -> 1'), ('none', 'x -> x[0:0]'), ('row', 'x -> x[0]')) v(n, e);
SELECT pg_temp.fails(format($$SELECT predict(%L, 1.5, 2)$$, m)) FROM unnest('{scalar,number,none,row}'::text[]) m;
-- sizes that multiply to more than an integer holds
SELECT pg_temp.fails($$SELECT nn.layernorm(ARRAY[65536, 65536, 65536, 65536], elementwise_affine => false)$$);
-- a short text cannot stand for endless work
SELECT pg_temp.fails(format('SELECT %L::nn.module', repeat($$nn.Graph('x -> f(x) + f(x)', 'f', $$, n) || 'nn.ReLU()' || repeat(')', n)))
FROM (VALUES (10), (100)) v(n);

-- further names that PyTorch has for the same
SELECT pgtorch_create_model('aliases', nn.Graph('x -> concat([absolute(x), clip(x, -1, 1), torch.multiply(x, x), torch.special.expit(x * 0), special.softmax(x * 0, -1)], -1)'));
SELECT predict('aliases', '[-2, 3]'::tensor);
-- tensor functions that the expression language brought along
SELECT torch.cat(ARRAY[x, y], 1), torch.stack(ARRAY[y, y], dim => -1), torch.narrow(x, 1, 1, 2), torch.select(x, 1, -1), torch.transpose(x, 0, 1), torch.t(y)
FROM (VALUES ('[[1, 2, 3], [4, 5, 6]]'::tensor, '[[7], [8]]'::tensor)) v(x, y);
SELECT torch.unsqueeze(x, 0), torch.squeeze('[[[1], [2]]]'::tensor), torch.squeeze('[[[1], [2]]]'::tensor, 0), torch.flatten(x), torch.unflatten(x, 1, '{3,-1}'), torch.clamp(x, 2, 5), torch.clamp(x, max => 2.5), torch.clamp(x, min => 4)
FROM (VALUES ('[[1, 2, 3], [4, 5, 6]]'::tensor)) v(x);
SELECT torch.var(x), torch.var(x, 1, unbiased => false), torch.std(x, 0, keepdim => true), torch.norm(x), torch.norm(x, 1, 0), torch.norm(x, 'inf')
FROM (VALUES ('[[3., 4.], [0., -12.]]'::tensor)) v(x);
-- a list without a type is of dimensions; of all elements by name
SELECT torch.var(x, '{0,1}'), torch.var(x, unbiased => false), torch.std(x, NULL, false)
FROM (VALUES ('[[3., 4.], [0., -12.]]'::tensor)) v(x);
SELECT torch.var(x, 1, correction => 0) = torch.var(x, 1, false) AS same, torch.std(x, correction => 2), torch.norm(x, dtype => 'float64'), torch.squeeze('[[[1], [2]]]'::tensor, '{0,2}')
FROM (VALUES ('[[0., 1., 2.], [3., 4., 6.]]'::tensor)) v(x);
SELECT pg_temp.fails(c) FROM (VALUES
	($$SELECT torch.cat('{}'::tensor[])$$),
	($$SELECT torch.stack(ARRAY['1', '[1]']::tensor[])$$),
	($$SELECT torch.narrow('[1, 2]', 0, 1, 2)$$),
	($$SELECT torch.select('[1, 2]', 0, 2)$$),
	($$SELECT torch.flatten('[[1, 2]]', 1, 0)$$),
	($$SELECT torch.unflatten('[1, 2, 3]', 0, '{2,-1}')$$),
	($$SELECT torch.t(torch.zeros(1, 1, 1))$$),
	($$SELECT torch.clamp('[1, 2]')$$),
	($$SELECT torch.std('[1, 2]')$$),
	($$SELECT torch.std('[1., 2.]', 0, true, correction => 0)$$),
	($$SELECT torch.clamp('uint8[1, 2]', 300)$$),
	($$SELECT torch.norm('float32(0)[]', -1)$$)) v(c);

SELECT pgtorch_drop_model(name) FROM pgtorch.models ORDER BY name;
DROP TABLE graph_points;

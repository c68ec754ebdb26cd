-- Modules with several results and inputs by name: inside nn.Graph, in training, in predict_all.
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;

\getenv folder PG_ABS_SRCDIR
\i :folder/sql/fails.psql

CREATE FUNCTION pg_temp.apply(module nn.module, VARIADIC inputs tensor[]) RETURNS tensor[] LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pgtorch_create_model('applied', module, or_replace => true);
	RETURN CASE cardinality(inputs) WHEN 1 THEN predict_all('applied', inputs[1]) ELSE predict_all('applied', inputs[1], inputs[2]) END;
END $$;

-- every result in its order, nested or not; predict gives the first
SELECT pg_temp.apply(nn.Graph('x -> (x * 2, x + 1)'), '[1, 2]');
SELECT pg_temp.apply(nn.Graph('x -> (x, (x * 2, [x * 3]), x)'), '[1, 2]');
SELECT pg_temp.apply(nn.Graph('x -> [x, x]'), '[1, 2]');
SELECT pg_temp.apply(nn.Graph('x -> max(x, 1)'), '[1, 5, 2]');
SELECT pg_temp.apply(nn.Graph('x -> (x, None)'), '[1, 2]');
SELECT predict('applied', '[7]'::tensor), predict_value('applied', '[7]'::tensor);
SELECT pg_temp.apply(nn.ReLU(), '[-1, 2]');
SELECT predict_all('applied', NULL::tensor) IS NULL;

-- a call gives what the module gives: unpacked, by index; nn.Sequential hands the first on
SELECT pg_temp.apply(nn.Graph('x -> a, b = two(x); a * b', 'two', nn.Graph('x -> (x * 2, x + 1)')), '[1, 2]');
SELECT pg_temp.apply(nn.Graph('x -> two(x)[1] - two(x)[0]', 'two', nn.Graph('x -> (x * 2, x + 1)')), '[1, 2]');
SELECT pg_temp.apply(nn.Graph('x -> a, (b, c) = f(x); (c, b, a)', 'f', nn.Graph('x -> (x, (x * 2, x * 3))')), '[1, 2]');
SELECT pg_temp.apply(nn.Graph('x -> two(x)', 'two', nn.Graph('x -> (x * 2, x + 1)')), '[1, 2]');
SELECT pg_temp.apply(nn.Sequential(nn.Graph('x -> (x * 2, x + 1)'), nn.Graph('x -> -x')), '[1, 2]');

-- inputs by name, in any order
SELECT pg_temp.apply(nn.Graph('(x, y) -> f(x, scale=y) + f(scale=x, x=1 * y)', 'f', nn.Graph('(x, scale) -> x * scale - scale')), '[1, 2]', '[10, 20]');
SELECT pg_temp.apply(nn.Graph('(x, y) -> b(input2=x, input1=y)', 'b', nn.Bilinear(2, 3, 4)), '[1, 2, 3]', '[1, 2]')::text <> '' AS bilinear;
SELECT pg_temp.apply(nn.Graph('x -> f(input=x)', 'f', nn.Sequential(nn.ReLU())), '[-1, 2]');

-- mistakes are named
SELECT pg_temp.fails(format($$SELECT pg_temp.apply(nn.Graph(%L, 'f', nn.Graph('(x, scale) -> (x * scale, x)'), 'g', nn.ReLU()), '[1, 2]')$$, e)) FROM (VALUES
	('x -> f(x)'), ('x -> f(x, x, x)'), ('x -> f(x, scal=x)'), ('x -> f(x, x=x)'), ('x -> f(scale=x)'), ('x -> f(x, scale=3)'), ('x -> f(x, None)'),
	('x -> g(f(x, x))'), ('x -> f(x, x) + 1'), ('x -> a, b, c = f(x, x); a'), ('x -> (x, sum(x))'), ('x -> transpose(x, 0, 1)'), ('x -> (x, ''word'')'), ('x -> (None, None)'), ('x -> ()'), ('x -> max(x, 1).value')) v(e);
SELECT pg_temp.fails(format('SELECT pg_temp.apply(nn.Graph(%L), ''[1]'')', (SELECT 'x -> (' || string_agg('x', ', ') || ')' FROM generate_series(1, 65))));
SELECT cardinality(pg_temp.apply(nn.Graph((SELECT 'x -> (' || string_agg('x + ' || i, ', ') || ')' FROM generate_series(1, 64) i)), '[1]'));

-- the training loss takes all outputs, then the target: here one learns it, the other its negative
CREATE TABLE outputs_points AS SELECT i % 7 / 7.0 AS a, i % 5 / 5.0 AS b FROM generate_series(1, 140) i;
SELECT pgtorch_create_model('heads', nn.Graph('x -> h = tanh(body(x)); left, right = halves(h); (p(left), (q(right), h))',
	'body', nn.Linear(2, 16), 'halves', nn.Graph('h -> (h[:, :8], h[:, 8:])'), 'p', nn.Linear(8, 1), 'q', nn.Linear(8, 1)));
SELECT status, loss < 0.01 AS learned FROM pgtorch_train('heads', 'SELECT a, b, a - b FROM outputs_points',
	loss => nn.Graph('(p, q, h, target) -> mean((p - target) ** 2) + mean((q + target) ** 2) + 0 * mean(h)'),
	optimizer => optim.Adam(lr => 0.05), epochs => 40, batch_size => 20);
SELECT max(abs(torch.item(y[1])::float8 - (a - b))) < 0.2 AS first, max(abs(torch.item(y[2])::float8 + (a - b))) < 0.2 AS second, min(cardinality(y)), bool_and(torch.shape(y[3]) = '{16}') AS third
FROM (SELECT a, b, predict_all('heads', a, b) AS y FROM outputs_points) p;
SELECT bool_and(predict('heads', a, b) = (predict_all('heads', a, b))[1]) AS same FROM outputs_points;
SELECT layer, output_shape FROM pgtorch_summary('heads');

-- a loss that takes another number says both
SELECT pg_temp.fails($$SELECT pgtorch_train('heads', 'SELECT a, b, a FROM outputs_points', loss => nn.MSELoss())$$);
SELECT pgtorch_create_model('head', nn.Linear(2, 1));
SELECT pg_temp.fails($$SELECT pgtorch_train('head', 'SELECT a, b, a FROM outputs_points', loss => nn.Graph('(p, q, target) -> mean(p * q * target)'))$$);
SELECT pg_temp.fails($$SELECT pgtorch_train('head', 'SELECT a, b, a FROM outputs_points', loss => nn.Graph('(p, target) -> (mean(p - target), mean(p))'))$$);

DROP TABLE outputs_points;
SELECT count(pgtorch_drop_model(m)) FROM unnest('{applied, heads, head}'::text[]) m;

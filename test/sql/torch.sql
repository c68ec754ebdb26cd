-- torch.*: tensors from values, sizes and chance, and the functions of the op table as users type them.
-- The wanted values are PyTorch 2.15's, or follow from the definition.
SET extra_float_digits = 1;

\getenv folder PG_ABS_SRCDIR
\i :folder/sql/fails.psql

-- torch.tensor: integers become int64, other numbers float32, as Python's do; a cast keeps the array's type
SELECT torch.tensor(array[1, 2]), torch.tensor(array[1.5, 2]), torch.tensor(array[[true], [false]]), torch.tensor('{1,2}'::smallint[]), torch.tensor('{0.1,nan}'::float8[]), array[1, 2]::tensor;
SELECT torch.tensor(3), torch.tensor(3::smallint), torch.tensor(9007199254740993), torch.tensor(2.5), torch.tensor(0.1::real), torch.tensor(0.1::float8), torch.tensor(true), torch.tensor(array[]::int[]);
-- a dtype: numbers and text are converted from what was written, not by way of float32
SELECT torch.tensor(0.1, dtype => 'float64'), torch.tensor('0.1', 'float64'), torch.tensor(' [0.1, 1]', dtype => 'double'), torch.tensor(array[0.1], 'float64'), torch.tensor('[1, 2]', 'torch.float16'), torch.tensor('int8[1]', 'bool');
-- fractions are cut off, anything but zero is true, and float32 may become infinite
SELECT torch.tensor(array[1.9, -1.9], 'int8'), torch.tensor(array[0, -3], 'bool'), torch.tensor('nan'::float8, 'bool'), torch.tensor(1e300), torch.tensor('[1, 2]'::tensor, 'float32');
-- what an integer dtype cannot hold is refused, as are NULL elements and unknown dtypes
SELECT s, pg_temp.fails('SELECT torch.tensor(' || s || ')') FROM (VALUES
	('300, ''int8'''), ('array[1, -1], ''uint8'''), ('1e10, ''int32'''), ('9223372036854775808::float8, ''int64'''), ('''nan''::float8, ''int64'''), ('array[1, NULL]'),
	('1, ''complex64'''), ('''[1, 2''')) v(s);
SELECT torch.tensor(NULL::integer) IS NULL AND torch.tensor(NULL::real[], 'int8') IS NULL AS null_in_null_out;
SELECT torch.softmax('[1.]', NULL) IS NULL AND torch.reshape('[1]', NULL) IS NULL AS null_in_null_out, torch.zeros(1, dtype => NULL);

-- what a tensor is
SELECT torch.item('[[7]]'), torch.item('true'), torch.item('float16(1)[0.1]'), torch.shape('float32(2,0,3)[]'), torch.shape('5'), torch.dtype('[1.]'), torch.dtype('5'), torch.numel('[[1, 2, 3]]'), torch.dim('[[1]]'), torch.dim('5');
SELECT pg_temp.fails('SELECT torch.item(''[1, 2]'')'), pg_temp.fails('SELECT torch.item(''[]'')');
CREATE TEMP TABLE checked (x tensor CHECK (torch.shape(x) = '{2,3}' AND torch.dtype(x) = 'float32'));
INSERT INTO checked VALUES (torch.ones(2, 3));
INSERT INTO checked VALUES (torch.ones(3, 2));

-- sizes: as integers, as one array, as text
SELECT torch.zeros(2, 3), torch.zeros(2), torch.zeros(array[1, 2]), torch.zeros('{1,2}'), torch.zeros('{2}', 'int64'), torch.zeros(2::bigint, dtype => 'bool'), torch.zeros(size => 1, dtype => 'float16');
SELECT torch.ones(2, 2), torch.ones(array[3], dtype => 'uint8'), torch.ones('{}'), torch.ones(2, 0), torch.zeros(1, 2, 1, 1, 1, 1, 1, 2), torch.ones(2, dtype => 'bfloat16');
SELECT torch.full(2, 7), torch.full('{1,2}', 2.5), torch.full(array[2], true), torch.full(2, 1.9, 'int64'), torch.full(2, 1, dtype => 'float16'), torch.full('{}', 3::bigint), torch.full(0, 1);
SELECT s, pg_temp.fails('SELECT torch.' || s) FROM (VALUES
	('zeros(-1)'), ('zeros(2, -1)'), ('zeros(1, 1, 1, 1, 1, 1, 1, 1, 1)'), ('ones(100000, 100000)'), ('ones(array[100000, 100000, 100000, 100000])'), ('zeros(3000000000)'),
	('zeros(array[2, 3], 4)'), ('zeros(''same'')'), ('zeros(2, dtype => ''int128'')'),
	('full(2, 300, ''int8'')'), ('full(2, 70000, ''float16'')'), ('full(2, 1e300)'), ('full(2, ''nan''::float8, ''int64'')')) v(s);
SELECT torch.zeros(NULL::integer) IS NULL AND torch.full(2, NULL::integer) IS NULL AND torch.rand(NULL::integer[]) IS NULL AS null_in_null_out;

-- arange: integers give int64, other numbers float32
SELECT torch.arange(4), torch.arange(2.5), torch.arange(1, 4), torch.arange(0, 1, 0.25), torch.arange(5, 0, -2), torch.arange("end" => 2), torch.arange(3::smallint), torch.arange(0, 3::bigint);
SELECT torch.arange(3, 'float32'), torch.arange(0, 3, dtype => 'int8'), torch.arange(0), torch.arange(3, 3), torch.arange(0.5, 3, dtype => 'int64'), torch.arange(300, 'uint8') = torch.to(torch.arange(300), 'uint8') AS wraps;
-- exact where double is not
SELECT torch.arange(9007199254740993, 9007199254740996), torch.arange(9223372036854775804, 9223372036854775807, 2);
SELECT s, pg_temp.fails('SELECT torch.arange(' || s || ')') FROM (VALUES ('5, 0'), ('0, 5, 0'), ('0, 5, 0.0, ''int64'''), ('0, ''inf''::float8'), ('4, dtype => ''bool'''), ('1e15')) v(s);
SELECT torch.arange(NULL::integer) IS NULL AS null_in_null_out;

-- random numbers are PyTorch's, from torch.manual_seed on, however calls of all kinds follow each other
SELECT torch.manual_seed(42);
SELECT torch.rand(3), torch.rand(2, dtype => 'float64'), torch.randn(2), torch.rand('{2}', 'float16');
SELECT torch.manual_seed(-1);
SELECT torch.randn(array[3], 'float64'), torch.rand(array[]::integer[]), torch.randn(2, 0);
-- the same seed, the same numbers, also when they are drawn in several pieces
SELECT torch.manual_seed(7);
CREATE TEMP TABLE drawn AS SELECT torch.randn(70001) AS n, torch.rand(70000) AS u;
SELECT torch.manual_seed(7);
SELECT n = torch.randn(70001) AND u = torch.rand(70000) AS same, abs(torch.item(torch.mean(n))) < 0.02 AS mean, abs(torch.item(torch.mean(n * n)) - 1) < 0.02 AS variance,
	torch.item(torch.amin(u)) >= 0 AND torch.item(torch.amax(u)) < 1 AS inside, abs(torch.item(torch.mean(u)) - 0.5) < 0.01 AS middle FROM drawn;
-- every row its own
SELECT count(DISTINCT torch.rand(1)) FROM generate_series(1, 10);
SELECT s, pg_temp.fails('SELECT torch.' || s) FROM (VALUES ('rand(2, dtype => ''int64'')'), ('randn(2, dtype => ''bool'')'), ('rand(-2)'), ('manual_seed(NULL)')) v(s);
-- no two sessions draw the same before they are seeded
\c
SELECT torch.rand(4) AS first \gset
\c
SET extra_float_digits = 1;
SELECT torch.rand(4) <> :'first' AS differs;
\i :folder/sql/fails.psql

-- functions of the op table, as they are typed
SELECT torch.to('[1.5, 0]', 'float16'), torch.to('[1.5, -1.5]', dtype => 'int64'), torch.reshape('[1, 2, 3, 4, 5, 6]', '{2,-1}'), torch.reshape('[1, 2, 3, 4, 5, 6]', array[3, 2]), torch.reshape('[[5]]', '{}'), torch.reshape('[1, 2]', torch.shape('[3, 4]'));
SELECT torch.argmax('[[1, 3], [4, 2]]', dim => 1), torch.argmax('[[1, 3], [4, 2]]'), torch.argmin('[[1, 3], [4, 2]]', 0, keepdim => true), torch.argmax('[1., nan, 5.]'), torch.argmax('[2, 7, 7]');
SELECT torch.sum('[[1, 2], [3, 4]]', dim => 0, keepdim => true), torch.sum('[[1, 2], [3, 4]]'), torch.sum('[[1, 2], [3, 4]]', -1), torch.sum('[[1, 2], [3, 4]]', '{0,1}'), torch.sum('int8[100, 100]'), torch.sum('[true, true]'), torch.sum('int8[100, 100]', dtype => 'int8');
SELECT torch.sum('float32(0,2)[]', 0), torch.mean('[1., 2.]'), torch.mean('[1, 2]', dtype => 'float32'), torch.mean('float32[]'), torch.amax('[[1, 5], [7, 2]]', 0), torch.amin('[1., nan]'), torch.amax('[[1, 5], [7, 2]]', '{0,1}');
SELECT torch.softmax('[1000., 1000.]', 0), torch.softmax('[1., inf]', 0), torch.log_softmax('[0., -inf]', dim => -1), torch.softmax('[1, 1]', 0, dtype => 'float64');
SELECT torch.matmul('[1, 2]', '[3, 4]'), torch.matmul('[[1, 2], [3, 4]]', '[1, 1]'), torch.matmul('[1, 1]', '[[1, 2], [3, 4]]'), torch.matmul('[[[1, 2]], [[3, 4]]]', '[[1], [1]]'), torch.matmul('float32(2,0)[]', 'float32(0,1)[]');
SELECT torch.linear('[[1., 2.]]', '[[1., 1.], [0., 1.]]', '[10., 20.]'), torch.linear('[1., 2.]', weight => '[[1., 1.]]'), torch.permute('[[1, 2, 3]]', '{1,0}'), torch.expand('[[1], [2]]', '{-1,2}'), torch.expand('7', '{2}');
SELECT torch.where('[true, false]', '[1, 2]'::tensor, 0.5), torch.where('[true, false]', '[1, 2]', '[3., 4.]'::tensor), torch.where('[[true], [false]]', 1, '[5, 6]'::tensor);
SELECT torch.maximum('[1, nan]', '[2., 1.]'), torch.minimum('[1, 5]', '[2, 3]'), torch.floor_divide('[-7, 7]', 2), torch.floor_divide('[-7., 7.]', 2), torch.eq('[1, 2]', 2), torch.lt('[1., nan]', 2), torch.logical_and('[1, 0]', '[2., 2.]'), torch.logical_not('[0, 3]');
-- further names that PyTorch has for the same: with all argument types, and described as what they are
SELECT torch.absolute('[-3, 3]'), torch.multiply('[1, 2]', 3), torch.subtract(1, '[1, 2]'::tensor), torch.true_divide('[1, 2]', 2), torch.greater_equal('[1, 2]', 2), torch.fix('[-1.7]'), torch.special_expit('[0.]'), torch.clip('[1, 5]', max => 3), torch.concatenate(array['[1]', '[2]']::tensor[], dim => 0), torch.swapdims('[[1, 2]]', dim0 => 0, dim1 => 1), torch.special_log_softmax('[0.]', 0), torch.linalg_matmul('[1, 2]', '[3, 4]');
SELECT obj_description('torch.absolute(tensor)'::regprocedure, 'pg_proc'), obj_description('torch.abs(tensor)'::regprocedure, 'pg_proc');
SELECT count(*) AS without_its_own FROM pg_proc a WHERE pronamespace = 'torch'::regnamespace AND obj_description(oid, 'pg_proc') LIKE 'Alias of %' AND NOT EXISTS (
	SELECT FROM pg_proc f WHERE f.pronamespace = a.pronamespace AND f.proargtypes = a.proargtypes AND f.proargnames = a.proargnames AND f.prosrc = a.prosrc
		AND obj_description(a.oid, 'pg_proc') = format('Alias of torch.%s: %s', f.proname, obj_description(f.oid, 'pg_proc')));
-- values where formulas meet their ends
SELECT torch.exp('[0., -inf, inf, 89., -104.]'), torch.log('[1., 0., -1.]'), torch.sqrt('[4, 2]'), torch.rsqrt('[4., 0.]'), torch.sigmoid('[0., -200., 200.]'), torch.tanh('[0., 100.]'), torch.expm1('[1e-10]'), torch.log1p('[1e-10]');
SELECT torch.round('[0.5, 1.5, -0.5, 2.5]'), torch.floor('[-0.5]'), torch.ceil('[-0.5]'), torch.trunc('[-1.7, 1.7]'), torch.sign('[-3., 0., nan]'), torch.abs('[-3, 3]'), torch.relu('[-1., nan, 2.]'), torch.isnan('[1., nan]'), torch.isfinite('[1., inf, nan]'), torch.reciprocal('[4, 0]'), torch.square('[-3]'), torch.round('int8[5]');
-- identities on random values, within rounding
SELECT torch.manual_seed(0);
CREATE TEMP TABLE r AS SELECT torch.randn(array[33, 65], 'float64') AS x, torch.randn(array[65, 17], 'float64') AS w, torch.randn(array[17], 'float64') AS b;
CREATE FUNCTION pg_temp.near(a tensor, b tensor, tolerance float8) RETURNS boolean LANGUAGE sql AS $$ SELECT torch.shape(a) = torch.shape(b) AND torch.item(torch.amax(torch.abs(a - b))) <= tolerance $$;
SELECT pg_temp.near(torch.linear(x, torch.permute(w, '{1,0}'), b), torch.matmul(x, w) + b, 1e-12) AS linear,
	pg_temp.near(torch.sum(torch.softmax(x, 1), 1), torch.ones(array[33], 'float64'), 1e-14) AS softmax,
	pg_temp.near(torch.log(torch.softmax(x, 0)), torch.log_softmax(x, 0), 1e-12) AS log_softmax,
	pg_temp.near(torch.log(torch.exp(x)), x, 1e-14) AS exp_log, pg_temp.near(torch.tanh(x), 2 * torch.sigmoid(2 * x) - 1, 1e-15) AS tanh,
	pg_temp.near(torch.sum(x), torch.sum(torch.sum(x, 0)), 1e-11) AS sums, pg_temp.near(torch.mean(x, '{0,1}') * 2145, torch.sum(x), 1e-11) AS mean,
	torch.amax(x, 1) = torch.neg(torch.amin(-x, 1)) AS extremes, pg_temp.near(torch.matmul(torch.to(x, 'float32'), torch.to(w, 'float32')), torch.matmul(x, w), 1e-5) AS float32,
	torch.permute(torch.permute(x, '{1,0}'), '{1,0}') = x AS permute FROM r;
-- errors say the function, what was there and what was wanted
SELECT s, pg_temp.fails('SELECT torch.' || s) FROM (VALUES
	('reshape(''[1, 2, 3]'', ''{2,-1}'')'), ('reshape(''[1]'', ''{-1,-1}'')'), ('to(''[1]'', ''float8'')'), ('sum(''[1]'', 1)'), ('sum(''[[1]]'', ''{0,0}'')'), ('mean(''[1]'')'),
	('amax(''[]'')'), ('argmax(''float32(0,2)[]'', 0)'), ('argmax(''[true]'')'), ('softmax(''[1]'', 0)'), ('matmul(''[1, 2]'', ''[1, 2, 3]'')'), ('matmul(''[1]'', ''[1.]'')'),
	('matmul(''[true]'', ''[true]'')'), ('matmul(''3'', ''[1]'')'), ('linear(''[1.]'', ''[[1., 2.]]'')'), ('permute(''[[1]]'', ''{0,0}'')'), ('expand(''[1, 2]'', ''{3}'')'), ('where(''[1]'', ''[1]''::tensor, 2)'),
	('where(''[true]'', ''int8[1]''::tensor, 300)'), ('neg(''[true]'')'), ('floor(''[true]'')'), ('sum(''[1]'', keepdim => NULL)')) v(s);

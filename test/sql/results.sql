-- torch.*: forms of one name, several results as columns, lists as arrays, shapes that depend on data, tensors from nothing.
-- The wanted values are PyTorch 2's, or follow from the definition.
SET extra_float_digits = 1;

\getenv folder PG_ABS_SRCDIR
\i :folder/sql/fails.psql

-- one name, three forms: of all elements, along a dimension, of two tensors
SELECT torch.max('[[1, 5], [7, 2]]'), torch.max('[[1, 5], [7, 2]]', 1), torch.max('[1, 5]', '[2., 3.]'::tensor), torch.min('[1., nan]'), torch.min(input => '[3, 1]', other => '[2, 2]'), torch.max('[true, false]'), torch.max('7');
-- columns have PyTorch's names, in a list, as a row, of each row of a table
SELECT (torch.max('[[1, 5], [7, 2]]', 1)).values, (torch.max('[[1., 5.], [7., 2.]]', dim => 0, keepdim => true)).indices;
SELECT * FROM torch.min('[[1, 5], [7, 2]]', dim => -1);
SELECT i, v.* FROM (VALUES (1, '[[1, 2]]'::tensor), (2, '[[4, 3], [5, 6]]'), (3, NULL)) t (i, x), torch.max(t.x, 1) v ORDER BY i;
SELECT i, m.indices FROM generate_series(1, 3) i, LATERAL torch.max(torch.arange(i * i) % 4, 0) m ORDER BY i;
SELECT torch.max(NULL::tensor) IS NULL, torch.max(NULL::tensor, 1) IS NULL, torch.max('[1]', NULL::integer) IS NULL, torch.max('[1]', NULL::tensor) IS NULL, (torch.max('[1]', 0, NULL)).values IS NULL AS null_in_null_out;
SELECT s, pg_temp.fails('SELECT torch.' || s) FROM (VALUES ('max(''[]'')'), ('min(''[]'')'), ('max(''float32(0,2)[]'', 0)'), ('max(''[1]'', 1)'), ('max(''5'', 1)'), ('max(''[1, 2]'', ''[1, 2, 3]''::tensor)')) v(s);
-- lists are arrays
SELECT torch.unbind('[[1, 2], [3, 4]]'), torch.unbind('[[1, 2], [3, 4]]', 1), (torch.unbind('[1., 2.]'))[2], torch.unbind('float32(0,3)[]'), torch.unbind('float32(2,0)[]'), torch.unbind(NULL) IS NULL AS null;
SELECT torch.stack(torch.unbind(x, -1), 2) = x AS inverse FROM (VALUES ('[[[1, 2], [3, 4], [5, 6]]]'::tensor)) v(x);
SELECT s, pg_temp.fails('SELECT torch.' || s) FROM (VALUES ('unbind(''5'')'), ('unbind(''[1]'', 1)'), ('unbind(torch.arange(2000))')) v(s);

-- shapes that depend on data
SELECT torch.nonzero('[[1, 0], [0, 3]]'), torch.nonzero('[0., nan, -0., inf]'), torch.nonzero('[[true], [false]]'), torch.nonzero('[0, 0]'), torch.nonzero('0'), torch.nonzero('7'), torch.nonzero('float32(0,3)[]');
SELECT * FROM torch.unique('[3., nan, -0., 0., 1., nan, 3.]');
SELECT * FROM torch.unique('[[1, 1, 0], [2, 2, 5]]', dim => 1);
SELECT * FROM torch.unique('[[1, 2], [1, 2], [0, 5]]', sorted => false, dim => 0);
SELECT i, u.* FROM (VALUES (1, '[1, 2, 2]'::tensor), (2, '[4, 4, 4, 4]'), (3, '[]'), (4, '[[true], [false]]'), (5, '7'), (6, NULL)) t (i, x), torch.unique(x) u ORDER BY i;
-- one call site, other data of the same shape: other sizes
SELECT torch.nonzero(x), (torch.unique(x)).counts FROM (VALUES ('[0, 1, 0]'::tensor), ('[1, 2, 3]'), ('[0, 0, 0]')) v(x);
-- many: against SQL's own DISTINCT
CREATE TEMP TABLE many AS SELECT torch.arange(100000) * 7919 % 10007 AS x;
SELECT torch.numel(output) = (SELECT count(DISTINCT i::bigint * 7919 % 10007) FROM generate_series(0, 99999) i) AS distinct_elements, torch.item(torch.sum(counts)) AS counted, torch.item(torch.sum(inverse_indices)) > 0 AS indexed FROM many, torch.unique(x);
SELECT torch.shape(torch.nonzero(torch.eq(x, 0))) FROM many;
SELECT s, pg_temp.fails('SELECT torch.' || s) FROM (VALUES ('unique(''[1]'', dim => 1)'), ('unique(''5'', dim => 0)'), ('unique(''float32(0,3)[]'', dim => 1)'), ('unique(''[1]'', return_counts => true)'), ('nonzero(''[1]'', as_tuple => true)')) v(s);
SELECT torch.shape(output), torch.shape(counts) FROM torch.unique(torch.zeros(0, 2147483647, 2147483647, 3), dim => 0);
-- models refuse them, and what is random, by name
SELECT s, pg_temp.fails('SELECT nn.Graph(''' || s || ''')') FROM (VALUES ('x -> nonzero(x)'), ('x -> unique(x, return_counts=True)[0]'), ('x -> x + rand(3)'), ('x -> randint(0, 5, (2,))')) v(s);
-- interrupts and limits
SET statement_timeout = '50ms';
SELECT output FROM torch.unique(torch.arange(6000000) * 7919 % 5000011);
RESET statement_timeout;
SET pgtorch.max_memory = '1MB';
SELECT regexp_replace(pg_temp.fails('SELECT torch.unique(x) FROM many'), 'of \d+ MB', 'of N MB') AS fails;
RESET pgtorch.max_memory;

-- tensors from sizes and numbers beside zeros, ones, full and arange
SELECT torch.empty(2), torch.eye(2), torch.eye(2, 3, 'int8'), torch.eye(0), torch.linspace(0, 1, 5), torch.linspace(-10, 10, 8, 'int64'), torch.linspace(3, -3, 3, dtype => 'float64'), torch.linspace(2.5, 9, 1), torch.linspace(0, 1, 0);
SELECT torch.shape(torch.zeros(size => 4, VARIADIC sizes => array[2, 3])), torch.ones(torch.shape('[[1, 2]]')), torch.arange(1::smallint, 4::smallint), torch.full(2, 3::smallint);
SELECT s, pg_temp.fails('SELECT torch.' || s) FROM (VALUES ('eye(-1)'), ('linspace(0, 1, -1)'), ('linspace(0, 300, 3, ''uint8'')'), ('linspace(0, 1, 2, ''bool'')'), ('arange(1e300)'), ('zeros(2, NULL)'), ('zeros(size => 1, VARIADIC sizes => array[1, NULL])'), ('full(''{2,-2}'', 1)')) v(s);
SELECT torch.manual_seed(5);
SELECT torch.randint(10, '{6}'), torch.randint(-3, 268435453, 2), torch.randint(0, 2, '{2,2}', 'bool'), torch.randperm(6), torch.normal(2, 3, 2), torch.randint(low => 0, high => 3, size => 4, dtype => 'float32');
SELECT torch.item(torch.min(x)) >= 5000000000 AND torch.item(torch.max(x)) < 5000000100 AS beyond_integer FROM torch.randint(5000000000, 5000000100, 20) x;
SELECT torch.shape(torch.randint(0, 5000000000, '{2}')), torch.shape(torch.randint(5000000000, '{3}')), torch.shape(torch.randint(-5000000000, 0, '{4}'));
SELECT s, pg_temp.fails('SELECT torch.' || s) FROM (VALUES ('randint(0, 3)'), ('randint(5, 5, ''{2}'')'), ('randint(0, 300, ''{2}'', ''uint8'')'), ('randperm(-1)'), ('normal(0, -1, 2)'), ('normal(0, 1, 2, ''int64'')')) v(s);
-- what is random is drawn anew for each row and stays in the leader; the rest is folded
SELECT p.proname, array_agg(DISTINCT p.provolatile::text || p.proparallel::text) FROM pg_proc p WHERE p.pronamespace = 'torch'::regnamespace AND p.proname IN ('rand', 'randn', 'normal', 'randint', 'randperm', 'zeros', 'arange', 'eye', 'max', 'unique') GROUP BY 1 ORDER BY 1;
-- every function of the schema says what it is
SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'torch'::regnamespace AND obj_description(p.oid, 'pg_proc') IS NULL;

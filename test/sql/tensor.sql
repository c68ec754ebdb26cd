-- Type tensor: text, binary, type modifier, casts.
-- The wanted values are PyTorch's (torch.tensor, Tensor.to) or PostgreSQL's (casts between its own types).
SET extra_float_digits = 1;

\getenv folder PG_ABS_SRCDIR
\i :folder/sql/fails.psql

-- torch.tensor's inference: any float makes float32, else int64; true and false alone make bool
SELECT '[[1., 2.], [3., 4.]]'::tensor, '[[1, 2], [3, 4]]'::tensor, '[true, false]'::tensor, '[true, 2]'::tensor, '[1, 2.5]'::tensor, '[1, nan]'::tensor;

-- scalars, other dtypes, empty shapes, white space, and the longest nesting
SELECT '3.5'::tensor, '-7'::tensor, 'true'::tensor, 'inf'::tensor, 'float64()3.5'::tensor, 'torch.float64[1, 2]'::tensor, 'half[1]'::tensor;
SELECT '[]'::tensor, '[[], []]'::tensor, 'float32(0,3)[]'::tensor, 'int64[]'::tensor, E' [ 1 ,\n\t2 ] '::tensor, '[[[[[[[[1]]]]]]]]'::tensor;

-- the shortest digits that read back
SELECT '[0.1, 16777217, 1e20, 1e-7, 3.4028235e38, 1e-45, -0.0]'::tensor;
SELECT 'float64[0.1, 0.30000000000000004, 1e23, 5e-324, 1.7976931348623157e308]'::tensor;
SELECT 'float16[65504, 0.1, 0.33325]'::tensor, 'bfloat16[0.1, 3.14159, 1e30]'::tensor;

-- text that is no tensor is refused, and the message says what was expected, and where
SELECT s, pg_temp.fails(format('SELECT %L::tensor', s)) FROM (VALUES
	(''), ('['), ('[1, 2'), ('[1, 2]]'), ('[1 2]'), ('[1,]'), ('[1, x]'), ('[1, "2"]'), ('complex64[1]'), ('float32'), ('float64 3'),
	('[[1, 2, 3], [1, 2]]'), ('[[1], 2]'), ('[1, [2]]'), ('[[[[[[[[[1]]]]]]]]]'), ('float32(2)[1]'), ('float32(-1)[]'),
	('float32(3000000000)[]'), ('float32(100000,100000)[]'), ('float64(1,2'), ('NULL')) v(s);

-- out of range, or a fraction for an integer dtype
SELECT s, pg_temp.fails(format('SELECT %L::tensor', s)) FROM (VALUES
	('9223372036854775807'), ('9223372036854775808'), ('int8[128]'), ('int8[-128]'), ('uint8[-1]'), ('uint8[256]'), ('int32[1.5]'), ('int32[2.0]'),
	('int32[1e9]'), ('int32[1e10]'), ('int16[nan]'), ('bool[2]'), ('1e39'), ('float64[1e39]'), ('float16[65520]'), ('float64[1e400]')) v(s);

-- text and binary read back to the identical tensor, for every dtype
CREATE TEMP TABLE samples (id int PRIMARY KEY, x tensor);
INSERT INTO samples VALUES
	(1, '[[1.5, nan], [-inf, -0.0]]'), (2, 'float64[0.1, 1e300]'), (3, 'float16[1, 6e-8]'), (4, 'bfloat16[1.01, -3]'),
	(5, '[1, -9223372036854775808]'), (6, 'int32[2147483647]'), (7, 'int16[-32768]'), (8, 'int8[[1], [2]]'), (9, 'uint8[255, 0]'),
	(10, '[true, false]'), (11, 'float32(0,3)[]'), (12, '1'), (13, 'bool()true'), (14, NULL), (15, '[[[[[[[[0.5]]]]]]]]');
SELECT count(*) AS differ FROM samples WHERE x::text::tensor IS DISTINCT FROM x OR x::text::tensor::text <> x::text;
SELECT id, tensor_send(x) FROM samples WHERE id IN (1, 8, 11, 12) ORDER BY id;
CREATE TEMP TABLE copied (id int PRIMARY KEY, x tensor);
-- a stream of COPY's binary format as a shell command that prints it
CREATE FUNCTION pg_temp.octal(bytes bytea) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(string_agg('\0' || (b >> 6) || ((b >> 3) & 7) || (b & 7), '' ORDER BY i), '')
	FROM generate_series(0, length(bytes) - 1) i, get_byte(bytes, i) b
$$;
CREATE FUNCTION pg_temp.field(bytes bytea) RETURNS text LANGUAGE sql AS $$
	SELECT pg_temp.octal(coalesce(int4send(length(bytes)) || bytes, '\xffffffff'))
$$;
CREATE FUNCTION pg_temp.program(tuples text) RETURNS text LANGUAGE sql AS $$
	SELECT 'printf %b "' || pg_temp.octal('\x5047434f50590aff0d0a000000000000000000') || tuples || pg_temp.octal('\xffff') || '"'
$$;
SELECT pg_temp.program(string_agg(pg_temp.octal('\x0002') || pg_temp.field(int4send(id)) || pg_temp.field(tensor_send(x)), '')) AS program FROM samples \gset
COPY copied FROM PROGRAM :'program' (FORMAT binary);
SELECT count(*) AS copied, count(*) FILTER (WHERE s.x IS DISTINCT FROM c.x) AS differ FROM samples s JOIN copied c USING (id);

-- binary that is no tensor is refused: version, dtype, dimensions, flags, sizes, length, bool bytes, type modifier
CREATE TEMP TABLE received (x tensor(int16, 1));
SELECT bytes, pg_temp.fails(format('COPY received FROM PROGRAM %L (FORMAT binary)', pg_temp.program(pg_temp.octal('\x0001') || pg_temp.field(bytes))))
FROM (VALUES ('\x'::bytea), ('\x010600'), ('\x0106010000000001fffe'), ('\x0206010000000001fffe'), ('\x010a010000000001fffe'), ('\x0106090000000001fffe'), ('\x0106010100000001fffe'),
	('\x01060100ffffffff'), ('\x01060100'), ('\x0106010000000001ff'), ('\x0106010000000001fffeff'), ('\x0106010000000002fffe'), ('\x010001007fffffff'),
	('\x010003007fffffff7fffffff7fffffff'), ('\x010901000000000102'), ('\x010801000000000102')) v(bytes);
SELECT * FROM received;

-- a large tensor goes through TOAST and comes back
CREATE TEMP TABLE large AS SELECT array_agg(i::real / 7)::tensor AS x FROM generate_series(1, 100000) i;
SELECT pg_column_size(x) > 400000 AS uncompressed, x::text::tensor = x AS equal, (x::real[])[99999] FROM large;

-- the type modifier: dtype, and a shape; '(float32)' takes any shape
CREATE TEMP TABLE images (a tensor(float32, 3, 224, 224), b tensor(int64), c tensor('torch.bool', 2), d tensor(uint8, 0));
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'images'::regclass AND attnum > 0 ORDER BY attnum;
SELECT '[1, 2]'::tensor(int64), '[1, 2]'::tensor(int64, 2), '[[1]]'::tensor(int64), 'uint8[]'::tensor(uint8, 0);
INSERT INTO images (b, c) VALUES ('[[1]]', '[true, false]');
SELECT s, pg_temp.fails(s) FROM (VALUES
	($$SELECT '[1, 2]'::tensor(float32)$$),
	($$SELECT '[1, 2]'::tensor(float32, 2)$$),
	($$SELECT '[1., 2.]'::tensor(float32, 3)$$),
	($$SELECT '[1., 2.]'::tensor(float32, 2, 1)$$),
	($$INSERT INTO images (a) VALUES ('[1., 2.]')$$),
	($$INSERT INTO images (a) SELECT x FROM large$$),
	($$SELECT '[1, 2]'::tensor(complex64)$$),
	($$SELECT '[1, 2]'::tensor(int64, two)$$),
	($$SELECT '[1, 2]'::tensor(int64, 2.5)$$),
	($$SELECT '[1, 2]'::tensor(3, 2)$$),
	($$CREATE TEMP TABLE no (x tensor(float32, 64, 3, 224, 224))$$),
	($$CREATE TEMP TABLE no (x tensor(float32, 1, 2, 3, 4, 5, 6, 7))$$),
	($$CREATE TEMP TABLE no (x tensor(float32, 1, 2, 3, 4, 5, 6, 7, 8, 9))$$),
	($$CREATE TEMP TABLE no (x tensor(float32, 16777216))$$)) v(s);
-- COPY, too, goes through the type modifier
COPY images (c) FROM stdin;
[1, 2]
\.
-- each number of dimensions keeps its sizes
CREATE TEMP TABLE shapes (a tensor(bool, 16777215), b tensor(bool, 4095, 1), c tensor(bool, 255, 254, 253), d tensor(bool, 63, 62, 61, 60),
	e tensor(bool, 15, 14, 13, 12, 11), f tensor(bool, 15, 14, 13, 12, 11, 10));
SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'shapes'::regclass AND attnum > 0 ORDER BY attnum;

-- arrays become tensors with their dimensions; lower bounds do not matter
SELECT '{{1,2},{3,4}}'::real[]::tensor, '{0.1}'::float8[]::tensor, '{1,2}'::int2[]::tensor, '{1,2}'::int[]::tensor, '{1,2}'::bigint[]::tensor,
	'{t,f}'::bool[]::tensor, '{0.1,2}'::numeric[]::tensor;
SELECT '[5:6]={1,2}'::int[]::tensor, '{}'::real[]::tensor, '{}'::int[]::tensor, '{{{{{{1}}}}}}'::int[]::tensor;
-- and back; numbers convert as in PostgreSQL: fractions are rounded to even
SELECT '[[1.5, 2.5], [-0.5, nan]]'::tensor::real[], '[0.1]'::tensor::float8[], '[0.1]'::tensor::numeric[], '[1.5, 2.5, -1.5, 3.2]'::tensor::int[],
	'[1.5, 2.5]'::tensor::bigint[], 'float16[2.5]'::tensor::int2[], '[0, 3]'::tensor::bool[], '[true, false]'::tensor::int[];
SELECT 'float32(0,3)[]'::tensor::real[], '[9223372036854775807]'::tensor::numeric[], 'float64[0.1, nan, inf, 1e300]'::tensor::numeric[] = ARRAY[0.1, 'NaN', 'Infinity', 1e300];
SELECT '{1,2.5,3}'::real[] = '{1,2.5,3}'::real[]::tensor::real[] AS same;
SELECT s, pg_temp.fails(s) FROM (VALUES
	($$SELECT '{1,NULL}'::int[]::tensor$$), ($$SELECT '{1,NULL}'::numeric[]::tensor$$),
	($$SELECT '1'::tensor::int[]$$), ($$SELECT '[[[[[[[1]]]]]]]'::tensor::int[]$$),
	($$SELECT '[40000]'::tensor::int2[]$$), ($$SELECT '[-32769]'::tensor::int2[]$$), ($$SELECT '[3e9]'::tensor::int[]$$), ($$SELECT '[1e19]'::tensor::bigint[]$$),
	($$SELECT '[nan]'::tensor::int[]$$), ($$SELECT 'float64[1e39]'::tensor::real[]$$), ($$SELECT 'float64[1e-60]'::tensor::real[]$$)) v(s);
SELECT left(pg_temp.fails($$SELECT '{1e400}'::numeric[]::tensor$$), 6) AS numeric_out_of_range;

-- assignment casts, in both directions; nothing is implicit
CREATE TEMP TABLE assigned (x tensor, a real[]);
INSERT INTO assigned VALUES (ARRAY[1.5, 2]::real[], '[1, 2]'::tensor);
SELECT * FROM assigned;
SELECT count(*) AS implicit FROM pg_cast WHERE 'tensor'::regtype IN (castsource, casttarget) AND castcontext = 'i' AND castsource <> casttarget;

-- the one element as a number, whatever the shape
SELECT '3.5'::tensor::float8, '[[3]]'::tensor::int, '[2.5]'::tensor::bigint, 'true'::tensor::bool, '0'::tensor::bool, 'float16()0.1'::tensor::float8;
SELECT s, pg_temp.fails(s) FROM (VALUES
	($$SELECT '[1, 2]'::tensor::int$$), ($$SELECT '[]'::tensor::float8$$), ($$SELECT 'nan'::tensor::int$$), ($$SELECT '1e10'::tensor::int$$)) v(s);

-- everything is described, and says whether it may run in parallel
SELECT p.oid::regprocedure FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid AND d.classid = 'pg_proc'::regclass
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND p.proname ~ '^(tensor_|array_to_tensor)'
	AND (obj_description(p.oid, 'pg_proc') IS NULL OR p.proparallel <> 's' OR p.provolatile <> 'i');
SELECT pg_describe_object(classid, objid, 0) AS undescribed FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e' AND pg_describe_object(classid, objid, 0) LIKE '%tensor%'
	AND obj_description(objid, classid::regclass::text) IS NULL ORDER BY 1;

-- what is stored is checked before it is used: version, dtype, dimensions, flags, sizes, length
CREATE FUNCTION pg_temp.forge(bytea, bytea) RETURNS tensor LANGUAGE internal STRICT AS 'byteacat';
SELECT pg_temp.forge('\x01000100', '\x02000000000000000000803f00000040');
SELECT head, rest, pg_temp.fails(format('SELECT pg_temp.forge(%L, %L)::text', head, rest)), pg_temp.fails(format('SELECT pg_temp.forge(%L, %L)::tensor(float32, 2)', head, rest)) = pg_temp.fails(format('SELECT pg_temp.forge(%L, %L)::text', head, rest)) AS header_alone
FROM (VALUES ('\x02000100', '\x02000000000000000000803f00000040'), ('\x010a0100', '\x02000000000000000000803f00000040'), ('\x01000900', '\x02000000000000000000803f00000040'),
	('\x01000101', '\x02000000000000000000803f00000040'), ('\x01000100', '\xffffffff000000000000803f00000040'), ('\x01000100', '\x03000000000000000000803f00000040'),
	('\x01000100', '\x01000000000000000000803f00000040'), ('\x01000800', '\x02000000'), ('\x0100', '\x')) v(head, rest);

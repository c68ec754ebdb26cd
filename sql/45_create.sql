-- 45_create.sql
--	  Tensors made from SQL values, from sizes and by chance, and what there is to ask of a tensor.
--
-- Each kind of number has its own overload: with double precision alone (the preferred type) integers would become floats.

-- torch.tensor: as PyTorch makes tensors of Python's numbers; casts keep the type of the array instead

CREATE FUNCTION torch.tensor(data smallint, dtype text DEFAULT NULL) RETURNS @extschema@.tensor
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_tensor';
COMMENT ON FUNCTION torch.tensor(smallint, text) IS 'number as 0-dimensional tensor: int64 unless a dtype is named';
CREATE FUNCTION torch.tensor(data integer, dtype text DEFAULT NULL) RETURNS @extschema@.tensor
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_tensor';
COMMENT ON FUNCTION torch.tensor(integer, text) IS 'number as 0-dimensional tensor: int64 unless a dtype is named';
CREATE FUNCTION torch.tensor(data bigint, dtype text DEFAULT NULL) RETURNS @extschema@.tensor
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_tensor';
COMMENT ON FUNCTION torch.tensor(bigint, text) IS 'number as 0-dimensional tensor: int64 unless a dtype is named';
CREATE FUNCTION torch.tensor(data double precision, dtype text DEFAULT NULL) RETURNS @extschema@.tensor
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_tensor';
COMMENT ON FUNCTION torch.tensor(double precision, text) IS 'number as 0-dimensional tensor: float32 unless a dtype is named';
CREATE FUNCTION torch.tensor(data boolean, dtype text DEFAULT NULL) RETURNS @extschema@.tensor
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_tensor';
COMMENT ON FUNCTION torch.tensor(boolean, text) IS 'number as 0-dimensional tensor: bool unless a dtype is named';
CREATE FUNCTION torch.tensor(data smallint[], dtype text DEFAULT NULL) RETURNS @extschema@.tensor
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_tensor';
COMMENT ON FUNCTION torch.tensor(smallint[], text) IS 'array as tensor: int64 unless a dtype is named';
CREATE FUNCTION torch.tensor(data integer[], dtype text DEFAULT NULL) RETURNS @extschema@.tensor
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_tensor';
COMMENT ON FUNCTION torch.tensor(integer[], text) IS 'array as tensor: int64 unless a dtype is named';
CREATE FUNCTION torch.tensor(data bigint[], dtype text DEFAULT NULL) RETURNS @extschema@.tensor
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_tensor';
COMMENT ON FUNCTION torch.tensor(bigint[], text) IS 'array as tensor: int64 unless a dtype is named';
CREATE FUNCTION torch.tensor(data real[], dtype text DEFAULT NULL) RETURNS @extschema@.tensor
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_tensor';
COMMENT ON FUNCTION torch.tensor(real[], text) IS 'array as tensor: float32 unless a dtype is named';
CREATE FUNCTION torch.tensor(data double precision[], dtype text DEFAULT NULL) RETURNS @extschema@.tensor
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_tensor';
COMMENT ON FUNCTION torch.tensor(double precision[], text) IS 'array as tensor: float32 unless a dtype is named';
CREATE FUNCTION torch.tensor(data numeric[], dtype text DEFAULT NULL) RETURNS @extschema@.tensor
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_tensor';
COMMENT ON FUNCTION torch.tensor(numeric[], text) IS 'array as tensor: float32 unless a dtype is named';
CREATE FUNCTION torch.tensor(data boolean[], dtype text DEFAULT NULL) RETURNS @extschema@.tensor
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_tensor';
COMMENT ON FUNCTION torch.tensor(boolean[], text) IS 'array as tensor: bool unless a dtype is named';
CREATE FUNCTION torch.tensor(data text, dtype text DEFAULT NULL) RETURNS @extschema@.tensor
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_tensor';
COMMENT ON FUNCTION torch.tensor(text, text) IS 'text as tensor: [[1., 2.], [3., 4.]]';
CREATE FUNCTION torch.tensor(data @extschema@.tensor, dtype text DEFAULT NULL) RETURNS @extschema@.tensor
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_tensor';
COMMENT ON FUNCTION torch.tensor(@extschema@.tensor, text) IS 'copy of a tensor, in another dtype if one is named';

-- what a tensor is

CREATE FUNCTION torch.item(input @extschema@.tensor) RETURNS double precision
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_item';
COMMENT ON FUNCTION torch.item(@extschema@.tensor) IS 'The one element of a tensor; int64 beyond 2^53 is rounded: cast to bigint for those.';
CREATE FUNCTION torch.shape(input @extschema@.tensor) RETURNS integer[]
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_shape';
COMMENT ON FUNCTION torch.shape(@extschema@.tensor) IS 'Sizes of a tensor.';
CREATE FUNCTION torch.dtype(input @extschema@.tensor) RETURNS text
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_dtype';
COMMENT ON FUNCTION torch.dtype(@extschema@.tensor) IS 'Name of the dtype of a tensor.';
CREATE FUNCTION torch.numel(input @extschema@.tensor) RETURNS bigint
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_numel';
COMMENT ON FUNCTION torch.numel(@extschema@.tensor) IS 'Number of elements of a tensor.';
CREATE FUNCTION torch.dim(input @extschema@.tensor) RETURNS integer
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_dim';
COMMENT ON FUNCTION torch.dim(@extschema@.tensor) IS 'Number of dimensions of a tensor.';

-- from sizes: (2, 3), (array[2, 3]), (array[2, 3], dtype).  As the first size is torch.ints in all forms, an untyped '{2,3}' works

CREATE FUNCTION torch.zeros(size torch.ints, VARIADIC sizes integer[]) RETURNS @extschema@.tensor
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_zeros';
COMMENT ON FUNCTION torch.zeros(torch.ints, VARIADIC integer[]) IS 'Tensor of zeros. The dtype is float32.';
CREATE FUNCTION torch.zeros(size torch.ints, dtype text DEFAULT 'float32') RETURNS @extschema@.tensor
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_zeros';
COMMENT ON FUNCTION torch.zeros(torch.ints, text) IS 'Tensor of zeros.';
CREATE FUNCTION torch.ones(size torch.ints, VARIADIC sizes integer[]) RETURNS @extschema@.tensor
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_ones';
COMMENT ON FUNCTION torch.ones(torch.ints, VARIADIC integer[]) IS 'Tensor of ones. The dtype is float32.';
CREATE FUNCTION torch.ones(size torch.ints, dtype text DEFAULT 'float32') RETURNS @extschema@.tensor
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_ones';
COMMENT ON FUNCTION torch.ones(torch.ints, text) IS 'Tensor of ones.';
CREATE FUNCTION torch.full(size torch.ints, fill_value smallint, dtype text DEFAULT NULL) RETURNS @extschema@.tensor
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_full';
COMMENT ON FUNCTION torch.full(torch.ints, smallint, text) IS 'Tensor with one value everywhere; its dtype is that of torch.tensor(fill_value) unless one is named.';
CREATE FUNCTION torch.full(size torch.ints, fill_value integer, dtype text DEFAULT NULL) RETURNS @extschema@.tensor
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_full';
COMMENT ON FUNCTION torch.full(torch.ints, integer, text) IS 'Tensor with one value everywhere; its dtype is that of torch.tensor(fill_value) unless one is named.';
CREATE FUNCTION torch.full(size torch.ints, fill_value bigint, dtype text DEFAULT NULL) RETURNS @extschema@.tensor
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_full';
COMMENT ON FUNCTION torch.full(torch.ints, bigint, text) IS 'Tensor with one value everywhere; its dtype is that of torch.tensor(fill_value) unless one is named.';
CREATE FUNCTION torch.full(size torch.ints, fill_value double precision, dtype text DEFAULT NULL) RETURNS @extschema@.tensor
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_full';
COMMENT ON FUNCTION torch.full(torch.ints, double precision, text) IS 'Tensor with one value everywhere; its dtype is that of torch.tensor(fill_value) unless one is named.';
CREATE FUNCTION torch.full(size torch.ints, fill_value boolean, dtype text DEFAULT NULL) RETURNS @extschema@.tensor
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_full';
COMMENT ON FUNCTION torch.full(torch.ints, boolean, text) IS 'Tensor with one value everywhere; its dtype is that of torch.tensor(fill_value) unless one is named.';

-- arange: the op table's, and its form with the end alone

CREATE FUNCTION torch.arange(start smallint, "end" smallint, step smallint DEFAULT 1, dtype text DEFAULT NULL) RETURNS @extschema@.tensor
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_op';
COMMENT ON FUNCTION torch.arange(smallint, smallint, smallint, text) IS 'start, start + step, ... as long as end is not reached; int64 for integers, float32 for other numbers, unless a dtype is named.';
CREATE FUNCTION torch.arange("end" smallint, dtype text DEFAULT NULL) RETURNS @extschema@.tensor
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN torch.arange(0::smallint, "end", 1::smallint, dtype);
COMMENT ON FUNCTION torch.arange(smallint, text) IS '0, 1, ... as long as end is not reached; int64 for integers, float32 for other numbers, unless a dtype is named.';
CREATE FUNCTION torch.arange(start integer, "end" integer, step integer DEFAULT 1, dtype text DEFAULT NULL) RETURNS @extschema@.tensor
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_op';
COMMENT ON FUNCTION torch.arange(integer, integer, integer, text) IS 'start, start + step, ... as long as end is not reached; int64 for integers, float32 for other numbers, unless a dtype is named.';
CREATE FUNCTION torch.arange("end" integer, dtype text DEFAULT NULL) RETURNS @extschema@.tensor
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN torch.arange(0::integer, "end", 1::integer, dtype);
COMMENT ON FUNCTION torch.arange(integer, text) IS '0, 1, ... as long as end is not reached; int64 for integers, float32 for other numbers, unless a dtype is named.';
CREATE FUNCTION torch.arange(start bigint, "end" bigint, step bigint DEFAULT 1, dtype text DEFAULT NULL) RETURNS @extschema@.tensor
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_op';
COMMENT ON FUNCTION torch.arange(bigint, bigint, bigint, text) IS 'start, start + step, ... as long as end is not reached; int64 for integers, float32 for other numbers, unless a dtype is named.';
CREATE FUNCTION torch.arange("end" bigint, dtype text DEFAULT NULL) RETURNS @extschema@.tensor
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN torch.arange(0::bigint, "end", 1::bigint, dtype);
COMMENT ON FUNCTION torch.arange(bigint, text) IS '0, 1, ... as long as end is not reached; int64 for integers, float32 for other numbers, unless a dtype is named.';
CREATE FUNCTION torch.arange(start double precision, "end" double precision, step double precision DEFAULT 1, dtype text DEFAULT NULL) RETURNS @extschema@.tensor
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_op';
COMMENT ON FUNCTION torch.arange(double precision, double precision, double precision, text) IS 'start, start + step, ... as long as end is not reached; int64 for integers, float32 for other numbers, unless a dtype is named.';
CREATE FUNCTION torch.arange("end" double precision, dtype text DEFAULT NULL) RETURNS @extschema@.tensor
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN torch.arange(0::double precision, "end", 1::double precision, dtype);
COMMENT ON FUNCTION torch.arange(double precision, text) IS '0, 1, ... as long as end is not reached; int64 for integers, float32 for other numbers, unless a dtype is named.';

-- by chance: one generator a session, PyTorch's; it starts with a random seed

CREATE FUNCTION torch.rand(size torch.ints, VARIADIC sizes integer[]) RETURNS @extschema@.tensor
	LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'pgtorch_rand';
COMMENT ON FUNCTION torch.rand(torch.ints, VARIADIC integer[]) IS 'Random numbers, uniform between 0 and 1. The dtype is float32.';
CREATE FUNCTION torch.rand(size torch.ints, dtype text DEFAULT 'float32') RETURNS @extschema@.tensor
	LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'pgtorch_rand';
COMMENT ON FUNCTION torch.rand(torch.ints, text) IS 'Random numbers, uniform between 0 and 1.';
CREATE FUNCTION torch.randn(size torch.ints, VARIADIC sizes integer[]) RETURNS @extschema@.tensor
	LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'pgtorch_randn';
COMMENT ON FUNCTION torch.randn(torch.ints, VARIADIC integer[]) IS 'Random numbers, normal with mean 0 and variance 1. The dtype is float32.';
CREATE FUNCTION torch.randn(size torch.ints, dtype text DEFAULT 'float32') RETURNS @extschema@.tensor
	LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'pgtorch_randn';
COMMENT ON FUNCTION torch.randn(torch.ints, text) IS 'Random numbers, normal with mean 0 and variance 1.';
CREATE FUNCTION torch.manual_seed(seed bigint) RETURNS void
	LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'pgtorch_manual_seed';
COMMENT ON FUNCTION torch.manual_seed(bigint) IS 'Seeds the generator of torch.rand and torch.randn in this session, which else starts with a random seed.';

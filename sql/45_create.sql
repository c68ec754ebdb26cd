-- 45_create.sql
--	  Tensors made from SQL values, and what there is to ask of a tensor.
--
-- Each kind of number has its own overload: with double precision alone (the preferred type) integers would become floats.

-- torch.tensor: as PyTorch makes tensors of Python's numbers; casts keep the type of the array instead

CREATE FUNCTION torch.tensor(data smallint, dtype text DEFAULT NULL) RETURNS @extschema@.tensor
	LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_tensor';
COMMENT ON FUNCTION torch.tensor(smallint, text) IS 'number as 0-dimensional tensor: int64 unless a dtype is named';
CREATE FUNCTION torch.tensor(data integer, dtype text DEFAULT NULL) RETURNS @extschema@.tensor
	LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_tensor';
COMMENT ON FUNCTION torch.tensor(integer, text) IS 'number as 0-dimensional tensor: int64 unless a dtype is named';
CREATE FUNCTION torch.tensor(data bigint, dtype text DEFAULT NULL) RETURNS @extschema@.tensor
	LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_tensor';
COMMENT ON FUNCTION torch.tensor(bigint, text) IS 'number as 0-dimensional tensor: int64 unless a dtype is named';
CREATE FUNCTION torch.tensor(data double precision, dtype text DEFAULT NULL) RETURNS @extschema@.tensor
	LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_tensor';
COMMENT ON FUNCTION torch.tensor(double precision, text) IS 'number as 0-dimensional tensor: float32 unless a dtype is named';
CREATE FUNCTION torch.tensor(data boolean, dtype text DEFAULT NULL) RETURNS @extschema@.tensor
	LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_tensor';
COMMENT ON FUNCTION torch.tensor(boolean, text) IS 'number as 0-dimensional tensor: bool unless a dtype is named';
CREATE FUNCTION torch.tensor(data smallint[], dtype text DEFAULT NULL) RETURNS @extschema@.tensor
	LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_tensor';
COMMENT ON FUNCTION torch.tensor(smallint[], text) IS 'array as tensor: int64 unless a dtype is named';
CREATE FUNCTION torch.tensor(data integer[], dtype text DEFAULT NULL) RETURNS @extschema@.tensor
	LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_tensor';
COMMENT ON FUNCTION torch.tensor(integer[], text) IS 'array as tensor: int64 unless a dtype is named';
CREATE FUNCTION torch.tensor(data bigint[], dtype text DEFAULT NULL) RETURNS @extschema@.tensor
	LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_tensor';
COMMENT ON FUNCTION torch.tensor(bigint[], text) IS 'array as tensor: int64 unless a dtype is named';
CREATE FUNCTION torch.tensor(data real[], dtype text DEFAULT NULL) RETURNS @extschema@.tensor
	LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_tensor';
COMMENT ON FUNCTION torch.tensor(real[], text) IS 'array as tensor: float32 unless a dtype is named';
CREATE FUNCTION torch.tensor(data double precision[], dtype text DEFAULT NULL) RETURNS @extschema@.tensor
	LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_tensor';
COMMENT ON FUNCTION torch.tensor(double precision[], text) IS 'array as tensor: float32 unless a dtype is named';
CREATE FUNCTION torch.tensor(data numeric[], dtype text DEFAULT NULL) RETURNS @extschema@.tensor
	LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_tensor';
COMMENT ON FUNCTION torch.tensor(numeric[], text) IS 'array as tensor: float32 unless a dtype is named';
CREATE FUNCTION torch.tensor(data boolean[], dtype text DEFAULT NULL) RETURNS @extschema@.tensor
	LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_tensor';
COMMENT ON FUNCTION torch.tensor(boolean[], text) IS 'array as tensor: bool unless a dtype is named';
CREATE FUNCTION torch.tensor(data text, dtype text DEFAULT NULL) RETURNS @extschema@.tensor
	LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_tensor';
COMMENT ON FUNCTION torch.tensor(text, text) IS 'text as tensor: [[1., 2.], [3., 4.]]';
CREATE FUNCTION torch.tensor(data @extschema@.tensor, dtype text DEFAULT NULL) RETURNS @extschema@.tensor
	LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_tensor';
COMMENT ON FUNCTION torch.tensor(@extschema@.tensor, text) IS 'copy of a tensor, in another dtype if one is named';

-- what a tensor is

CREATE FUNCTION torch.item(input @extschema@.tensor) RETURNS double precision
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_item';
COMMENT ON FUNCTION torch.item(@extschema@.tensor) IS 'The one element of a tensor; int64 beyond 2^53 is rounded: cast to bigint for those.';
CREATE FUNCTION torch.shape(input @extschema@.tensor) RETURNS integer[]
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_shape';
COMMENT ON FUNCTION torch.shape(@extschema@.tensor) IS 'Sizes of a tensor.';
CREATE FUNCTION torch.dtype(input @extschema@.tensor) RETURNS text
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_dtype';
COMMENT ON FUNCTION torch.dtype(@extschema@.tensor) IS 'Name of the dtype of a tensor.';
CREATE FUNCTION torch.numel(input @extschema@.tensor) RETURNS bigint
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_numel';
COMMENT ON FUNCTION torch.numel(@extschema@.tensor) IS 'Number of elements of a tensor.';
CREATE FUNCTION torch.dim(input @extschema@.tensor) RETURNS integer
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_dim';
COMMENT ON FUNCTION torch.dim(@extschema@.tensor) IS 'Number of dimensions of a tensor.';

CREATE FUNCTION torch.manual_seed(seed bigint) RETURNS void
	LANGUAGE C VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'pgtorch_manual_seed';
COMMENT ON FUNCTION torch.manual_seed(bigint) IS 'Seeds the generator of torch.rand and its kin in this session, which else starts with a random seed.';
